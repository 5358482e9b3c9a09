"""Filling a knapsack exactly by branch and bound: HiGHS, behind a check of everything it returns."""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint
from scipy.sparse import csr_array

from optllm_pymoo.kernels.filling import Filling
from optllm_pymoo.solver import solve_milp


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
    n_items = len(used)
    query = np.repeat(np.arange(len(first) - 1), np.diff(first))
    scale = gap / 1000
    one_each = LinearConstraint(csr_array((np.ones(n_items), (query, np.arange(n_items)))), -np.inf, 1.0)
    constraints = [one_each, LinearConstraint(used[None] / scale, -np.inf, slack / scale)]
    while True:
        outcome = solve_milp(
            (loss - used) / scale,
            constraints=constraints,
            bounds=Bounds(0.0, 1.0),
            integrality=np.ones(n_items),
            options={"mip_rel_gap": 0.0},
        )
        if outcome.status == 2:
            return Filling(gap, np.empty(0, dtype=np.int64), False, gap)
        if not outcome.success:
            raise RuntimeError(f"HiGHS could not solve a core of {n_items} alternatives: {outcome.message}")
        items = np.flatnonzero(outcome.x > 0.5)
        left = slack - float(used[items].sum())
        found = left + float(loss[items].sum())
        if slack + scale * outcome.fun >= gap - tolerance:
            return Filling(gap, np.empty(0, dtype=np.int64), False, gap)
        if left >= 0.0:
            return Filling(found, items, True, found)
        row = np.full((1, n_items), -1.0)
        row[0, items] = 1.0
        constraints.append(LinearConstraint(row, -np.inf, len(items) - 1.0))
