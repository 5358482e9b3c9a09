"""Upgrade steps: the upper convex hull of every query, the order of all hull edges, and the plans along them."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.jit import jit, over_queries
from optllm_pymoo.tolerances import SAME_COST

UP_TO = 1.0 + SAME_COST
"""Costs within this factor count as equal."""


def upper_hulls(
    cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find each query's hull: the LLMs that are optimal at some exchange rate of dollars for accuracy.

    Along a hull, cost and accuracy rise strictly and the efficiency Δaccuracy/Δcost falls strictly, as computed in
    float64. LLMs inside an edge are left out; of equal LLMs the first is kept. Costs within `SAME_COST` count as equal,
    so the same prices give the same hull when they are multiplied and summed in another order.

    Args:
        cost: (N, M) US$ per call, finite, >= 0.
        accuracy: (N, M), finite.
        allowed: (N, M) bool with a True in every row, or None for no mask.

    Returns:
        ``offset`` (N + 1,) int64, ``vertices`` (N + S,) and ``steps`` (S,), where S counts the steps of all
        queries. The hull of query i is ``vertices[offset[i] + i : offset[i + 1] + i + 1]``, its steps are
        ``steps[offset[i] : offset[i + 1]]``: records of Δcost > 0 (``cost``), Δaccuracy > 0 (``accuracy``),
        ``query``, ``from_llm`` and ``to_llm``.
        O(N M) plus an insertion sort of each row's few candidates, O(N M**2) in the worst case.
    """
    n_queries, n_llms = cost.shape
    hulls = np.empty((n_queries, n_llms), dtype=np.int8 if n_llms <= 127 else np.int32)
    offset = np.zeros(n_queries + 1, dtype=np.int64)
    mask = np.ones((0, 0), dtype=np.bool_) if allowed is None else allowed
    over_queries(_build_hulls, n_queries, cost, accuracy, mask, hulls, offset)
    np.cumsum(offset, out=offset)
    vertices = np.empty(n_queries + int(offset[-1]), dtype=hulls.dtype)
    # records: sorting moves one cache line per step instead of five separate fields
    fields = [("cost", "f8"), ("accuracy", "f8"), ("query", "i4"), ("from_llm", hulls.dtype), ("to_llm", hulls.dtype)]
    steps = np.empty(int(offset[-1]), dtype=np.dtype(fields, align=True))
    over_queries(_pack_steps, n_queries, cost, accuracy, hulls, offset, vertices, steps)
    return offset, vertices, steps


@jit(error_model="numpy")
def _build_hulls(
    start: int,
    stop: int,
    cost: np.ndarray,
    accuracy: np.ndarray,
    mask: np.ndarray,
    hulls: np.ndarray,
    n_steps: np.ndarray,
) -> None:
    """Write each query's hull to the front of its row and its number of steps to ``n_steps[query + 1]``.

    Andrew's monotone chain on the query's candidates.
    """
    candidates = np.empty(cost.shape[1] + 1, dtype=np.int64)
    efficiency = np.empty(cost.shape[1])
    for i in range(start, stop):
        n_candidates = _find_candidates(cost, accuracy, mask, i, candidates)
        hulls[i, 0] = candidates[0]
        n = 1
        for k in range(1, n_candidates):
            j = candidates[k]
            last = hulls[i, n - 1]
            if n > 1 and cost[i, j] <= UP_TO * cost[i, last] and accuracy[i, j] > accuracy[i, last]:
                n -= 1  # same cost and more accurate: it replaces the last vertex
            if accuracy[i, j] <= accuracy[i, hulls[i, n - 1]]:
                continue
            gain = _efficiency(cost, accuracy, i, hulls[i, n - 1], j)
            while n > 1 and gain >= efficiency[n - 1]:
                n -= 1
                gain = _efficiency(cost, accuracy, i, hulls[i, n - 1], j)
            efficiency[n] = gain
            hulls[i, n] = j
            n += 1
        n_steps[i + 1] = n - 1


