"""The linear relaxation with one limit: two supported neighbours, the critical rate, and what is left over."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from optllm_pymoo.exact.front import TOLERANCE, SupportedFront
from optllm_pymoo.kernels.cores import common_denominator

MAX_RATE = 1e300
"""Accuracy per US$ of a step that costs next to nothing, so that products with it stay finite where they matter."""

ROUNDING = 1e-15
"""Accuracy per query by which sums may be off."""

WHOLE = 1e-6
"""Sums of multiples of 1/q may be so far off a multiple by rounding, in units of 1/q."""


class Relaxation(NamedTuple):
    """Optimum of the linear relaxation with one limit (Sinha and Zoltners 1979; Dyer 1984; Zemel 1984).

    With the critical rate λ, the efficiency of the step in which the limit lies, every query of a neighbour x is at a
    maximiser of accuracy - λ cost. Let loss[i, j] >= 0 be what LLM j falls short of that maximum. For every plan y
    within the limit, the distance from the bound is, in accuracy of one query,

        gap(y) = Σ loss[i, y[i]] + slack(y),

    where slack is λ (budget - cost(y)) under a budget, and Σ accuracy(y) - N target under a target. So an alternative
    whose loss is as large as the gap of a plan in hand is in no better plan, and a plan without gap is optimal.

    Slack and bound are those of the limit with half the tolerance that budgets and targets have (`TOLERANCE`), in
    which any plan within the limit itself is, however its totals are summed; the other half is for plans found here.
    """

    inside: int
    """Point of the front within the limit, next to it."""
    outside: int
    """Point on the other side; equal to ``inside`` if that point is optimal at once."""
    rate: float
    """λ, accuracy of one query per US$; 0 without a critical step."""
    slack: float
    """What point ``inside`` leaves over, accuracy of one query; also its gap."""
    by_cost: bool
    """Whether cost is limited, else accuracy is."""
    bound: float
    """No plan within the limit has a higher mean accuracy, or costs less US$."""
    unit: float
    """Mean accuracy, or US$, per accuracy of one query."""
    enough: float
    """A plan is optimal if its gap is no larger: rounding, or what sums of multiples of 1/q leave over anyway."""
    tolerance: float
    """Gaps that differ by less are equal."""


def relax_budget(front: SupportedFront, limit_usd: float, /) -> Relaxation:
    """Maximise mean accuracy within a budget, queries being divisible.

    Where all accuracies are multiples of 1/q, the bound is rounded down to what N queries can sum to.

    Args:
        front: The exact front.
        limit_usd: Total US$ with the whole tolerance, no less than the cheapest plan's.
    """
    limit_usd *= 1 - TOLERANCE / 2
    F, n_queries = front.F, len(front.cost)
    inside = max(0, int(np.searchsorted(F[:, 0], limit_usd, side="right")) - 1)
    unit, tolerance = 1.0 / n_queries, TOLERANCE * n_queries
    if inside == len(front) - 1:
        return Relaxation(inside, inside, 0.0, 0.0, True, -float(F[inside, 1]), unit, 0.0, tolerance)
    rate = critical_rate(front, inside)
    slack = max(0.0, rate * (limit_usd - float(F[inside, 0])))
    bound, enough = float(front.bound(limit_usd)), tolerance
    if q := common_denominator(front.accuracy):
        rounded = math.floor(bound * n_queries * q + WHOLE) / (n_queries * q)
        enough = (bound - rounded) * n_queries + 0.5 / q
        bound = min(bound, rounded)
    return Relaxation(inside, inside + 1, rate, slack, True, bound, unit, enough, tolerance)


def relax_target(front: SupportedFront, least_accuracy: float, /) -> Relaxation:
    """Minimise total US$ at a mean accuracy, queries being divisible.

    Where all accuracies are multiples of 1/q, the target is rounded up to what N queries can sum to.

    Args:
        front: The exact front.
        least_accuracy: Mean accuracy less the whole tolerance, below the most accurate plan's.
    """
    F, n_queries = front.F, len(front.cost)
    need = least_accuracy + TOLERANCE / 2
    if q := common_denominator(front.accuracy):
        sum_needed = math.ceil(need * n_queries * q - WHOLE) / q
        need = max(need, sum_needed / n_queries - TOLERANCE / 2)
    inside = min(int(np.searchsorted(-F[:, 1], need, side="left")), len(front) - 1)
    if inside == 0:
        return Relaxation(0, 0, 0.0, 0.0, False, float(F[0, 0]), 1.0, 0.0, 0.0)
    rate = critical_rate(front, inside - 1)
    slack = max(0.0, (-float(F[inside, 1]) - need) * n_queries)
    bound = float(np.interp(need, -F[:, 1], F[:, 0]))
    tolerance = max(TOLERANCE * rate * bound, ROUNDING * n_queries)
    return Relaxation(inside, inside - 1, rate, slack, False, bound, 1.0 / rate, tolerance, tolerance)


def critical_rate(front: SupportedFront, k: int, /) -> float:
    """Efficiency of the step from point k to point k + 1 of a front, at most `MAX_RATE`."""
    query, from_llm, to_llm = front.step(k)
    gained, paid = (
        float(table[query, to_llm]) - float(table[query, from_llm]) for table in (front.accuracy, front.cost)
    )
    with np.errstate(over="ignore"):
        return float(min(np.float64(gained) / np.float64(paid), MAX_RATE))
