"""A search's plans, with one more or with fewer."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.result import Result
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from optllm_pymoo.decision import Plan


def including(found: Any, plan: Plan, /) -> Result:
    """Add a plan to a search's plans and drop what it dominates.

    Args:
        found: pymoo's result on the plan's problem.
        plan: The plan.

    Returns:
        A result of the same problem, cheapest plan first. The plan is in it even if another one dominates it.
    """
    X = np.concatenate([np.atleast_2d(plan.x), _others(found.X, plan.x)])
    F = np.atleast_2d(plan.problem.evaluate(X, return_values_of=["F"]))
    return _result(found.problem, X, F, _undominated(F) | (np.arange(len(X)) == 0))


def by_cost_and_accuracy(found: Any, plan: Plan | None = None, /) -> Result:
    """Keep the plans that no other plan beats in both cost and accuracy, whatever their latency.

    Args:
        found: pymoo's result with three objectives.
        plan: With it, only plans that are at least as fast count, so that it is one of a curve.
    """
    X, F = np.atleast_2d(found.X), np.atleast_2d(found.F)
    if plan is not None and plan.latency_seconds is not None:
        fast = F[:, 2] <= plan.latency_seconds * (1 + 1e-12)
        X, F = X[fast], F[fast]
    return _result(found.problem, X, F, _undominated(F[:, :2]))


def _others(X: Any, x: np.ndarray) -> np.ndarray:
    plans = np.atleast_2d(X)
    return np.asarray(plans[(plans != x).any(axis=1)])


def _undominated(F: np.ndarray) -> np.ndarray:
    mask = np.zeros(len(F), dtype=bool)
    mask[NonDominatedSorting().do(F, only_non_dominated_front=True)] = True
    return mask


def _result(problem: Any, X: np.ndarray, F: np.ndarray, mask: np.ndarray) -> Result:
    kept = np.flatnonzero(mask)
    kept = kept[np.lexsort((F[kept, 1], F[kept, 0]))]
    result = Result()
    result.problem, result.X, result.F = problem, X[kept], F[kept]
    return result
