"""A plan explained in a few lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optllm_pymoo.decision.amounts import usd
from optllm_pymoo.decision.interval import CORRELATION

if TYPE_CHECKING:
    from optllm_pymoo.decision.plan import Plan

ROUNDING = 1e-10
"""Relative US$ that a bound may lie below a plan by rounding alone."""


def summarise(plan: Plan, /) -> str:
    """Explain a plan: cost, expected against promised accuracy, certificate, the next dollar, and the mix of LLMs.

    Args:
        plan: The plan.

    Returns:
        Lines of plain text, without a line break at the end.
    """
    low, high = plan.interval()
    because = "" if plan.sigma is not None or plan.n_labelled else ", by chance alone"
    n = len(plan.x)
    aside = " (limits left aside)" if plan.problem.has_limits else ""
    lines = [
        f"Queries            {n:,} on {int((plan.mix()['queries'] > 0).sum())} of {plan.problem.n_llms} LLMs",
        f"Cost               {usd(plan.cost_usd)} US$" + _budget(plan),
        f"Expected accuracy  {plan.accuracy:.2%}, 95 % interval {low:.2%} to {high:.2%}{because}",
        *_promise(plan),
        *([] if plan.latency_seconds is None else [f"Mean latency       {plan.latency_seconds:.4g} s per call"]),
        f"Certificate        {certificate(plan)} (by the expected accuracies)",
        f"One more correct   {next_step(plan)}{aside}",
        f"One fewer correct  {last_step(plan)}{aside}",
    ]
    return "\n".join([*lines, "", mix_table(plan)])


def certificate(plan: Plan, /) -> str:
    """Say how far the plan can be from the best possible one.

    Args:
        plan: The plan.
    """
    where = "at this cost" if plan.budget_usd is None else f"for {usd(plan.budget_usd)} US$"
    if plan.target is not None:
        expected = plan.target if plan.promise is None else plan.accuracy
        if plan.gap_usd <= ROUNDING * plan.cost_usd:
            return f"no plan that expects {expected:.2%} is cheaper"
        return f"no plan that expects {expected:.2%} is cheaper by more than {usd(plan.gap_usd)} US$"
    if plan.gap < 1e-12:
        return f"no plan {where} has a higher expected accuracy"
    return f"no plan {where} is better by more than {usd(plan.gap * len(plan.x))} expected correct answers"


def next_step(plan: Plan, /) -> str:
    """Say what the next expected correct answer costs.

    Args:
        plan: The plan.
    """
    price = plan.usd_per_correct
    if math.isnan(price):
        return "not to be had: no query has a more accurate LLM"
    if price <= 0:
        return "for nothing: a query can move to an LLM that is more accurate and no dearer"
    return f"costs {usd(price)} US$ at the next upgrade"


def last_step(plan: Plan, /) -> str:
    """Say what giving up an expected correct answer saves.

    Args:
        plan: The plan.
    """
    price = plan.saved_usd_per_correct
    if math.isnan(price):
        return "saves nothing: every query is at its cheapest LLM"
    if math.isinf(price):
        return "not needed to save: a query can move to a cheaper LLM that is as accurate"
    return f"saves {usd(price)} US$ at the next downgrade"


def mix_table(plan: Plan, /) -> str:
    """Tabulate the LLMs in use, the busiest first.

    Args:
        plan: The plan.
    """
    mix = plan.mix()
    used = mix[mix["queries"] > 0].sort_values("queries", ascending=False, kind="stable")
    width = max(3, *(len(name) for name in used.index))
    rows = [f"{'LLM':<{width}}  {'queries':>9}  {'share':>6}  {'US$':>10}  {'expected':>8}"]
    for name, queries, share, cost, accuracy in used.itertuples():
        rows.append(f"{name:<{width}}  {queries:>9,}  {share:>6.1%}  {usd(cost):>10}  {accuracy:>8.2%}")
    return "\n".join(rows)


def _promise(plan: Plan) -> list[str]:
    if plan.promise is None and plan.sigma is None:
        return []
    probability = 0.95 if plan.promise is None else plan.promise
    errors = f", errors correlated by {CORRELATION:g}" if plan.sigma is not None else ", chance alone"
    if plan.sigma is None and plan.n_labelled:
        errors = ""
    lines = [f"Promised accuracy  {plan.promised_accuracy(probability):.2%} with {probability:.6g} probability{errors}"]
    if plan.sigma is not None:
        alone, together = (plan.promised_accuracy(probability, correlation=rho) for rho in (0.0, 1.0))
        lines.append(
            f"                   {alone:.2%} if errors are independent, {together:.2%} if one shift is common to all"
        )
    return lines


def _budget(plan: Plan) -> str:
    return "" if plan.budget_usd is None else f" of {usd(plan.budget_usd)} US$"