@jit(error_model="numpy")
def _find_candidates(cost: np.ndarray, accuracy: np.ndarray, mask: np.ndarray, i: int, candidates: np.ndarray) -> int:
    """Collect, by rising cost, the first and last vertex of query i's hull and the LLMs above the chord between them.

    Sorting only these few is several times faster than sorting the row, and it is exact: an LLM on or below the chord
    is no vertex. Returns their number.
    """
    low, high = _ends(cost, accuracy, mask, i)
    candidates[0] = low
    if low == high:
        return 1
    low_cost, low_accuracy = np.float64(cost[i, low]), np.float64(accuracy[i, low])
    chord = _efficiency(cost, accuracy, i, low, high)
    n = 1
    for j in range(cost.shape[1]):
        above = np.float64(accuracy[i, j]) - low_accuracy > chord * (np.float64(cost[i, j]) - low_cost)
        # always written, counted only if it qualifies: a branch would be mispredicted too often
        candidates[n] = j
        n += above & (UP_TO * cost[i, j] < cost[i, high]) & (mask.size == 0 or mask[i, j])
    for last in range(2, n):
        k, j = last, candidates[last]
        while k > 1 and cost[i, candidates[k - 1]] > UP_TO * cost[i, j]:
            candidates[k] = candidates[k - 1]
            k -= 1
        candidates[k] = j
    candidates[n] = high
    return n + 1


@jit
def _ends(cost: np.ndarray, accuracy: np.ndarray, mask: np.ndarray, i: int) -> tuple[int, int]:
    """Return query i's cheapest LLM (of equals the more accurate) and most accurate LLM (of equals the cheaper)."""
    lowest, best = np.inf, -np.inf
    for j in range(cost.shape[1]):
        if mask.size == 0 or mask[i, j]:
            lowest = min(lowest, np.float64(cost[i, j]))
            best = max(best, np.float64(accuracy[i, j]))
    low = high = -1
    for j in range(cost.shape[1]):
        if mask.size and not mask[i, j]:
            continue
        if cost[i, j] <= UP_TO * lowest and (low < 0 or accuracy[i, j] > accuracy[i, low]):
            low = j
        if accuracy[i, j] == best and (high < 0 or UP_TO * cost[i, j] < cost[i, high]):
            high = j
    if accuracy[i, low] == best:
        high = low
    return low, high


@jit(error_model="numpy", inline="always")
def _efficiency(cost: np.ndarray, accuracy: np.ndarray, i: int, cheaper: int, dearer: int) -> float:
    """Return Δaccuracy/Δcost in float64. The sort of the steps uses the same expression, so both orders agree."""
    gain = np.float64(accuracy[i, dearer]) - np.float64(accuracy[i, cheaper])
    return gain / (np.float64(cost[i, dearer]) - np.float64(cost[i, cheaper]))


@jit
def _pack_steps(
    start: int,
    stop: int,
    cost: np.ndarray,
    accuracy: np.ndarray,
    hulls: np.ndarray,
    offset: np.ndarray,
    vertices: np.ndarray,
    steps: np.ndarray,
) -> None:
    """Pack the used part of each row of ``hulls`` and record the steps along it."""
    for i in range(start, stop):
        dearer = hulls[i, 0]
        vertices[offset[i] + i] = dearer
        for k in range(offset[i], offset[i + 1]):
            cheaper, dearer = dearer, hulls[i, k - offset[i] + 1]
            vertices[k + i + 1] = dearer
            step = steps[k]  # a record, read by key: this also works in Python, with numba switched off
            step["cost"] = np.float64(cost[i, dearer]) - np.float64(cost[i, cheaper])
            step["accuracy"] = np.float64(accuracy[i, dearer]) - np.float64(accuracy[i, cheaper])
            step["query"] = i
            step["from_llm"] = cheaper
            step["to_llm"] = dearer


