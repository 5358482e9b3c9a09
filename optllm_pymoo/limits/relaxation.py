"""The linear relaxation of a batch with limits, solved to a certified gap by sifting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.limits import Coefficients, near_cells, price_queries
from optllm_pymoo.limits.linear import LinearLimits, Weights
from optllm_pymoo.solver import solve_multiple_choice
from optllm_pymoo.tolerances import CERTIFIED, HIGHS_LEAST_GAIN

SMALL = 64
"""Queries below which no sample is drawn to guess prices from."""

SHRINK = 8
"""How many times smaller a sample is than what it stands for."""

MAX_ROUNDS = 200
MAX_HALVINGS = 12
MAX_RAISES = 6


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A solved relaxation: max Σ score(x) under limits, over fractions.

    Attributes:
        prices: (K,) Lagrangian multipliers: what one unit of each limit is worth, in score.
        value: Score of the fractional plan, summed over the queries.
        bound: Lagrangian bound at ``prices``: no plan that meets the limits scores higher, whatever went on inside.
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
    duals, O(N M); those that would improve it join, until none does. Then g(λ) equals the programme's value: a proof,
    not a number of steps. First prices come from a sample an eighth as large, solved in the same way.

    Args:
        limits: Tables and limits.
        weights: Of the objectives, >= 0.
        start: (K,) prices to begin at, from a similar relaxation.
        penalty: (K,) score lost per unit of a limit exceeded; the search for prices stays below it. None: as much
            as it takes to meet the limits.

    Returns:
        The relaxation; ``violation`` > 0 says that no fractional plan meets the limits.
    """
    score_range = _score_range(limits, weights)
    raised = 20.0 * score_range / limits.typical if penalty is None else penalty
    for _ in range(MAX_RAISES):
        if start is None:
            start = np.zeros(len(limits))
            if limits.n_queries >= SMALL * SHRINK and len(limits):
                rows = np.random.default_rng(0).choice(limits.n_queries, limits.n_queries // SHRINK, replace=False)
                start = relax(limits.take(np.sort(rows)), weights, penalty=raised).prices
        found = _sift(limits, weights, np.minimum(start, raised), raised, score_range)
        if penalty is not None or found.violation <= 0.0:
            break
        raised, start = raised * 30.0, found.prices
    return found


def _score_range(limits: LinearLimits, weights: Weights) -> float:
    """Bound how far the scores of two cells can lie apart."""
    third = () if limits.third < 0 else (limits.extra[limits.third],)
    parts = zip(weights, (limits.accuracy, limits.cost, *third), strict=False)
    return sum(weight * (float(table.max()) - float(table.min())) for weight, table in parts) or 1.0


def _sift(
    limits: LinearLimits,
    weights: Weights,
    prices: np.ndarray,
    penalty: np.ndarray,
    score_range: float,
) -> Relaxation:
    """Solve ever larger restrictions until no cell outside improves them."""
    separation = _Separation(limits, weights, score_range)
    worth = limits.coefficients(weights, prices)
    base, best, margin = price_queries(limits.cells, worth)
    free = limits.coefficients(weights, np.zeros(len(limits)))
    master = _Master(limits, free, base, penalty, score_range)
    extras = _near_base(limits, worth, base, best, margin)
    inside, lowest = prices, float(best.sum() + prices @ limits.limit)
    for _ in range(MAX_ROUNDS):
        solved = _solve_master(master, extras)
        found = separation.find(master, extras, inside, solved.prices)
        if found.bound < lowest:
            inside, lowest = found.prices, found.bound
        if lowest - solved.value <= CERTIFIED * score_range * limits.n_queries:
            break
        if not extras.add(found.queries, found.llms):
            break
    return master.relaxation(extras, solved, inside, lowest)


class _Found(NamedTuple):
    """Cells that are missing from a restriction, the prices they were found at, and the bound there."""

    queries: np.ndarray
    llms: np.ndarray
    prices: np.ndarray
    bound: float


class _Separation:
    """Finds the cells that would improve a restriction.

    Prices of a poor restriction overshoot, and nearly every cell looks good there. Then cells are looked for between
    these prices and the best ones so far, halfway again and again until they are few (in-out separation, Ben-Ameur
    and Neto 2007).
    """

    def __init__(self, limits: LinearLimits, weights: Weights, score_range: float) -> None:
        self.limits, self.weights = limits, weights
        self.slack = 1e-13 * score_range
        self.at_most = 2 * _n_near(limits.n_queries)

    def find(self, master: _Master, extras: _Extras, inside: np.ndarray, outside: np.ndarray) -> _Found:
        """Price all cells at ``outside``, or nearer to ``inside``; O(N M) each time."""
        limits, low, high, share = self.limits, 0.0, 1.0, 1.0
        for attempt in range(MAX_HALVINGS + 1):
            share = high if share == 1.0 or attempt == MAX_HALVINGS else (low + high) / 2
            prices = outside if share == 1.0 else inside + share * (outside - inside)
            worth = limits.coefficients(self.weights, prices)
            _, best, _ = price_queries(limits.cells, worth)
            lacking = best - master.priced(worth, extras)
            n_lacking = int(np.count_nonzero(lacking > self.slack))
            if n_lacking > self.at_most:
                high, share = share, 0.0
            elif n_lacking or share == 1.0:
                break
            else:
                low = share
        reference = best - lacking + self.slack
        if n_lacking > self.at_most:
            least = np.partition(lacking, -self.at_most)[-self.at_most]
            reference[lacking < least] = np.inf
        queries, llms = near_cells(limits.cells, worth, reference)
        first = slice(4 * self.at_most)
        return _Found(queries[first], llms[first], prices, float(best.sum() + prices @ limits.limit))


def _n_near(n_queries: int) -> int:
    """How many cells a restriction starts with: the more queries, the surer the prices of a sample."""
    return min(n_queries, int(100 + 8 * n_queries**0.5))


def _near_base(
    limits: LinearLimits, worth: Coefficients, base: np.ndarray, best: np.ndarray, margin: np.ndarray
) -> _Extras:
    """Choose the cells nearest to their query's best one; where too many are equally near, evenly spread ones."""
    wanted = _n_near(limits.n_queries)
    reach = min(float(np.partition(margin, wanted - 1)[wanted - 1]), float(np.finfo(float).max))
    close = np.where(margin <= reach, best - reach, np.inf)
    queries, llms = near_cells(limits.cells, worth, close)
    outside = np.flatnonzero(llms != base[queries])
    if len(outside) > 2 * wanted:
        outside = outside[np.linspace(0, len(outside) - 1, 2 * wanted).astype(int)]
    return _Extras(queries[outside], llms[outside], limits.cost.shape[1])


class _Extras:
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


class _Solution(NamedTuple):
    """Outcome of one restricted programme."""

    shares: np.ndarray
    """Share of its query that each extra cell takes."""
    prices: np.ndarray
    """(K,) duals of the limits."""
    value: float
    """Summed score less penalties."""
    violation: float
    """Penalties paid."""


class _Master:
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
        for prices, table in zip(worth.extra, limits.extra, strict=True):
            score -= prices[llms] * table[queries, llms].astype(float)
        return np.asarray(score)

    def priced(self, worth: Coefficients, extras: _Extras) -> np.ndarray:
        """(N,) best priced score among the cells that the restriction holds."""
        best = self.scores(worth, self.rows, self.base)
        np.maximum.at(best, extras.queries, self.scores(worth, extras.queries, extras.llms))
        return best

    def relaxation(self, extras: _Extras, solved: _Solution, prices: np.ndarray, bound: float) -> Relaxation:
        """Put the fractional plan together."""
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

    def _largest_shares(self, extras: _Extras, shares: np.ndarray) -> np.ndarray:
        x, largest = self.base.copy(), np.ones(len(self.base))
        np.subtract.at(largest, extras.queries, shares)
        order = np.argsort(shares, kind="stable")
        for e in order[shares[order] > 1e-9]:
            i = extras.queries[e]
            if shares[e] > largest[i]:
                x[i], largest[i] = extras.llms[e], shares[e]
        return x


def _solve_master(master: _Master, extras: _Extras) -> _Solution:
    """Solve a restriction with HiGHS.

    Shares of extra cells are the variables; the base cell has what is left of its query. A query with a single extra
    cell needs no row, only the bounds 0 and 1, so the programme has K rows and one for each query with several.
    Excess of a limit is allowed at a penalty.
    """
    limits = master.limits
    n, n_limits = len(extras), len(limits)
    if not n_limits:
        return _Solution(np.zeros(n), np.zeros(0), master.total, 0.0)
    unit = 1.0 / limits.typical
    gain = master.scores(master.worth, extras.queries, extras.llms) - master.base_score[extras.queries]
    use = limits.weights(extras.queries, extras.llms) - limits.weights(extras.queries, master.base[extras.queries])
    money = max(float(np.abs(gain).max(initial=0.0)), HIGHS_LEAST_GAIN * master.score_range)
    penalty = master.penalty / unit / money
    rows, left = use * unit[:, None], master.left * unit
    solved = solve_multiple_choice(-gain / money, extras.queries, rows, left, penalty=penalty, whole=False)
    assert solved.x is not None  # with penalties there always is an optimum
    violation = float(penalty @ np.where(solved.excess > 1e-9, solved.excess, 0.0)) * money
    return _Solution(solved.x, solved.prices * unit * money, master.total - solved.value * money, violation)
