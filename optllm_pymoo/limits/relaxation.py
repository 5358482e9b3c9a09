"""The linear relaxation of a batch with limits, solved by sifting to a certified gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.limits import Coefficients, near_cells, price_queries
from optllm_pymoo.limits.linear import LinearLimits, Weights
from optllm_pymoo.solver import solve_multiple_choice
from optllm_pymoo.tolerances import CERTIFIED, HIGHS_LEAST_GAIN

SMALL = 64
"""Smallest number of queries for which prices are first estimated from a sample."""

SHRINK = 8
"""Ratio of the size of a batch to that of its sample."""

MAX_ROUNDS = 200
MAX_HALVINGS = 12
MAX_RAISES = 6


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A solved relaxation: max Σ score(x) under limits, over fractions.

    Attributes:
        prices: (K,) Lagrangian multipliers: score gained by one more unit of each limit.
        value: Score of the fractional plan, summed over the queries.
        bound: Lagrangian bound at ``prices``: no plan that meets the limits scores higher, even if the solver was
            inexact.
        cost_usd: Total US$ of the fractional plan.
        accuracy: Mean accuracy of the fractional plan.
        x: (N,) LLM with the largest share of each query.
        violation: Excess of the limits that could not be avoided, summed in units of penalties; 0 where the limits
            can be met.
    """

    prices: np.ndarray
    value: float
    bound: float
    cost_usd: float
    accuracy: float
    x: np.ndarray
    violation: float

    @property
    def gap(self) -> float:
        """Certified distance of the value from the bound, summed score."""
        return max(0.0, self.bound - self.value)


