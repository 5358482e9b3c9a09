"""The members side by side: fitted, averaged as they come, and how far they may be off together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from joblib import Parallel, delayed

from optllm_pymoo.prediction.averages import Floats
from optllm_pymoo.prediction.members import Member, Resample, fit_member
from optllm_pymoo.prediction.trees import may_thread
from optllm_pymoo.prediction.weights import Shrinkage

_ROWS: Final = 8_192  # per task of a prediction, whatever n_jobs is, so sums run in one order
_MEMBERS: Final = 16  # whose held-out predictions are in memory together


class Ensemble(NamedTuple):
    """Members and what they say about queries they didn't learn from.

    Attributes:
        members: The fitted members, B.
        weights: Their weights, (B,), summing to 1.
        heldout: Weighted mean of held-out predictions, NaN for rows never held out, (n, M).
        centre: The same mean of the members' Laplace means, (n, M).
    """

    members: list[Member]
    weights: Floats
    heldout: Floats
    centre: Floats


def heldout_accuracy(prediction: Floats, labels: Floats, /) -> float:
    """Share of known labels on the right side of 1/2.

    Args:
        prediction: Probabilities, (n, M).
        labels: In [0, 1] or NaN, (n, M); a fractional label counts in part.

    Returns:
        Accuracy in [0, 1]; NaN without a known label.

    Examples:
        >>> heldout_accuracy(np.array([[0.9, 0.2], [0.6, 0.5]]), np.array([[1.0, 1.0], [0.0, 1.0]]))
        0.5
    """
    known = ~np.isnan(labels)
    if not known.any():
        return float("nan")
    return float(1 - np.abs(labels[known] - (prediction[known] >= 0.5)).mean())


def _fit_one(
    estimator: Any, features: Floats, labels: Floats, rows: Resample, contrast: float, seed: int
) -> tuple[Member, Floats]:
    member = fit_member(estimator, features[rows.train], labels[rows.train], contrast=contrast, seed=seed)
    held = features[rows.heldout]
    return member, member.predict(held) if len(held) else np.empty((0, labels.shape[1]))


def _fit_all(
    estimator: Any,
    features: Floats,
    labels: Floats,
    samples: Sequence[Resample],
    contrasts: Sequence[float],
    seeds: Sequence[int],
    n_jobs: int | None,
) -> Iterator[tuple[Resample, Member, Floats]]:
    with Parallel(n_jobs=n_jobs, prefer="threads" if may_thread([estimator]) else "processes") as parallel:
        for first in range(0, len(samples), _MEMBERS):
            batch = range(first, min(first + _MEMBERS, len(samples)))
            found = parallel(
                delayed(_fit_one)(estimator, features, labels, samples[b], contrasts[b], seeds[b]) for b in batch
            )
            for b, (member, heldout) in zip(batch, found, strict=True):
                yield samples[b], member, heldout


def _positive(accuracies: list[float]) -> Floats:
    """Make weights of accuracies; members never judged weigh as the average one."""
    weights = np.array(accuracies)
    judged = ~np.isnan(weights)
    weights[~judged] = weights[judged].mean() if judged.any() else 1.0
    return weights / weights.sum() if weights.sum() > 0 else np.full(len(weights), 1 / len(weights))


def fit_ensemble(
    estimator: Any,
    features: Floats,
    labels: Floats,
    samples: Sequence[Resample],
    /,
    *,
    contrasts: Sequence[float],
    seeds: Sequence[int],
    n_jobs: int | None,
) -> Ensemble:
    """Fit one member per resample and judge each on the rows it didn't see.

    Args:
        estimator: Base estimator, cloned for every member.
        features: (n, D).
        labels: In [0, 1] or NaN, (n, M).
        samples: Rows of every member, B.
        contrasts: Factor for `stretch` of each member, B.
        seeds: One per member, B.
        n_jobs: Members fitted at a time, as joblib counts.

    Returns:
        The ensemble. Memory O(n * M) beside the members.
    """
    members: list[Member] = []
    accuracies: list[float] = []
    heldout, centre = np.zeros(labels.shape), np.zeros(labels.shape)
    weight = np.zeros((len(labels), 1))
    for rows, member, held in _fit_all(estimator, features, labels, samples, contrasts, seeds, n_jobs):
        members.append(member)
        accuracies.append(heldout_accuracy(held, labels[rows.heldout]))
        share = max(np.nan_to_num(accuracies[-1]), 1e-9)  # a member that is never right still was asked
        heldout[rows.heldout] += share * held
        centre[rows.heldout] += share * member.means
        weight[rows.heldout] += share
    weight[weight == 0] = np.nan
    return Ensemble(members, _positive(accuracies), heldout / weight, centre / weight)


class _Moments:
    """Weighted mean and sum of squares in one pass (West, 1979)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.mean, self.squares, self.total = np.zeros(shape), np.zeros(shape), 0.0

    def add(self, values: Floats, weight: float) -> None:
        self.total += weight
        step = values - self.mean
        self.mean += step * (weight / self.total)
        self.squares += step**2 * (weight * (1 - weight / self.total))


def _predict_rows(
    members: Sequence[Member],
    weights: Floats,
    turns: Sequence[int],
    features: Floats,
    centre: Floats,
    shrinkage: Shrinkage,
) -> tuple[Floats, Floats]:
    shape = len(features), len(centre)
    mean, within, total = np.zeros(shape), np.zeros(shape), 0.0
    turn, inside = turns[0], _Moments(shape)
    for member, weight, now in zip(members, weights, turns, strict=True):
        if weight == 0:
            continue
        if now != turn:
            within += inside.squares
            turn, inside = now, _Moments(shape)
        values = centre + shrinkage.apply(member.predict(features) - centre)
        inside.add(values, weight)
        total += weight
        mean += (values - mean) * (weight / total)
    return mean, np.sqrt((within + inside.squares) / total)


