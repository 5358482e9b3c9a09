"""Quotas of calls alone: an exact transport problem, however many queries there are."""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint

from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.solver import solve_milp


def placeable_queries(limits: LinearLimits, /) -> int:
    """Count how many queries find an LLM within quotas of calls at the most.

    Queries with the same allowed LLMs are alike, so a whole number of them goes to each LLM: a maximum flow from
    patterns of the mask to LLMs. Quotas of overlapping providers are no flow any more; HiGHS solves either as
    an integer programme with one variable per pattern and LLM.

    Args:
        limits: Limits of calls only.
    """
    found = _transport(limits, limits.limit, np.inf)
    return round(found[0]) if found is not None else 0


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
    return None if found is None else round(found[0])


def raised_call_quotas(limits: LinearLimits, /) -> np.ndarray | None:
    """Find quotas at which all queries find an LLM, with the fewest calls added in all.

    Args:
        limits: Limits of calls only.

    Returns:
        (K,) calls; None if HiGHS finds none.
    """
    n_llms, n_limits, now = limits.cost.shape[1], len(limits), _whole_calls(limits.limit)
    patterns, sizes = _patterns(limits)
    one_each = np.kron(np.eye(len(patterns)), np.ones(n_llms))
    uses = np.tile(limits.members.astype(float), len(patterns))
    upper = np.where(patterns, sizes[:, None], 0).ravel().astype(float)
    found = solve_milp(
        np.append(np.zeros(patterns.size), np.ones(n_limits)),
        constraints=[
            LinearConstraint(np.hstack([one_each, np.zeros((len(patterns), n_limits))]), sizes, sizes),
            LinearConstraint(np.hstack([uses, -np.eye(n_limits)]), -np.inf, now),
        ],
        bounds=Bounds(0.0, np.append(upper, np.full(n_limits, float(limits.n_queries)))),
        integrality=np.ones(patterns.size + n_limits),
    )
    return now + np.rint(found.x[patterns.size :]) if found.success else None


def _patterns(limits: LinearLimits) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows of the mask, and how many queries have each."""
    if limits.allowed is None:
        return np.ones((1, limits.cost.shape[1]), dtype=bool), np.array([limits.n_queries])
    patterns, sizes = np.unique(limits.allowed, axis=0, return_counts=True)
    return patterns, sizes


def _whole_calls(limit: np.ndarray) -> np.ndarray:
    return np.asarray(np.floor(limit * (1 + 1e-12)))


def _transport(limits: LinearLimits, limit: np.ndarray, least: float) -> tuple[float] | None:
    """Place as many queries as can be, or all of them with the least use of one quota."""
    n_llms = limits.cost.shape[1]
    patterns, sizes = _patterns(limits)
    place_all = np.isfinite(least)
    one_each = np.kron(np.eye(len(patterns)), np.ones(n_llms))
    uses = np.tile(limits.members.astype(float), len(patterns))
    objective = uses[int(least)] if place_all else -np.ones(patterns.size)
    found = solve_milp(
        objective,
        constraints=[
            LinearConstraint(one_each, sizes if place_all else 0, sizes),
            LinearConstraint(uses, -np.inf, _whole_calls(limit)),
        ],
        bounds=Bounds(0.0, np.where(patterns, sizes[:, None], 0).ravel().astype(float)),
        integrality=np.ones(patterns.size),
    )
    return (abs(float(found.fun)),) if found.success else None
