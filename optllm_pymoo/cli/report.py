"""What is printed: text for people, one JSON object for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optllm_pymoo.decision import Plan, PlanEvaluation
from optllm_pymoo.decision.amounts import labelled_queries, rounded_up, usd
from optllm_pymoo.measures import RealisedQuality
from optllm_pymoo.planning import Front

INSTEAD = {
    True: "in place of exact: no exact front is known with quotas or floors",
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
    why = f" ({INSTEAD[front.problem.has_limits]})" if front.algorithm != front.asked_for else ""
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
