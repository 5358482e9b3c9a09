"""Objectives of many allocations in one pass, and each query's LLM with the least weighted sum of objectives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.jit import jit, over_queries
from optllm_pymoo.kernels.limits import is_allowed
from optllm_pymoo.tolerances import TIED_SUMS
from optllm_pymoo.validation import read_only

CHUNK = 1 << 13
"""Queries per chunk. Each chunk is summed by itself, so sums are the same on any number of threads."""

BLOCK_CELLS = 1 << 11
"""Table cells per block: 2,048 cells of two float64 tables fill 32 KiB, a first-level cache."""


def evaluate_allocations(cost: np.ndarray, accuracy: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Score allocations: total cost in US$ and negated mean accuracy.

    The queries are cut into blocks of fixed size; within a block all allocations are scored before the next
    block is read, so each table is read once per batch, not once per allocation. The order of every sum is fixed, so a
    plan's score depends neither on the other plans nor on the number of threads.

    Args:
        cost: (N, M) US$ per call, float32 or float64, C-contiguous.
        accuracy: (N, M), of the same type.
        X: (n, N) LLM chosen per query, int8 or int32, C-contiguous. Not checked here: values outside 0 ... M-1 read
            memory outside the tables.

    Returns:
        (n, 2) float64: total cost, negated mean accuracy. O(n * N), float64 sums also for float32 tables.
    """
    n_plans, n_queries = X.shape
    n_chunks = -(-n_queries // CHUNK)
    sums = np.empty((n_chunks, n_plans, 2))
    # unsigned: numba then doesn't handle negative indices, which saves a compare and a select per look-up
    # read-only: numba would compile again for writable plans
    choice = read_only(X.view(np.uint8 if X.dtype == np.int8 else np.uint32))
    over_queries(_sum_chunks, n_chunks * CHUNK, cost.ravel(), accuracy.ravel(), choice, sums)
    F: np.ndarray = sums.sum(axis=0)
    F[:, 1] /= -n_queries
    return F


@jit
def _sum_chunks(
    start: int, stop: int, cost: np.ndarray, accuracy: np.ndarray, choice: np.ndarray, sums: np.ndarray
) -> None:
    """Sum the chunks that begin in [start, stop); the tables are flat, row after row."""
    n_plans, n_queries = choice.shape
    n_llms = cost.size // n_queries
    size, stride = max(16, BLOCK_CELLS // n_llms), np.uint64(n_llms)
    for chunk in range(-(-start // CHUNK), -(-stop // CHUNK)):
        sums[chunk] = 0.0
        chunk_end = min((chunk + 1) * CHUNK, n_queries)
        for first in range(chunk * CHUNK, chunk_end, size):
            last = min(first + size, chunk_end)
            row = np.uint64(first * n_llms)
            for plan in range(0, n_plans - 3, 4):
                _add_four(
                    cost, accuracy, choice[plan : plan + 4, first:last], row, stride, sums[chunk, plan : plan + 4]
                )
            for plan in range(n_plans // 4 * 4, n_plans):
                c = a = 0.0
                cell = row
                for j in choice[plan, first:last]:
                    c += cost[cell + j]
                    a += accuracy[cell + j]
                    cell += stride
                sums[chunk, plan, 0] += c
                sums[chunk, plan, 1] += a


@jit
def _add_four(
    cost: np.ndarray, accuracy: np.ndarray, choice: np.ndarray, row: np.uint64, stride: np.uint64, sums: np.ndarray
) -> None:
    """Add the chosen cells of four plans side by side: four independent additions run in parallel."""
    c0 = c1 = c2 = c3 = 0.0
    a0 = a1 = a2 = a3 = 0.0
    for i in range(choice.shape[1]):
        cell = row + choice[0, i]
        c0 += cost[cell]
        a0 += accuracy[cell]
        cell = row + choice[1, i]
        c1 += cost[cell]
        a1 += accuracy[cell]
        cell = row + choice[2, i]
        c2 += cost[cell]
        a2 += accuracy[cell]
        cell = row + choice[3, i]
        c3 += cost[cell]
        a3 += accuracy[cell]
        row += stride
    for plan, (c, a) in enumerate(((c0, a0), (c1, a1), (c2, a2), (c3, a3))):
        sums[plan, 0] += c
        sums[plan, 1] += a


@jit
def first_disallowed(allowed: np.ndarray, X: np.ndarray) -> tuple[int, int]:
    """Find the first (plan, query) whose LLM is not allowed; (-1, -1) if there is none.

    Args:
        allowed: (N, M) bool.
        X: (n, N) LLM per query, all in 0 ... M-1.
    """
    for plan in range(X.shape[0]):
        for i in range(X.shape[1]):
            if not allowed[i, X[plan, i]]:
                return plan, i
    return -1, -1


class _Tables(NamedTuple):
    cost: np.ndarray
    accuracy: np.ndarray
    latency: np.ndarray
    mask: np.ndarray
    """(N, M) bool, or empty where all is allowed."""


def evaluate_with_latency(cost: np.ndarray, accuracy: np.ndarray, latency: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Score allocations: total cost in US$, negated mean accuracy, mean latency in seconds.

    Runs the kernel of two objectives twice.

    Args:
        cost: (N, M) US$ per call, float32 or float64, C-contiguous.
        accuracy: (N, M), of the same type.
        latency: (N, M) seconds per call, of the same type.
        X: (n, N) LLM chosen per query, as in `evaluate_allocations`.

    Returns:
        (n, 3) float64. O(n N).
    """
    F = evaluate_allocations(cost, accuracy, X)
    return np.column_stack([F, -evaluate_allocations(latency, latency, X)[:, 1]])


def least_weighted_sums(
    cost: np.ndarray,
    accuracy: np.ndarray,
    latency: np.ndarray,
    rates: np.ndarray,
    allowed: np.ndarray | None,
    X: np.ndarray,
    /,
) -> None:
    """Send each query to the LLM with the least ``rates`` · (cost, -accuracy, latency), for many rates at once.

    Ties go to the cheaper LLM, then to the more accurate, then to the faster, then to the lower number. So the plan is
    efficient even with rates of zero, as if they were infinitesimal. This needs the same tie-breaking in all queries:
    if one rate is zero, sums tie when they differ by no more than rounding; if two are zero, only equal values tie; if
    none is zero, rounding can lose no more than its own size.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M).
        latency: (N, M) seconds per call.
        rates: (n, 3) float64 >= 0: weights of a dollar, of a correct answer and of a second.
        allowed: (N, M) bool; None allows all.
        X: (n, N) integers, written. O(n N M); each row of the tables is read once.
    """
    mask = np.empty((0, 0), dtype=np.bool_) if allowed is None else allowed
    tables = _Tables(cost, accuracy, latency, mask)
    over_queries(_choose, len(cost), tables, rates, np.count_nonzero(rates, axis=1) == 2, X)


@jit
def _choose(start: int, stop: int, tables: _Tables, rates: np.ndarray, are_two: np.ndarray, X: np.ndarray) -> None:
    """Choose for the queries in [start, stop): the least sum, and if ``are_two`` also sums within rounding of it.

    Of those, the first in order of preference.
    """
    for i in range(start, stop):
        c, a, t = tables.cost[i], tables.accuracy[i], tables.latency[i]
        for k in range(rates.shape[0]):
            best, least = -1, np.inf
            for j in range(c.size):
                if not is_allowed(tables.mask, i, j):
                    continue
                score = rates[k, 0] * c[j] - rates[k, 1] * a[j] + rates[k, 2] * t[j]
                if best < 0 or score < least or (score == least and _precedes(c, a, t, j, best)):
                    best, least = j, score
            if are_two[k]:
                first = best
                dollars, correct, seconds = rates[k, 0] * c[first], rates[k, 1] * a[first], rates[k, 2] * t[first]
                for j in range(c.size):
                    d, p, s = rates[k, 0] * c[j], rates[k, 1] * a[j], rates[k, 2] * t[j]
                    above = (d - dollars) - (p - correct) + (s - seconds)
                    size = (d + dollars) + (p + correct) + (s + seconds)
                    if above <= TIED_SUMS * size and is_allowed(tables.mask, i, j) and _precedes(c, a, t, j, best):
                        best = j
            X[k, i] = best


@jit(inline="always")
def _precedes(c: np.ndarray, a: np.ndarray, t: np.ndarray, j: int, best: int) -> bool:
    """Return whether LLM j is preferred to the best one so far, at the same weighted sum."""
    if c[j] != c[best]:
        return bool(c[j] < c[best])
    if a[j] != a[best]:
        return bool(a[j] > a[best])
    return bool(t[j] < t[best])
