"""The linear relaxation of a batch with limits, solved to a certified gap by sifting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.limits import Coefficients, near_cells, price_queries
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.limits.master import Extras, Master, solve_master

CERTIFIED = 1e-11
"""Gap at which the relaxation counts as solved, relative to what N queries' scores range over."""

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
    per_accuracy: float,
    per_usd: float,
    /,
    *,
    start: np.ndarray | None = None,
    penalty: np.ndarray | None = None,
) -> Relaxation:
    """Maximise per_accuracy·Σ accuracy - per_usd·Σ cost over fractional plans that meet the limits.

    The Lagrangian relaxation separates by query: at prices λ every query takes its best priced cell, and
    g(λ) = Σ_i max_j (score - Σ_k λ_k W_k)[i, j] + Σ_k λ_k b_k bounds the optimum from above. Its minimum over λ is the
    optimum of the linear relaxation. Sifting finds it: a small linear programme holds one base cell for every query
    and the cells that are nearly as good at the present prices; HiGHS solves it; all cells are priced at its
    duals, O(N M); those that would improve it join, until none does. Then g(λ) equals the programme's value: a proof,
    not a number of steps. First prices come from a sample an eighth as large, solved in the same way.

    Args:
        limits: Tables and limits.
        per_accuracy: Weight of summed accuracy, >= 0.
        per_usd: Weight of total US$, >= 0.
        start: (K,) prices to begin at, from a similar relaxation.
        penalty: (K,) score lost per unit of a limit exceeded; the search for prices stays below it. None: as much
            as it takes to meet the limits.

    Returns:
        The relaxation; ``violation`` > 0 says that no fractional plan meets the limits.
    """
    score_range = _score_range(limits, per_accuracy, per_usd)
    raised = 20.0 * score_range / limits.typical if penalty is None else penalty
    for _ in range(MAX_RAISES):
        if start is None:
            start = _prices_of_sample(limits, per_accuracy, per_usd, raised)
        found = _sift(limits, per_accuracy, per_usd, np.minimum(start, raised), raised, score_range)
        if penalty is not None or found.violation <= 0.0:
            break
        raised, start = raised * 30.0, found.prices
    return found


def _score_range(limits: LinearLimits, per_accuracy: float, per_usd: float) -> float:
    spread = per_accuracy * (float(limits.accuracy.max()) - float(limits.accuracy.min()))
    return spread + per_usd * (float(limits.cost.max()) - float(limits.cost.min())) or 1.0


def _prices_of_sample(limits: LinearLimits, per_accuracy: float, per_usd: float, penalty: np.ndarray) -> np.ndarray:
    n_queries = limits.n_queries
    if n_queries < SMALL * SHRINK or not len(limits):
        return np.zeros(len(limits))
    rows = np.sort(np.random.default_rng(0).choice(n_queries, n_queries // SHRINK, replace=False))
    return relax(limits.take(rows), per_accuracy, per_usd, penalty=penalty).prices


def _sift(
    limits: LinearLimits,
    per_accuracy: float,
    per_usd: float,
    prices: np.ndarray,
    penalty: np.ndarray,
    score_range: float,
) -> Relaxation:
    """Solve ever larger restrictions until no cell outside improves them."""
    separation = _Separation(limits, per_accuracy, per_usd, score_range)
    worth = limits.coefficients(per_accuracy, per_usd, prices)
    base, best, margin = price_queries(limits.cells, worth)
    free = limits.coefficients(per_accuracy, per_usd, np.zeros(len(limits)))
    master = Master(limits, free, base, penalty, score_range)
    extras = _near_base(limits, worth, base, best, margin)
    inside, lowest = prices, float(best.sum() + prices @ limits.limit)
    for _ in range(MAX_ROUNDS):
        solved = solve_master(master, extras)
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

    def __init__(self, limits: LinearLimits, per_accuracy: float, per_usd: float, score_range: float) -> None:
        self.limits, self.weights = limits, (per_accuracy, per_usd)
        self.slack = 1e-13 * score_range
        self.at_most = 2 * _n_near(limits.n_queries)

    def find(self, master: Master, extras: Extras, inside: np.ndarray, outside: np.ndarray) -> _Found:
        """Price all cells at ``outside``, or nearer to ``inside``; O(N M) each time."""
        limits, low, high, share = self.limits, 0.0, 1.0, 1.0
        for attempt in range(MAX_HALVINGS + 1):
            share = high if share == 1.0 or attempt == MAX_HALVINGS else (low + high) / 2
            prices = outside if share == 1.0 else inside + share * (outside - inside)
            worth = limits.coefficients(*self.weights, prices)
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
) -> Extras:
    """Choose the cells nearest to their query's best one; where too many are equally near, evenly spread ones."""
    wanted = _n_near(limits.n_queries)
    reach = min(float(np.partition(margin, wanted - 1)[wanted - 1]), float(np.finfo(float).max))
    close = np.where(margin <= reach, best - reach, np.inf)
    queries, llms = near_cells(limits.cells, worth, close)
    outside = np.flatnonzero(llms != base[queries])
    if len(outside) > 2 * wanted:
        outside = outside[np.linspace(0, len(outside) - 1, 2 * wanted).astype(int)]
    return Extras(queries[outside], llms[outside], limits.cost.shape[1])
