"""Rival routers, on our features and labels: other predictors, and sweeps that plan by their own score.

The settings of each are chosen by cross-validation on the labels; queries with equal features share a fold. Costs of
the queries to plan are known here, so only CARROT's regression for accuracy is needed, not the one for costs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, ParameterGrid
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, minmax_scale

from optllm_pymoo.measures.realised import envelope_area

FOLDS: Final = 5
STEPS: Final = 100
"""Of a sweep."""


class Tuned(BaseEstimator):
    """A regressor with the settings whose held-out Brier score is least.

    Args:
        estimator: Predicts outcomes (N, M) from features (N, D).
        grid: Values to try by setting, as scikit-learn writes them.
        random_state: Of the folds.

    Example:
        >>> X, y = np.arange(12.0)[:, None] % 2, np.arange(12.0)[:, None] % 2
        >>> Tuned(Ridge(), {"alpha": (1e-6, 1e6)}, 0).fit(X, y).predict(X[:2]).round(2).tolist()
        [[0.0], [1.0]]
    """

    def __init__(self, estimator: Any, grid: Mapping[str, Sequence[Any]], random_state: int) -> None:
        self.estimator, self.grid, self.random_state = estimator, grid, random_state

    def folds(self, X: np.ndarray, /) -> list[tuple[np.ndarray, np.ndarray]]:
        """Cut the labelled queries into at most `FOLDS` parts; fewer than two distinct ones can't be cut."""
        groups = np.unique(X, axis=0, return_inverse=True)[1].ravel()
        n_folds = min(FOLDS, int(groups.max()) + 1)
        if n_folds < 2:
            return []
        return list(GroupKFold(n_folds, shuffle=True, random_state=self.random_state).split(X, groups=groups))

    def fit(self, X: np.ndarray, y: np.ndarray) -> Tuned:
        """Choose the settings, and learn from all labels."""
        folds = self.folds(X)
        if folds:
            search = GridSearchCV(self.estimator, dict(self.grid), scoring="neg_mean_squared_error", cv=folds)
            self.model_ = search.fit(X, y).best_estimator_
        else:
            self.model_ = clone(self.estimator).fit(X, y)
        return self

    def predict(self, X: np.ndarray, return_std: bool = False) -> Any:
        """Return probabilities (N, M), and on request standard deviations, which are unknown: 0."""
        mean = np.clip(self.model_.predict(X), 0.0, 1.0).reshape(len(X), -1)
        return (mean, np.zeros_like(mean)) if return_std else mean


