"""Limits cell by cell: priced queries, use of limits, and moves that repair plans or use up remaining slack."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from optllm_pymoo.kernels.jit import jit, over_queries
from optllm_pymoo.tolerances import LEAST_GAIN

CALLS, COST, ACCURACY, EXTRA = range(-1, 3)
"""Which table a limit sums: none (each query counts 1), cost, accuracy, or `EXTRA` + e for table e of the others."""

SHORT = 256
"""Moves examined beyond the estimated number that removes an excess."""


class Cells(NamedTuple):
    """The tables of a batch, in the form that the kernels of limits use."""

    cost: np.ndarray
    """(N, M) US$ per call."""
    accuracy: np.ndarray
    """(N, M)."""
    extra: np.ndarray
    """(E, N, M) further tables that are summed: tokens and additive tables; (0, 0, 0) if there are none."""
    mask: np.ndarray
    """(N, M) bool, or (0, 0) if every LLM is allowed."""
    group: np.ndarray
    """(N,) int32 group of each query, 0 ... G; queries of no group have G."""


class Coefficients(NamedTuple):
    """Price of one unit of each table: score = accuracy[g]·A - usd[j]·C - Σ extra[e, j]·T_e - calls[j]."""

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
        ``margin`` (N,) its distance to the second-best score, infinite if there is none.
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
    """Return the priced score of cell (i, j). Takes arrays: reading them from a tuple per cell is 30 times slower."""
    value = per_accuracy * np.float64(accuracy[i, j]) - per_usd[j] * np.float64(cost[i, j]) - per_call[j]
    for e in range(extra.shape[0]):
        value -= per_extra[e, j] * np.float64(extra[e, i, j])
    return float(value)


@jit(inline="always")
def score(cells: Cells, worth: Coefficients, i: int, j: int) -> float:
    """Return the priced score of cell (i, j), compiled."""
    per_accuracy = worth.accuracy[cells.group[i]]
    value = _score(cells.cost, cells.accuracy, cells.extra, per_accuracy, worth.usd, worth.extra, worth.calls, i, j)
    return float(value)


@jit(inline="always")
def is_allowed(mask: np.ndarray, i: int, j: int) -> bool:
    """Return whether query i may go to LLM j, compiled."""
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


class Rules(NamedTuple):
    """K limits Σ_i W_k[i, x_i] <= b_k, without the right-hand sides; W_k is a signed, partial table."""

    table: np.ndarray
    """(K,) `CALLS`, `COST`, `ACCURACY` or `EXTRA` and beyond."""
    sign: np.ndarray
    """(K,) 1.0 for an upper limit, -1.0 for a lower limit."""
    member: np.ndarray
    """(K, M) bool, LLMs that count."""
    of_group: np.ndarray
    """(K,) group whose queries count, -1 for all queries."""


class Slack(NamedTuple):
    """Slack of a plan under its limits, with units and tolerances."""

    left: np.ndarray
    """(K,) slack of each limit, negative if it is exceeded; kernels that move queries update it."""
    unit: np.ndarray
    """(K,) > 0, the unit in which an excess is measured."""
    tolerance: np.ndarray
    """(K,) excess that is tolerated."""


@jit
def use(rules: Rules, cells: Cells, k: int, i: int, j: int) -> float:
    """Return W_k[i, j], compiled."""
    if not rules.member[k, j] or (rules.of_group[k] >= 0 and rules.of_group[k] != cells.group[i]):
        return 0.0
    table = rules.table[k]
    if table == CALLS:
        return float(rules.sign[k])
    if table == COST:
        return float(rules.sign[k] * np.float64(cells.cost[i, j]))
    if table == ACCURACY:
        return float(rules.sign[k] * np.float64(cells.accuracy[i, j]))
    return float(rules.sign[k] * np.float64(cells.extra[table - EXTRA, i, j]))


@jit
def change_of(rules: Rules, cells: Cells, k: int, i: int, old: int, new: int) -> float:
    """Return the change of query i's use of limit k when it moves from LLM ``old`` to ``new``, compiled."""
    return float(use(rules, cells, k, i, new) - use(rules, cells, k, i, old))


