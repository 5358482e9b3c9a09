"""What is printed of limits: what each one costs, in sentences and as numbers."""

from __future__ import annotations

import math
from typing import Any

from optllm_pymoo.decision import Plan
from optllm_pymoo.decision.amounts import usd
from optllm_pymoo.planning.limit_costs import LimitCost, LimitCosts

ONE_MORE = {"calls": "One call more", "US$": "One US$ more for them", "s": "One second more"}
NOTHING = 1e-9
"""Mean accuracy, or US$, that is rounding."""
FEW = 3
"""Floors that cost nothing and are still listed one by one."""


def limit_facts(costs: LimitCosts, /) -> dict[str, Any]:
    """Collect what limits cost.

    Args:
        costs: What they cost.
    """
    together = {"accuracy_lost": costs.accuracy_lost, "usd_lost": costs.usd_lost}
    bounds = {"accuracy_bound": costs.accuracy_bound, "usd_bound": costs.usd_bound}
    return {"limits": [each._asdict() for each in costs.limits], "all_limits": {**together, **bounds}}


def limits_text(costs: LimitCosts, plan: Plan, /) -> str:
    """Explain what limits cost a plan.

    Args:
        costs: What they cost.
        plan: The plan.
    """
    lines = [_heading(plan)]
    slack = [each for each in costs.limits if each.unit == "accuracy" and not each.binds]
    told = [each for each in costs.limits if len(slack) <= FEW or each not in slack]
    lines += [f"- {_sentence(each, plan)}" for each in told]
    if len(slack) > FEW:
        lines.append(f"- Floors of {len(slack)} {'other ' if told else ''}groups: they cost nothing here.")
    if len(costs.limits) > 1:
        together = "they cost nothing here"
        if max(costs.accuracy_lost, costs.usd_lost) > NOTHING:
            together = _lost(costs.accuracy_lost, costs.usd_lost, plan, "without them")
        lines.append(f"- All of them together: {together}.")
    if not plan.problem.has_limits:  # the certificate of the summary knows of no largest latency
        lines.append(f"- {_within_bound(costs, plan)} (by the expected accuracies).")
    return "\n".join(lines)


def _heading(plan: Plan) -> str:
    if plan.target is not None:
        return f"What the limits cost, for an expected accuracy of {plan.accuracy:.2%}"
    return f"What the limits cost, for {usd(plan.cost_usd if plan.budget_usd is None else plan.budget_usd)} US$"


def _sentence(cost: LimitCost, plan: Plan) -> str:
    used = _used(cost)
    if not cost.binds:
        return f"{used}: it costs nothing here."
    worth = f" {_price(cost)}." if cost.correct_per_unit > 0 else ""
    lost = _lost(cost.accuracy_lost, cost.usd_lost, plan, "without it")
    return f"{used}: it binds.{worth} {lost[0].upper()}{lost[1:]}."


def _used(cost: LimitCost) -> str:
    if cost.unit == "accuracy":
        return f"Floor {cost.limit:.6g} of {cost.whom!r}: {cost.use:.6g} expected"
    if cost.unit == "s":
        return f"Mean latency: {cost.use:.6g} of {cost.limit:.6g} s"
    amount = usd if cost.unit == "US$" else "{:,.15g}".format
    return f"Quota of {cost.whom}: {amount(cost.use)} of {amount(cost.limit)} {cost.unit} used"


def _price(cost: LimitCost) -> str:
    answers = f"{cost.correct_per_unit:.3g} expected correct answers"
    dollars = "" if math.isnan(cost.usd_per_unit) else f", as much as {usd(_digits(cost.usd_per_unit))} US$ of budget"
    if cost.unit == "accuracy":
        return f"One correct answer less in that group would be worth {answers} in all{dollars}"
    return f"{ONE_MORE[cost.unit]} would be worth {answers}{dollars}"


def _lost(accuracy: float, dollars: float, plan: Plan, without: str) -> str:
    answers = accuracy * len(plan.x)
    counted = f"{answers:,.0f}" if answers >= 100 else f"{answers:.3g}"
    more = f"the same US$ would buy {100 * accuracy:.3g} points more accuracy ({counted} correct answers)"
    less = f"the same accuracy would cost {usd(_digits(dollars))} US$ less"
    if dollars <= NOTHING:
        return f"{without} {more}"
    return f"{without} {less}, or {more}" if plan.target is not None else f"{without} {more}, or {less}"


def _within_bound(costs: LimitCosts, plan: Plan) -> str:
    if plan.target is not None:
        return f"No plan within the limits is cheaper by more than {usd(plan.cost_usd - costs.usd_bound)} US$"
    missing = (costs.accuracy_bound - plan.accuracy) * len(plan.x)
    return f"No plan within the limits and this budget is better by more than {usd(missing)} expected correct answers"


def _digits(amount: float) -> float:
    return float(f"{amount:.3g}")
