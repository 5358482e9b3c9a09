"""What the command prints: text for people, one JSON object for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optllm_pymoo.decision import Choice, Plan, PlanEvaluation
from optllm_pymoo.decision.amounts import labelled_queries, rounded_up, usd
from optllm_pymoo.measures import RealisedQuality
from optllm_pymoo.planning import Front
from optllm_pymoo.planning.limit_costs import LimitCost, LimitCosts

INSTEAD = {
    True: "in place of exact: no exact front is known where quotas or floors bind",
    False: "in place of exact: with latency plans are searched on three objectives",
}
NOT_COMPARED = (
    "Not compared       with single LLMs and the whole front:"
    " that needs the outcomes of all LLMs, not of the chosen alone"
)


def as_json(content: dict[str, Any], /) -> str:
    """Write one JSON object; numbers that aren't finite become null.

    Args:
        content: May hold numpy numbers, paths and nested dicts and lists.

    Example:
        >>> print(as_json({"saving": float("nan"), "file": Path("plan.csv")}))
        {
         "saving": null,
         "file": "plan.csv"
        }
    """
    return json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)


def plan_facts(plan: Plan, /) -> dict[str, Any]:
    """Collect what there is to know about a plan.

    Args:
        plan: The plan.
    """
    low, high = plan.interval()
    mix = plan.mix()
    return {
        "n_queries": len(plan.x),
        "cost_usd": plan.cost_usd,
        "budget_usd": plan.budget_usd,
        "expected_accuracy": plan.accuracy,
        "target_accuracy": plan.target,
        "interval_95": [low, high],
        "accuracy_bound": plan.bound,
        "gap": plan.gap,
        "gap_usd": plan.gap_usd,
        **promise_facts(plan),
        "usd_per_next_correct": plan.usd_per_correct,
        "usd_saved_per_lost_correct": plan.saved_usd_per_correct,
        "mix": {llm: int(queries) for llm, queries in mix["queries"].items()},
    }


def promise_facts(plan: Plan, /) -> dict[str, Any]:
    """Collect promised accuracy and latency of a plan, where it has them.

    Args:
        plan: The plan.
    """
    facts: dict[str, Any] = {}
    if plan.promise is not None:
        facts |= {"promise": plan.promise, "promised_accuracy": plan.promised_accuracy(plan.promise)}
    return facts if plan.latency_seconds is None else {**facts, "latency_seconds": plan.latency_seconds}


def front_facts(front: Front, /) -> dict[str, Any]:
    """Collect what there is to know about a front.

    Args:
        front: The front.
    """
    F = np.atleast_2d(front.found.F)
    cheapest, best = F[np.lexsort((F[:, 1], F[:, 0]))[0]], F[np.lexsort((F[:, 0], F[:, 1]))[0]]
    facts: dict[str, Any] = {
        "algorithm": front.algorithm,
        "n_labelled": front.n_labelled,
        "n_plans": len(F),
        "cheapest": {"cost_usd": cheapest[0], "expected_accuracy": -cheapest[1]},
        "most_accurate": {"cost_usd": best[0], "expected_accuracy": -best[1]},
    }
    if front.problem.latency is not None:
        fastest = F[np.argmin(F[:, 2])]
        at = {"cost_usd": fastest[0], "expected_accuracy": -fastest[1]}
        facts["fastest"] = {**at, "latency_seconds": fastest[2]}
    return facts


def front_text(front: Front, /) -> str:
    """Describe a front in two lines.

    Args:
        front: The front.
    """
    facts = front_facts(front)
    ends = [f"{rounded_up(end['cost_usd'])} US$ ({end['expected_accuracy']:.2%})" for end in
            (facts["cheapest"], facts["most_accurate"])]  # fmt: skip
    why = f" ({INSTEAD[front.problem.limits_bind]})" if front.algorithm != front.asked_for else ""
    known = "all outcomes known" if front.sigma is None else f"learnt from {labelled_queries(front.n_labelled)}"
    return (
        f"Front              {facts['n_plans']:,} plans from {ends[0]} to {ends[1]}, {front.algorithm}{why}\n"
        f"Accuracies         {known}"
    )


def evaluation_facts(found: PlanEvaluation, /) -> dict[str, Any]:
    """Collect the outcome of an evaluation.

    Args:
        found: The evaluation.
    """
    reaches_best = None if found.best_llm is None else found.reaches_best
    return {**found._asdict(), "saving": found.saving, "reaches_best": reaches_best}


def realised_facts(found: RealisedQuality, llms: Sequence[str], /) -> dict[str, Any]:
    """Collect what the whole front is worth, under the names of `evaluation_facts`.

    Args:
        found: What it is worth.
        llms: M names.
    """
    return {**found._asdict(), "best_llm": llms[found.best_llm]}


def evaluation_text(
    found: PlanEvaluation, interval: tuple[float, float], whole: RealisedQuality | None = None, /
) -> str:
    """Compare what a plan promised with what came true.

    Args:
        found: The evaluation.
        interval: The 95 % interval that the plan gave.
        whole: What the whole front is worth, if known.
    """
    low, high = interval
    verdict = "inside" if low <= found.accuracy <= high else "outside"
    lines = [
        f"Queries            {found.n_queries:,} with known outcomes",
        f"Cost               {usd(found.cost_usd)} US$",
        f"Expected accuracy  {found.expected_accuracy:.2%}, 95 % interval {low:.2%} to {high:.2%}",
        f"True accuracy      {found.accuracy:.2%}, {verdict} the interval",
    ]
    if found.best_llm is None:
        lines.append(NOT_COMPARED)
    else:
        lines.append(
            f"Best single LLM    {found.best_llm}: {found.best_accuracy:.2%} for {usd(found.best_cost_usd)} US$"
        )
        lines.append(f"Saving             {saving_text(found)}")
    if whole is not None:
        lines.append(f"Exact front        {_whole(whole)}")
    return "\n".join(lines)


def saving_text(found: PlanEvaluation, /) -> str:
    """Compare cost and accuracy of a plan with those of the best single LLM.

    Args:
        found: The evaluation.
    """
    difference = found.accuracy - found.best_accuracy
    than = f"{100 * abs(difference):.2f} points {'more' if difference >= 0 else 'less'} accurate"
    if math.isnan(found.saving):
        return f"none: that LLM is free; the plan is {than}"
    if found.saving < 0:
        return f"none: the plan is {-found.saving:.1%} dearer than that LLM, and {than}"
    return f"{found.saving:.1%} of its cost; the plan is {than}"


def _whole(found: RealisedQuality) -> str:
    if math.isnan(found.saving):
        reached = f"none of its plans is truly as accurate as {found.best_accuracy:.2%}"
    elif found.saving < 0:
        reached = f"{found.best_accuracy:.2%} is reached for {-found.saving:.1%} more than that LLM costs"
    else:
        reached = f"{found.best_accuracy:.2%} is reached for {found.saving:.1%} less than that LLM costs"
    return f"{reached}; highest true accuracy {found.highest_accuracy:.2%}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plan_text(plan: Plan, choice: Choice | None = None, /) -> str:
    """Explain a chosen plan: which choice was made, the plan beside the best single LLM, its summary.

    Args:
        plan: The plan, from a choice of the command line.
        choice: The choice, for what the plan itself doesn't know: a largest latency.
    """
    return f"Choice             {choice_text(plan, choice)}\n{single_text(plan)}\n\n{plan.summary()}"


def choice_text(plan: Plan, choice: Choice | None = None, /) -> str:
    """Say by what a plan was chosen.

    Args:
        plan: The plan, chosen by a budget, a target or the knee.
        choice: The choice.
    """
    seconds = None if choice is None else choice.max_latency_seconds
    kept = " that meets the limits" if plan.problem.has_limits else ""
    kept = kept if seconds is None else f" with a mean latency of at most {seconds:g} s"
    surely = "" if plan.promise is None else f" with {plan.promise:.6g} probability"
    if plan.budget_usd is not None and plan.promise is not None:
        return f"the plan within {usd(plan.budget_usd)} US$ that promises most{surely}{kept and ','}{kept}"
    if plan.budget_usd is not None:
        return f"the most accurate plan within {usd(plan.budget_usd)} US${kept}"
    if plan.target is not None:
        verb = "expects" if plan.promise is None else "promises"
        return f"the cheapest plan that {verb} an accuracy of {plan.target:g}{surely}{kept.replace(' that', ' and')}"
    two = "" if plan.problem.latency is None else " of cost and accuracy, whatever the latency"
    return f"the knee of the front{two}, from where accuracy costs more than on average"


def single_facts(plan: Plan, /) -> dict[str, Any] | None:
    """Collect what the best single LLM by expected accuracy would do on the queries of a plan.

    Args:
        plan: The plan.

    Returns:
        None if no LLM is allowed for all queries.
    """
    found = _expected(plan)
    if found.best_llm is None:
        return None
    facts = {"llm": found.best_llm, "cost_usd": found.best_cost_usd, "expected_accuracy": found.best_accuracy}
    if plan.problem.has_limits:
        facts["meets_limits"] = not plan.problem.exceeded_limits(plan.problem.single_llm(found.best_llm))
    return {**facts, "saving": found.saving}


def single_text(plan: Plan, /) -> str:
    """Compare a plan with the best single LLM by expected accuracy.

    Args:
        plan: The plan.
    """
    found = _expected(plan)
    if found.best_llm is None:
        return "Best single LLM    none is allowed for all queries"
    exceeds = plan.problem.exceeded_limits(plan.problem.single_llm(found.best_llm))
    refused = f", but exceeds {' and '.join(exceeds)}" if exceeds else ""
    return (
        f"Best single LLM    {found.best_llm}: {found.best_accuracy:.2%} expected for {usd(found.best_cost_usd)} US$"
        f"{refused}\n"
        f"Saving             {saving_text(found)}, as expected"
    )


def _expected(plan: Plan) -> PlanEvaluation:
    """Value a plan as if all expectations came true."""
    return plan.evaluate(plan.problem.accuracy)


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
