"""Whole plans that meet limits, made from prices."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.limits import price_queries
from optllm_pymoo.kernels.moves import fill, mend
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
    left = limits.limit - limits.uses(x[None])[0]
    worth = limits.coefficients(per_accuracy, per_usd, prices)
    given = (*limits.cells, limits.kind, limits.members, limits.of_group, *worth)
    goal = goal or (per_accuracy, per_usd)
    for _ in range(MAX_PAIRS):
        if mend(*given, limits.scale, limits.tolerance / 4, left, x, MAX_ROUNDS):
            break
        left = limits.limit - limits.uses(x[None])[0]
        if not exchange(limits, x, worth, goal, left, MAX_PAIRS):
            return None
    left = limits.limit - limits.uses(x[None])[0]
    fill(*given, *goal, limits.tolerance / 4, left, x, MAX_FILLS)
    if n_exchanges:
        left = limits.limit - limits.uses(x[None])[0]
        exchange(limits, x, worth, goal, left, n_exchanges)
    return x if limits.are_met(x[None])[0] else None
