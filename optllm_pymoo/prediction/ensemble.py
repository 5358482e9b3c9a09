"""The ensemble: members are fitted, averaged in one pass, and their common error is estimated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from joblib import Parallel, delayed

from optllm_pymoo.prediction.averages import Floats
from optllm_pymoo.prediction.heldout import AVERAGES, Shrinkage
from optllm_pymoo.prediction.members import Member, Resample, fit_member, may_thread

_ROWS: Final = 8_192  # per task of a prediction, whatever n_jobs is, so sums run in one order
_MEMBERS: Final = 16  # whose held-out predictions are in memory together
_EVERY: Final = 4  # one member in four is fitted again, so all rounds take part and fitting takes 1/4 longer


class Ensemble(NamedTuple):
    """Fitted members and their held-out predictions.

    Attributes:
        members: The fitted members, B.
        samples: Rows that each learned from, B.
        weights: Their weights, (B,), summing to 1.
        heldout: Weighted mean of held-out predictions, NaN for rows never held out, (n, M).
        centre: The same mean of the members' Laplace means, (n, M).
    """

    members: list[Member]
    samples: Sequence[Resample]
    weights: Floats
    heldout: Floats
    centre: Floats

    @classmethod
    def fit(
        cls,
        estimator: Any,
        features: Floats,
        labels: Floats,
        weight: Floats,
        samples: Sequence[Resample],
        /,
        *,
        seeds: Sequence[int],
        n_jobs: int | None,
    ) -> Ensemble:
        """Fit one member per resample and weight each by its accuracy on its held-out rows.

        Args:
            estimator: Base estimator, cloned for every member.
            features: (n, D).
            labels: In [0, 1] or NaN, (n, M).
            weight: Weight of each row in the LLMs' means, in queries, (n,).
            samples: Rows of every member, B.
            seeds: One per member, B.
            n_jobs: Members fitted at a time, as joblib counts.

        Returns:
            The ensemble. Memory O(n * M) beside the members.
        """
        members: list[Member] = []
        accuracies: list[float] = []
        heldout, centre = np.zeros(labels.shape), np.zeros(labels.shape)
        asked = np.zeros((len(labels), 1))
        for rows, (member, held) in zip(
            samples, _fit_all(estimator, features, labels, weight, samples, seeds, n_jobs), strict=True
        ):
            members.append(member)
            accuracies.append(_accuracy(held, labels[rows.heldout]))
            share = max(np.nan_to_num(accuracies[-1]), 1e-9)  # a member that is never right still counts as judged
            heldout[rows.heldout] += share * held
            centre[rows.heldout] += share * member.means
            asked[rows.heldout] += share
        asked[asked == 0] = np.nan
        weights = np.array(accuracies)
        judged = ~np.isnan(weights)
        weights[~judged] = (
            weights[judged].mean() if judged.any() else 1.0
        )  # never judged: weighted as the average member
        weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(weights), 1 / len(weights))
        return cls(members, samples, weights, heldout / asked, centre / asked)

    def predict(
        self,
        features: Floats,
        /,
        *,
        shrinkage: Shrinkage,
        n_jobs: int | None,
    ) -> tuple[Floats, Floats]:
        """Average the members and compute their standard deviation, in one pass.

        Rows go in blocks of a fixed size, and inside a block one member after another: memory O(N * M), never
        members * N * M, and the same floating-point sums whatever `n_jobs` is.

        Args:
            features: (N, D).
            shrinkage: Weights of the deviations.
            n_jobs: Blocks predicted at a time, as joblib counts.

        Returns:
            Weighted mean of the members, not yet shrunk, and weighted standard deviation after shrinkage, both (N, M).
            Only deviations inside a round of a cross-validation count, not between rounds.
        """
        blocks = [slice(first, first + _ROWS) for first in range(0, len(features), _ROWS)]
        # what may not thread is asked block by block: sending forests to other processes takes longer than asking them
        safe = may_thread(model for member in self.members for model, _ in member.models)
        found = Parallel(n_jobs=n_jobs if safe else None, prefer="threads")(
            delayed(self._predict_rows)(features[block], shrinkage) for block in blocks
        )
        return np.concatenate([mean for mean, _ in found]), np.concatenate([std for _, std in found])

    def _predict_rows(self, features: Floats, shrinkage: Shrinkage) -> tuple[Floats, Floats]:
        """Predict one block of rows."""
        shape = len(features), len(self.members[0].means)
        mean, within, total = np.zeros(shape), np.zeros(shape), 0.0
        turn, inside = self.samples[0].turn, _Moments(shape)
        for member, rows, weight in zip(self.members, self.samples, self.weights, strict=True):
            if weight == 0:
                continue
            if rows.turn != turn:
                within += inside.squares
                turn, inside = rows.turn, _Moments(shape)
            values = member.predict(features)
            inside.add(shrinkage.apply(values), weight)
            total += weight
            mean += (values - mean) * (weight / total)
        return mean, np.sqrt((within + inside.squares) / total)

    def scatter_to_error(
        self,
        estimator: Any,
        features: Floats,
        labels: Floats,
        weight: Floats,
        /,
        *,
        seeds: Sequence[int],
        shrinkage: Shrinkage,
        n_jobs: int | None,
    ) -> Floats:
        """Estimate the ratio of the standard error to the members' standard deviation inside a round.

        With g equal folds the delete-d jackknife multiplies by sqrt(g - 1), Efron and Tibshirani (1993), chapter 11,
        which holds for the variance due to the labels, since each member lacks different ones. Members of one round
        also differ because of their random numbers. To remove this part, every fourth member is fitted a second time on
        the same rows with another seed: half the mean squared difference of the two is its variance.

        Args:
            estimator: Base estimator, cloned.
            features: Labelled queries, (n, D).
            labels: In [0, 1] or NaN, (n, M).
            weight: Weight of each row in the LLMs' means, in queries, (n,).
            seeds: One per member, B; the second fit takes the next one.
            shrinkage: Weights of the deviations.
            n_jobs: Members fitted at a time.

        Returns:
            Factors >= 1, one per LLM, (M,).
        """
        ratios = [len(rows.train) / len(rows.heldout) for rows in self.samples if len(rows.heldout)]
        jackknife = float(np.sqrt(np.mean(ratios))) if ratios else 1.0
        # two fits on the same rows can differ if it, or an estimator inside it, takes a `random_state`
        is_random = any(f"__{name}".endswith("__random_state") for name in estimator.get_params())
        if not is_random or shrinkage == AVERAGES:
            return np.full(labels.shape[1], max(1.0, jackknife))

        def own_variance(b: int) -> Floats:
            rows = self.samples[b].train
            twin = fit_member(estimator, features[rows], labels[rows], weight[rows], seed=seeds[b] ^ 1)
            difference = shrinkage.apply(self.members[b].predict(features) - twin.predict(features))
            return np.asarray((difference**2).mean(axis=0) / 2)

        own = np.mean(
            _parallel(n_jobs, estimator)(delayed(own_variance)(b) for b in range(0, len(seeds), _EVERY)), axis=0
        )
        _, scatter = self.predict(features, shrinkage=shrinkage, n_jobs=n_jobs)
        whole = (scatter**2).mean(axis=0)
        share = 1 - np.divide(own, whole, out=np.zeros_like(whole), where=whole > 0)
        return np.asarray(np.maximum(1.0, jackknife * np.sqrt(np.clip(share, 0.0, 1.0))))


def _fit_all(
    estimator: Any,
    features: Floats,
    labels: Floats,
    weight: Floats,
    samples: Sequence[Resample],
    seeds: Sequence[int],
    n_jobs: int | None,
) -> Iterator[tuple[Member, Floats]]:
    """Fit all members, a few at a time, each with its held-out predictions."""

    def fit_one(rows: Resample, seed: int) -> tuple[Member, Floats]:
        member = fit_member(estimator, *(table[rows.train] for table in (features, labels, weight)), seed=seed)
        held = features[rows.heldout]
        return member, member.predict(held) if len(held) else np.empty((0, labels.shape[1]))

    with _parallel(n_jobs, estimator) as parallel:
        for first in range(0, len(samples), _MEMBERS):
            batch = slice(first, first + _MEMBERS)
            pairs = zip(samples[batch], seeds[batch], strict=True)
            yield from parallel(delayed(fit_one)(rows, seed) for rows, seed in pairs)


def _parallel(n_jobs: int | None, estimator: Any) -> Any:
    """Return joblib's runner: with threads, if the estimator doesn't change the warning filters."""
    return Parallel(n_jobs=n_jobs, prefer="threads" if may_thread([estimator]) else "processes")


def _accuracy(prediction: Floats, labels: Floats) -> float:
    """Return the share of known labels on the right side of 1/2, a fractional label in part; NaN without labels."""
    known = ~np.isnan(labels)
    if not known.any():
        return float("nan")
    return float(1 - np.abs(labels[known] - (prediction[known] >= 0.5)).mean())


class _Moments:
    """Weighted mean and sum of squares in one pass (West, 1979)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.mean, self.squares, self.total = np.zeros(shape), np.zeros(shape), 0.0

    def add(self, values: Floats, weight: float) -> None:
        self.total += weight
        step = values - self.mean
        self.mean += step * (weight / self.total)
        self.squares += step**2 * (weight * (1 - weight / self.total))


def most_sigma(mean: Floats, n_labels: int, /) -> Floats:
    """Bound sigma by sqrt(p (1 - p)), which no quantity in [0, 1] with mean p exceeds.

    p is first brought into [1 / (n + 2), (n + 1) / (n + 2)], the range of the rule of succession: n labels
    make no probability more certain, even where the prediction is 0 or 1.

    Args:
        mean: Predictions in [0, 1], (N, M).
        n_labels: n, labelled queries.

    Returns:
        Largest sigma, (N, M), 1/2 at most.

    Examples:
        >>> most_sigma(np.array([[0.5, 0.0]]), 3).tolist()
        [[0.5, 0.4]]
    """
    p = np.clip(mean, 1 / (n_labels + 2), 1 - 1 / (n_labels + 2))
    return np.asarray(np.sqrt(p * (1 - p)))
