"""Pairs of moves: one query takes an LLM that another leaves."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.jit import jit
from optllm_pymoo.kernels.limits import Cells
from optllm_pymoo.kernels.rules import Rules, Slack, change_of, most_exceeded

LEAST_GAIN = 1e-12
"""Rise of the score that is more than rounding."""


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
    change = np.empty(rules.kind.size)
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
