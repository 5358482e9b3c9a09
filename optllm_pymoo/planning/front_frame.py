"""Fronts as tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.problems import AllocationProblem


def front_frame(problem: AllocationProblem, found: Any, /) -> pd.DataFrame:
    """Tabulate a front, a row per plan, cheapest first.

    The exact front is told step by step: each row but the first moves one query of the plan above it.

    Args:
        problem: The batch.
        found: Its `SupportedFront`, or pymoo's result.

    Returns:
        Columns ``cost_usd`` and expected ``accuracy``. Of an exact front also ``query_id``, ``from_llm``, ``to_llm``
        (missing in the first row) and ``usd_per_correct``, the price of that step per expected correct answer; of
        other fronts ``gap``, the mean accuracy that the bound at that cost lies above the plan, and ``latency_seconds``
        (mean per call) if the problem has a latency; the bound is of any latency.
    """
    if isinstance(found, SupportedFront):
        return _steps_frame(problem, found)
    F = np.atleast_2d(found.F)
    F = F[np.lexsort((F[:, 1], F[:, 0]))]
    front = problem.bounding_front
    gap = np.maximum(front.bound(np.maximum(F[:, 0], front.F[0, 0])) + F[:, 1], 0)
    latency = {"latency_seconds": F[:, 2]} if F.shape[1] == 3 else {}
    return pd.DataFrame({"cost_usd": F[:, 0], "accuracy": -F[:, 1], **latency, "gap": gap})


def _steps_frame(problem: AllocationProblem, front: SupportedFront) -> pd.DataFrame:
    steps = front.steps
    names = np.array([*problem.llms], dtype=object)
    ids = np.array([*problem.query_ids], dtype=object)
    columns: dict[str, Any] = {"cost_usd": front.F[:, 0], "accuracy": -front.F[:, 1]}
    moves = {"query_id": ids[steps.query], "from_llm": names[steps.from_llm], "to_llm": names[steps.to_llm]}
    columns.update((name, np.concatenate([[None], values])) for name, values in moves.items())
    columns["usd_per_correct"] = np.concatenate([[np.nan], steps.delta_cost / steps.delta_accuracy])
    return pd.DataFrame(columns)
