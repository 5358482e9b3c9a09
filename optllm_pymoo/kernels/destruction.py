"""The moves of the published destructions: all the way up, or all the way down, largest gain first."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.jit import jit, over_queries

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
    gains = np.empty(n_queries)
    n_chunks = -(-n_queries // CHUNK)
    per_chunk = np.zeros((n_chunks, N_BINS, 2))
    over_queries(_bin_gains, n_chunks * CHUNK, table, end_values, scale, x, gains, per_chunk)
    crossing, above, n_in_bin = _crossing_bin(per_chunk, target)
    if crossing < 0:
        return False
    ranges = over_queries(_move_above, n_queries, gains, scale, crossing, n_in_bin, ends, x)
    found = np.concatenate(ranges)
    found = found[np.argsort(-gains[found], kind="stable")]
    moved = found[: 1 + int(gains[found].cumsum().searchsorted(target - above))]
    x[moved] = ends[moved]
    return True


@jit
def _crossing_bin(per_chunk: np.ndarray, target: float) -> tuple[int, float, int]:
    """Find the bin in which the falling gains reach the target, the sum of the gains above it, and its count."""
    above = 0.0
    for b in range(N_BINS - 1, -1, -1):
        gained = n = 0.0
        for chunk in range(per_chunk.shape[0]):
            gained += per_chunk[chunk, b, 0]
            n += per_chunk[chunk, b, 1]
        if n > 0.0 and above + gained >= target:
            return b, above, int(n)
        above += gained
    return -1, above, 0


@jit
def _bin(gain: float, scale: float) -> int:
    """Return the bin of a gain: -1 if it isn't positive, the last bin if it is beyond the scale."""
    return min(N_BINS - 1, int(min(gain * scale, 1e9))) if gain > 0.0 else -1


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
    """Write each query's gain, and the sum and number of gains per bin, for the chunks that begin in [start, stop)."""
    for chunk in range(-(-start // CHUNK), -(-stop // CHUNK)):
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, x.size)):
            gain = abs(end_values[i] - np.float64(table[i, x[i]]))
            gains[i] = gain
            b = _bin(gain, scale)
            if b >= 0:
                bins[chunk, b, 0] += gain
                bins[chunk, b, 1] += 1.0


@jit
def _move_above(
    start: int,
    stop: int,
    gains: np.ndarray,
    scale: float,
    crossing: int,
    n_in_bin: int,
    ends: np.ndarray,
    x: np.ndarray,
) -> np.ndarray:
    """Move every query whose gain lies above the crossing bin, and return those whose gain lies in it."""
    found = np.empty(n_in_bin, dtype=np.int64)
    n = 0
    for i in range(start, stop):
        b = _bin(gains[i], scale)
        if b > crossing:
            x[i] = ends[i]
        elif b == crossing:
            found[n] = i
            n += 1
    return found[:n]
