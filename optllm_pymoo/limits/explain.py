"""What each limit costs at a budget."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.rules import CALLS, FLOOR, TOKENS, USD
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.limits.relaxation import relax
from optllm_pymoo.validation import UserError

NEGLIGIBLE = 1e-9
UNIT = {CALLS: "call", USD: "US$", TOKENS: "token"}


class LimitPrice(NamedTuple):
    """What one limit costs."""

    name: str
    """The limit in words."""
    use: float
    """What the plan uses, in the limit's unit; the mean accuracy of the group for a floor."""
    limit: float
    """The limit, likewise."""
    correct_per_unit: float
    """Expected correct answers that one more unit is worth (one call, US$ or token; one point of a floor's sum)."""
    usd_per_unit: float
    """US$ of budget that are worth as much, NaN without a budget that binds."""
    accuracy_lost: float
    """Mean accuracy that the same budget could buy beyond this without the limit, by the LP bounds."""
    sentence: str
    """All that in words."""


def explain_limits(limits: LinearLimits, x: np.ndarray, budget_usd: float, /) -> tuple[LimitPrice, ...]:
    """Price every limit at a budget: duals of the linear relaxation, and what dropping the limit would gain.

    Args:
        limits: Tables and K limits.
        x: (N,) the plan whose uses are told.
        budget_usd: Total US$ at which to price.

    Returns:
        K prices. K + 1 relaxations are solved.

    Raises:
        ValueError: If the relaxation can't meet limits and budget together.
    """
    bounded = limits.within(budget_usd=budget_usd)
    solved = relax(bounded, 1.0, 0.0)
    if solved.violation > 0.0:
        raise UserError(f"no plan within the limits costs {budget_usd:.6g} US$ or less")
    uses = limits.uses(x[None])[0]
    per_usd = float(solved.prices[-1])
    prices = []
    for k in range(len(limits)):
        without = bounded.only([other for other in range(len(bounded)) if other != k])
        start = np.delete(solved.prices, k)
        lost = max(0.0, relax(without, 1.0, 0.0, start=start).bound - solved.bound) / limits.n_queries
        prices.append(_price(limits, k, float(uses[k]), float(solved.prices[k]), per_usd, lost))
    return tuple(prices)


def _price(limits: LinearLimits, k: int, use: float, price: float, per_usd: float, lost: float) -> LimitPrice:
    is_floor = limits.kind[k] >= FLOOR
    size = float(limits.scale[k])
    use, limit = (-use / size, -limits.limit[k] / size) if is_floor else (use, float(limits.limit[k]))
    usd = price / per_usd if per_usd > 0 else float("nan")
    used = f"group at {use:.4f}" if is_floor else f"{use:,.6g} used"
    if price <= NEGLIGIBLE and lost <= NEGLIGIBLE:
        worth = "it costs nothing here"
    else:
        unit = "point less of its sum" if is_floor else f"{UNIT[limits.kind[k]]} more"
        dollars = "" if np.isnan(usd) else f" ({usd:.3g} US$)"
        worth = (
            f"one {unit} is worth {price:.3g} expected correct answers{dollars};"
            f" without it the same budget buys {lost:.3%} more accuracy, {lost * limits.n_queries:.3g} correct answers"
        )
    return LimitPrice(limits.names[k], use, limit, price, usd, lost, f"{limits.names[k]}: {used}; {worth}")
