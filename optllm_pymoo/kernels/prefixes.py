"""Plans along the sorted steps: from one prefix to another, and from any allocation to its number of steps."""

from __future__ import annotations

import numpy as np
from numba import njit

from optllm_pymoo.kernels.threads import over_queries
from optllm_pymoo.tolerances import SAME_COST


def tabulate_levels(cost: np.ndarray, offset: np.ndarray, vertices: np.ndarray, /) -> np.ndarray:
    """Tabulate how many upgrade steps a query has taken when it is at an LLM.

    An LLM on the hull counts the steps that lie below it. Any other counts like the dearest vertex that is no
    dearer: a dominated LLM thereby counts like what dominates it, and an LLM that is cheaper than all vertices (it
    isn't allowed, then) counts like the first.

    Args:
        cost: (N, M) US$ per call.
        offset: (N + 1,) from `upper_hulls`.
        vertices: (N + S,) from `upper_hulls`.

    Returns:
        (N, M) of the type of ``vertices``. O(N M h) with hulls of h vertices.
    """
    levels = np.empty(cost.shape, dtype=vertices.dtype)
    over_queries(_fill_levels, len(cost), cost, offset, vertices, levels)
    return levels


def count_steps(levels: np.ndarray, x: np.ndarray, /) -> int:
    """Count the upgrade steps that an allocation has taken: the sum of its levels.

    Args:
        levels: (N, M) from `tabulate_levels`.
        x: (N,) LLM per query, in 0 ... M-1.
    """
    return int(sum(over_queries(_sum_levels, len(x), levels, x)))


@njit(cache=True, nogil=True)
def take_steps(query: np.ndarray, llm: np.ndarray, start: int, stop: int, x: np.ndarray) -> None:
    """Take the steps ``start`` ... ``stop - 1`` in their order, or backward if ``stop < start``; in place.

    Args:
        query: (S,) query of each step.
        llm: (S,) LLM the query is at after a step forward, or before the step if going backward.
        start: Number of steps taken so far.
        stop: Number of steps to be taken.
        x: (N,) plan of the prefix ``start``, which becomes that of the prefix ``stop``.
    """
    if start <= stop:
        for k in range(start, stop):
            x[query[k]] = llm[k]
    else:
        for k in range(start - 1, stop - 1, -1):
            x[query[k]] = llm[k]


@njit(cache=True, nogil=True)
def _fill_levels(
    start: int, stop: int, cost: np.ndarray, offset: np.ndarray, vertices: np.ndarray, levels: np.ndarray
) -> None:
    for i in range(start, stop):
        first, n_steps = offset[i] + i, offset[i + 1] - offset[i]
        for j in range(cost.shape[1]):
            level = 0
            for k in range(1, n_steps + 1):
                level += cost[i, vertices[first + k]] <= (1.0 + SAME_COST) * cost[i, j]
            levels[i, j] = level


@njit(cache=True, nogil=True)
def _sum_levels(start: int, stop: int, levels: np.ndarray, x: np.ndarray) -> int:
    total = 0
    for i in range(start, stop):
        total += levels[i, x[i]]
    return total
