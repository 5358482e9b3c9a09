"""Per query, the LLM with the least weighted sum of cost, inaccuracy and latency."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.evaluation import evaluate_allocations
from optllm_pymoo.kernels.jit import jit
from optllm_pymoo.kernels.limits import is_allowed
from optllm_pymoo.kernels.threads import over_queries
from optllm_pymoo.tolerances import TIED_SUMS


class _Tables(NamedTuple):
    cost: np.ndarray
    accuracy: np.ndarray
    latency: np.ndarray
    mask: np.ndarray
    """(N, M) bool, or empty where all is allowed."""


def evaluate_with_latency(cost: np.ndarray, accuracy: np.ndarray, latency: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Score allocations: total cost in US$, negated mean accuracy, mean latency in seconds.

    The kernel of two objectives runs twice; its sums don't depend on the batch or on the number of threads.

    Args:
        cost: (N, M) US$ per call, float32 or float64, C-contiguous.
        accuracy: (N, M), of the same type.
        latency: (N, M) seconds per call, of the same type.
        X: (n, N) LLM chosen per query, as `evaluate_allocations` takes it.

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

    Ties go to the cheaper LLM, then to the more accurate, then to the faster, then to the lower number: also with
    rates of zero the outcome is efficient, as with infinitesimal rates in their place. For that all queries must break
    their ties alike. So where one rate of three is zero, sums that differ by no more than they round tie; where two
    are, only equal values do; where none is, rounding can't cost more than itself.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M).
        latency: (N, M) seconds per call.
        rates: (n, 3) float64 >= 0: worth of a dollar, of a correct answer and of a second.
        allowed: (N, M) bool; None allows all.
        X: (n, N) integers, written. O(n N M), each row of the tables is read once from memory.
    """
    mask = np.empty((0, 0), dtype=np.bool_) if allowed is None else allowed
    tables = _Tables(cost, accuracy, latency, mask)
    over_queries(_choose, len(cost), tables, rates, X)
    of_two = np.flatnonzero(np.count_nonzero(rates, axis=1) == 2)
    over_queries(_break_ties, len(cost), tables, rates, of_two, X)


@jit
def _choose(start: int, stop: int, tables: _Tables, rates: np.ndarray, X: np.ndarray) -> None:
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
            X[k, i] = best


@jit
def _break_ties(start: int, stop: int, tables: _Tables, rates: np.ndarray, of_two: np.ndarray, X: np.ndarray) -> None:
    """Go on from the least sum to the first LLM, in order of preference, whose sum ties with it but for rounding."""
    for i in range(start, stop):
        c, a, t = tables.cost[i], tables.accuracy[i], tables.latency[i]
        for k in of_two:
            least = best = X[k, i]
            dollars, correct, seconds = rates[k, 0] * c[least], rates[k, 1] * a[least], rates[k, 2] * t[least]
            for j in range(c.size):
                d, p, s = rates[k, 0] * c[j], rates[k, 1] * a[j], rates[k, 2] * t[j]
                above = (d - dollars) - (p - correct) + (s - seconds)
                size = (d + dollars) + (p + correct) + (s + seconds)
                if above <= TIED_SUMS * size and is_allowed(tables.mask, i, j) and _precedes(c, a, t, j, best):
                    best = j
            X[k, i] = best


@jit(inline="always")
def _precedes(c: np.ndarray, a: np.ndarray, t: np.ndarray, j: int, best: int) -> bool:
    """Tell whether LLM j goes before the best one so far, at the same weighted sum."""
    if c[j] != c[best]:
        return bool(c[j] < c[best])
    if a[j] != a[best]:
        return bool(a[j] > a[best])
    return bool(t[j] < t[best])
