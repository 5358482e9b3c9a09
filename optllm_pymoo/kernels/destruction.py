"""The moves of the published destructions: all the way up, or all the way down, largest gain first."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.jit import MIN_QUERIES_PER_THREAD, jit, over_queries

N_BINS = 256

CHUNK = 1 << 13
"""Queries per chunk. Gains are summed per chunk, so sums and exact hits don't depend on the number of threads."""


def move_to_ends(
    table: np.ndarray, ends: np.ndarray, end_values: np.ndarray, scale: float, target: float, x: np.ndarray, /
) -> bool:
    """Move queries in place to an extreme vertex of their hulls, largest gain first, until the gains reach a target.

    The gain of a query is the distance between its present cell of the table and the cell of that vertex: accuracy when
    ``ends`` are the most accurate LLMs, US$ when they are the cheapest. Equal gains are taken in the order of the
    queries.

    Gains are binned by size first; only the one bin in which the target is reached has to be sorted. That is
    exact, since every gain of a higher bin is larger.

    Args:
        table: (N, M) accuracies or costs.
        ends: (N,) LLM at the first or the last vertex of each query's hull.
        end_values: (N,) float64, the table's values there: the best of each row.
        scale: Bins per unit of gain; affects speed only.
        target: Summed gain to reach; if it is zero or negative, the single largest gain is taken.
        x: (N,) LLM per query; changed only if the target can be reached.

    Returns:
        Whether the target was reached. O(N).
    """
    n_queries = len(x)
    if n_queries < 2 * MIN_QUERIES_PER_THREAD:  # one call: small walks do this in every round
        return bool(_move_at_once(table, ends, end_values, scale, target, x))
    gains, per_chunk = np.empty(n_queries), np.zeros((-(-n_queries // CHUNK), N_BINS))
    over_queries(_bin_gains, len(per_chunk) * CHUNK, table, end_values, scale, x, gains, per_chunk)
    crossing, above = _crossing_bin(per_chunk, target)
    if crossing < 0:
        return False
    found = np.concatenate(over_queries(_move_above, n_queries, gains, scale, crossing, ends, x))
    _move_largest(found, gains, target - above, ends, x)
    return True


@jit
def _move_at_once(
    table: np.ndarray, ends: np.ndarray, end_values: np.ndarray, scale: float, target: float, x: np.ndarray
) -> bool:
    """Do all of `move_to_ends` in one thread."""
    gains, per_chunk = np.empty(x.size), np.zeros((-(-x.size // CHUNK), N_BINS))
    _bin_gains(0, x.size, table, end_values, scale, x, gains, per_chunk)
    crossing, above = _crossing_bin(per_chunk, target)
    if crossing < 0:
        return False
    _move_largest(_move_above(0, x.size, gains, scale, crossing, ends, x), gains, target - above, ends, x)
    return True


@jit
def _crossing_bin(per_chunk: np.ndarray, target: float) -> tuple[int, float]:
    """Find the bin in which the falling gains reach the target, and the sum of the gains above it."""
    above = 0.0
    for b in range(N_BINS - 1, -1, -1):
        gained = 0.0
        for chunk in range(per_chunk.shape[0]):
            gained += per_chunk[chunk, b]
        if gained > 0.0 and above + gained >= target:
            return b, above
        above += gained
    return -1, above


@jit
def _bin_gains(
    start: int,
    stop: int,
    table: np.ndarray,
    end_values: np.ndarray,
    scale: float,
    x: np.ndarray,
    gains: np.ndarray,
    bins: np.ndarray,
) -> None:
    """Write each query's gain, and the sum of the gains per bin, for the chunks that begin in [start, stop)."""
    for chunk in range(-(-start // CHUNK), -(-stop // CHUNK)):
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, x.size)):
            # unsigned: numba then doesn't check for negative indices
            gain = abs(end_values[i] - np.float64(table[i, np.uint32(x[i])]))
            gains[i] = gain
            bins[chunk, np.uint32(min(gain * scale, N_BINS - 1.0))] += gain


@jit
def _move_above(
    start: int, stop: int, gains: np.ndarray, scale: float, crossing: int, ends: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """Move every query whose gain lies above the crossing bin, and return those whose gain lies in it."""
    found, n = np.empty(stop - start, dtype=np.int64), 0
    for i in range(start, stop):
        place = min(gains[i] * scale, N_BINS - 1.0)
        if place >= crossing + 1.0:
            x[i] = ends[i]
        elif place >= crossing and gains[i] > 0.0:
            found[n] = i
            n += 1
    return found[:n]


@jit
def _move_largest(found: np.ndarray, gains: np.ndarray, rest: float, ends: np.ndarray, x: np.ndarray) -> None:
    """Move queries, by falling gain and then by number, until their gains reach the rest; ``found`` becomes a heap."""
    n, gained = found.size, 0.0
    for top in range(n // 2 - 1, -1, -1):
        _sift(found, gains, top, n)
    while n > 0:
        i = found[0]
        x[i] = ends[i]
        gained += gains[i]
        if gained >= rest:
            return
        n -= 1
        found[0] = found[n]
        _sift(found, gains, 0, n)


@jit
def _sift(heap: np.ndarray, gains: np.ndarray, at: int, n: int) -> None:
    """Move a query down in a heap until all below it come after it."""
    i = heap[at]
    while 2 * at + 1 < n:
        child = 2 * at + 1
        if child + 1 < n and _comes_before(heap[child + 1], heap[child], gains):
            child += 1
        if _comes_before(i, heap[child], gains):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = i


@jit
def _comes_before(i: int, j: int, gains: np.ndarray) -> bool:
    return gains[i] > gains[j] or (gains[i] == gains[j] and i < j)
