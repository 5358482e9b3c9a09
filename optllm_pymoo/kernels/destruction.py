"""The moves of the published destructions: all the way up, or all the way down, largest gain first."""

from __future__ import annotations

import numpy as np
from numba import njit

from optllm_pymoo.kernels.exchange import hull_level
from optllm_pymoo.kernels.threads import over_queries

N_BINS = 1 << 12

COST, ACCURACY = 0, 1


def move_to_ends(
    tables: tuple[np.ndarray, np.ndarray],
    hulls: tuple[np.ndarray, np.ndarray, np.ndarray],
    x: np.ndarray,
    objective: int,
    target: float,
    /,
) -> bool:
    """Move queries to an end of their hulls, largest gain first, until the gains add up to a target; in place.

    With ``objective`` = `ACCURACY` a query moves to its most accurate LLM and gains accuracy, with `COST` it
    moves to its cheapest and saves US$. Equal gains are taken in the order of the queries.

    Gains are binned by size first; only the one bin in which the target is reached has to be sorted. That is
    exact, since every gain of a higher bin is larger.

    Args:
        tables: ``cost`` and ``accuracy``, (N, M) each.
        hulls: ``offset``, ``vertices`` and ``deltas`` from `upper_hulls`.
        x: (N,) LLM per query; changed only if the target can be reached.
        objective: `COST` or `ACCURACY`.
        target: US$ or summed accuracy; at or below zero the single largest gain is taken.

    Returns:
        Whether the target was reached. O(N * hull size).
    """
    n_queries = len(x)
    gains = np.empty(n_queries)
    largest = max(over_queries(_end_gains, n_queries, *tables, *hulls, x, objective, gains))
    if largest <= 0.0:
        return False
    bin_sums = np.sum(over_queries(_bin_gains, n_queries, gains, largest), axis=0)
    from_above = np.cumsum(bin_sums[::-1])
    crossing = N_BINS - 1 - int(np.searchsorted(from_above, target))
    if crossing < 0:
        return False
    above = float(from_above[N_BINS - 1 - crossing] - bin_sums[crossing])
    candidates = np.concatenate(over_queries(_in_bin, n_queries, gains, largest, crossing))
    candidates = candidates[np.argsort(-gains[candidates], kind="stable")]
    reached = above + np.cumsum(gains[candidates])
    n_last = min(int(np.searchsorted(reached, target)) + 1, len(candidates))
    over_queries(_move_above, n_queries, *hulls[:2], gains, largest, crossing, x, objective)
    _move(*hulls[:2], candidates[:n_last], x, objective)
    return True


@njit(cache=True, nogil=True, inline="always")
def _bin(gain: float, largest: float) -> int:
    """Bin of a gain in (0, largest]; -1 for what is no gain."""
    return int(gain / largest * (N_BINS - 1)) if gain > 0.0 else -1


@njit(cache=True, nogil=True)
def _end_gains(
    start: int,
    stop: int,
    cost: np.ndarray,
    accuracy: np.ndarray,
    offset: np.ndarray,
    vertices: np.ndarray,
    deltas: np.ndarray,
    x: np.ndarray,
    objective: int,
    gains: np.ndarray,
) -> float:
    """Write what each query gains at its end of the hull, and return the largest gain of the range.

    On a hull the gain is the sum of the steps in between: they lie side by side in memory, the table's cells
    don't, and the walk of a large batch is bound by memory.
    """
    largest = 0.0
    for i in range(start, stop):
        first, last = offset[i] + i, offset[i + 1] + i
        level = hull_level(vertices, first, last, x[i])
        gain = 0.0
        if level < 0 and objective == ACCURACY:
            gain = np.float64(accuracy[i, vertices[last]]) - np.float64(accuracy[i, x[i]])
        elif level < 0:
            gain = np.float64(cost[i, x[i]]) - np.float64(cost[i, vertices[first]])
        elif objective == ACCURACY:
            for step in range(offset[i] + level, offset[i + 1]):
                gain += deltas[step, ACCURACY]
        else:
            for step in range(offset[i], offset[i] + level):
                gain += deltas[step, COST]
        gains[i] = gain
        largest = max(largest, gain)
    return largest


@njit(cache=True, nogil=True)
def _bin_gains(start: int, stop: int, gains: np.ndarray, largest: float) -> np.ndarray:
    sums = np.zeros(N_BINS)
    for i in range(start, stop):
        b = _bin(gains[i], largest)
        if b >= 0:
            sums[b] += gains[i]
    return sums


@njit(cache=True, nogil=True)
def _in_bin(start: int, stop: int, gains: np.ndarray, largest: float, crossing: int) -> np.ndarray:
    """Return the queries of a range whose gain falls into a bin."""
    found = np.empty(stop - start, dtype=np.int64)
    n = 0
    for i in range(start, stop):
        found[n] = i
        n += _bin(gains[i], largest) == crossing
    return found[:n].copy()


@njit(cache=True, nogil=True)
def _move_above(
    start: int,
    stop: int,
    offset: np.ndarray,
    vertices: np.ndarray,
    gains: np.ndarray,
    largest: float,
    crossing: int,
    x: np.ndarray,
    objective: int,
) -> None:
    """Move every query whose gain lies in a bin above the crossing one."""
    for i in range(start, stop):
        if _bin(gains[i], largest) > crossing:
            x[i] = vertices[offset[i + 1] + i] if objective == ACCURACY else vertices[offset[i] + i]


@njit(cache=True, nogil=True)
def _move(offset: np.ndarray, vertices: np.ndarray, queries: np.ndarray, x: np.ndarray, objective: int) -> None:
    for i in queries:
        x[i] = vertices[offset[i + 1] + i] if objective == ACCURACY else vertices[offset[i] + i]
