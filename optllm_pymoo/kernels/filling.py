"""The core (alternatives that a better plan could use) and an exact Pareto dynamic programme over it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.jit import jit, over_queries


class Filling(NamedTuple):
    """Result of the dynamic programme."""

    gap: float
    """Smallest gap found: losses plus unused slack; the given gap if none is smaller."""
    items: np.ndarray
    """(k,) int64 items with this gap, at most one of each class; empty if no gap is smaller than the given one."""
    is_better: bool
    """Whether the gap is smaller than the given one."""
    least: float
    """Lower bound on the gap of every choice of items; equal to ``gap`` unless states were dropped to save space."""


def fill_slack(
    first: np.ndarray,
    used: np.ndarray,
    loss: np.ndarray,
    slack: float,
    gap: float,
    /,
    *,
    tolerance: float,
    max_states: int,
    max_nodes: int = 1 << 23,
) -> Filling:
    """Choose at most one item of every class to minimise losses plus unused slack.

    Minimises Σ loss + (slack - Σ used) over choices with Σ used <= slack. This is the multiple-choice knapsack problem
    around a plan in which every query has a best LLM for some exchange rate; keeping a query's LLM uses and loses
    nothing. The list of undominated states (slack left, gap so far) is merged with its shifted copies, one class after
    another, as in Pisinger's minimal-core algorithm ("A minimal algorithm for the multiple-choice knapsack problem",
    European Journal of Operational Research 83, 1995). States that can't reach a gap below the best known are dropped:
    with slack s >= 0 left, the remaining classes add at least s times the least loss per unit used; with s < 0, at
    least -s times the least loss per unit given back.

    Args:
        first: (C + 1,) int64; the items of class c are ``first[c] ... first[c + 1] - 1``.
        used: (K,) float64 slack that an item uses; negative items give some back.
        loss: (K,) float64, >= 0.
        slack: Slack available; if negative, items have to give some back.
        gap: Only choices with a smaller gap are searched for; inf for no such limit.
        tolerance: States that differ by less, summed over all classes, may be merged.
        max_states: States kept after each class; beyond that, those with the best bounds are kept.
        max_nodes: States stored in total, for tracing the choice back.

    Returns:
        See `Filling`.
    """
    n_classes = len(first) - 1
    step = tolerance / max(n_classes, 1)
    best, node, parent, item, dropped = _fill(first, used, loss, slack, gap, tolerance, step, max_states, max_nodes)
    items = []
    is_better = node != -2
    while node >= 0:
        items.append(item[node])
        node = parent[node]
    return Filling(best, np.array(items, dtype=np.int64), is_better, min(best, dropped))


@jit
def _least_rates(first: np.ndarray, used: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Least loss per unit used, at most 1, and per unit given back, among the items from each class on."""
    n_classes = first.size - 1
    rates = np.empty((n_classes + 1, 2))
    rates[n_classes, 0], rates[n_classes, 1] = 1.0, np.inf
    for c in range(n_classes - 1, -1, -1):
        grow, shrink = rates[c + 1]
        for k in range(first[c], first[c + 1]):
            if used[k] > 0.0:
                grow = min(grow, loss[k] / used[k])
            elif used[k] < 0.0:
                shrink = min(shrink, loss[k] / -used[k])
        rates[c, 0], rates[c, 1] = grow, shrink
    return rates


@jit
def _fill(
    first: np.ndarray,
    used: np.ndarray,
    loss: np.ndarray,
    slack: float,
    gap: float,
    tolerance: float,
    step: float,
    max_states: int,
    max_nodes: int,
) -> tuple[float, int, np.ndarray, np.ndarray, float]:
    """Run `fill_slack`; return gap, its node (-2: none), parents and items of the nodes, least bound dropped."""
    rates = _least_rates(first, used, loss)
    parent, item = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64)
    n_nodes, best_node, dropped = 0, -2, np.inf
    # states: slack left (falling), losses so far, node
    best, left, lost, node = gap, np.array([slack]), np.zeros(1), np.full(1, -1, dtype=np.int64)
    if slack >= 0.0 and slack < best - tolerance:
        best, best_node = slack, -1
    for c in range(first.size - 1):
        begin, end = first[c], first[c + 1]
        room = left.size * (end - begin + 1)
        if n_nodes + room > max_nodes:
            return best, best_node, parent, item, 0.0
        new_left, new_lost = np.empty(room), np.empty(room)
        source, choice = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
        grow, shrink = rates[c + 1]
        n, best, found = _merge(
            left, lost, begin, end, used, loss, grow, shrink, best, tolerance, step, new_left, new_lost, source, choice
        )
        if n > max_states:
            n, least = _keep_best(n, max_states, grow, shrink, new_left, new_lost, source, choice, found)
            dropped = min(dropped, least)
        while n_nodes + n > parent.size:
            parent = np.concatenate((parent, np.empty_like(parent)))
            item = np.concatenate((item, np.empty_like(item)))
        new_node = np.empty(n, dtype=np.int64)
        for k in range(n):
            new_node[k] = node[source[k]]
            if choice[k] >= 0:
                parent[n_nodes], item[n_nodes] = new_node[k], choice[k]
                new_node[k] = n_nodes
                n_nodes += 1
            if found >= 0.0 and new_left[k] >= 0.0 and new_left[k] + new_lost[k] == found:
                best_node = new_node[k]
        left, lost, node = new_left[:n], new_lost[:n], new_node
        if best <= tolerance or n == 0:
            break
    return best, best_node, parent, item, dropped


