"""From a few labels to the probability that each LLM answers each query correctly."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, overload

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from optllm_pymoo.prediction.averages import Floats, check_labels, laplace_means, laplace_variance
from optllm_pymoo.prediction.ensemble import (
    Ensemble,
    fit_ensemble,
    jackknife_factor,
    labels_share,
    most_sigma,
    predict_ensemble,
)
from optllm_pymoo.prediction.members import check_estimator_suits, distinct_rows, resamples
from optllm_pymoo.prediction.trees import Trees
from optllm_pymoo.prediction.weights import UNCHANGED, fit_shrinkage
from optllm_pymoo.validation import UserError


def check_contrasts(contrast: float | Sequence[float], /) -> list[float]:
    """Make a list of the factors that take turns.

    Args:
        contrast: One finite number above 0, or several.

    Returns:
        The factors, at least one.

    Raises:
        ValueError: If there is none, or one is no finite number above 0.

    Examples:
        >>> check_contrasts(3), check_contrasts((1.0, 3.0))
        ([3.0], [1.0, 3.0])
    """
    try:
        contrasts = np.atleast_1d(np.asarray(contrast, dtype=np.float64))
    except (TypeError, ValueError):
        raise UserError(f"contrast must be a number, or several, got {contrast!r}; 1 switches it off") from None
    if contrasts.ndim != 1 or not contrasts.size or not (np.isfinite(contrasts) & (contrasts > 0)).all():
        raise UserError(f"contrast must be above 0 and finite, got {contrast}; 1 switches it off")
    return [float(factor) for factor in contrasts]


def check_alpha(alpha: float, /) -> float:
    """Refuse an alpha that is no finite number.

    Args:
        alpha: Any finite number.

    Returns:
        The same.

    Raises:
        ValueError: If it isn't one.

    Examples:
        >>> check_alpha(-1.0)
        -1.0
    """
    if not isinstance(alpha, Real) or not np.isfinite(float(alpha)):
        raise UserError(f"alpha must be a finite number, got {alpha!r}; 0 gives the mean")
    return float(alpha)


def as_random_state(random_state: Any, /) -> np.random.RandomState:
    """Make the `RandomState` that scikit-learn works with.

    Args:
        random_state: None, a seed, a `RandomState`, or a `Generator`, of which one seed is drawn.

    Returns:
        The state.

    Raises:
        ValueError: If it is something else.

    Examples:
        >>> one, other = (as_random_state(np.random.default_rng(0)) for _ in range(2))
        >>> one.randint(100) == other.randint(100)
        True
    """
    if isinstance(random_state, np.random.Generator):
        random_state = int(random_state.integers(np.iinfo(np.int32).max))
    state: np.random.RandomState = check_random_state(random_state)
    return state


class SuccessPredictor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Predict P(LLM j answers query i correctly) from features, with its uncertainty.

    Members learn from resamples of the labelled queries and are averaged by their accuracy on the queries
    held out from them. With c the LLMs' Laplace means and d the ensemble's deviation from them, the
    prediction is

        P[i, j] = clip(c[j] + a * mean_j d[i, :] + b * (d[i, j] - mean_j d[i, :]), 0, 1)

    where a and b are learned on held-out predictions and reduced by their standard error (see `Shrinkage`).
    Features that tell nothing give b = 0, and so the plans of the constants: that is how the default
    doesn't lose to knowing only each LLM's average.

    Args:
        estimator: Base estimator of a member: any scikit-learn regressor, or classifier with `predict_proba`.
            None: extra trees, at least three labels per leaf, a third of the features per split.
        n_resamples: Members; with `folds` rounded up to whole rounds of ten.
        resampling: `folds`, repeated ten-fold cross-validation where equal feature rows share a fold;
            `out-of-bag`, bootstraps; `validation-split`, bootstraps of one part, weighed on the other.
        validation_share: Share of the labelled queries in that other part, in (0, 1).
        shrink: Whether to learn a and b; otherwise both are 1.
        contrast: How far differences between LLMs are stretched before trees split on them, see `stretch`;
            several values take turns, round by round. Only regressors that fit all LLMs at once heed it,
            and only without missing labels.
        alpha: `predict_robust` gives mean + alpha * sigma; any sign.
        random_state: Seed or numpy `RandomState`; of a numpy `Generator` a seed is drawn. Same seed, same
            result, whatever `n_jobs`.
        n_jobs: Members fitted, or blocks of rows predicted, at a time: in threads with the default estimator; others
            are fitted in processes, since scikit-learn's checks change the warning filters of the whole process.
            joblib's backend decides where (`joblib.parallel_config(backend="dask")` spreads them over a cluster).

    Attributes:
        means_: Each LLM's Laplace mean c, (M,).
        shrinkage_: The weights a (`common`) and b (`specific`).
        heldout_: Prediction of each labelled query by the members that didn't see it, NaN if all did, (n, M).
        members_: The fitted members.
        weights_: Their weights, (B,).

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
        shrink: bool = True,
        contrast: float | Sequence[float] = (1.0, 3.0),
        alpha: float = 0.0,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_resamples = n_resamples
        self.resampling = resampling
        self.validation_share = validation_share
        self.shrink = shrink
        self.contrast = contrast
        self.alpha = alpha
        self.random_state = random_state
        self.n_jobs = n_jobs

    @classmethod
    def published(cls, *, random_state: Any = None, n_jobs: int | None = None) -> SuccessPredictor:
        """Build the predictor of the OptLLM paper (arXiv 2405.15130).

        Random forests of 100 trees, depth 10, on 100 bootstraps of one half of the labels, weighed by
        accuracy on the other half (one hundredth of the queries each), alpha = 1. Where more is trained on, the
        paper still validates with one hundredth: set `validation_share`. Unlike the released code it is
        seeded, its weights compare predictions with validation labels, robust values stay in [0, 1] and a
        resample with a single class is no error.

        Args:
            random_state: Seed, `RandomState` or `Generator`.
            n_jobs: See the class.

        Returns:
            A predictor, not fitted.
        """
        return cls(
            RandomForestClassifier(100, max_depth=10),
            n_resamples=100,
            resampling="validation-split",
            shrink=False,
            contrast=1.0,
            alpha=1.0,
            random_state=random_state,
            n_jobs=n_jobs,
        )

    def fit(self, X: Any, y: Any) -> SuccessPredictor:
        """Learn from the labelled queries.

        Args:
            X: Features, (n, D).
            y: Labels in [0, 1], NaN where an LLM was not tried, (n, M). A query without any is left out.

        Returns:
            The predictor itself.

        Raises:
            ValueError: If shapes disagree, a value or an option is out of range, or an LLM has no label.
        """
        features = validate_data(self, X, dtype=np.float64)
        labels = check_labels(y, n_queries=len(features))
        base, contrasts = self._base(labels), check_contrasts(self.contrast)
        check_alpha(self.alpha)
        tried = ~np.isnan(labels).all(axis=1)
        groups = distinct_rows(features[tried])
        random = as_random_state(self.random_state)
        samples = resamples(self.resampling, groups, self.n_resamples, random, self.validation_share)
        seeds = random.randint(np.iinfo(np.int32).max, size=len(samples)).tolist()
        ensemble = fit_ensemble(
            base,
            features[tried],
            labels[tried],
            samples,
            contrasts=[contrasts[rows.turn % len(contrasts)] for rows in samples],
            seeds=seeds,
            n_jobs=self.n_jobs,
        )
        self._keep(ensemble, labels, tried, groups)
        self.turns_, self.spread_ = None, np.ones(labels.shape[1])
        if self.resampling == "folds":
            share = labels_share(
                base,
                features[tried],
                labels[tried],
                samples,
                ensemble,
                seeds=seeds,
                shrinkage=self.shrinkage_,
                n_jobs=self.n_jobs,
            )
            self.turns_ = [rows.turn for rows in samples]
            self.spread_ = np.maximum(1.0, jackknife_factor(samples) * np.sqrt(share))
        return self

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False) -> Floats: ...

    @overload
    def predict(self, X: Any, return_std: Literal[True]) -> tuple[Floats, Floats]: ...

    def predict(self, X: Any, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Predict the probability of a correct answer.

        Args:
            X: Features, (N, D).
            return_std: Whether to give sigma too.

        Returns:
            Probabilities in [0, 1], (N, M); with `return_std` also sigma, (N, M), at most 1/2: how far the
            probability may be from the true one, one standard deviation, for one query.

            With `folds` it is the standard error that the delete-d jackknife makes of the members' standard
            deviation inside a round, less the part that comes from their own randomness (`labels_share`), yet
            never less than that standard deviation itself, as no resampling shows the bias of regularised
            members. With the other resamplings it is the plain standard deviation over members. Where
            predictions are shrunk, the sampling error of the LLM's mean joins it. It is bounded by
            `most_sigma`, about sqrt(p (1 - p)).

            Errors of different queries are correlated, so the error of a batch's mean is neither sigma nor
            sigma / sqrt(N): `optllm_pymoo.decision.interval.accuracy_deviation` takes a correlation of 0.05.
        """
        mean, sigma = self._moments(X)
        mean = np.clip(mean, 0.0, 1.0)
        return (mean, sigma) if return_std else mean

    def predict_robust(self, X: Any, alpha: float | None = None) -> Floats:
        """Predict mean + alpha * sigma, clipped to [0, 1].

        Args:
            X: Features, (N, D).
            alpha: Above 0 for optimism, below for caution; None takes the estimator's.

        Returns:
            Robust probabilities, (N, M).

        Raises:
            ValueError: If alpha is no finite number.
        """
        factor = check_alpha(self.alpha if alpha is None else alpha)
        mean, sigma = self._moments(X)
        return np.clip(mean + factor * sigma, 0.0, 1.0)

    def _base(self, labels: Floats) -> Any:
        if self.estimator is None:
            return Trees(50, min_samples_leaf=3, max_features=1 / 3)
        check_estimator_suits(self.estimator, labels)
        return clone(self.estimator)

    def _keep(self, ensemble: Ensemble, labels: Floats, tried: Any, groups: Any) -> None:
        deviation = ensemble.heldout - ensemble.centre
        residual = np.where(np.isnan(deviation), np.nan, labels[tried] - ensemble.centre)
        deviation_known = np.nan_to_num(deviation)
        self.shrinkage_ = fit_shrinkage(residual, deviation_known, groups) if self.shrink else UNCHANGED
        self.heldout_ = np.full(labels.shape, np.nan)
        self.heldout_[tried] = np.clip(ensemble.centre + self.shrinkage_.apply(deviation), 0.0, 1.0)
        self.means_, self.members_, self.weights_ = laplace_means(labels), ensemble.members, ensemble.weights
        self.mean_variance_ = laplace_variance(labels) if self.shrink else np.zeros(labels.shape[1])
        self.n_labelled_ = int(tried.sum())

    def _moments(self, X: Any) -> tuple[Floats, Floats]:
        check_is_fitted(self)
        features = validate_data(self, X, dtype=np.float64, reset=False)
        mean, std = predict_ensemble(
            self.members_,
            self.weights_,
            features,
            centre=self.means_,
            shrinkage=self.shrinkage_,
            turns=self.turns_,
            n_jobs=self.n_jobs,
        )
        sigma = np.sqrt((self.spread_ * std) ** 2 + self.mean_variance_)
        return mean, np.minimum(sigma, most_sigma(np.clip(mean, 0.0, 1.0), self.n_labelled_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.regressor_tags.poor_score = True
        return tags
