"""Quotas of calls alone: an exact transport problem, however many queries there are."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.solver import solve_multiple_choice


def placeable_queries(limits: LinearLimits, /) -> int:
    """Count how many queries find an LLM within quotas of calls at the most.

    Queries with the same allowed LLMs are alike, so a whole number of them goes to each LLM: a maximum flow from
    patterns of the mask to LLMs. Quotas of overlapping providers are no flow any more; HiGHS solves either as
    an integer programme with one variable per pattern and LLM.

    Args:
        limits: Limits of calls only.
    """
    return round(_transport(limits, limits.limit, None) or 0.0)


def smallest_call_quota(limits: LinearLimits, k: int, /) -> int | None:
    """Find the smallest value of one quota at which all queries find an LLM, the others staying as they are.

    Args:
        limits: Limits of calls only.
        k: Which quota.

    Returns:
        Calls, or None if no value will do.
    """
    raised = limits.limit.copy()
    raised[k] = limits.n_queries
    found = _transport(limits, raised, k)
    return None if found is None else round(found)


def raised_call_quotas(limits: LinearLimits, /) -> np.ndarray | None:
    """Find quotas at which all queries find an LLM, with the fewest calls added in all.

    Args:
        limits: Limits of calls only.

    Returns:
        (K,) calls; None if HiGHS finds none.
    """
    now = _whole_calls(limits.limit)
    pattern, llm, sizes = _cells(limits)
    found = solve_multiple_choice(
        np.zeros(len(llm)),
        pattern,
        limits.members[:, llm].astype(float),
        now,
        each=sizes,
        exactly=True,
        upper=sizes[pattern],
        penalty=np.ones(len(limits)),
    )
    return None if found.x is None else now + np.rint(found.excess)


def _cells(limits: LinearLimits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pattern and LLM of each cell that a distinct row of the mask allows, and how many queries have each pattern."""
    if limits.allowed is None:
        patterns, sizes = np.ones((1, limits.cost.shape[1]), dtype=bool), np.array([limits.n_queries])
    else:
        patterns, sizes = np.unique(limits.allowed, axis=0, return_counts=True)
    pattern, llm = np.nonzero(patterns)
    return pattern, llm, sizes.astype(float)


def _whole_calls(limit: np.ndarray) -> np.ndarray:
    return np.asarray(np.floor(limit * (1 + 1e-12)))


def _transport(limits: LinearLimits, limit: np.ndarray, least: int | None) -> float | None:
    """Place as many queries as can be, or all of them with the least use of one quota."""
    pattern, llm, sizes = _cells(limits)
    uses = limits.members[:, llm].astype(float)
    found = solve_multiple_choice(
        -np.ones(len(llm)) if least is None else uses[least],
        pattern,
        uses,
        _whole_calls(limit),
        each=sizes,
        exactly=least is not None,
        upper=sizes[pattern],
    )
    return None if found.x is None else abs(found.value)