@jit
def _merge(
    left: np.ndarray,
    lost: np.ndarray,
    begin: int,
    end: int,
    used: np.ndarray,
    loss: np.ndarray,
    grow: float,
    shrink: float,
    best: float,
    tolerance: float,
    step: float,
    new_left: np.ndarray,
    new_lost: np.ndarray,
    source: np.ndarray,
    choice: np.ndarray,
) -> tuple[int, float, float]:
    """Merge a list of states with its copies shifted by each item of a class; the states stay sorted.

    Returns:
        Number of new states, the best gap, and the gap of the best state if it is new, else -1.
    """
    heads = np.zeros(end - begin + 1, dtype=np.int64)
    n, lowest, found = 0, np.inf, -1.0
    while True:
        chosen, most, least = -1, -np.inf, np.inf
        for m in range(heads.size):
            if heads[m] == left.size:
                continue
            k = begin + m - 1
            s = left[heads[m]] - (used[k] if m else 0.0)
            g = lost[heads[m]] + (loss[k] if m else 0.0) + s
            if s > most or (s == most and g < least):
                chosen, most, least = m, s, g
        if chosen < 0:
            return n, best, found
        k = begin + chosen - 1
        state = heads[chosen]
        heads[chosen] += 1
        total = lost[state] + (loss[k] if chosen else 0.0)
        # dominated: another state has more slack left and no larger gap
        if least >= lowest - step:
            continue
        bound = total + (grow * most if most >= 0.0 else -shrink * most)
        is_new_best = most >= 0.0 and least < best - tolerance
        if bound >= best - tolerance and not is_new_best:
            continue
        lowest = least
        if is_new_best:
            best = found = least
        new_left[n], new_lost[n] = most, total
        source[n], choice[n] = state, (k if chosen else -1)
        n += 1


@jit
def _keep_best(
    n: int,
    n_kept: int,
    grow: float,
    shrink: float,
    left: np.ndarray,
    lost: np.ndarray,
    source: np.ndarray,
    choice: np.ndarray,
    found: float,
) -> tuple[int, float]:
    """Keep the states with the smallest bounds, and the best one, in their order.

    Returns:
        Number of states kept, and the least bound of the others.
    """
    bounds = np.empty(n)
    for k in range(n):
        bounds[k] = lost[k] + (grow * left[k] if left[k] >= 0.0 else -shrink * left[k])
    limit = np.partition(bounds, n_kept - 1)[n_kept - 1]
    kept, dropped = 0, np.inf
    for k in range(n):
        is_best = found >= 0.0 and left[k] >= 0.0 and left[k] + lost[k] == found
        if is_best or (bounds[k] <= limit and kept < n_kept):
            left[kept], lost[kept] = left[k], lost[k]
            source[kept], choice[kept] = source[k], choice[k]
            kept += 1
        else:
            dropped = min(dropped, bounds[k])
    return kept, dropped


def find_alternatives(
    cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None, x: np.ndarray, rate: float, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find all alternatives to a plan whose loss is below a limit, at an exchange rate of dollars for accuracy.

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


@jit
def common_denominator(table: np.ndarray) -> int:
    """Find the least q of `DENOMINATORS` for which all values are whole multiples of 1/q; 0 if there is none. Compiled.

    Args:
        table: (N, M) floats. Values that are off by 1e-12 or less count as multiples.

    Returns:
        q or 0. O(N M) for each q that fits; one that doesn't is mostly rejected in the first row.
    """
    for q in DENOMINATORS:
        fits, i = True, 0
        while fits and i < table.shape[0]:
            for j in range(table.shape[1]):
                value = np.float64(table[i, j])
                if abs(np.rint(value * q) / q - value) > 1e-12:
                    fits = False
            i += 1
        if fits:
            return q
    return 0
