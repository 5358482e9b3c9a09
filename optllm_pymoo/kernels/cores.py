"""Cores: alternatives that a better plan could use, and the grid on which accuracies lie."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.jit import jit
from optllm_pymoo.kernels.threads import over_queries


def find_alternatives(
    cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None, x: np.ndarray, rate: float, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find all alternatives to a plan that lose less than a limit at an exchange rate of dollars for accuracy.

    The loss of moving query i from x[i] to LLM j is (accuracy[i, x[i]] - accuracy[i, j]) + rate (cost[i, j] -
    cost[i, x[i]]): its reduced cost in the linear relaxation whose dual price is ``rate`` (Sinha and Zoltners 1979).

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M).
        allowed: (N, M) bool; None allows all.
        x: (N,) plan that maximises accuracy - rate cost for every query, int8 or int32.
        rate: Accuracy of one query per US$, finite.
        limit: Alternatives that lose as much or more are left out; accuracy of one query.

    Returns:
        Query int64 and LLM int64 of each alternative, by query, then by LLM. One pass over the tables, O(N M).
    """
    mask = np.ones((0, 0), dtype=np.bool_) if allowed is None else allowed
    cells = over_queries(_collect, len(x), cost, accuracy, mask, x, rate, limit)
    query, llm = np.divmod(np.concatenate(cells), cost.shape[1])
    return query, llm


@jit
def _collect(
    start: int,
    stop: int,
    cost: np.ndarray,
    accuracy: np.ndarray,
    mask: np.ndarray,
    x: np.ndarray,
    rate: float,
    limit: float,
) -> np.ndarray:
    """Collect the cells i M + j of the alternatives of the queries in [start, stop)."""
    n_llms = cost.shape[1]
    cells, n = np.empty(256, dtype=np.int64), 0
    for i in range(start, stop):
        here = x[i]
        cost_here, accuracy_here = np.float64(cost[i, here]), np.float64(accuracy[i, here])
        for j in range(n_llms):
            loss = (accuracy_here - np.float64(accuracy[i, j])) + rate * (np.float64(cost[i, j]) - cost_here)
            if loss < limit and j != here and (mask.size == 0 or mask[i, j]):
                if n == cells.size:
                    cells = np.concatenate((cells, np.empty(n, dtype=np.int64)))
                cells[n] = i * n_llms + j
                n += 1
    return cells[:n].copy()


DENOMINATORS = (1, 2, 4, 5, 8, 10, 16, 20, 25, 50, 100, 1000)


def common_denominator(table: np.ndarray, /) -> int:
    """Find the least q of `DENOMINATORS` for which all values are whole multiples of 1/q; 0 if there is none.

    Args:
        table: (N, M) floats. Values that are off by 1e-12 or less count as multiples.

    Returns:
        q or 0. O(N M) for each q that fits, and mostly a look at the first row for each that doesn't.
    """
    return next((q for q in DENOMINATORS if _all_multiples(table, float(q))), 0)


@jit
def _all_multiples(table: np.ndarray, q: float) -> bool:
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            value = np.float64(table[i, j])
            if abs(np.rint(value * q) / q - value) > 1e-12:
                return False
    return True