def order_by_efficiency(steps: np.ndarray) -> np.ndarray:
    """Sort steps by falling Δaccuracy/Δcost, keeping the given order of equal efficiencies.

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
    # sorted a second time by value: much faster than gathering the keys from scattered memory
    worst_first.sort()
    tied = worst_first[1:] == worst_first[:-1]
    if tied.any():
        places = np.flatnonzero(np.append(tied, False) | np.append(False, tied))
        runs = np.cumsum(~np.append(False, tied)[places])
        # integers sorted by run and then by step: all bits differ, so nothing ties
        order[places] = np.sort(runs * len(order) + order[places]) % len(order)
    return order


def follow_steps(steps: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """List the moves and the cumulated gains in the order of the steps.

    Args:
        steps: (S,) records from `upper_hulls`.
        order: (S,) from `order_by_efficiency`.

    Returns:
        ``query`` int32, ``from_llm`` and ``to_llm`` int8 or int32, (S,) each; and ``sums`` (S + 1, 2), a row of zeros
        before the sums of Δcost and Δaccuracy. The sums are compensated (Neumaier), so rounding errors don't grow along
        them. O(S).
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
    """Tabulate the level of each cell: how many upgrade steps lead a query to that LLM.

    The level of a hull vertex is the number of steps below it. Any other LLM has the level of the most expensive vertex
    that costs no more, so a dominated LLM has the level of a vertex that dominates it. An LLM that is cheaper than all
    vertices, which is then forbidden, has the level of the first.

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
    """Count the upgrade steps of an allocation: the sum of its levels.

    Args:
        levels: (N, M) from `tabulate_levels`.
        x: (N,) LLM per query, in 0 ... M-1.
    """
    return int(sum(over_queries(_sum_levels, len(x), levels, x)))


@jit
def steps_between(levels: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """List the upgrade steps from one allocation up to another.

    Args:
        levels: (N, M) from `tabulate_levels`.
        x: (N,) LLM per query, in 0 ... M-1.
        y: (N,) likewise, where to go.

    Returns:
        Query of each step, int64, rising; a query at which ``y`` lies no higher has none.
    """
    n = 0
    for i in range(x.size):
        n += max(levels[i, y[i]] - levels[i, x[i]], 0)
    queries, k = np.empty(n, dtype=np.int64), 0
    for i in range(x.size):
        for _ in range(levels[i, x[i]], levels[i, y[i]]):
            queries[k] = i
            k += 1
    return queries


@jit
def take_steps(query: np.ndarray, llm: np.ndarray, start: int, stop: int, x: np.ndarray) -> None:
    """Take the steps ``start`` ... ``stop - 1`` in their order, or backward if ``stop < start``; in place.

    Args:
        query: (S,) query of each step.
        llm: (S,) LLM of the query after the step if going forward, or before it if going backward.
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
                level += cost[i, vertices[first + k]] <= UP_TO * cost[i, j]
            levels[i, j] = level


@jit
def _sum_levels(start: int, stop: int, levels: np.ndarray, x: np.ndarray) -> int:
    total = 0
    for i in range(start, stop):
        total += levels[i, np.uint32(x[i])]  # unsigned: no check for negative indices
    return total


@jit
def add_exactly(slot: np.ndarray, cost: np.ndarray, accuracy: np.ndarray, sums: np.ndarray) -> None:
    """Add costs and accuracies to the sums of slots, in integers: exact in any order.

    A number is the integer ``high * 2**40 + low`` in units of 2**-60. So low parts stay below 2**63 for 2**22 terms,
    after which `carry` moves their excess into the high parts.

    Args:
        slot: (n,) int64 row of ``sums`` that each term goes to.
        cost: (n,) float64 >= 0, below 2**42 in total.
        accuracy: (n,) float64 >= 0, likewise.
        sums: (slots, 5) int64, changed: how many terms, then high and low part of both sums.
    """
    for k in range(slot.size):
        row = sums[slot[k]]
        row[0] += 1
        for m in range(2):
            scaled = (cost[k] if m == 0 else accuracy[k]) * 1048576.0
            high = np.int64(scaled)
            row[1 + 2 * m] += high
            row[2 + 2 * m] += np.int64(np.rint((scaled - high) * 1099511627776.0))


@jit
def take_above(keys: np.ndarray, offset: np.ndarray, vertices: np.ndarray, key: int, n_ties: int, x: np.ndarray) -> int:
    """Take all steps above an efficiency, and the first few at exactly this efficiency.

    Args:
        keys: (S,) int64 efficiencies of the steps, as integers of the same order.
        offset: (N + 1,) from `upper_hulls`.
        vertices: (N + S,) from `upper_hulls`.
        key: The efficiency.
        n_ties: Number of steps taken at exactly this efficiency.
        x: (N,) LLM per query, written.

    Returns:
        Number of steps at exactly this efficiency.
    """
    n_there = 0
    for i in range(x.size):
        taken = 0
        for k in range(offset[i], offset[i + 1]):
            if keys[k] > key:
                taken += 1
            elif keys[k] == key:
                n_there += 1
                taken += n_there <= n_ties
        x[i] = vertices[offset[i] + i + taken]
    return n_there
