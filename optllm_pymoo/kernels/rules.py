"""Limits of whole batches cell by cell: what a query uses of them, and whether it can move."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.jit import jit
from optllm_pymoo.kernels.limits import Cells

CALLS, USD, TOKENS, FLOOR, TOTAL_FLOOR = range(5)
"""What a limit counts; floors count negated accuracy, of one group or of the whole batch."""


class Rules(NamedTuple):
    """K limits Σ_i W_k[i, x_i] <= b_k, without the right-hand sides."""

    kind: np.ndarray
    """(K,) `CALLS`, `USD`, `TOKENS`, `FLOOR` or `TOTAL_FLOOR`."""
    member: np.ndarray
    """(K, M) bool, LLMs that count."""
    of_group: np.ndarray
    """(K,) group of a floor, -1 for other limits."""


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
    kind = rules.kind[k]
    if kind == TOTAL_FLOOR:
        return -np.float64(cells.accuracy[i, j])
    if kind == FLOOR:
        return -np.float64(cells.accuracy[i, j]) if cells.group[i] == rules.of_group[k] else 0.0
    if not rules.member[k, j]:
        return 0.0
    if kind == CALLS:
        return 1.0
    return np.float64(cells.cost[i, j]) if kind == USD else np.float64(cells.tokens[i, j])


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
    for k in range(rules.kind.size):
        # at an LLM that doesn't count nothing is used
        if rules.kind[k] < FLOOR and not rules.member[k, new]:
            continue
        change = change_of(rules, cells, k, i, old, new)
        if change > 0.0 and change > slack.left[k] + slack.tolerance[k]:
            return False
    return True


@jit
def move(rules: Rules, cells: Cells, slack: Slack, x: np.ndarray, i: int, new: int) -> None:
    """Send query i to another LLM and keep the books, compiled; in place."""
    for k in range(rules.kind.size):
        slack.left[k] -= change_of(rules, cells, k, i, x[i], new)
    x[i] = new
