"""Whole plans that meet limits, made from prices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optllm_pymoo.kernels.limits import Coefficients, price_queries
from optllm_pymoo.kernels.moves import PricedPlan, fill, mend
from optllm_pymoo.limits.exchange import exchange
from optllm_pymoo.limits.linear import LinearLimits

MAX_ROUNDS = 200
MAX_PAIRS = 50
MAX_FILLS = 6


def priced_plan(limits: LinearLimits, per_accuracy: float, per_usd: float, prices: np.ndarray, /) -> np.ndarray:
    """Send each query where accuracy less priced cost and use of limits is highest, (N,)."""
    return price_queries(limits.cells, limits.coefficients(per_accuracy, per_usd, prices))[0]


def mended(
    limits: LinearLimits,
    x: np.ndarray,
    per_accuracy: float,
    per_usd: float,
    prices: np.ndarray,
    /,
    *,
    goal: tuple[float, float] | None = None,
    n_exchanges: int = 0,
) -> np.ndarray | None:
    """Make a plan meet the limits, and use up what is left of them.

    Args:
        limits: Tables and limits.
        x: (N,) LLM per query; not changed.
        per_accuracy: Weight of summed accuracy in the priced loss of a move.
        per_usd: Weight of US$ there.
        prices: (K,) prices of the limits.
        goal: Weights of summed accuracy and US$ that what is left is to be used for; None: as the two above.
        n_exchanges: Improving exchanges between two queries to look for in the end.

    Returns:
        (N,) a plan that meets all limits, or None if single moves don't lead to one.
    """
    x = x.copy()
    worth = limits.coefficients(per_accuracy, per_usd, prices)
    goal = goal or (per_accuracy, per_usd)
    for _ in range(MAX_PAIRS):
        if mend(_priced(limits, worth, x), MAX_ROUNDS):
            break
        if not exchange(limits, x, worth, goal, MAX_PAIRS):
            return None
    fill(_priced(limits, worth, x), *goal, MAX_FILLS)
    if n_exchanges:
        exchange(limits, x, worth, goal, n_exchanges)
    return x if limits.are_met(x[None])[0] else None


def _priced(limits: LinearLimits, worth: Coefficients, x: np.ndarray) -> PricedPlan:
    return PricedPlan(limits.cells, limits.rules, worth, limits.slack(x), x)


def best_of(limits: LinearLimits, plans: Sequence[np.ndarray], goal: tuple[float, float], /) -> np.ndarray:
    """Return the plan with the highest score; of equals the first.

    Args:
        limits: Tables and limits.
        plans: At least one plan, (N,) each.
        goal: Weights of summed accuracy and US$.
    """
    rows = np.arange(limits.n_queries)
    scores = [
        goal[0] * limits.accuracy[rows, x].sum(dtype=float) - goal[1] * limits.cost[rows, x].sum(dtype=float)
        for x in plans
    ]
    return plans[int(np.argmax(scores))]
