"""From a few labels to the probability that each LLM answers each query correctly."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, Final, Literal, overload

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from optllm_pymoo.prediction.averages import (
    Floats,
    check_labels,
    laplace_means,
    laplace_variance,
    repeats_as_roots,
)
from optllm_pymoo.prediction.ensemble import Ensemble, most_sigma
from optllm_pymoo.prediction.heldout import (
    OBJECTIVES,
    UNCHANGED,
    HeldOut,
    Shift,
    Shrinkage,
    probabilities,
)
from optllm_pymoo.prediction.members import (
    Member,
    Resample,
    Trees,
    check_estimator_suits,
    in_order,
    packed,
    resamples,
    unpacked,
)
from optllm_pymoo.validation import UserError, as_table, check_shape

_TABLES: Final = [np.float64, np.float32]  # types of features that are used without conversion


class SuccessPredictor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Predict P(LLM j answers query i correctly) from features, with its uncertainty.

    Members learn from resamples of the labelled queries and are averaged by their accuracy on the queries
    held out from them. With c the LLMs' Laplace means and d the ensemble's deviation from them, the
    prediction is

        v[i, j] = c[j] + a * mean_j d[i, :] + b * (d[i, j] - mean_j d[i, :])
        P[i, j] = max(0, v[i, j] - max(0, max_j v[i, :] - 1))

    where a and b are learned on held-out predictions (see `HeldOut`): a by least squares, b by the value of choices
    made with them. Over random draws of the labelled queries, plans are then on average no worse than those on the
    LLMs' means; in a single draw they can be. The order of the rows has no effect.

    Args:
        estimator: Base estimator of a member: any scikit-learn regressor, or classifier with `predict_proba`.
            None: extra trees, at least three labels per leaf, a third of the features per split.
        n_resamples: Members; with `folds` rounded up to whole rounds of ten.
        resampling: `folds`, repeated ten-fold cross-validation where equal feature rows share a fold, or
            `validation-split`, bootstraps of one part, weighted by accuracy on the other.
        validation_share: Share of the labelled queries in that other part, in (0, 1).
        objective: Criterion for a and b: "plan", or "brier", the mean squared error of the probabilities;
            None sets both to 1.
        alpha: `predict_robust` gives mean + alpha * sigma; any sign.
        random_state: Seed or numpy `RandomState`; of a numpy `Generator` a seed is drawn. Same seed, same
            result, whatever `n_jobs`.
        n_jobs: Members fitted, or blocks of rows predicted, at a time: in threads with the default estimator; others
            are fitted in processes, since scikit-learn's checks change the warning filters of the whole process.
            joblib's backend decides where (`joblib.parallel_config(backend="dask")` spreads them over a cluster).

    Attributes:
        means_: Each LLM's Laplace mean c, (M,), where n queries with equal features count as sqrt(n).
        shrinkage_: The weights a (`common`) and b (`specific`).
        calibration_: The weights of least squared error; they differ from `shrinkage_` with the objective "plan".
        heldout_: Held-out prediction of each labelled query, NaN if it was never held out, (n, M).
        shift_: Difference between the labelled and the planned queries; None if the latter weren't given.
        optimism_: Excess of expected over true accuracy of plans; None without costs.
        skill_: Gain of plans that distinguish queries; None without costs.
        ensemble_: The fitted members with their weights.

    Examples:
        >>> random = np.random.default_rng(0)
        >>> features = random.normal(size=(60, 3))
        >>> labels = (features[:, :2] + 0.3 * random.normal(size=(60, 2)) > 0).astype(float)
        >>> predictor = SuccessPredictor(random_state=0).fit(features, labels)
        >>> (predictor.predict([[2.0, -2.0, 0.0]]).round() == [[1, 0]]).all()
        np.True_
        >>> mean, sigma = predictor.predict(features, return_std=True)
        >>> mean.shape == sigma.shape == (60, 2)
        True
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_resamples: int = 20,
        resampling: str = "folds",
        validation_share: float = 0.5,
        objective: str | None = "plan",
        alpha: float = 0.0,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_resamples = n_resamples
        self.resampling = resampling
        self.validation_share = validation_share
        self.objective = objective
        self.alpha = alpha
        self.random_state = random_state
        self.n_jobs = n_jobs

    @classmethod
    def published(cls, *, random_state: Any = None, n_jobs: int | None = None) -> SuccessPredictor:
        """Build the predictor of the OptLLM paper (arXiv 2405.15130).

        Random forests of 100 trees, depth 10, on 100 bootstraps of one half of the labels, weighed by
        accuracy on the other half (one hundredth of the queries each), alpha = 1. With more training queries, the paper
        still validates with one hundredth: set `validation_share`. Unlike the released code it is seeded, its weights
        compare predictions with validation labels, robust values stay in [0, 1] and a resample with a single class is
        no error.

        Args:
            random_state: Seed, `RandomState` or `Generator`.
            n_jobs: See the class.

        Returns:
            A predictor, not fitted.
        """
        from sklearn.ensemble import RandomForestClassifier  # that nobody else waits for it

        return cls(
            RandomForestClassifier(100, max_depth=10),
            n_resamples=100,
            resampling="validation-split",
            objective=None,
            alpha=1.0,
            random_state=random_state,
            n_jobs=n_jobs,
        )

    def fit(self, X: Any, y: Any, *, cost: Any = None, planned: Any = None) -> SuccessPredictor:
        """Learn from the labelled queries.

        Args:
            X: Features, (n, D).
            y: Labels in [0, 1], NaN where an LLM was not tried, (n, M). A query without labels is left out.
            cost: US$ of each of these queries on each LLM, (n, M): with the objective "plan", the weights are learned
                on the choices of plans for these queries. None: on the choice of the most accurate LLM.
            planned: Features of the queries to plan, (N, D): if they differ from the labelled ones, the model may not
                hold for them, and both weights are reduced.

        Returns:
            The predictor itself.

        Raises:
            UserError: If shapes disagree, a value or an option is out of range, or an LLM has no label.
        """
        features = validate_data(self, X, dtype=_TABLES)
        labels = check_labels(y, n_queries=len(features))
        base = self._base(labels)
        _check_alpha(self.alpha)
        if self.objective not in (*OBJECTIVES, None):
            raise UserError(f"objective must be one of {', '.join(OBJECTIVES)}, or None; got {self.objective!r}")
        if cost is not None:
            cost = as_table("cost", cost, lower=0.0)
            check_shape("cost", cost, labels.shape)
        tried = np.flatnonzero(~np.isnan(labels).all(axis=1))
        order, groups = in_order(*(table[tried] for table in (features, labels, cost) if table is not None))
        rows = tried[order]
        seed = self.random_state
        if isinstance(seed, np.random.Generator):  # scikit-learn works with a `RandomState`: one seed is drawn
            seed = int(seed.integers(np.iinfo(np.int32).max))
        random: np.random.RandomState = check_random_state(seed)
        samples = resamples(self.resampling, groups, self.n_resamples, random, self.validation_share)
        seeds = random.randint(np.iinfo(np.int32).max, size=len(samples)).tolist()
        known = features[rows], labels[rows], repeats_as_roots(groups)
        self.ensemble_ = Ensemble.fit(base, *known, samples, seeds=seeds, n_jobs=self.n_jobs)
        paid = None if cost is None else cost[rows]
        prediction, centre = self.ensemble_.heldout, self.ensemble_.centre
        held = HeldOut.of(prediction, centre, labels[rows], groups, paid)
        self.shrinkage_ = self.calibration_ = UNCHANGED
        if self.objective is not None:
            self.shrinkage_ = self.calibration_ = held.fit()
        if self.objective == "plan":
            self.shrinkage_ = held.judge(self.calibration_)
        self.shift_ = self._shift(features[rows], planned, random)
        if self.shift_ is not None and self.objective is not None:
            self.shrinkage_ = Shrinkage(*(weight * (1 - self.shift_.unlikeness) for weight in self.shrinkage_))
        self.optimism_ = None if cost is None else held.optimism(self.shrinkage_, random)
        self.skill_ = None if cost is None else held.skill(self.shrinkage_)
        self.heldout_ = np.full(labels.shape, np.nan)
        self.heldout_[rows] = probabilities(centre + self.shrinkage_.apply(prediction - centre))
        self.means_ = laplace_means(*known[1:])
        self.mean_variance_ = laplace_variance(*known[1:]) if self.objective else np.zeros(labels.shape[1])
        self.n_labelled_ = len(rows)
        self.spread_ = np.ones(labels.shape[1])
        if self.resampling == "folds":
            self.spread_ = self.ensemble_.scatter_to_error(
                base, *known, seeds=seeds, shrinkage=self.calibration_, n_jobs=self.n_jobs
            )
        return self

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False) -> Floats: ...

    @overload
    def predict(self, X: Any, return_std: Literal[True]) -> tuple[Floats, Floats]: ...

    def predict(self, X: Any, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Predict the probability of a correct answer.

        Args:
            X: Features, (N, D).
            return_std: Whether to return sigma too.

        Returns:
            Probabilities in [0, 1], (N, M); with `return_std` also sigma, (N, M), at most 1/2: the standard error of
            the probability of one query.

            With `folds` it is the standard error that the delete-d jackknife makes of the members' standard
            deviation inside a round, less the part that comes from their own randomness (see `Ensemble`), but at least
            that standard deviation itself, because resampling doesn't show the bias of regularised members. With
            `validation-split` it is the plain standard deviation over members. It refers to the predictions of least
            squared error; their difference to those of the objective "plan" and the sampling error of the LLM's mean
            are added. It is bounded by `most_sigma`, about sqrt(p (1 - p)).

            Errors of different queries are correlated, so the error of a batch's mean is neither sigma nor
            sigma / sqrt(N): `optllm_pymoo.decision.confidence.accuracy_deviation` takes a correlation of 0.05.
        """
        mean, sigma = self._moments(X)
        mean = probabilities(mean)
        return (mean, sigma) if return_std else mean

    def predict_robust(self, X: Any, alpha: float | None = None) -> Floats:
        """Predict mean + alpha * sigma, moved into [0, 1] by `probabilities`.

        Args:
            X: Features, (N, D).
            alpha: Positive for optimistic values, negative for cautious ones; None uses the estimator's.

        Returns:
            Robust probabilities, (N, M).

        Raises:
            UserError: If alpha is no finite number.
        """
        factor = _check_alpha(self.alpha if alpha is None else alpha)
        mean, sigma = self._moments(X)
        return probabilities(mean + factor * sigma)

    def state(self) -> dict[str, Any]:
        """Return the fitted state as plain arrays by name, for `from_state`.

        Raises:
            UserError: If the estimator isn't the default.
        """
        check_is_fitted(self)
        members, samples, weights = self.ensemble_[:3]
        models = [(model, llms, b) for b, member in enumerate(members) for model, llms in member.models]
        if not all(isinstance(model, Trees) for model, _, _ in models):
            raise UserError("only a predictor with the default estimator can be saved as arrays")
        asked = np.zeros((len(models), len(self.means_)), dtype=bool)
        for row, (_, llms, _) in zip(asked, models, strict=True):
            row[llms] = True
        return {
            **packed([model for model, _, _ in models]),
            "asked": asked,
            "member": np.array([b for _, _, b in models], dtype=np.int64),
            "means": np.array([member.means for member in members]),
            "turns": np.array([rows.turn for rows in samples]),
            "weights": weights,
            "shrinkage": np.array([self.shrinkage_, self.calibration_]),
            "levels": np.stack([self.means_, self.mean_variance_, self.spread_]),
            "sizes": np.array([self.n_features_in_, self.n_labelled_]),
        }

    @classmethod
    def from_state(cls, arrays: Mapping[str, Any], /) -> SuccessPredictor:
        """Rebuild a predictor from `state`; its predictions are exactly the same.

        Args:
            arrays: By name.
        """
        made, empty = cls(), np.arange(0)
        members = [Member(means, []) for means in arrays["means"]]
        for model, asked, b in zip(unpacked(arrays), arrays["asked"], arrays["member"].tolist(), strict=True):
            members[b].models.append((model, np.flatnonzero(asked)))
        samples = [Resample(empty, empty, turn) for turn in arrays["turns"].tolist()]
        nothing = np.zeros((0, len(arrays["levels"][0])))
        made.ensemble_ = Ensemble(members, samples, arrays["weights"], nothing, nothing)
        made.shrinkage_, made.calibration_ = (Shrinkage(*weights) for weights in arrays["shrinkage"].tolist())
        made.means_, made.mean_variance_, made.spread_ = arrays["levels"]
        made.n_features_in_, made.n_labelled_ = arrays["sizes"].tolist()
        return made

    def _base(self, labels: Floats) -> Any:
        if self.estimator is None:
            return Trees(50, min_samples_leaf=3, max_features=1 / 3)
        check_estimator_suits(self.estimator, labels)
        return clone(self.estimator)

    def _shift(self, labelled: Floats, planned: Any, random: np.random.RandomState) -> Shift | None:
        """Compare planned with labelled queries, if there are any."""
        if planned is None:
            return None
        return Shift.between(labelled, validate_data(self, planned, dtype=_TABLES, reset=False), random)

    def _moments(self, X: Any) -> tuple[Floats, Floats]:
        """Return the mean, before it is moved into [0, 1], and sigma."""
        check_is_fitted(self)
        features = validate_data(self, X, dtype=_TABLES, reset=False)
        raw, std = self.ensemble_.predict(features, shrinkage=self.calibration_, n_jobs=self.n_jobs)
        deviation = raw - self.means_
        mean = self.means_ + self.shrinkage_.apply(deviation)
        given_up = self.calibration_.apply(deviation) - self.shrinkage_.apply(deviation)
        sigma = np.sqrt((self.spread_ * std) ** 2 + given_up**2 + self.mean_variance_)
        return mean, np.minimum(sigma, most_sigma(np.clip(mean, 0.0, 1.0), self.n_labelled_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.regressor_tags.poor_score = True
        return tags


def _check_alpha(alpha: float) -> float:
    """Refuse an alpha that is no finite number."""
    if not isinstance(alpha, Real) or not np.isfinite(float(alpha)):
        raise UserError(f"alpha must be a finite number, got {alpha!r}; 0 gives the mean")
    return float(alpha)
