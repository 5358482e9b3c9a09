"""How far to trust the deviations from each LLM's mean: two weights, learned on held-out predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.prediction.averages import Floats

OBJECTIVES: Final = ("plan", "brier")
_MOST: Final = 5.0  # averaging regularised trees flattens probabilities: they may be stretched again
_PRIOR: Final = (0.5, 0.25)  # mean and deviation of both weights before any label is seen
_BUDGETS: Final = np.geomspace(0.003, 1.0, 12)  # shares of the range; most choices are made at small budgets
_FEWEST: Final = 3  # groups; fewer can't show any skill


class Shrinkage(NamedTuple):
    """Weights of the two parts of a predicted deviation.

    A query's predicted deviations from the LLMs' means fall into their average over LLMs (the query is easy or hard)
    and the rest (this LLM is better than usual here). With both at 0 the plans are those of the averages.

    Attributes:
        common: Weight of the difficulty, in [0, 5]; above 1 where the ensemble is too timid.
        specific: Weight of the rest, in [0, 5].
    """

    common: float
    specific: float

    def apply(self, deviation: Floats, /) -> Floats:
        """Weigh deviations.

        Args:
            deviation: Predicted probability less the LLM's mean, (N, M).

        Returns:
            Weighted deviations, (N, M).

        Examples:
            >>> Shrinkage(common=1.0, specific=0.5).apply(np.array([[0.3, 0.1]]))
            array([[0.25, 0.15]])
        """
        difficulty = deviation.mean(axis=1, keepdims=True)
        return np.asarray(self.common * difficulty + self.specific * (deviation - difficulty))


UNCHANGED: Final = Shrinkage(1.0, 1.0)
AVERAGES: Final = Shrinkage(0.0, 0.0)


class HeldOut(NamedTuple):
    """What the members said about queries they didn't learn from, beside what is known of these queries.

    Attributes:
        prediction: NaN in rows never held out, (n, M).
        centre: LLMs' means on the labels that each prediction was learned from, (n, M).
        labels: In [0, 1], NaN where unknown, (n, M).
        groups: Queries that count as one, 0 ... G - 1, (n,).
    """

    prediction: Floats
    centre: Floats
    labels: Floats
    groups: NDArray[np.intp]


def probabilities(values: Floats, /) -> Floats:
    """Bring predictions into [0, 1]: a query whose best LLM exceeds 1 is shifted down as a whole.

    Cutting each value off at 1 would tie the best LLMs on easy queries, and then the cheapest of them wins.

    Args:
        values: (N, M).

    Returns:
        In [0, 1], (N, M). Differences between LLMs stay as they are, but for those that fall below 0.

    Examples:
        >>> probabilities(np.array([[1.25, 1.0, 0.5], [0.5, 0.25, -0.25]]))
        array([[1.  , 0.75, 0.25],
               [0.5 , 0.25, 0.  ]])
    """
    excess = np.maximum(values.max(axis=1, keepdims=True) - 1.0, 0.0)
    return np.asarray(np.maximum(values - excess, 0.0))


def fit_shrinkage(held: HeldOut, /) -> Shrinkage:
    """Learn the weights that fit held-out predictions best, in the mean square.

    Least squares of the residuals from the LLMs' means on the two parts, with errors clustered by query (one that is
    repeated n times counts as sqrt(n), since its errors go together), joined with a normal prior on both weights (mean
    1/2, deviation 1/4). It moves no weight by more than its standard error, so that weights far from what is usual are
    kept where the labels show them (limited translation, Efron and Morris, 1972).

    Args:
        held: Held-out predictions; rows without one are left out.

    Returns:
        The weights; `AVERAGES` with fewer than three groups, which can't show any skill.
    """
    held = with_predictions(held)[0]
    if len(np.unique(held.groups)) < _FEWEST:
        return AVERAGES
    known = ~np.isnan(held.labels)
    weight = group_weights(held.groups)[:, None]
    deviation = held.prediction - held.centre
    difficulty = np.broadcast_to(deviation.mean(axis=1, keepdims=True), deviation.shape)
    parts = np.where(known, np.stack([difficulty, deviation - difficulty]), 0.0)  # (2, n, M)
    target = np.where(known, held.labels - held.centre, 0.0)
    gram = np.einsum("anm,bnm->ab", weight * parts, parts)
    inverse = np.linalg.pinv(gram, hermitian=True)
    weights = inverse @ np.einsum("anm,nm->a", weight * parts, target)
    error = weight * (target - np.tensordot(weights, parts, axes=1))
    scores = np.array([np.bincount(held.groups, row) for row in np.einsum("anm,nm->an", parts, error)])
    errors = np.sqrt(np.maximum(np.diag(inverse @ (scores @ scores.T) @ inverse), 0.0))
    joined = [_posterior(float(w), float(se), *_PRIOR) for w, se in zip(weights, errors, strict=True)]
    return Shrinkage(*np.clip(np.clip(joined, weights - errors, weights + errors), 0.0, _MOST).tolist())


def judge_by_plans(held: HeldOut, shrinkage: Shrinkage, /, *, cost: Floats | None = None) -> Shrinkage:
    """Reduce the specific weight to what it is worth where plans act on it.

    A fit over all LLMs trusts deviations of weak LLMs, which no plan chooses, as much as those of the best. Here two
    plans are made of the labelled queries at each of twelve budgets, one from held-out predictions with half of the
    weight b0 and one from the means. Where they differ, the predicted difference D between the two LLMs is held
    against the true one: the slope of the latter on the former, with errors clustered by query, is what the weight
    should have been there. Its normal prior has the mean b0 (2/M)^(1/3), as the more LLMs there are to choose from,
    the more a choice profits from errors, and the deviation b0/4.

    Args:
        held: Held-out predictions; rows without one are left out, and so are choices of which an outcome is unknown.
        shrinkage: The weights that fit best.
        cost: US$ per call of these queries, (n, M). None: the choice of the most accurate LLM stands for all plans.

    Returns:
        The weights, the specific one in [0, b0].
    """
    b0, n_llms = shrinkage.specific, held.labels.shape[1]
    if b0 == 0 or n_llms == 1:
        return shrinkage
    held, rows = with_predictions(held)
    deviation, residual = held.prediction - held.centre, held.labels - held.centre
    half = held.centre + shrinkage._replace(specific=b0 / 2).apply(deviation)
    if cost is None:
        pairs = [(half.argmax(axis=1), held.centre.argmax(axis=1))]
    else:
        tables = (probabilities(half), held.centre)
        pairs = list(zip(*(plans_within(cost[rows], table, _BUDGETS) for table in tables), strict=True))
    each = np.arange(len(deviation))
    predicted, true = (
        np.concatenate([table[each, ours] - table[each, plain] for ours, plain in pairs])
        for table in (deviation, residual)
    )
    known = ~np.isnan(true)
    predicted, true = predicted[known], true[known]
    weight = np.tile(group_weights(held.groups), len(pairs))[known]
    prior = min(1.0, (2 / n_llms) ** (1 / 3)) * b0
    total = float(predicted @ (weight * predicted))
    if total == 0:
        return shrinkage._replace(specific=prior)
    slope = float(predicted @ (weight * true)) / total
    groups = np.tile(held.groups, len(pairs))[known]
    scores = np.bincount(groups, weight * (true - slope * predicted) * predicted)
    b = _posterior(slope, float(np.sqrt(scores @ scores)) / total, prior, b0 / 4)
    return shrinkage._replace(specific=float(np.clip(b, 0.0, b0)))


def plans_within(cost: Floats, accuracy: Floats, shares: Sequence[float] | Floats, /) -> list[NDArray[np.intp]]:
    """Choose the most accurate supported plans at budgets between the cheapest plan and the dearest single LLM.

    Args:
        cost: US$ per call, (n, M).
        accuracy: In [0, 1], (n, M).
        shares: Of the way from the cheapest to the dearest, each in [0, 1].

    Returns:
        One plan (n,) per share.

    Examples:
        >>> [x.tolist() for x in plans_within(np.array([[1.0, 3.0]] * 2), np.array([[0.5, 0.6], [0.5, 0.9]]), [0, 0.5])]
        [[0, 0], [0, 1]]
    """
    front = SupportedFront(cost, accuracy)
    low, high = float(front.F[0, 0]), float(cost.sum(axis=0).max())
    return [front.assignment(front.within_budget(low + (high - low) * share)) for share in shares]


def group_weights(groups: NDArray[np.intp], /) -> Floats:
    """Weigh rows so that a query that is repeated n times counts as sqrt(n).

    Args:
        groups: 0 ... G - 1, (n,).

    Returns:
        Weights, (n,).

    Examples:
        >>> group_weights(np.array([0, 1, 1, 1, 1]))
        array([1. , 0.5, 0.5, 0.5, 0.5])
    """
    return np.asarray(1 / np.sqrt(np.bincount(groups)[groups]))


def with_predictions(held: HeldOut) -> tuple[HeldOut, NDArray[np.bool_]]:
    """Leave out rows never held out; return which stay."""
    rows = np.asarray(~np.isnan(held.prediction).any(axis=1))
    return HeldOut(held.prediction[rows], held.centre[rows], held.labels[rows], held.groups[rows]), rows


def _posterior(weight: float, error: float, mean: float, deviation: float) -> float:
    """Mean of a normal posterior; an estimate without error stands."""
    return weight if error == 0 else (weight * deviation**2 + mean * error**2) / (deviation**2 + error**2)