def relax(
    limits: LinearLimits,
    weights: Weights,
    /,
    *,
    start: np.ndarray | None = None,
    penalty: np.ndarray | None = None,
) -> Relaxation:
    """Maximise the weighted sum of the objectives over fractional plans that meet the limits.

    The Lagrangian relaxation separates by query: at prices λ every query takes its best priced cell, and
    g(λ) = Σ_i max_j (score - Σ_k λ_k W_k)[i, j] + Σ_k λ_k b_k bounds the optimum from above. Its minimum over λ is the
    optimum of the linear relaxation. Sifting finds it: a small linear programme holds one base cell for every query
    and the cells that are nearly as good at the present prices; HiGHS solves it; all cells are priced at its
    duals, O(N M); those that would improve it are added, until there are none. Then g(λ) equals the programme's value,
    which proves optimality. First prices come from a sample an eighth as large, solved in the same way.

    Args:
        limits: Tables and limits.
        weights: Of the objectives, >= 0.
        start: (K,) initial prices, from a similar relaxation.
        penalty: (K,) score lost per unit of a limit exceeded; prices stay below it. None: large enough to meet the
            limits.

    Returns:
        The relaxation; ``violation`` > 0 means that no fractional plan meets the limits.
    """
    third = () if limits.third < 0 else (limits.extra[limits.third],)
    parts = zip(weights, (limits.accuracy, limits.cost, *third), strict=False)
    # largest difference between the scores of two cells
    score_range = sum(weight * (float(table.max()) - float(table.min())) for weight, table in parts) or 1.0
    raised = 20.0 * score_range / limits.typical if penalty is None else penalty
    for _ in range(MAX_RAISES):
        if start is None:
            start = np.zeros(len(limits))
            if limits.n_queries >= SMALL * SHRINK and len(limits):
                rows = np.random.default_rng(0).choice(limits.n_queries, limits.n_queries // SHRINK, replace=False)
                start = relax(limits.take(np.sort(rows)), weights, penalty=raised).prices
        found = _Sifting(limits, weights, np.minimum(start, raised), raised, score_range).run()
        if penalty is not None or found.violation <= 0.0:
            break
        raised, start = raised * 30.0, found.prices
    return found


class _Solution(NamedTuple):
    """Solution of one restricted programme."""

    shares: np.ndarray
    """Share of its query that each extra cell takes."""
    prices: np.ndarray
    """(K,) duals of the limits."""
    value: float
    """Summed score less penalties."""
    violation: float
    """Penalties paid."""


class _Sifting:
    """A growing restriction of a relaxation: the base cell of every query, and the extra cells added so far."""

    def __init__(
        self, limits: LinearLimits, weights: Weights, prices: np.ndarray, penalty: np.ndarray, score_range: float
    ) -> None:
        self.limits, self.weights, self.penalty, self.score_range = limits, weights, penalty, score_range
        worth = limits.coefficients(weights, prices)
        self.base, best, margin = price_queries(limits.cells, worth)
        self.inside, self.lowest = prices, float(best.sum() + prices @ limits.limit)
        self.rows, self.free = np.arange(limits.n_queries), limits.coefficients(weights, np.zeros(len(limits)))
        self.base_score = self._scores(self.free, self.rows, self.base)
        self.left = limits.limit - limits.uses(self.base[None])[0]
        # more queries make the prices of a sample more certain
        self.n_near = min(limits.n_queries, int(100 + 8 * limits.n_queries**0.5))
        reach = min(float(np.partition(margin, self.n_near - 1)[self.n_near - 1]), float(np.finfo(float).max))
        queries, llms = near_cells(limits.cells, worth, np.where(margin <= reach, best - reach, np.inf))
        extra = np.flatnonzero(llms != self.base[queries])
        if len(extra) > 2 * self.n_near:  # of equally near cells some, evenly spread
            extra = extra[np.linspace(0, len(extra) - 1, 2 * self.n_near).astype(int)]
        self.queries, self.llms = queries[extra], llms[extra]

    def run(self) -> Relaxation:
        """Add cells until none outside improves the restriction."""
        for _ in range(MAX_ROUNDS):
            solved = self._solve()
            queries, llms = self._lacking(solved.prices)
            if self.lowest - solved.value <= CERTIFIED * self.score_range * self.limits.n_queries:
                break
            n_llms = self.limits.cost.shape[1]
            new = ~np.isin(queries * n_llms + llms, self.queries * n_llms + self.llms)
            if not new.any():
                break
            self.queries = np.concatenate([self.queries, queries[new]])
            self.llms = np.concatenate([self.llms, llms[new]])
        return self._relaxation(solved)

    def _solve(self) -> _Solution:
        """Solve a restriction with HiGHS.

        Shares of extra cells are the variables; the base cell has the remaining share of its query. A query with a
        single extra cell needs no row, only the bounds 0 and 1, so the programme has K rows and one for each query with
        several. Excess of a limit is allowed at a penalty.
        """
        limits, queries, llms, total = self.limits, self.queries, self.llms, float(self.base_score.sum())
        if not len(limits):
            return _Solution(np.zeros(len(queries)), np.zeros(0), total, 0.0)
        unit = 1.0 / limits.typical
        gain = self._scores(self.free, queries, llms) - self.base_score[queries]
        use = limits.weights(queries, llms) - limits.weights(queries, self.base[queries])
        gain_unit = max(float(np.abs(gain).max(initial=0.0)), HIGHS_LEAST_GAIN * self.score_range)
        penalty = self.penalty / unit / gain_unit
        rows, left = use * unit[:, None], self.left * unit
        solved = solve_multiple_choice(-gain / gain_unit, queries, rows, left, penalty=penalty, whole=False)
        assert solved.x is not None  # with penalties there always is an optimum
        violation = float(penalty @ np.where(solved.excess > 1e-9, solved.excess, 0.0)) * gain_unit
        return _Solution(solved.x, solved.prices * unit * gain_unit, total - solved.value * gain_unit, violation)

    def _lacking(self, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find cells that would improve the restriction at prices ``outside``, or closer to the best ones so far.

        Prices of a poor restriction overshoot, and nearly every cell looks good there. Then the search moves halfway
        back, repeatedly, until there are few such cells (in-out separation, Ben-Ameur and Neto 2007); O(N M) each time.
        """
        limits, low, high, share = self.limits, 0.0, 1.0, 1.0
        slack, at_most = 1e-13 * self.score_range, 2 * self.n_near
        for attempt in range(MAX_HALVINGS + 1):
            share = high if share == 1.0 or attempt == MAX_HALVINGS else (low + high) / 2
            prices = outside if share == 1.0 else self.inside + share * (outside - self.inside)
            worth = limits.coefficients(self.weights, prices)
            _, best, _ = price_queries(limits.cells, worth)
            held = self._scores(worth, self.rows, self.base)
            np.maximum.at(held, self.queries, self._scores(worth, self.queries, self.llms))
            lacking = best - held
            n_lacking = int(np.count_nonzero(lacking > slack))
            if n_lacking > at_most:
                high, share = share, 0.0
            elif n_lacking or share == 1.0:
                break
            else:
                low = share
        reference = held + slack
        if n_lacking > at_most:
            reference[lacking < np.partition(lacking, -at_most)[-at_most]] = np.inf
        bound = float(best.sum() + prices @ limits.limit)
        if bound < self.lowest:
            self.inside, self.lowest = prices, bound
        queries, llms = near_cells(limits.cells, worth, reference)
        return queries[: 4 * at_most], llms[: 4 * at_most]

    def _scores(self, worth: Coefficients, queries: np.ndarray, llms: np.ndarray) -> np.ndarray:
        """Priced scores of some cells."""
        limits = self.limits
        per_accuracy = worth.accuracy[limits.cells.group[queries]]
        score = per_accuracy * limits.accuracy[queries, llms].astype(float) - worth.calls[llms]
        score -= worth.usd[llms] * limits.cost[queries, llms].astype(float)
        for prices, table in zip(worth.extra, limits.extra, strict=True):
            score -= prices[llms] * table[queries, llms].astype(float)
        return np.asarray(score)

    def _relaxation(self, solved: _Solution) -> Relaxation:
        """Build the fractional plan."""
        limits, queries, shares = self.limits, self.queries, solved.shares
        totals = []
        for table in (limits.cost, limits.accuracy):
            moved = table[queries, self.llms].astype(float) - table[queries, self.base[queries]]
            totals.append(float(table[self.rows, self.base].sum(dtype=float) + shares @ moved))
        x, largest = self.base.copy(), np.ones(len(self.base))
        np.subtract.at(largest, queries, shares)
        order = np.argsort(shares, kind="stable")
        for e in order[shares[order] > 1e-9]:
            i = queries[e]
            if shares[e] > largest[i]:
                x[i], largest[i] = self.llms[e], shares[e]
        cost_usd, accuracy = totals[0], totals[1] / limits.n_queries
        return Relaxation(self.inside, solved.value, self.lowest, cost_usd, accuracy, x, solved.violation)
