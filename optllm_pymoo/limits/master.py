"""The restricted linear programme of a sifting round."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optllm_pymoo.kernels.limits import Coefficients
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.solver import solve_multiple_choice

if TYPE_CHECKING:
    from optllm_pymoo.limits.relaxation import Relaxation

LEAST_GAIN = 1e-6
"""Gains of a restriction that are smaller, relative to the range of scores, aren't scaled up to 1: where all are mere
rounding, as with two objectives in balance, penalties would become what HiGHS takes for infinity."""


class Extras:
    """Cells that a restriction holds beside the base cell of each query, in the order in which they joined."""

    def __init__(self, queries: np.ndarray, llms: np.ndarray, n_llms: int) -> None:
        self.queries, self.llms, self.n_llms = queries, llms, n_llms

    def __len__(self) -> int:
        return len(self.queries)

    def add(self, queries: np.ndarray, llms: np.ndarray) -> int:
        """Add cells that aren't there yet; return how many."""
        known = self.queries * self.n_llms + self.llms
        new = ~np.isin(queries * self.n_llms + llms, known)
        self.queries = np.concatenate([self.queries, queries[new]])
        self.llms = np.concatenate([self.llms, llms[new]])
        return int(new.sum())


class MasterSolution(NamedTuple):
    """Outcome of one restricted programme."""

    shares: np.ndarray
    """Share of its query that each extra cell takes."""
    prices: np.ndarray
    """(K,) duals of the limits."""
    value: float
    """Summed score less penalties."""
    violation: float
    """Penalties paid."""


class Master:
    """What stays the same from round to round: the base plan, its score and its uses."""

    def __init__(
        self, limits: LinearLimits, worth: Coefficients, base: np.ndarray, penalty: np.ndarray, score_range: float
    ) -> None:
        self.limits, self.worth, self.base, self.penalty = limits, worth, base, penalty
        self.score_range = score_range
        self.rows = np.arange(limits.n_queries)
        self.base_score = self.scores(worth, self.rows, base)
        self.total = float(self.base_score.sum())
        self.left = limits.limit - limits.uses(base[None])[0]

    def scores(self, worth: Coefficients, queries: np.ndarray, llms: np.ndarray) -> np.ndarray:
        """Priced scores of some cells."""
        limits = self.limits
        per_accuracy = worth.accuracy[limits.cells.group[queries]]
        score = per_accuracy * limits.accuracy[queries, llms].astype(float) - worth.calls[llms]
        score -= worth.usd[llms] * limits.cost[queries, llms].astype(float)
        if limits.tokens is not None:
            score -= worth.tokens[llms] * limits.tokens[queries, llms].astype(float)
        return np.asarray(score)

    def priced(self, worth: Coefficients, extras: Extras) -> np.ndarray:
        """(N,) best priced score among the cells that the restriction holds."""
        best = self.scores(worth, self.rows, self.base)
        np.maximum.at(best, extras.queries, self.scores(worth, extras.queries, extras.llms))
        return best

    def relaxation(self, extras: Extras, solved: MasterSolution, prices: np.ndarray, bound: float) -> Relaxation:
        """Put the fractional plan together."""
        from optllm_pymoo.limits.relaxation import Relaxation

        limits, queries = self.limits, extras.queries
        totals = []
        for table in (limits.cost, limits.accuracy):
            moved = table[queries, extras.llms].astype(float) - table[queries, self.base[queries]]
            totals.append(float(table[self.rows, self.base].sum(dtype=float) + solved.shares @ moved))
        return Relaxation(
            prices,
            solved.value,
            bound,
            totals[0],
            totals[1] / limits.n_queries,
            self._largest_shares(extras, solved.shares),
            solved.violation,
        )

    def _largest_shares(self, extras: Extras, shares: np.ndarray) -> np.ndarray:
        x, largest = self.base.copy(), np.ones(len(self.base))
        np.subtract.at(largest, extras.queries, shares)
        order = np.argsort(shares, kind="stable")
        for e in order[shares[order] > 1e-9]:
            i = extras.queries[e]
            if shares[e] > largest[i]:
                x[i], largest[i] = extras.llms[e], shares[e]
        return x


def solve_master(master: Master, extras: Extras) -> MasterSolution:
    """Solve a restriction with HiGHS.

    Shares of extra cells are the variables; the base cell has what is left of its query. A query with a single extra
    cell needs no row, only the bounds 0 and 1, so the programme has K rows and one for each query with several.
    Excess of a limit is allowed at a penalty.
    """
    limits = master.limits
    n, n_limits = len(extras), len(limits)
    if not n_limits:
        return MasterSolution(np.zeros(n), np.zeros(0), master.total, 0.0)
    unit = 1.0 / limits.typical
    gain = master.scores(master.worth, extras.queries, extras.llms) - master.base_score[extras.queries]
    use = limits.weights(extras.queries, extras.llms) - limits.weights(extras.queries, master.base[extras.queries])
    money = max(float(np.abs(gain).max(initial=0.0)), LEAST_GAIN * master.score_range)
    penalty = master.penalty / unit / money
    rows, left = use * unit[:, None], master.left * unit
    solved = solve_multiple_choice(-gain / money, extras.queries, rows, left, penalty=penalty, whole=False)
    assert solved.x is not None  # with penalties there always is an optimum
    violation = float(penalty @ np.where(solved.excess > 1e-9, solved.excess, 0.0)) * money
    return MasterSolution(solved.x, solved.prices * unit * money, master.total - solved.value * money, violation)