@jit
def most_exceeded(slack: Slack) -> int:
    """Return the limit with the largest excess in its unit, compiled; -1 if all are met."""
    worst, most = -1, 0.0
    for k in range(slack.left.size):
        excess = -slack.left[k]
        if excess > slack.tolerance[k] and excess / slack.unit[k] > most:
            worst, most = k, excess / slack.unit[k]
    return worst


@jit
def fits(rules: Rules, cells: Cells, slack: Slack, i: int, old: int, new: int) -> bool:
    """Return whether a move neither breaks a limit nor adds to an excess, compiled. O(K)."""
    for k in range(rules.table.size):
        # an LLM that doesn't count uses nothing; only tables >= 0 are limited to some LLMs
        if not rules.member[k, new]:
            continue
        change = change_of(rules, cells, k, i, old, new)
        if change > 0.0 and change > slack.left[k] + slack.tolerance[k]:
            return False
    return True


@jit
def move(rules: Rules, cells: Cells, slack: Slack, x: np.ndarray, i: int, new: int) -> None:
    """Send query i to another LLM and update the slack, compiled; in place."""
    for k in range(rules.table.size):
        slack.left[k] -= change_of(rules, cells, k, i, x[i], new)
    x[i] = new


class PricedPlan(NamedTuple):
    """A plan that is changed under limits, with the prices that its moves are compared by."""

    cells: Cells
    rules: Rules
    worth: Coefficients
    """Prices that define the loss of a move."""
    slack: Slack
    """Slack of the limits; updated with every move."""
    x: np.ndarray
    """(N,) LLM per query."""


_NO_GOAL: Final = np.empty((0, 0))


def mend(plan: PricedPlan, max_rounds: int) -> bool:
    """Repair exceeded limits: move queries, least priced loss per unit of excess first; in place.

    No move exceeds another limit, or adds to one that is exceeded. The limit with the largest excess comes first.

    Args:
        plan: Changed.
        max_rounds: Maximum number of rounds, one limit each.

    Returns:
        Whether all limits are met. O(N M K) per round.
    """
    size, left = plan.cells.cost.size, plan.slack.left
    ratio, cell = np.empty(size), np.empty(size, dtype=np.int64)
    for _ in range(max_rounds):
        worst = most_exceeded(plan.slack)
        if worst < 0:
            return True
        n, saved = _list_moves(plan, worst, _NO_GOAL, ratio, cell)
        if n == 0:
            return False
        # sorting, here and below, is NumPy's: numba takes seconds to compile it
        wanted = min(n - 1, int(min(2.0 * -left[worst] / (saved / n), n)) + SHORT)
        few = np.flatnonzero(ratio[:n] <= np.partition(ratio[:n], wanted)[wanted])
        if not _make_moves(plan, worst, _NO_GOAL, cell[few[np.argsort(ratio[few], kind="stable")]]):
            return False
    return False


def fill(plan: PricedPlan, goal: np.ndarray, max_rounds: int) -> int:
    """Use up the slack of the limits: moves that raise the goal and fit, least priced loss first; in place.

    Args:
        plan: Changed; meets the limits before and afterwards.
        goal: (N, M) score of each cell, whose sum is to be raised.
        max_rounds: Maximum number of rounds.

    Returns:
        Number of moves. O(N M K) per round and a sort of the moves that fit.
    """
    loss, cell = np.empty(plan.cells.cost.size), np.empty(plan.cells.cost.size, dtype=np.int64)
    moves = 0
    for _ in range(max_rounds):
        n, _ = _list_moves(plan, -1, goal, loss, cell)
        made = _make_moves(plan, -1, goal, cell[np.argsort(loss[:n], kind="stable")])
        if not made:
            break
        moves += made
    return moves


@jit
def _list_moves(
    plan: PricedPlan, worst: int, goal: np.ndarray, loss: np.ndarray, cell: np.ndarray
) -> tuple[int, float]:
    """List the moves that fit and reduce the excess of limit ``worst``, or raise the goal if ``worst`` is -1.

    Their priced loss (per unit saved of an excess) and their cell i M + j are written. Savings beyond the excess don't
    count. Returns the number of moves and their total saving.
    """
    cells, rules, worth, slack, x = plan
    n_queries, n_llms = cells.cost.shape
    n, total = 0, 0.0
    for i in range(n_queries):
        before = score(cells, worth, i, x[i])
        for j in range(n_llms):
            if j == x[i] or not is_allowed(cells.mask, i, j):
                continue
            saved = 1.0
            if worst >= 0:
                saved = min(-change_of(rules, cells, worst, i, x[i], j), -slack.left[worst])
            elif goal[i, j] <= goal[i, x[i]]:
                continue
            if saved > 0.0 and fits(rules, cells, slack, i, x[i], j):
                loss[n] = (before - score(cells, worth, i, j)) / saved
                cell[n] = i * n_llms + j
                total += saved
                n += 1
    return n, total


