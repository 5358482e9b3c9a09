"""Filling a knapsack exactly by branch and bound: HiGHS, behind a check of everything it returns."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.filling import Filling
from optllm_pymoo.solver import solve_multiple_choice


def fill_slack_with_highs(
    first: np.ndarray, used: np.ndarray, loss: np.ndarray, slack: float, gap: float, /, *, tolerance: float
) -> Filling:
    """Do as `fill_slack`, for cores whose list of undominated states gets too long.

    HiGHS knows tolerances of its own: a row may be violated by about 1e-6, and it stops when the best solution is
    within 1e-6 of its bound. So everything is measured in thousandths of the gap, of which 1e-6 doesn't matter. A
    solution that uses more than the slack, however little, is no plan: just this choice of items is cut off, and HiGHS
    is asked anew. Its tolerances only ever let too much in, so what it proves holds.

    Args:
        first: As for `fill_slack`.
        used: As for `fill_slack`.
        loss: As for `fill_slack`.
        slack: As for `fill_slack`.
        gap: Gap of the plan in hand, finite and > 0; only choices that end below it are looked for.
        tolerance: Gaps that differ by less are equal.

    Returns:
        See `Filling`.

    Raises:
        RuntimeError: If HiGHS gives up; the message is its own.
    """
    query = np.repeat(np.arange(len(first) - 1), np.diff(first))
    scale = gap / 1000
    rows, limits = used[None] / scale, np.array([slack / scale])
    while True:
        solved = solve_multiple_choice((loss - used) / scale, query, rows, limits)
        if solved.x is None:
            return Filling(gap, np.empty(0, dtype=np.int64), False, gap)
        items = np.flatnonzero(solved.x > 0.5)
        left = slack - float(used[items].sum())
        found = left + float(loss[items].sum())
        if slack + scale * solved.value >= gap - tolerance:
            return Filling(gap, np.empty(0, dtype=np.int64), False, gap)
        if left >= 0.0:
            return Filling(found, items, True, found)
        cut = np.full((1, len(used)), -1.0)
        cut[0, items] = 1.0
        rows, limits = np.concatenate([rows, cut]), np.append(limits, len(items) - 1.0)
