"""Plans as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optllm_pymoo.decision.moves import Moves

if TYPE_CHECKING:
    from optllm_pymoo.decision.plan import Plan

PREDICTED = "predicted:"
"""Prefix of the columns that hold the expected accuracy of each LLM."""


def plan_frame(plan: Plan, /, *, predictions: bool = False) -> pd.DataFrame:
    """Tabulate a plan, a row per query; see `Plan.to_frame`.

    Args:
        plan: The plan.
        predictions: Whether to append the expected accuracy of every LLM.
    """
    problem = plan.problem
    columns: dict[str, Any] = {
        "query_id": list(problem.query_ids),
        "llm": plan.llm_names,
        "cost_usd": plan.chosen_cost,
        "accuracy": plan.chosen_accuracy,
    }
    if plan.chosen_sigma is not None:
        columns["sigma"] = plan.chosen_sigma
    if plan.n_labelled is not None:
        columns["n_labelled"] = plan.n_labelled
    for name, moves in (("upgrade", plan.upgrades), ("downgrade", plan.downgrades)):
        columns.update(_move_columns(name, moves, problem.llms))
    if predictions:
        columns.update((f"{PREDICTED}{llm}", problem.accuracy[:, j]) for j, llm in enumerate(problem.llms))
    return pd.DataFrame(columns)


def mix_frame(plan: Plan, /) -> pd.DataFrame:
    """Tabulate how many queries each LLM gets; see `Plan.mix`.

    Args:
        plan: The plan.
    """
    n_llms = plan.problem.n_llms
    queries = np.bincount(plan.x, minlength=n_llms)
    cost, correct = (
        np.bincount(plan.x, weights=values, minlength=n_llms) for values in (plan.chosen_cost, plan.chosen_accuracy)
    )
    with np.errstate(invalid="ignore"):
        accuracy = correct / queries
    return pd.DataFrame(
        {"queries": queries, "share": queries / len(plan.x), "cost_usd": cost, "accuracy": accuracy},
        index=pd.Index(list(plan.problem.llms), name="llm"),
    )


def _move_columns(name: str, moves: Moves, llms: tuple[str, ...]) -> dict[str, Any]:
    return {
        f"{name}_to": [None if j < 0 else llms[j] for j in moves.llm.tolist()],
        f"{name}_usd": moves.delta_cost,
        f"{name}_accuracy": moves.delta_accuracy,
        f"{name}_usd_per_correct": moves.usd_per_correct,
    }
