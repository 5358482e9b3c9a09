"""Limits cell by cell: priced queries, what plans use, and moves that mend plans or use up what limits leave."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.jit import jit, over_queries
from optllm_pymoo.tolerances import LEAST_GAIN

CALLS, COST, ACCURACY, EXTRA = range(-1, 3)
"""Which table a limit sums: none (each query counts 1), cost, accuracy, or `EXTRA` + e for table e of the others."""

SHORT = 256
"""Moves that are looked at beyond those that an excess seems to need."""


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


class Rules(NamedTuple):
    """K limits Σ_i W_k[i, x_i] <= b_k, without the right-hand sides; W_k is a table with a sign, where it counts."""

    table: np.ndarray
    """(K,) `CALLS`, `COST`, `ACCURACY` or `EXTRA` and beyond."""
    sign: np.ndarray
    """(K,) 1.0 where at most so much is allowed, -1.0 where at least so much is asked for."""
    member: np.ndarray
    """(K, M) bool, LLMs that count."""
    of_group: np.ndarray
    """(K,) group whose queries count, -1 for all queries."""


class Slack(NamedTuple):
    """Where a plan stands with its limits, and how that is judged."""

    left: np.ndarray
    """(K,) what is left of each limit, negative where it is exceeded; kernels that move queries keep it up to date."""
    unit: np.ndarray
    """(K,) > 0, what an excess is measured in."""
    tolerance: np.ndarray
    """(K,) excess that counts as none."""


@jit(inline="always")
def use(rules: Rules, cells: Cells, k: int, i: int, j: int) -> float:
    """W_k[i, j], compiled."""
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


@jit(inline="always")
def change_of(rules: Rules, cells: Cells, k: int, i: int, old: int, new: int) -> float:
    """Return how much more query i uses of limit k at another LLM, compiled."""
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
    """Whether a move neither breaks a limit nor adds to the excess of one, compiled. O(K)."""
    for k in range(rules.table.size):
        # at an LLM that doesn't count nothing is used; only tables of numbers >= 0 are counted for some LLMs alone
        if not rules.member[k, new]:
            continue
        change = change_of(rules, cells, k, i, old, new)
        if change > 0.0 and change > slack.left[k] + slack.tolerance[k]:
            return False
    return True


@jit
def move(rules: Rules, cells: Cells, slack: Slack, x: np.ndarray, i: int, new: int) -> None:
    """Send query i to another LLM and keep the books, compiled; in place."""
    for k in range(rules.table.size):
        slack.left[k] -= change_of(rules, cells, k, i, x[i], new)
    x[i] = new


class PricedPlan(NamedTuple):
    """A plan that is being changed under limits, and what its moves are judged by."""

    cells: Cells
    rules: Rules
    worth: Coefficients
    """Prices by which the loss of a move is measured."""
    slack: Slack
    """What the plan leaves of the limits; kept up to date."""
    x: np.ndarray
    """(N,) LLM per query."""


@jit
def mend(plan: PricedPlan, max_rounds: int) -> bool:
    """Move queries out of exceeded limits, least priced loss per unit of excess first; in place.

    No move exceeds another limit, or adds to one that is exceeded. The limit that is exceeded most is taken first.

    Args:
        plan: Changed.
        max_rounds: Rounds, one limit each, after which to give up.

    Returns:
        Whether all limits are met. O(N M K) per round.
    """
    cells, rules, _, slack, x = plan
    n_llms = cells.cost.shape[1]
    ratio, cell = np.empty(cells.cost.size), np.empty(cells.cost.size, dtype=np.int64)
    no_goal = np.empty((0, 0))
    for _ in range(max_rounds):
        worst = most_exceeded(slack)
        if worst < 0:
            return True
        n, saved = _list_moves(plan, worst, no_goal, ratio, cell)
        if n == 0:
            return False
        wanted = min(n - 1, int(2.0 * -slack.left[worst] / (saved / n)) + SHORT)
        reach = np.partition(ratio[:n], wanted)[wanted]
        few = np.flatnonzero(ratio[:n] <= reach)
        has_moved = False
        for e in few[np.argsort(ratio[few], kind="mergesort")]:
            i, j = cell[e] // n_llms, cell[e] % n_llms
            # an earlier move may have changed both
            if change_of(rules, cells, worst, i, x[i], j) < 0.0 and fits(rules, cells, slack, i, x[i], j):
                move(rules, cells, slack, x, i, j)
                has_moved = True
                if slack.left[worst] >= -slack.tolerance[worst]:
                    break
        if not has_moved:
            return False
    return False


@jit
def fill(plan: PricedPlan, goal: np.ndarray, max_rounds: int) -> int:
    """Use up what is left of the limits: moves that gain and fit, least priced loss first; in place.

    Args:
        plan: Changed; meets the limits before and afterwards.
        goal: (N, M) score of each cell, whose sum is to be raised.
        max_rounds: Rounds after which to stop.

    Returns:
        Number of moves. O(N M K) per round and a sort of the moves that fit.
    """
    cells, rules, _, slack, x = plan
    n_llms = cells.cost.shape[1]
    loss, cell = np.empty(cells.cost.size), np.empty(cells.cost.size, dtype=np.int64)
    moves = 0
    for _ in range(max_rounds):
        n, _ = _list_moves(plan, -1, goal, loss, cell)
        done = moves
        for e in np.argsort(loss[:n], kind="mergesort"):
            i, j = cell[e] // n_llms, cell[e] % n_llms
            if goal[i, j] > goal[i, x[i]] and fits(rules, cells, slack, i, x[i], j):
                move(rules, cells, slack, x, i, j)
                moves += 1
        if moves == done:
            break
    return moves


@jit
def _list_moves(
    plan: PricedPlan, worst: int, goal: np.ndarray, loss: np.ndarray, cell: np.ndarray
) -> tuple[int, float]:
    """List the moves that fit and lessen the excess of limit ``worst``, or if that is -1 raise the goal.

    Their priced loss (per unit saved of an excess) and their cell i M + j are written. What a move saves beyond the
    excess is not counted. Returns how many they are, and what they save.
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
def best_pair(
    cells: Cells,
    rules: Rules,
    slack: Slack,
    loss: np.ndarray,
    gain: np.ndarray,
    moves: np.ndarray,
) -> tuple[int, int, int, int]:
    """Find the best pair of moves (i: p to q, l: q to r), where single moves are blocked by a limit on q.

    While a limit is exceeded, the pair with the least priced loss per unit of the excess that it takes away; otherwise
    the pair that raises the score most. No pair breaks a limit or adds to an excess.

    Args:
        cells: The tables.
        rules: The limits.
        slack: What is left of the limits.
        loss: (N, M) priced loss of moving a query to an LLM.
        gain: (N, M) score gained by it.
        moves: (M, M, T) queries whose moves from p to q lose least, -1 where there are no more.

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
    """Sum what two moves take away of the worst excess, as far as it is one; 1 if there is none; nan if they don't fit.

    Args:
        cells: The tables.
        rules: The limits.
        slack: What is left of the limits.
        worst: The limit that is exceeded most, or -1.
        change: (K,) what the first move uses more of each limit.
        other: Query that makes the second move.
        old: Where it is.
        new: Where it goes.
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
