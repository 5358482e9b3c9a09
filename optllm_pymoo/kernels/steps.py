"""Upgrade steps: the upper convex hull of every query, the order of all hull edges, and the plans along them."""

from __future__ import annotations

from typing import Any

import numpy as np

from optllm_pymoo.kernels.jit import jit, over_queries
from optllm_pymoo.tolerances import CLEARLY_BETTER, SAME_COST

UP_TO = 1.0 + SAME_COST
"""Costs within this factor count as equal."""

LOW_BITS = 40
"""Of the low part of an exact sum, see `add_exactly`."""


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
    hulls, offset = hull_rows(cost, accuracy, allowed)
    np.cumsum(offset, out=offset)
    n_queries = len(cost)
    vertices = np.empty(n_queries + int(offset[-1]), dtype=hulls.dtype)
    # records: sorting moves one cache line per step instead of five separate fields
    fields = [("cost", "f8"), ("accuracy", "f8"), ("query", "i4"), ("from_llm", hulls.dtype), ("to_llm", hulls.dtype)]
    steps = np.empty(int(offset[-1]), dtype=np.dtype(fields, align=True))
    over_queries(_pack_steps, n_queries, cost, accuracy, hulls, offset, vertices, steps)
    return offset, vertices, steps


def hull_rows(cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Find each query's hull as `upper_hulls` does, without a list of its steps.

    Returns:
        ``hulls`` (N, M), of which row i begins with the vertices of query i, and ``n_steps`` (N + 1,) int64: a zero,
        then the number of steps of each query.
    """
    n_queries, n_llms = cost.shape
    hulls = np.empty((n_queries, n_llms), dtype=np.int8 if n_llms <= 127 else np.int32)
    n_steps = np.zeros(n_queries + 1, dtype=np.int64)
    over_queries(_build_hulls, n_queries, cost, accuracy, _mask(allowed), hulls, n_steps)
    return hulls, n_steps


def _mask(allowed: np.ndarray | None) -> np.ndarray:
    """A mask as kernels take it: without elements where all is allowed."""
    return np.ones((0, 0), dtype=np.bool_) if allowed is None else allowed


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
    n_llms = cost.shape[1]
    candidates, hull = np.empty((2, n_llms + 1), dtype=np.int64)
    usd, share, efficiency = np.empty((3, n_llms))
    for i in range(start, stop):
        for j in range(n_llms):
            is_allowed = mask.size == 0 or mask[i, j]
            usd[j] = np.float64(cost[i, j]) if is_allowed else np.inf
            share[j] = np.float64(accuracy[i, j]) if is_allowed else -np.inf
        n_candidates = _find_candidates(usd, share, candidates)
        hull[0] = candidates[0]
        n = 1
        for k in range(1, n_candidates):
            j = candidates[k]
            last = hull[n - 1]
            if n > 1 and usd[j] <= UP_TO * usd[last] and share[j] > share[last]:
                n -= 1  # same cost and more accurate: it replaces the last vertex
            if share[j] <= share[hull[n - 1]]:
                continue
            gain = _efficiency(usd, share, hull[n - 1], j)
            while n > 1 and gain >= efficiency[n - 1]:
                n -= 1
                gain = _efficiency(usd, share, hull[n - 1], j)
            efficiency[n] = gain
            hull[n] = j
            n += 1
        for k in range(n):
            hulls[i, k] = hull[k]
        n_steps[i + 1] = n - 1


@jit(error_model="numpy", inline="always")
def _find_candidates(cost: np.ndarray, accuracy: np.ndarray, candidates: np.ndarray) -> int:
    """Collect, by rising cost, the first and last vertex of a query's hull and the LLMs above the chord between them.

    Sorting only these few is several times faster than sorting the row, and it is exact: an LLM on or below the chord
    is no vertex. Returns their number.
    """
    low, high = _ends(cost, accuracy)
    candidates[0] = low
    if low == high:
        return 1
    low_cost, low_accuracy = cost[low], accuracy[low]
    chord = _efficiency(cost, accuracy, low, high)
    n = 1
    for j in range(cost.size):
        above = accuracy[j] - low_accuracy > chord * (cost[j] - low_cost)
        # always written, counted only if it qualifies: a branch would be mispredicted too often
        candidates[n] = j
        n += above & (UP_TO * cost[j] < cost[high])
    for last in range(2, n):
        k, j = last, candidates[last]
        while k > 1 and cost[candidates[k - 1]] > UP_TO * cost[j]:
            candidates[k] = candidates[k - 1]
            k -= 1
        candidates[k] = j
    candidates[n] = high
    return n + 1


@jit(error_model="numpy", inline="always")
def _ends(cost: np.ndarray, accuracy: np.ndarray) -> tuple[int, int]:
    """Cheapest LLM (the more accurate of equals) and most accurate LLM (the cheaper of equals) of a query."""
    lowest, best = np.inf, -np.inf
    for j in range(cost.size):
        lowest = min(lowest, cost[j])
        best = max(best, accuracy[j])
    low = high = -1
    for j in range(cost.size):
        if cost[j] <= UP_TO * lowest and (low < 0 or accuracy[j] > accuracy[low]):
            low = j
        if accuracy[j] == best and (high < 0 or UP_TO * cost[j] < cost[high]):
            high = j
    if accuracy[low] == best:
        high = low
    return low, high


@jit(error_model="numpy", inline="always")
def _efficiency(cost: np.ndarray, accuracy: np.ndarray, cheaper: int, dearer: int) -> float:
    """Δaccuracy/Δcost of a query in float64: the sort of the steps uses the same expression, so both agree on order."""
    gain = np.float64(accuracy[dearer]) - np.float64(accuracy[cheaper])
    return gain / (np.float64(cost[dearer]) - np.float64(cost[cheaper]))


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

    A sum is the integer ``high * 2**40 + low`` in units of 2**-60, with a low part in 0 ... 2**40 - 1.

    Args:
        slot: (n,) int64 row of ``sums`` that each term goes to.
        cost: (n,) float64 >= 0, below 2**42 in total.
        accuracy: (n,) float64 >= 0, likewise.
        sums: (slots, 5) int64, changed: how many terms, then high and low part of both sums.
    """
    for k in range(slot.size):
        _add(sums, slot[k], 1, *_split(cost[k]), *_split(accuracy[k]))


@jit
def _split(value: float) -> tuple[Any, Any]:
    """High and low part of a number >= 0, see `add_exactly`."""
    scaled = value * 1048576.0
    high = np.int64(scaled)
    return high, np.int64(np.rint((scaled - high) * 1099511627776.0))


@jit
def _add(sums: np.ndarray, row: int, n: int, usd: int, usd_low: int, share: int, share_low: int) -> None:
    """Add ``n`` terms, given in high and low parts, to a row of exact sums (…, 5)."""
    sums[row, 0] += n
    low = sums[row, 2] + usd_low
    sums[row, 1] += usd + (low >> LOW_BITS)
    sums[row, 2] = low & ((1 << LOW_BITS) - 1)
    low = sums[row, 4] + share_low
    sums[row, 3] += share + (low >> LOW_BITS)
    sums[row, 4] = low & ((1 << LOW_BITS) - 1)


@jit(error_model="numpy")
def sum_steps(
    cost: np.ndarray,
    accuracy: np.ndarray,
    group: np.ndarray,
    hulls: np.ndarray,
    n_steps: np.ndarray,
    fine: int,
    coarse: int,
    start: np.ndarray,
    steps: np.ndarray,
    along: np.ndarray,
) -> None:
    """Sum up exactly, as `add_exactly` does, what some queries' plans come to at every efficiency.

    The bits of an efficiency, Δaccuracy/Δcost in float64, are an integer of the same order; buckets are its upper ones.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M).
        group: (N,) number of each query's group, or (0,) without groups.
        hulls: (N, M) from `hull_rows`.
        n_steps: (N + 1,) from `hull_rows`.
        fine: Bits that the buckets of ``steps`` leave out.
        coarse: Bits that those of ``along`` leave out.
        start: (M + G, 5) int64, changed: each query's cheapest cell, by LLM and by group.
        steps: (buckets, 5) int64, changed: Δcost and Δaccuracy of the steps.
        along: (buckets * (M + G), 5) int64, changed: what LLMs and groups gain by the steps.
    """
    n_llms = cost.shape[1]
    for i in range(len(cost)):
        here = hulls[i, 0]
        u, u_low = _split(np.float64(cost[i, here]))
        a, a_low = _split(np.float64(accuracy[i, here]))
        _add(start, here, 1, u, u_low, a, a_low)
        if group.size:
            _add(start, n_llms + group[i], 1, u, u_low, a, a_low)
        for k in range(1, n_steps[i + 1] + 1):
            there = hulls[i, k]
            key = np.float64(_efficiency(cost[i], accuracy[i], here, there)).view(np.int64)
            v, v_low = _split(np.float64(cost[i, there]))
            b, b_low = _split(np.float64(accuracy[i, there]))
            _add(steps, key >> fine, 1, v - u, v_low - u_low, b - a, b_low - a_low)
            gained = (key >> coarse) * len(start)
            _add(along, gained + here, -1, -u, -u_low, -a, -a_low)
            _add(along, gained + there, 1, v, v_low, b, b_low)
            if group.size:
                _add(along, gained + n_llms + group[i], 0, v - u, v_low - u_low, b - a, b_low - a_low)
            here, u, u_low, a, a_low = there, v, v_low, b, b_low


def sum_columns(cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None, sums: np.ndarray) -> None:
    """Sum up exactly what each LLM comes to if it gets all queries that it may get.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M).
        allowed: (N, M) bool, or None.
        sums: (M, 5) int64, changed, see `add_exactly`.
    """
    _add_columns(cost, accuracy, _mask(allowed), sums)


@jit
def _add_columns(cost: np.ndarray, accuracy: np.ndarray, mask: np.ndarray, sums: np.ndarray) -> None:
    for i in range(len(cost)):
        for j in range(cost.shape[1]):
            if mask.size == 0 or mask[i, j]:
                _add(sums, j, 1, *_split(np.float64(cost[i, j])), *_split(np.float64(accuracy[i, j])))


def clear_choices(
    cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None, low: float, high: float, /
) -> np.ndarray:
    """Choose the LLM of every query that has the same one at all exchange rates in a range, without its hull.

    Such a query has no step whose efficiency lies in the range, and has taken just those above it. The lead must be
    larger than what rounding and `SAME_COST` can do to a hull, so that both agree on every query.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M).
        allowed: (N, M) bool, or None.
        low: Accuracy per US$.
        high: Likewise, at least ``low``. Where one isn't finite, no query is clear.

    Returns:
        (N,) LLM per query, or -1: its hull has to be looked at. O(N M).
    """
    x = np.empty(len(cost), dtype=np.int8 if cost.shape[1] <= 127 else np.int32)
    over_queries(_choose_clearly, len(cost), cost, accuracy, _mask(allowed), low, high, x)
    return x


@jit(error_model="numpy")
def _choose_clearly(
    start: int,
    stop: int,
    cost: np.ndarray,
    accuracy: np.ndarray,
    mask: np.ndarray,
    low: float,
    high: float,
    x: np.ndarray,
) -> None:
    for i in range(start, stop):
        best, most = -1, -np.inf
        for j in range(cost.shape[1]):
            score = np.float64(accuracy[i, j]) - low * np.float64(cost[i, j])
            if score > most and (mask.size == 0 or mask[i, j]):
                best, most = j, score
        is_clear = np.bool_(best >= 0)
        usd, share = np.float64(cost[i, best]), np.float64(accuracy[i, best])
        for j in range(cost.shape[1]):
            gain, more = share - np.float64(accuracy[i, j]), usd - np.float64(cost[i, j])
            size = share + np.float64(accuracy[i, j]) + high * (usd + np.float64(cost[i, j]))
            leads = (gain - low * more > CLEARLY_BETTER * size) & (gain - high * more > CLEARLY_BETTER * size)
            is_clear &= leads | (j == best) | (mask.size > 0 and not mask[i, j])
        x[i] = best if is_clear else -1


def steps_within(
    lowest: int, highest: int, cost: np.ndarray, accuracy: np.ndarray, hulls: np.ndarray, n_steps: np.ndarray, /
) -> tuple[np.ndarray, np.ndarray]:
    """List the steps whose efficiencies lie in a range, in the order of queries.

    Args:
        lowest: Efficiency, as an integer.
        highest: Likewise, itself within.
        cost: (N, M) US$ per call.
        accuracy: (N, M).
        hulls: (N, M) from `hull_rows`.
        n_steps: (N + 1,) from `hull_rows`.

    Returns:
        (S,) int64 efficiencies, and (S, 5) a one, and high and low parts of Δcost and Δaccuracy, see `add_exactly`.
    """
    most = int(n_steps.sum())
    keys, gains = np.empty(most, dtype=np.int64), np.zeros((most, 5), dtype=np.int64)
    n = _list_steps(cost, accuracy, hulls, n_steps, lowest, highest, keys, gains)
    return keys[:n], gains[:n]


@jit(error_model="numpy")
def _list_steps(
    cost: np.ndarray,
    accuracy: np.ndarray,
    hulls: np.ndarray,
    n_steps: np.ndarray,
    lowest: int,
    highest: int,
    keys: np.ndarray,
    gains: np.ndarray,
) -> int:
    n = 0
    for i in range(len(cost)):
        for k in range(n_steps[i + 1]):
            key = np.float64(_efficiency(cost[i], accuracy[i], hulls[i, k], hulls[i, k + 1])).view(np.int64)
            if lowest <= key <= highest:
                keys[n] = key
                u, u_low = _split(np.float64(cost[i, hulls[i, k]]))
                v, v_low = _split(np.float64(cost[i, hulls[i, k + 1]]))
                a, a_low = _split(np.float64(accuracy[i, hulls[i, k]]))
                b, b_low = _split(np.float64(accuracy[i, hulls[i, k + 1]]))
                _add(gains, n, 1, v - u, v_low - u_low, b - a, b_low - a_low)
                n += 1
    return n


@jit(error_model="numpy")
def take_above(
    cost: np.ndarray,
    accuracy: np.ndarray,
    hulls: np.ndarray,
    n_steps: np.ndarray,
    key: int,
    n_ties: int,
    x: np.ndarray,
) -> int:
    """Take all steps above an efficiency, and the first few of those just there.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M).
        hulls: (N, M) from `hull_rows`.
        n_steps: (N + 1,) from `hull_rows`.
        key: The efficiency, as an integer.
        n_ties: How many steps of just this efficiency are taken.
        x: (N,) LLM per query, written.

    Returns:
        Number of steps at exactly this efficiency.
    """
    n_there = 0
    for i in range(x.size):
        taken = 0
        for k in range(n_steps[i + 1]):
            found = np.float64(_efficiency(cost[i], accuracy[i], hulls[i, k], hulls[i, k + 1])).view(np.int64)
            if found > key:
                taken += 1
            elif found == key:
                n_there += 1
                taken += n_there <= n_ties
        x[i] = hulls[i, taken]
    return n_there
