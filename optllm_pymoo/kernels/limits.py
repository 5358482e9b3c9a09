"""Limits cell by cell: what plans use of them, and every query's best LLM when all that is limited has a price."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.jit import jit, over_queries


class Cells(NamedTuple):
    """The tables of a batch as the kernels of limits take them."""

    cost: np.ndarray
    """(N, M) US$ per call."""
    accuracy: np.ndarray
    """(N, M)."""
    extra: np.ndarray
    """(E, N, M) what else is summed: tokens and additive tables; (0, 0, 0) where there are none."""
    mask: np.ndarray
    """(N, M) bool, or (0, 0) where every LLM is allowed."""
    group: np.ndarray
    """(N,) int32 group of each query, 0 ... G; queries of no group have G."""


class Coefficients(NamedTuple):
    """What one unit of everything is worth: score = accuracy[g]·A - usd[j]·C - Σ extra[e, j]·T_e - calls[j]."""

    accuracy: np.ndarray
    """(G + 1,) per unit of accuracy, by group."""
    usd: np.ndarray
    """(M,) per US$, by LLM."""
    extra: np.ndarray
    """(E, M) per unit of each further table, by LLM."""
    calls: np.ndarray
    """(M,) per call, by LLM."""


def price_queries(cells: Cells, worth: Coefficients, /) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find every query's best LLM by priced score, O(N M).

    Args:
        cells: The tables.
        worth: The prices.

    Returns:
        ``choice`` (N,) LLM with the highest score (ties: the lower number), ``best`` (N,) its score, and
        ``margin`` (N,) how far the runner-up lies below it, infinite where there is none.
    """
    n_queries, n_llms = cells.cost.shape
    choice = np.empty(n_queries, dtype=np.int8 if n_llms <= 127 else np.int32)
    best, margin = np.empty(n_queries), np.empty(n_queries)
    over_queries(_price_range, n_queries, cells, worth, choice, best, margin)
    return choice, best, margin


def near_cells(cells: Cells, worth: Coefficients, reference: np.ndarray, /) -> tuple[np.ndarray, np.ndarray]:
    """List the cells whose priced score is at least a query's reference, O(N M).

    Args:
        cells: The tables.
        worth: The prices.
        reference: (N,) scores to reach.

    Returns:
        ``queries`` and ``llms`` of the cells, by query.
    """
    near = np.concatenate(over_queries(_list_near, len(reference), cells, worth, reference))
    queries, llms = np.divmod(near, cells.cost.shape[1])
    return queries, llms


@jit(inline="always")
def _score(
    cost: np.ndarray,
    accuracy: np.ndarray,
    extra: np.ndarray,
    per_accuracy: float,
    per_usd: np.ndarray,
    per_extra: np.ndarray,
    per_call: np.ndarray,
    i: int,
    j: int,
) -> float:
    """Priced score of cell (i, j). Arrays, since taking them out of a tuple cell by cell costs 30 times the sums."""
    value = per_accuracy * np.float64(accuracy[i, j]) - per_usd[j] * np.float64(cost[i, j]) - per_call[j]
    for e in range(extra.shape[0]):
        value -= per_extra[e, j] * np.float64(extra[e, i, j])
    return float(value)


@jit(inline="always")
def score(cells: Cells, worth: Coefficients, i: int, j: int) -> float:
    """Priced score of cell (i, j), compiled."""
    per_accuracy = worth.accuracy[cells.group[i]]
    value = _score(cells.cost, cells.accuracy, cells.extra, per_accuracy, worth.usd, worth.extra, worth.calls, i, j)
    return float(value)


@jit(inline="always")
def is_allowed(mask: np.ndarray, i: int, j: int) -> bool:
    """Whether query i may go to LLM j, compiled."""
    return mask.size == 0 or bool(mask[i, j])


@jit
def _price_range(
    start: int,
    stop: int,
    cells: Cells,
    worth: Coefficients,
    choice: np.ndarray,
    best: np.ndarray,
    margin: np.ndarray,
) -> None:
    """Price the queries in [start, stop)."""
    cost, accuracy, extra, mask, group = cells
    per_accuracy, per_usd, per_extra, per_call = worth
    for i in range(start, stop):
        first, second, chosen = -np.inf, -np.inf, -1
        for j in range(cost.shape[1]):
            if not is_allowed(mask, i, j):
                continue
            value = _score(cost, accuracy, extra, per_accuracy[group[i]], per_usd, per_extra, per_call, i, j)
            if value > first:
                first, second, chosen = value, first, j
            elif value > second:
                second = value
        choice[i], best[i], margin[i] = chosen, first, first - second


@jit
def _list_near(start: int, stop: int, cells: Cells, worth: Coefficients, reference: np.ndarray) -> np.ndarray:
    """List the cells i M + j of the queries in [start, stop) that reach the reference."""
    cost, accuracy, extra, mask, group = cells
    per_accuracy, per_usd, per_extra, per_call = worth
    n_llms = cost.shape[1]
    near, n = np.empty(256, dtype=np.int64), 0
    for i in range(start, stop):
        for j in range(n_llms):
            if is_allowed(mask, i, j):
                value = _score(cost, accuracy, extra, per_accuracy[group[i]], per_usd, per_extra, per_call, i, j)
                if value >= reference[i]:
                    if n == near.size:
                        near = np.concatenate((near, np.empty(n, dtype=np.int64)))
                    near[n] = i * n_llms + j
                    n += 1
    return near[:n].copy()


@jit
def sums_by_llm(cells: Cells, X: np.ndarray, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Sum calls, US$ and further tables of plans by LLM, and accuracy by group, compiled.

    Args:
        cells: The tables.
        X: (n, N) LLM per query, int8 or int32.
        n_groups: G.

    Returns:
        (n, M, 2 + E) float64 calls, US$ and each further table; (n, G + 1) summed accuracy. O(n N), for any limits.
    """
    cost, accuracy, extra, _, group = cells
    by_llm = np.zeros((X.shape[0], cost.shape[1], 2 + extra.shape[0]))
    by_group = np.zeros((X.shape[0], n_groups + 1))
    for plan in range(X.shape[0]):
        for i in range(X.shape[1]):
            j = X[plan, i]
            by_llm[plan, j, 0] += 1.0
            by_llm[plan, j, 1] += np.float64(cost[i, j])
            for e in range(extra.shape[0]):
                by_llm[plan, j, 2 + e] += np.float64(extra[e, i, j])
            by_group[plan, group[i]] += np.float64(accuracy[i, j])
    return by_llm, by_group