class TunedSweep(Tuned):
    """A sweep with the settings whose held-out plans have the largest area.

    Args:
        estimator: Its ``fit(X, y, cost=)`` takes costs of the labelled queries, and ``plans(X, cost)`` returns as many
            plans whatever the queries, (P, N).
        grid: As for `Tuned`.
        random_state: Of the folds.
    """

    def fit(self, X: np.ndarray, y: np.ndarray, *, cost: np.ndarray) -> TunedSweep:
        """Choose the settings, and learn from all labels."""
        folds = self.folds(X)

        def area(settings: Mapping[str, Any]) -> float:
            spent, won = np.zeros((2, 1))
            for train, test in folds:
                model = clone(self.estimator).set_params(**settings).fit(X[train], y[train], cost=cost[train])
                plans = model.plans(X[test], cost[test])
                chosen = np.arange(len(test)), plans
                spent, won = spent + cost[test][chosen].sum(axis=1), won + y[test][chosen].sum(axis=1)
            order = np.argsort(spent, kind="stable")
            ends = float(cost.min(axis=1).sum()), float(cost.sum(axis=0).max())
            return envelope_area(spent[order], won[order] / len(y), *ends)

        choices = list(ParameterGrid(dict(self.grid)))
        best = max(choices, key=area) if folds else choices[0]
        self.model_ = clone(self.estimator).set_params(**best).fit(X, y, cost=cost)
        return self

    def plans(self, X: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """Return the plans, integers (P, N)."""
        return np.asarray(self.model_.plans(X, cost))


class Nearest(RegressorMixin, BaseEstimator):
    """Mean outcome of the nearest labelled queries, by cosine.

    Args:
        n_neighbors: How many; all if there are fewer.
        is_scaled: Whether features have unit variance first.

    Example:
        >>> Nearest(2).fit(np.array([[0.0, 1], [0, 2], [1, 0]]), np.array([[1.0], [0], [1]])).predict([[0.1, 1.0]])
        array([[0.5]])
    """

    def __init__(self, n_neighbors: int = 20, *, is_scaled: bool = False) -> None:
        self.n_neighbors, self.is_scaled = n_neighbors, is_scaled

    def fit(self, X: np.ndarray, y: np.ndarray) -> Nearest:
        """Keep the labelled queries."""
        self.view_ = make_pipeline(StandardScaler() if self.is_scaled else "passthrough").fit(X)
        self.index_ = NearestNeighbors(n_neighbors=min(self.n_neighbors, len(X)), metric="cosine")
        self.index_.fit(self.view_.transform(X))
        self.y_ = y
        return self

    def near(self, X: np.ndarray, /) -> Any:
        """Return the weight of each labelled query among a query's neighbours, sparse (N, n)."""
        return self.index_.kneighbors_graph(self.view_.transform(X)) / self.index_.n_neighbors

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Average outcomes, (N, M)."""
        return np.asarray(self.near(X) @ self.y_)


class GuardedNearest(Nearest):
    """Takes another LLM than the best single one only where its lead on the neighbours is significant.

    At an exchange rate λ the best single LLM b has the largest mean of outcome - λ·cost on the labelled queries. A
    query goes to the LLM j with the largest lead over b, D - λ(cost_j - cost_b), where D is the mean difference of
    their outcomes over the neighbours; among those whose lead exceeds z standard errors of D, twice that if j is
    more expensive. The sweep has λ = 0 and `STEPS` rates on a logarithmic scale.

    Args:
        n_neighbors: How many; all if there are fewer.
        z: Standard errors.
        is_scaled: Whether features have unit variance first.
    """

    def __init__(self, n_neighbors: int = 20, z: float = 0.5, *, is_scaled: bool = False) -> None:
        super().__init__(n_neighbors, is_scaled=is_scaled)
        self.z = z

    def fit(self, X: np.ndarray, y: np.ndarray, *, cost: np.ndarray) -> GuardedNearest:
        """Store the labelled queries, and choose rates from the differences of their costs."""
        super().fit(X, y)
        unit = float(np.ptp(cost, axis=1).mean()) or 1.0
        self.rates_ = np.array([0.0, *np.geomspace(1e-4, 1e4, STEPS)]) / unit
        self.bests_ = (y.mean(axis=0) - self.rates_[:, None] * cost.mean(axis=0)).argmax(axis=1)
        return self

    def plans(self, X: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """Return a plan per rate, (P, N)."""
        near = self.near(X)
        mean, found = near @ self.y_, np.empty((len(self.rates_), len(cost)), dtype=np.int32)
        for b in np.unique(self.bests_):
            lead, more = mean - mean[:, [b]], cost - cost[:, [b]]
            variance = np.maximum(near @ (self.y_ - self.y_[:, [b]]) ** 2 - lead**2, 0.0)
            guard = self.z * np.sqrt(variance / max(self.index_.n_neighbors - 1, 1)) * np.where(more > 0, 2.0, 1.0)
            for step in np.flatnonzero(self.bests_ == b):
                leads = lead - self.rates_[step] * more
                leads[leads <= guard] = -np.inf
                leads[:, b] = 0.0
                found[step] = leads.argmax(axis=1)
        return found


class Clusters(RegressorMixin, BaseEstimator):
    """The LLM with the best mix of accuracy and cost in the clusters near a query: Avengers-Pro (arXiv 2508.12631).

    Both are means of the labelled queries of a cluster, scaled to [0, 1] over LLMs; the score is
    α·accuracy + (1 - α)·(1 - cost), averaged over the nearest clusters, α from 0 to 1 in `STEPS` steps.

    Args:
        n_clusters: At most; five distinct queries each on average at least.
        n_nearest: Clusters that a query is given the average of.
        is_scaled: Whether features have unit variance first.
        random_state: Of k-means.
    """

    def __init__(
        self, n_clusters: int = 60, n_nearest: int = 1, *, is_scaled: bool = False, random_state: int | None = None
    ) -> None:
        self.n_clusters, self.n_nearest = n_clusters, n_nearest
        self.is_scaled, self.random_state = is_scaled, random_state

    def fit(self, X: np.ndarray, y: np.ndarray, *, cost: np.ndarray) -> Clusters:
        """Form clusters of the labelled queries, and average outcomes and costs in each."""
        scaled = make_pipeline(StandardScaler() if self.is_scaled else "passthrough").fit(X)
        n_clusters = min(self.n_clusters, max(1, len(np.unique(X, axis=0)) // 5))
        means = KMeans(n_clusters, random_state=self.random_state).fit(scaled.transform(X))
        self.model_ = make_pipeline(scaled, means)
        members = means.labels_ == np.arange(n_clusters)[:, None]
        share = members / members.sum(axis=1, keepdims=True)
        self.accuracy_, self.cost_ = share @ y, share @ cost
        return self

    def near(self, X: np.ndarray, /) -> np.ndarray:
        """Return the weight of each cluster for each query, (N, C)."""
        distance = self.model_.transform(X)
        n_nearest = min(self.n_nearest, distance.shape[1])
        share = np.zeros(distance.shape)
        np.put_along_axis(share, distance.argsort(axis=1)[:, :n_nearest], 1.0 / n_nearest, axis=1)
        return share

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Average outcomes, (N, M)."""
        return np.asarray(self.near(X) @ self.accuracy_)

    def plans(self, X: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """Return a plan per α, (P, N); only the clusters' costs are used, as in the paper."""
        near = self.near(X)
        good, dear = (near @ minmax_scale(table, axis=1) for table in (self.accuracy_, self.cost_))
        return np.array([(a * good - (1 - a) * dear).argmax(axis=1) for a in np.linspace(0, 1, STEPS + 1)], np.int32)


class Logistic(RegressorMixin, BaseEstimator):
    """Logistic regression of one LLM's outcomes, which may be fractions; the mean (Laplace) if all are alike.

    Args:
        C: Inverse of the penalty.
    """

    def __init__(self, C: float = 1.0) -> None:
        self.C = C

    def fit(self, X: np.ndarray, y: np.ndarray) -> Logistic:
        """Learn from every query as right with weight y and wrong with weight 1 - y."""
        self.mean_ = (y.sum() + 1) / (len(y) + 2)
        self.model_ = None
        if np.ptp(y) > 0:
            outcome, weight = np.repeat([1, 0], len(y)), np.concatenate([y, 1 - y])
            used = weight > 0
            model = LogisticRegression(C=self.C, max_iter=1_000)
            self.model_ = model.fit(np.vstack([X, X])[used], outcome[used], sample_weight=weight[used])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, (N,)."""
        return np.full(len(X), self.mean_) if self.model_ is None else self.model_.predict_proba(X)[:, 1]


class Factorisation(RegressorMixin, BaseEstimator):
    """RouteLLM's form of matrix factorisation: logit of success = v_LLM · (W features) + b_LLM.

    Args:
        n_dimensions: Of v.
        penalty: Of squares of v and W, beside the log loss of all outcomes.
        random_state: Of the start.
    """

    def __init__(self, n_dimensions: int = 8, penalty: float = 1.0, random_state: int | None = None) -> None:
        self.n_dimensions, self.penalty, self.random_state = n_dimensions, penalty, random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> Factorisation:
        """Descend by L-BFGS from small random numbers."""
        X = np.asarray(X, dtype=np.float64)
        (n_features, n_llms), d = (X.shape[1], y.shape[1]), self.n_dimensions

        def parts(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            of_w, of_v, b = np.split(theta, [n_features * d, n_features * d + d * n_llms])
            return of_w.reshape(n_features, d), of_v.reshape(d, n_llms), b

        def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
            W, V, b = parts(theta)
            hidden = X @ W
            logit = hidden @ V + b
            excess = expit(logit) - y
            gradients = (
                X.T @ (excess @ V.T) + self.penalty * W,
                hidden.T @ excess + self.penalty * V,
                excess.sum(axis=0),
            )
            value = float(np.sum(np.logaddexp(0, logit) - y * logit))
            square = float(np.sum(W**2) + np.sum(V**2))
            return value + self.penalty / 2 * square, np.concatenate([each.ravel() for each in gradients])

        start = np.random.default_rng(self.random_state).normal(0, 0.1, n_features * d + d * n_llms + n_llms)
        self.parts_ = parts(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, (N, M)."""
        W, V, b = self.parts_
        return np.asarray(expit(X @ W @ V + b))


class Network(RegressorMixin, BaseEstimator):
    """scikit-learn's network with one hidden layer, which is stopped early where there are labels to hold out for that.

    Args:
        alpha: Penalty.
        random_state: Of the start, and of what is held out.
    """

    def __init__(self, alpha: float = 1e-4, random_state: int | None = None) -> None:
        self.alpha, self.random_state = alpha, random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> Network:
        """Learn for 200 epochs at most, which need not converge."""
        options = {"alpha": self.alpha, "random_state": self.random_state, "early_stopping": len(X) >= 20}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model_ = MLPRegressor(hidden_layer_sizes=(100,), **options).fit(X, y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, which may lie beyond 0 and 1, (N, M)."""
        return np.asarray(self.model_.predict(X))


def _scaled(model: Any) -> Any:
    """Give features unit variance first."""
    return make_pipeline(StandardScaler(), model)


NEIGHBOURS, VIEWS = (5, 10, 20, 50, 100), (False, True)

# From a seed, by name. CARROT with kNN for its regression is `knn`.
RIVALS: Final[dict[str, Callable[[int], Any]]] = {
    "knn": lambda seed: Tuned(Nearest(), {"n_neighbors": NEIGHBOURS, "is_scaled": VIEWS}, seed),
    "carrot-ridge": lambda seed: Tuned(_scaled(Ridge()), {"ridge__alpha": (1.0, 10.0, 1e2, 1e3, 1e4, 1e5)}, seed),
    "logistic": lambda seed: Tuned(
        _scaled(MultiOutputRegressor(Logistic())),
        {"multioutputregressor__estimator__C": (1e-4, 1e-3, 1e-2, 0.1, 1.0)},
        seed,
    ),
    "factorisation": lambda seed: Tuned(
        _scaled(Factorisation(random_state=seed)),
        {"factorisation__n_dimensions": (8, 32), "factorisation__penalty": (1.0, 10.0, 100.0)},
        seed,
    ),
    "mlp": lambda seed: Tuned(
        _scaled(Network(random_state=seed)),
        {"network__alpha": (1e-4, 1e-2, 1.0)},
        seed,
    ),
}

# Those that plan by their own score.
SWEEPS: Final[dict[str, Callable[[int], Any]]] = {
    "guarded-knn": lambda seed: TunedSweep(
        GuardedNearest(), {"n_neighbors": NEIGHBOURS, "z": (0.25, 0.5, 1.0, 2.0), "is_scaled": VIEWS}, seed
    ),
    "avengers-pro": lambda seed: TunedSweep(
        Clusters(random_state=seed), {"n_clusters": (15, 30, 60), "n_nearest": (1, 4), "is_scaled": VIEWS}, seed
    ),
}
