"""Upgrade steps: their order, the points that its prefixes reach, and plans along it."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.jit import jit
from optllm_pymoo.kernels.threads import over_queries
from optllm_pymoo.tolerances import SAME_COST


def order_by_efficiency(steps: np.ndarray) -> np.ndarray:
    """Sort steps by falling Δaccuracy/Δcost, in their given order where efficiencies are equal.

    NumPy's default sort is several times faster than its stable one but leaves ties in an order that depends on
    the processor. So the fast sort runs first and then every run of equal efficiencies is sorted by number, which
    is exactly the stable order.

    Args:
        steps: (S,) records from `upper_hulls`.

    Returns:
        (S,) int64 numbers of the steps, most efficient first. O(S log S).
    """
    worst_first = np.empty(len(steps))
    over_queries(_negate_efficiencies, len(steps), steps, worst_first)
    order = np.argsort(worst_first)
    # sorted a second time by value: far cheaper than gathering the keys from all over the memory
    worst_first.sort()
    over_queries(_settle_ties, len(steps), worst_first, order)
    return order


def follow_steps(steps: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Write down moves and gains in the order in which the steps are taken.

    Args:
        steps: (S,) records from `upper_hulls`.
        order: (S,) from `order_by_efficiency`.

    Returns:
        ``query`` int32, ``from_llm`` and ``to_llm`` int8 or int32, (S,) each; and ``sums`` (S + 1, 2), a row of zeros
        before the sums of Δcost and Δaccuracy. The sums are compensated (Neumaier), so the last is as exact as the
        first. O(S).
    """
    query = np.empty(len(steps), dtype=np.int32)
    from_llm, to_llm = np.empty((2, len(steps)), dtype=steps.dtype["to_llm"])
    sums = np.zeros((len(steps) + 1, 2))
    over_queries(_gather, len(steps), steps, order, query, from_llm, to_llm, sums[1:])
    _accumulate(sums)
    return query, from_llm, to_llm, sums


@jit(error_model="numpy")
def _negate_efficiencies(start: int, stop: int, steps: np.ndarray, out: np.ndarray) -> None:
    for k in range(start, stop):
        out[k] = -(steps[k]["accuracy"] / steps[k]["cost"])


@jit
def _settle_ties(start: int, stop: int, keys: np.ndarray, order: np.ndarray) -> None:
    """Sort by number every run of equal keys that begins in [start, stop); the keys themselves are sorted."""
    run = start
    while run < stop and run > 0 and keys[run] == keys[run - 1]:
        run += 1  # this run began in the range before, whose thread sees it through
    while run < stop:
        end = run + 1
        while end < keys.size and keys[end] == keys[run]:
            end += 1
        if end - run > 1:
            order[run:end] = np.sort(order[run:end])
        run = end


@jit
def _gather(
    start: int,
    stop: int,
    steps: np.ndarray,
    order: np.ndarray,
    query: np.ndarray,
    from_llm: np.ndarray,
    to_llm: np.ndarray,
    gains: np.ndarray,
) -> None:
    for k in range(start, stop):
        step = steps[order[k]]
        query[k] = step["query"]
        from_llm[k] = step["from_llm"]
        to_llm[k] = step["to_llm"]
        gains[k, 0] = step["cost"]
        gains[k, 1] = step["accuracy"]


@jit
def _accumulate(rows: np.ndarray) -> None:
    """Replace each row by the sum of the rows up to it, all terms >= 0, compensated for rounding."""
    for m in range(2):
        total, lost = rows[0, m], 0.0
        for k in range(1, rows.shape[0]):
            term = rows[k, m]
            grown = total + term
            lost += (total - grown) + term if total >= term else (term - grown) + total
            total = grown
            rows[k, m] = grown + lost


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


@jit
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


@jit
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


@jit
def _sum_levels(start: int, stop: int, levels: np.ndarray, x: np.ndarray) -> int:
    total = 0
    for i in range(start, stop):
        total += levels[i, x[i]]
    return total
