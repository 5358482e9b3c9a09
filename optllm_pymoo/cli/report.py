"""What is printed: text for people, one JSON object for machines."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from optllm_pymoo.decision import Plan, PlanEvaluation
from optllm_pymoo.decision.amounts import usd
from optllm_pymoo.pipeline import Front
from optllm_pymoo.prediction import RealisedQuality

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
        "usd_per_next_correct": plan.usd_per_correct,
        "usd_saved_per_lost_correct": plan.saved_usd_per_correct,
        "mix": {llm: int(queries) for llm, queries in mix["queries"].items()},
    }


def front_facts(front: Front, /) -> dict[str, Any]:
    """Collect what there is to know about a front.

    Args:
        front: The front.
    """
    F = front.found.F.reshape(-1, 2)
    return {
        "algorithm": front.algorithm,
        "n_labelled": front.n_labelled,
        "n_plans": len(F),
        "cheapest": {"cost_usd": F[:, 0].min(), "expected_accuracy": -F[:, 1].max()},
        "most_accurate": {"cost_usd": F[:, 0].max(), "expected_accuracy": -F[:, 1].min()},
    }


def front_text(front: Front, /) -> str:
    """Describe a front in two lines.

    Args:
        front: The front.
    """
    facts = front_facts(front)
    ends = [f"{usd(end['cost_usd'])} US$ ({end['expected_accuracy']:.2%})" for end in
            (facts["cheapest"], facts["most_accurate"])]  # fmt: skip
    known = "all outcomes known" if front.sigma is None else f"learnt from {front.n_labelled:,} labelled queries"
    return (
        f"Front              {facts['n_plans']:,} plans from {ends[0]} to {ends[1]}, {front.algorithm}\n"
        f"Accuracies         {known}"
    )


def evaluation_facts(found: PlanEvaluation, /) -> dict[str, Any]:
    """Collect the outcome of an evaluation.

    Args:
        found: The evaluation.
    """
    reaches_best = None if found.best_llm is None else found.reaches_best
    return {**found._asdict(), "saving": found.saving, "reaches_best": reaches_best}


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
        lines.append(f"Saving             {_saving(found)}")
    if whole is not None:
        lines.append(f"Exact front        {_whole(whole)}")
    return "\n".join(lines)


def _saving(found: PlanEvaluation) -> str:
    difference = found.accuracy - found.best_accuracy
    than = f"{100 * abs(difference):.2f} points {'more' if difference >= 0 else 'less'} accurate"
    if math.isnan(found.saving):
        return f"none: that LLM is free; the plan is {than}"
    if found.saving < 0:
        return f"none: the plan is {-found.saving:.1%} dearer than that LLM, and {than}"
    return f"{found.saving:.1%} of its cost; the plan is {than}"


def _whole(found: RealisedQuality) -> str:
    if math.isnan(found.saving):
        reached = f"no plan is truly as accurate as {found.best_accuracy:.2%}"
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
