"""Per query: the LLMs on the upper convex hull of (cost, accuracy), cheapest first, and the steps between them."""

from __future__ import annotations

import numpy as np
from numba import njit

from optllm_pymoo.kernels.threads import over_queries


def upper_hulls(
    cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find each query's hull: the LLMs that are worth choosing at some exchange rate of dollars for accuracy.

    Along a hull cost and accuracy rise strictly and the efficiency Δaccuracy/Δcost falls strictly, as it comes
    out in float64. LLMs inside an edge are left out, of equal ones the first is kept.

    Args:
        cost: (N, M) US$ per call, finite, >= 0.
        accuracy: (N, M), finite.
        allowed: (N, M) bool with a True in every row, or None for no mask.

    Returns:
        ``offset`` (N + 1,) int64, ``vertices`` (N + S,) and ``deltas`` (S, 2) float64. The hull of query i is
        ``vertices[offset[i] + i : offset[i + 1] + i + 1]``, its steps are numbered ``offset[i] ... offset[i + 1]
        - 1``, and each has its Δcost > 0 and Δaccuracy > 0 in ``deltas``; S counts the steps of all queries.
        O(N M) plus the sorting of each row's few candidates by insertion, O(N M**2) at worst.
    """
    n_queries, n_llms = cost.shape
    hulls = np.empty((n_queries, n_llms), dtype=np.int8 if n_llms <= 127 else np.int32)
    offset = np.zeros(n_queries + 1, dtype=np.int64)
    mask = np.ones((0, 0), dtype=np.bool_) if allowed is None else allowed
    over_queries(_build_hulls, n_queries, cost, accuracy, mask, hulls, offset)
    np.cumsum(offset, out=offset)
    vertices = np.empty(n_queries + int(offset[-1]), dtype=hulls.dtype)
    deltas = np.empty((int(offset[-1]), 2))
    over_queries(_pack_steps, n_queries, cost, accuracy, hulls, offset, vertices, deltas)
    return offset, vertices, deltas


@njit(cache=True, nogil=True)
def _build_hulls(
    start: int,
    stop: int,
    cost: np.ndarray,
    accuracy: np.ndarray,
    mask: np.ndarray,
    hulls: np.ndarray,
    n_steps: np.ndarray,
) -> None:
    """Write each query's hull to the front of its row and its number of steps to ``n_steps[query + 1]``."""
    candidates = np.empty(cost.shape[1] + 1, dtype=np.int64)
    efficiency = np.empty(cost.shape[1])
    for i in range(start, stop):
        allowed = mask[i] if mask.size else mask[:0, 0]
        n = _find_candidates(cost[i], accuracy[i], allowed, candidates)
        n_steps[i + 1] = _scan_hull(cost[i], accuracy[i], candidates[:n], efficiency, hulls[i]) - 1


@njit(cache=True, nogil=True, error_model="numpy")
def _find_candidates(
    cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray, candidates: np.ndarray
) -> int:
    """Collect the hull's ends and the LLMs above the chord between them, by rising cost; return how many.

    Sorting only these few is several times faster than sorting the row, and loses nothing: what lies on or
    below the chord is no vertex.
    """
    low, high = _ends(cost, accuracy, allowed)
    candidates[0] = low
    if low == high:
        return 1
    chord = _efficiency(cost, accuracy, low, high)
    n = 1
    for j in range(cost.size):
        gain = np.float64(accuracy[j]) - np.float64(accuracy[low])
        above = gain > chord * (np.float64(cost[j]) - np.float64(cost[low]))
        # written always, counted only if it qualifies: the outcome is too random for a branch
        candidates[n] = j
        n += above & (cost[j] < cost[high]) & (allowed.size == 0 or allowed[j])
    for last in range(2, n):
        k = last
        j = candidates[k]
        while k > 1 and cost[candidates[k - 1]] > cost[j]:
            candidates[k] = candidates[k - 1]
            k -= 1
        candidates[k] = j
    candidates[n] = high
    return n + 1


@njit(cache=True, nogil=True)
def _ends(cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray) -> tuple[int, int]:
    """Cheapest LLM (the more accurate of equals) and most accurate LLM (the cheaper of equals), then the first."""
    lowest, best = np.inf, -np.inf
    for j in range(cost.size):
        if allowed.size == 0 or allowed[j]:
            lowest = min(lowest, np.float64(cost[j]))
            best = max(best, np.float64(accuracy[j]))
    low = high = -1
    for j in range(cost.size):
        if allowed.size and not allowed[j]:
            continue
        if cost[j] == lowest and (low < 0 or accuracy[j] > accuracy[low]):
            low = j
        if accuracy[j] == best and (high < 0 or cost[j] < cost[high]):
            high = j
    if accuracy[low] == best:
        high = low
    return low, high


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _efficiency(cost: np.ndarray, accuracy: np.ndarray, cheaper: int, dearer: int) -> float:
    """Δaccuracy/Δcost in float64: the sort of the steps uses the same expression, so both agree on order."""
    gain = np.float64(accuracy[dearer]) - np.float64(accuracy[cheaper])
    return gain / (np.float64(cost[dearer]) - np.float64(cost[cheaper]))


@njit(cache=True, nogil=True, error_model="numpy")
def _scan_hull(
    cost: np.ndarray, accuracy: np.ndarray, candidates: np.ndarray, efficiency: np.ndarray, hull: np.ndarray
) -> int:
    """Andrew's monotone chain on the candidates of one query; return the number of vertices."""
    hull[0] = candidates[0]
    n = 1
    for k in range(1, candidates.size):
        j = candidates[k]
        if cost[j] == cost[hull[n - 1]] and accuracy[j] > accuracy[hull[n - 1]]:
            n -= 1  # equally dear and better: it takes the place of the last vertex
        if accuracy[j] <= accuracy[hull[n - 1]]:
            continue
        gain = _efficiency(cost, accuracy, hull[n - 1], j)
        while n > 1 and gain >= efficiency[n - 1]:
            n -= 1
            gain = _efficiency(cost, accuracy, hull[n - 1], j)
        efficiency[n] = gain
        hull[n] = j
        n += 1
    return n


@njit(cache=True, nogil=True)
def _pack_steps(
    start: int,
    stop: int,
    cost: np.ndarray,
    accuracy: np.ndarray,
    hulls: np.ndarray,
    offset: np.ndarray,
    vertices: np.ndarray,
    deltas: np.ndarray,
) -> None:
    """Pack the used front of each row of ``hulls`` and write the differences along it."""
    for i in range(start, stop):
        dearer = hulls[i, 0]
        vertices[offset[i] + i] = dearer
        for step in range(offset[i], offset[i + 1]):
            cheaper, dearer = dearer, hulls[i, step - offset[i] + 1]
            vertices[step + i + 1] = dearer
            deltas[step, 0] = np.float64(cost[i, dearer]) - np.float64(cost[i, cheaper])
            deltas[step, 1] = np.float64(accuracy[i, dearer]) - np.float64(accuracy[i, cheaper])
