"""Whole plans that meet limits, made from prices."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.limits import Coefficients, price_queries
from optllm_pymoo.kernels.moves import fill, mend
from optllm_pymoo.limits.linear import LinearLimits

MAX_ROUNDS = 200


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
) -> np.ndarray | None:
    """Make a plan meet the limits, and use up what is left of them.

    Args:
        limits: Tables and limits.
        x: (N,) LLM per query; not changed.
        per_accuracy: Weight of summed accuracy in the priced loss of a move.
        per_usd: Weight of US$ there.
        prices: (K,) prices of the limits.
        goal: Weights of summed accuracy and US$ that what is left is to be used for; None: as the two above.

    Returns:
        (N,) a plan that meets all limits, or None if single moves don't lead to one.
    """
    x = x.copy()
    left = limits.limit - limits.uses(x[None])[0]
    worth = limits.coefficients(per_accuracy, per_usd, prices)
    given = (*limits.cells, limits.kind, limits.members, limits.of_group, *worth)
    if not mend(*given, limits.scale, limits.tolerance / 4, left, x, MAX_ROUNDS):
        return None
    left = limits.limit - limits.uses(x[None])[0]
    fill(*given, *(goal or (per_accuracy, per_usd)), limits.tolerance / 4, left, x, MAX_ROUNDS)
    return x if limits.are_met(x[None])[0] else None
