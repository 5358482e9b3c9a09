"""Whole plans by branch and bound, for limits so tight that moving queries one by one finds none."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.solver import Solved, Status, solve_multiple_choice

SECONDS = 20.0
"""Time for HiGHS to find a whole plan."""


class NoWholePlan(ValueError):
    """No whole plan meets limits that fractions of queries would."""

    def __init__(self, limits: LinearLimits, *, proven: bool) -> None:
        self.proven = proven
        listed = " and ".join(limits.names)
        found = f"no plan meets {listed}" if proven else f"no plan was found that meets {listed}"
        told = ": fractions of queries would, whole queries can't" if proven else ", though fractions of queries would"
        super().__init__(found + told)


def whole_plan(limits: LinearLimits, /) -> np.ndarray:
    """Let HiGHS find a whole plan within the limits.

    Args:
        limits: Tables and limits, which some fractional plan meets.

    Returns:
        (N,) LLM per query.

    Raises:
        NoWholePlan: A ValueError: it is proven that there is none, or none was found in time; the message says which.
    """
    queries, llms = _allowed_cells(limits)
    found = _solve(limits, queries, llms, np.zeros(len(queries)))
    if found.x is None:
        raise NoWholePlan(limits, proven=found.status is Status.INFEASIBLE)
    x = _plan(limits, queries, llms, found.x)
    if not limits.are_met(x[None])[0]:
        raise NoWholePlan(limits, proven=False)
    return x


def least_use(limits: LinearLimits, k: int, /) -> float | None:
    """Let HiGHS find the value of one limit at which a whole plan meets it and the others.

    Args:
        limits: Tables and limits.
        k: Which limit is to move.

    Returns:
        The least value, in the unit of ``limits.limit``; None if no plan meets the others, or HiGHS ran out of time.
    """
    others = limits.only([other for other in range(len(limits)) if other != k])
    queries, llms = _allowed_cells(limits)
    use = limits.only([k]).weights(queries, llms)[0] / limits.typical[k]
    found = _solve(others, queries, llms, use)
    if found.status is not Status.OPTIMAL or found.x is None:
        return None
    x = _plan(limits, queries, llms, found.x)[None]
    return float(limits.uses(x)[0, k]) if others.are_met(x)[0] else None


def _allowed_cells(limits: LinearLimits) -> tuple[np.ndarray, np.ndarray]:
    n_queries, n_llms = limits.cost.shape
    queries, llms = np.repeat(np.arange(n_queries), n_llms), np.tile(np.arange(n_llms), n_queries)
    if limits.allowed is not None:
        queries, llms = queries[limits.allowed.ravel()], llms[limits.allowed.ravel()]
    return queries, llms


def _solve(limits: LinearLimits, queries: np.ndarray, llms: np.ndarray, objective: np.ndarray) -> Solved:
    """Minimise a sum over the cells that a plan takes."""
    unit = 1.0 / limits.typical
    rows = limits.weights(queries, llms) * unit[:, None]
    return solve_multiple_choice(objective, queries, rows, limits.limit * unit, exactly=True, seconds=SECONDS)


def _plan(limits: LinearLimits, queries: np.ndarray, llms: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(N,) from the cells that HiGHS took."""
    x = np.empty(limits.n_queries, dtype=np.int8 if limits.cost.shape[1] <= 127 else np.int32)
    chosen = shares > 0.5
    x[queries[chosen]] = llms[chosen]
    return x