@jit
def _make_moves(plan: PricedPlan, worst: int, goal: np.ndarray, order: np.ndarray) -> int:
    """Make the moves to the cells of ``order`` that still help and fit, until the excess is gone; count them."""
    cells, rules, _, slack, x = plan
    n_llms, made = cells.cost.shape[1], 0
    for cell in order:
        i, j = cell // n_llms, cell % n_llms
        # an earlier move may have changed the query's LLM
        helps = goal[i, j] > goal[i, x[i]] if worst < 0 else change_of(rules, cells, worst, i, x[i], j) < 0.0
        if helps and fits(rules, cells, slack, i, x[i], j):
            move(rules, cells, slack, x, i, j)
            made += 1
            if worst >= 0 and slack.left[worst] >= -slack.tolerance[worst]:
                break
    return made


@jit
def best_pair(
    cells: Cells,
    rules: Rules,
    slack: Slack,
    loss: np.ndarray,
    gain: np.ndarray,
    moves: np.ndarray,
) -> tuple[int, int, int, int]:
    """Find the best pair of moves (i: p to q, l: q to r), for limits on q that block single moves.

    While a limit is exceeded, that is the pair with the least priced loss per unit of excess removed; otherwise the
    pair that raises the score most. No pair breaks a limit or adds to an excess.

    Args:
        cells: The tables.
        rules: The limits.
        slack: What is left of the limits.
        loss: (N, M) priced loss of moving a query to an LLM.
        gain: (N, M) score gained by it.
        moves: (M, M, T) queries whose moves from p to q lose least, filled up with -1.

    Returns:
        i, q, l, r of the pair; i = -1 if there is none. O(M³ T² K).
    """
    worst = most_exceeded(slack)
    n_llms = cells.cost.shape[1]
    found = (-1, -1, -1, -1)
    best = np.inf if worst >= 0 else -LEAST_GAIN
    change = np.empty(rules.table.size)
    for p in range(n_llms):
        for q in range(n_llms):
            for i in moves[p, q]:
                if i < 0:
                    break
                for k in range(change.size):
                    change[k] = change_of(rules, cells, k, i, p, q)
                for r in range(n_llms):
                    for other in moves[q, r]:
                        if other < 0:
                            break
                        lost = loss[i, q] + loss[other, r]
                        if worst >= 0 and lost > 0.0 and lost >= best * -slack.left[worst]:
                            break
                        if worst < 0 and -(gain[i, q] + gain[other, r]) >= best:
                            continue
                        saved = _saved(cells, rules, slack, worst, change, other, q, r)
                        if np.isnan(saved):
                            continue
                        value = lost / saved if worst >= 0 else -(gain[i, q] + gain[other, r])
                        if value < best:
                            best, found = value, (i, q, other, r)
    return found


@jit
def _saved(
    cells: Cells, rules: Rules, slack: Slack, worst: int, change: np.ndarray, other: int, old: int, new: int
) -> float:
    """Return how much of the worst excess two moves remove; 1 if there is no excess, NaN if the moves don't fit.

    Args:
        cells: The tables.
        rules: The limits.
        slack: What is left of the limits.
        worst: The limit that is exceeded most, or -1.
        change: (K,) change of each limit's use by the first move.
        other: Query of the second move.
        old: LLM that it leaves.
        new: LLM that it moves to.
    """
    saved = 1.0
    for k in range(change.size):
        total = change[k] + change_of(rules, cells, k, other, old, new)
        if total > 0.0 and total > slack.left[k] + slack.tolerance[k]:
            return np.nan
        if k == worst:
            saved = min(-total, -slack.left[k])
            if saved <= slack.tolerance[k]:
                return np.nan
    return saved
