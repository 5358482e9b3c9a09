"""What each limit costs a plan: shadow prices, and what dropping the limit would gain."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.limits.bound import least_usd
from optllm_pymoo.limits.limit import Kind
from optllm_pymoo.limits.linear import LinearLimits, Weights
from optllm_pymoo.limits.relaxation import relax
from optllm_pymoo.tolerances import PROVEN
from optllm_pymoo.validation import UserError, in_full


class LimitPrice(NamedTuple):
    """What one limit costs a plan; the others stay as they are."""

    name: str
    """The limit in words."""
    whom: str
    """The LLMs, group or table that is limited."""
    kind: Kind
    unit: str
    use: float
    """What the plan uses or reaches, in that unit: a floor's is the mean accuracy of its group."""
    limit: float
    """The limit, likewise."""
    binds: bool
    """Whether it costs anything here."""
    correct_per_unit: float
    """Shadow price: expected correct answers that one unit more (of a floor: one correct answer less) is worth."""
    usd_per_unit: float
    """The same in US$ of budget; NaN where more budget buys nothing."""
    accuracy_lost: float
    """Mean accuracy that the same budget could buy beyond this without the limit, by the LP bounds."""
    usd_lost: float
    """US$ that the same accuracy could cost less without the limit, by the LP bounds."""


def price_limits(limits: LinearLimits, x: np.ndarray, budget_usd: float, accuracy: float, /) -> tuple[LimitPrice, ...]:
    """Price every limit at a budget and an accuracy: duals of the linear relaxation, and what dropping it would gain.

    Args:
        limits: Tables and K limits.
        x: (N,) the plan whose uses are reported.
        budget_usd: Total US$ at which to price.
        accuracy: Mean accuracy at which to price, which some plan within the limits reaches.

    Returns:
        K prices. At most 2 K + 2 relaxations are solved.

    Raises:
        UserError: If the relaxation can't meet limits and budget together.
    """
    bounded = limits.within(budget_usd=budget_usd)
    solved = relax(bounded, Weights(1.0, 0.0))
    if solved.violation > 0.0:
        raise UserError(f"no plan within the limits costs {in_full(budget_usd)} US$ or less")
    uses, per_usd = limits.uses(x[None])[0], float(solved.prices[-1])
    usd = least_usd(limits, accuracy)
    prices = []
    for k, row in enumerate(limits.rows):
        without = relax(bounded.without(k), Weights(1.0, 0.0), start=np.delete(solved.prices, k))
        lost = max(0.0, without.bound - solved.bound) / limits.n_queries
        price = float(solved.prices[k]) * (row.per if row.kind is Kind.ADDITIVE else 1.0)
        binds = price > PROVEN or lost > PROVEN
        prices.append(
            LimitPrice(
                name=row.name,
                whom=row.whom,
                kind=row.kind,
                unit=row.unit,
                use=float(limits.amounts(k, uses[k])),
                limit=float(limits.amounts(k, limits.limit[k])),
                binds=binds,
                correct_per_unit=price,
                usd_per_unit=price / per_usd if per_usd > 0 else float("nan"),
                accuracy_lost=lost,
                usd_lost=max(0.0, usd - least_usd(limits.without(k), accuracy)) if binds else 0.0,
            )
        )
    return tuple(prices)
