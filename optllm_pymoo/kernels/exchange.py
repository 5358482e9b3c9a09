"""Levels on the hulls: counting the upgrade steps of any allocation, and decoding a prefix of them."""

from __future__ import annotations

import numpy as np
from numba import njit

from optllm_pymoo.kernels.threads import over_queries


def count_steps(
    cost: np.ndarray, offset: np.ndarray, vertices: np.ndarray, x: np.ndarray, /
) -> int:
    """Count the upgrade steps that an allocation has taken.

    A query whose LLM is on its hull has taken as many steps as lie below it. Any other LLM counts like the
    dearest vertex that is no dearer: dominated ones thereby count like what dominates them.

    Args:
        cost: (N, M) US$ per call.
        offset: (N + 1,) from `upper_hulls`.
        vertices: (N + S,) from `upper_hulls`.
        x: (N,) LLM per query, in 0 ... M-1.

    Returns:
        A number in 0 ... S. O(N * hull size).
    """
    return sum(over_queries(_count_steps, len(x), cost, offset, vertices, x))


def decode_prefix(offset: np.ndarray, vertices: np.ndarray, rank: np.ndarray, k: int, /) -> np.ndarray:
    """Write down the plan after the first ``k`` steps.

    Args:
        offset: (N + 1,) from `upper_hulls`.
        vertices: (N + S,) from `upper_hulls`.
        rank: (S,) from `step_ranks`.
        k: Number of steps taken, 0 ... S.

    Returns:
        (N,) LLM per query, of the type of ``vertices``. O(N + S), one sequential pass.
    """
    x = np.empty(len(offset) - 1, dtype=vertices.dtype)
    over_queries(_decode_prefix, len(x), offset, vertices, rank, k, x)
    return x


@njit(cache=True, nogil=True, inline="always")
def hull_level(vertices: np.ndarray, first: int, last: int, llm: int) -> int:
    """Level of an LLM on the hull ``vertices[first : last + 1]``, or -1 if it isn't on it."""
    for level in range(last - first + 1):
        if vertices[first + level] == llm:
            return level
    return -1


@njit(cache=True, nogil=True)
def level_by_cost(
    cost: np.ndarray, vertices: np.ndarray, first: int, last: int, llm: int
) -> int:
    """Level of the dearest vertex that is no dearer than an LLM; ``cost`` is the row of the query."""
    level = last - first
    while level > 0 and cost[vertices[first + level]] > cost[llm]:
        level -= 1
    return level


@njit(cache=True, nogil=True)
def _count_steps(
    start: int, stop: int, cost: np.ndarray, offset: np.ndarray, vertices: np.ndarray, x: np.ndarray
) -> int:
    total = 0
    for i in range(start, stop):
        first, last = offset[i] + i, offset[i + 1] + i
        level = hull_level(vertices, first, last, x[i])
        total += level if level >= 0 else level_by_cost(cost[i], vertices, first, last, x[i])
    return total


@njit(cache=True, nogil=True)
def _decode_prefix(
    start: int, stop: int, offset: np.ndarray, vertices: np.ndarray, rank: np.ndarray, k: int, x: np.ndarray
) -> None:
    for i in range(start, stop):
        step = offset[i]
        while step < offset[i + 1] and rank[step] < k:
            step += 1
        x[i] = vertices[step + i]