def predict_ensemble(
    members: Sequence[Member],
    weights: Floats,
    features: Floats,
    /,
    *,
    centre: Floats,
    shrinkage: Shrinkage,
    turns: Sequence[int] | None = None,
    n_jobs: int | None,
) -> tuple[Floats, Floats]:
    """Average the members and measure how far they disagree, in one pass.

    Rows go in blocks of a fixed size, and inside a block one member after another: memory O(N * M), never
    members * N * M, and the same floating-point sums whatever `n_jobs` is.

    Args:
        members: Fitted members, B.
        weights: Their weights, (B,).
        features: (N, D).
        centre: Each LLM's mean, (M,), toward which `shrinkage` pulls.
        shrinkage: Weights of the deviations.
        turns: Round of each member, B, ascending: disagreement counts inside rounds only, not between them.
            None takes all for one round.
        n_jobs: Blocks predicted at a time, as joblib counts.

    Returns:
        Weighted mean, not yet clipped, and weighted standard deviation over members of a round, both (N, M).
    """
    rounds = [0] * len(members) if turns is None else turns
    blocks = [slice(first, first + _ROWS) for first in range(0, len(features), _ROWS)]
    # what may not thread is asked block by block: sending forests to other processes takes longer than asking them
    safe = may_thread(model for member in members for model, _ in member.models)
    found = Parallel(n_jobs=n_jobs if safe else None, prefer="threads")(
        delayed(_predict_rows)(members, weights, rounds, features[block], centre, shrinkage) for block in blocks
    )
    return np.concatenate([mean for mean, _ in found]), np.concatenate([std for _, std in found])


_EVERY: Final = 4  # one member in four is fitted again, so all rounds take part and fitting takes 1/4 longer


def jackknife_factor(samples: Sequence[Resample], /) -> float:
    """Ratio of the standard error to the scatter of members that each lack a fold (delete-d jackknife).

    With g equal folds it is sqrt(g - 1), Efron and Tibshirani (1993), chapter 11.

    Args:
        samples: Rows of every member.

    Returns:
        The square root of the mean ratio of rows learned from to rows held out; 1 if nothing is held out.

    Examples:
        >>> jackknife_factor([Resample(np.arange(9), np.arange(9, 10), 0)])
        3.0
    """
    ratios = [len(rows.train) / len(rows.heldout) for rows in samples if len(rows.heldout)]
    return float(np.sqrt(np.mean(ratios))) if ratios else 1.0


def is_random(estimator: Any, /) -> bool:
    """Say whether two fits of an estimator on the same rows can differ, judged by its parameters.

    Args:
        estimator: A scikit-learn estimator.

    Returns:
        Whether it, or an estimator inside it, takes a `random_state`.
    """
    names = estimator.get_params()
    return any(name == "random_state" or name.endswith("__random_state") for name in names)


def _own_variance(member: Member, twin: Member, features: Floats, shrinkage: Shrinkage) -> Floats:
    difference = shrinkage.apply(member.predict(features) - twin.predict(features))
    return np.asarray((difference**2).mean(axis=0) / 2)


def labels_share(
    estimator: Any,
    features: Floats,
    labels: Floats,
    samples: Sequence[Resample],
    ensemble: Ensemble,
    /,
    *,
    seeds: Sequence[int],
    shrinkage: Shrinkage,
    n_jobs: int | None,
) -> Floats:
    """Estimate which share of the members' variance the labels cause, and not the members' own randomness.

    Members of one round differ since each lacks other labels, and since each draws other random numbers. The
    jackknife multiplies their variance by the number of folds less one, which is right for the first part
    only. Every fourth member is fitted a second time, on the same rows with another seed: half the
    mean squared difference of the two is the second part.

    Args:
        estimator: Base estimator, cloned.
        features: Labelled queries, (n, D).
        labels: In [0, 1] or NaN, (n, M).
        samples: Rows of every member, B.
        ensemble: The fitted members.
        seeds: One per member, B; the second fit takes the next one.
        shrinkage: Weights of the deviations.
        n_jobs: Members fitted at a time.

    Returns:
        Shares in [0, 1], one per LLM, (M,); 1 for an estimator without randomness.
    """
    if not is_random(estimator) or shrinkage == (0.0, 0.0):
        return np.ones(labels.shape[1])
    again = range(0, len(samples), _EVERY)

    def own(b: int) -> Floats:
        rows, contrast = samples[b].train, ensemble.members[b].contrast
        twin = fit_member(estimator, features[rows], labels[rows], contrast=contrast, seed=seeds[b] ^ 1)
        return _own_variance(ensemble.members[b], twin, features, shrinkage)

    found = Parallel(n_jobs=n_jobs, prefer="threads" if may_thread([estimator]) else "processes")(
        delayed(own)(b) for b in again
    )
    _, scatter = predict_ensemble(
        ensemble.members,
        ensemble.weights,
        features,
        centre=np.zeros(labels.shape[1]),
        shrinkage=shrinkage,
        turns=[rows.turn for rows in samples],
        n_jobs=n_jobs,
    )
    whole = (scatter**2).mean(axis=0)
    own_share = np.divide(np.mean(found, axis=0), whole, out=np.zeros_like(whole), where=whole > 0)
    return np.asarray(np.clip(1 - own_share, 0.0, 1.0))


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
