"""What limits cost a plan: at its budget in accuracy, at its accuracy in US$."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.decision import Plan
from optllm_pymoo.exact.front import TOLERANCE
from optllm_pymoo.kernels.rules import CALLS, FLOOR, TOKENS, USD
from optllm_pymoo.limits import LinearLimits, explain_limits, relax

NEGLIGIBLE = 1e-9
UNITS = {CALLS: "calls", USD: "US$", TOKENS: "s", FLOOR: "accuracy"}


class LimitCost(NamedTuple):
    """What one limit costs a plan."""

    name: str
    """The limit in words."""
    whom: str
    """The LLM, provider or group that is limited."""
    unit: str
    """"calls", "US$", "s" (mean seconds per call) or "accuracy" (mean of a group)."""
    use: float
    """What the plan uses or reaches, in that unit."""
    limit: float
    """The limit, likewise."""
    binds: bool
    """Whether it costs anything here."""
    correct_per_unit: float
    """Shadow price: expected correct answers that one unit more (of a floor: one less correct answer) is worth."""
    usd_per_unit: float
    """The same in US$ of budget; NaN where more budget buys nothing."""
    accuracy_lost: float
    """Mean accuracy that the same budget could buy beyond this without the limit, by the LP bounds."""
    usd_lost: float
    """US$ that the same accuracy could cost less without the limit, by the LP bounds."""


class LimitCosts(NamedTuple):
    """What all limits of a plan cost, and how good the plan is within them."""

    limits: tuple[LimitCost, ...]
    """One by one: the others stay when one is dropped."""
    accuracy_lost: float
    """As in `LimitCost`, all of them dropped."""
    usd_lost: float
    """Likewise."""
    accuracy_bound: float
    """No plan within the limits and the plan's budget (or its cost) has a higher expected accuracy."""
    usd_bound: float
    """No plan within the limits that expects the plan's target (or its accuracy) costs less."""


def limit_costs(limits: LinearLimits, plan: Plan, /) -> LimitCosts:
    """Price the limits of a plan by the linear relaxation.

    Args:
        limits: What it keeps to, see `limits_of`.
        plan: The plan.

    Returns:
        Costs of K limits; at most 2 K + 7 relaxations are solved.
    """
    budget = (plan.cost_usd if plan.budget_usd is None else max(plan.budget_usd, plan.cost_usd)) * (1 + TOLERANCE)
    accuracy = plan.accuracy - TOLERANCE
    usd_bound, accuracy_bound = _least_usd(limits, accuracy), _most_accuracy(limits, budget)
    found = []
    for k, price in enumerate(explain_limits(limits, plan.x, budget)):
        kind = int(limits.kind[k])
        per = plan.problem.n_queries if kind == TOKENS else 1
        binds = price.correct_per_unit > NEGLIGIBLE or price.accuracy_lost > NEGLIGIBLE
        others = limits.only([other for other in range(len(limits)) if other != k])
        saved = usd_bound - _least_usd(others, accuracy) if binds else 0.0
        found.append(
            LimitCost(
                name=limits.names[k],
                whom=limits.whom[k],
                unit=UNITS[kind],
                use=price.use / per,
                limit=price.limit / per,
                binds=binds,
                correct_per_unit=price.correct_per_unit * per,
                usd_per_unit=price.usd_per_unit * per,
                accuracy_lost=price.accuracy_lost,
                usd_lost=max(0.0, saved),
            )
        )
    plain = limits.only(np.zeros(0, dtype=int))
    return LimitCosts(
        tuple(found),
        accuracy_lost=max(0.0, _most_accuracy(plain, budget) - accuracy_bound),
        usd_lost=max(0.0, usd_bound - _least_usd(plain, accuracy)),
        accuracy_bound=max(accuracy_bound, plan.accuracy),
        usd_bound=min(
            plan.cost_usd, usd_bound if plan.target is None else _least_usd(limits, min(plan.target, accuracy))
        ),
    )


def _least_usd(limits: LinearLimits, accuracy: float) -> float:
    return -relax(limits.within(min_accuracy=accuracy), 0.0, 1.0).bound


def _most_accuracy(limits: LinearLimits, budget_usd: float) -> float:
    return relax(limits.within(budget_usd=budget_usd), 1.0, 0.0).bound / limits.n_queries
