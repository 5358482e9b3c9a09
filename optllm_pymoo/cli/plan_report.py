"""What is printed of a plan beside its own summary: why this one, and what a single LLM would do."""

from __future__ import annotations

from typing import Any

from optllm_pymoo.cli.report import saving_text
from optllm_pymoo.decision import Choice, Plan, PlanEvaluation
from optllm_pymoo.decision.amounts import usd


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
