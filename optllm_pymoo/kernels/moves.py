"""Single moves of queries that mend or fill a plan under limits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.jit import jit
from optllm_pymoo.kernels.limits import Cells, Coefficients, is_allowed, score
from optllm_pymoo.kernels.rules import Rules, Slack, change_of, fits, most_exceeded, move

SHORT = 256
"""Moves that are looked at beyond those that an excess seems to need."""


class PricedPlan(NamedTuple):
    """A plan that is being changed under limits, and what its moves are judged by."""

    cells: Cells
    rules: Rules
    worth: Coefficients
    """Prices by which a move's loss is told."""
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
    for _ in range(max_rounds):
        worst = most_exceeded(slack)
        if worst < 0:
            return True
        n, saved = _moves_out(worst, plan, ratio, cell)
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
def fill(plan: PricedPlan, per_accuracy: float, per_usd: float, max_rounds: int) -> int:
    """Use up what is left of the limits: moves that gain and fit, least priced loss first; in place.

    Args:
        plan: Changed; meets the limits before and afterwards.
        per_accuracy: Weight of summed accuracy in the score to be raised.
        per_usd: Weight of US$.
        max_rounds: Rounds after which to stop.

    Returns:
        Number of moves. O(N M K) per round and a sort of the moves that fit.
    """
    cells, rules, _, slack, x = plan
    n_llms = cells.cost.shape[1]
    loss, cell = np.empty(cells.cost.size), np.empty(cells.cost.size, dtype=np.int64)
    moves = 0
    for _ in range(max_rounds):
        n = _moves_that_gain(plan, per_accuracy, per_usd, loss, cell)
        done = moves
        for e in np.argsort(loss[:n], kind="mergesort"):
            i, j = cell[e] // n_llms, cell[e] % n_llms
            if _gain(cells, per_accuracy, per_usd, i, x[i], j) > 0.0 and fits(rules, cells, slack, i, x[i], j):
                move(rules, cells, slack, x, i, j)
                moves += 1
        if moves == done:
            break
    return moves


@jit
def _moves_out(worst: int, plan: PricedPlan, ratio: np.ndarray, cell: np.ndarray) -> tuple[int, float]:
    """List the moves that lessen an excess and fit: loss per unit saved, and cell; count them and sum what they save.

    What a move saves beyond the excess is not counted.
    """
    cells, rules, worth, slack, x = plan
    n_queries, n_llms = cells.cost.shape
    n, total = 0, 0.0
    for i in range(n_queries):
        before = score(cells, worth, i, x[i])
        for j in range(n_llms):
            if j == x[i] or not is_allowed(cells.mask, i, j):
                continue
            saved = -change_of(rules, cells, worst, i, x[i], j)
            if saved > 0.0 and fits(rules, cells, slack, i, x[i], j):
                counted = min(saved, -slack.left[worst])
                ratio[n] = (before - score(cells, worth, i, j)) / counted
                cell[n] = i * n_llms + j
                total += counted
                n += 1
    return n, total


@jit
def _moves_that_gain(plan: PricedPlan, per_accuracy: float, per_usd: float, loss: np.ndarray, cell: np.ndarray) -> int:
    """List the moves that raise the score and fit: priced loss and cell; count them."""
    cells, rules, worth, slack, x = plan
    n_queries, n_llms = cells.cost.shape
    n = 0
    for i in range(n_queries):
        before = score(cells, worth, i, x[i])
        for j in range(n_llms):
            if j == x[i] or not is_allowed(cells.mask, i, j):
                continue
            if _gain(cells, per_accuracy, per_usd, i, x[i], j) > 0.0 and fits(rules, cells, slack, i, x[i], j):
                loss[n] = before - score(cells, worth, i, j)
                cell[n] = i * n_llms + j
                n += 1
    return n


@jit(inline="always")
def _gain(cells: Cells, per_accuracy: float, per_usd: float, i: int, old: int, new: int) -> float:
    """Rise of the score by a move."""
    accuracy = np.float64(cells.accuracy[i, new]) - np.float64(cells.accuracy[i, old])
    return per_accuracy * accuracy - per_usd * (np.float64(cells.cost[i, new]) - np.float64(cells.cost[i, old]))
