"""The winner's curse: by how much plans expect too much."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optllm_pymoo.prediction.averages import Floats, laplace_means
from optllm_pymoo.prediction.shrinkage import (
    HeldOut,
    Shrinkage,
    group_weights,
    plans_within,
    probabilities,
    with_predictions,
)

_SHARES: Final = (0.01, 0.05, 0.25, 0.5, 1.0)  # of the budget range; most choices are made at small budgets
_DRAWS: Final = 30  # bootstraps of the labels
_DEVIATION: Final = 0.02  # how far the excess may be from what bootstraps say, before the held-out queries are heard


class Optimism(NamedTuple):
    """How much more plans expect than comes true, along the budget range.

    A plan takes the LLMs with the highest predictions, and these are the highest in part since they are too high.

    Attributes:
        shares: Budgets, as shares of the way from the cheapest plan to the dearest single LLM, rising, (k,).
        excess: Expected less true mean accuracy of the plans there, >= 0, (k,).
        error: Standard error of it, (k,).
    """

    shares: Floats
    excess: Floats
    error: Floats

    def at(self, share: float, /) -> tuple[float, float]:
        """Return excess and standard error at a budget, by straight lines between those known.

        Args:
            share: Of the budget range.

        Examples:
            >>> Optimism(np.array([0.0, 1.0]), np.array([0.0, 0.04]), np.array([0.01, 0.03])).at(0.25)
            (0.01, 0.015)
        """
        excess, error = (float(np.interp(share, self.shares, values)) for values in (self.excess, self.error))
        return excess, error


def fit_optimism(held: HeldOut, shrinkage: Shrinkage, cost: Floats, random: np.random.RandomState, /) -> Optimism:
    """Measure the excess on labelled queries.

    Two sources are joined, as mean and observation of a normal variable. That the best of many averages is too high
    shows when labels are drawn again (bootstrap of groups): plans on the averages of the draw, valued on those of all
    labels. That deviations are too high shows on held-out predictions: plans made from them, valued on the labels,
    beside the mean over all LLMs, which nobody chose; with errors clustered by query.

    Args:
        held: Held-out predictions; rows without one are left out.
        shrinkage: Weights of the deviations.
        cost: US$ per call of these queries, (n, M).
        random: Where the draws come from.

    Returns:
        The excess. It is 0 where the two sources together say that plans expect too little.
    """
    held, rows = with_predictions(held)
    cost = cost[rows]
    if not len(cost):
        return Optimism(np.array(_SHARES), np.zeros(len(_SHARES)), np.full(len(_SHARES), _DEVIATION))
    deviation = shrinkage.apply(held.prediction - held.centre)
    drawn = _drawn_excess(held, deviation, cost, random)
    seen, error = _seen_excess(held, probabilities(held.centre + deviation), cost)
    trust = _DEVIATION**2 / (_DEVIATION**2 + error**2)
    excess = np.maximum(drawn + trust * (seen - drawn), 0.0)
    return Optimism(np.array(_SHARES), excess, _DEVIATION * np.sqrt(1 - trust))


def _drawn_excess(held: HeldOut, deviation: Floats, cost: Floats, random: np.random.RandomState) -> Floats:
    """Mean of what plans expect of the averages of drawn labels, less what all labels say, (k,)."""
    known = ~np.isnan(held.labels)
    labels, means = np.where(known, held.labels, 0.0), laplace_means(held.labels)
    n_groups = int(held.groups.max()) + 1
    found = []
    for _ in range(_DRAWS):
        times = np.bincount(random.randint(n_groups, size=n_groups), minlength=n_groups)[held.groups]
        drawn = (times @ labels + 1) / (times @ known + 2)
        plans = plans_within(cost, probabilities(drawn + deviation), _SHARES)
        found.append([(drawn - means)[x].mean() for x in plans])
    return np.asarray(np.mean(found, axis=0))


def _seen_excess(held: HeldOut, expected: Floats, cost: Floats) -> tuple[Floats, Floats]:
    """Mean of what plans on held-out predictions expect, less their labels, and its standard error, (k,) each."""
    found = [_mean_error(held, expected, x) for x in plans_within(cost, expected, _SHARES)]
    return np.array([mean for mean, _ in found]), np.array([error for _, error in found])


def _mean_error(held: HeldOut, expected: Floats, x: NDArray[np.intp]) -> tuple[float, float]:
    """Mean excess of one plan over its known outcomes, less that of all LLMs; (0, 1) if it has none."""
    excess = expected - held.labels
    unknown = np.isnan(excess)
    usual = np.where(unknown, 0.0, excess).sum(axis=1) / np.maximum((~unknown).sum(axis=1), 1)
    chosen = excess[np.arange(len(x)), x] - usual
    known = ~np.isnan(chosen)
    if not known.any():
        return 0.0, 1.0
    chosen, groups, weight = chosen[known], held.groups[known], group_weights(held.groups)[known]
    mean = float(weight @ chosen / weight.sum())
    scores = np.bincount(groups, weight * (chosen - mean))
    return mean, max(float(np.sqrt(scores @ scores) / weight.sum()), 1e-9)
