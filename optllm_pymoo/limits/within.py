"""The best plan within limits that can be found from prices, with its certificate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.limits.bound_front import END, PricePath
from optllm_pymoo.limits.feasibility import feasible_plan
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.limits.plans import best_of, mended, priced_plan
from optllm_pymoo.limits.relaxation import Relaxation, relax
from optllm_pymoo.validation import as_budget

N_EXCHANGES = 20
"""Improving exchanges between two queries that are looked for, where a plan is wanted rather than a front."""


class Certified(NamedTuple):
    """A plan within limits, and how far it can be from the best one."""

    x: np.ndarray
    """(N,) LLM per query."""
    value: float
    """Mean accuracy, or total US$ where that was to be kept low."""
    bound: float
    """No plan within the limits has a higher mean accuracy, or costs less."""
    prices: np.ndarray
    """(K,) what one more unit of each limit is worth, in summed accuracy or US$."""

    @property
    def gap(self) -> float:
        """Distance between value and bound, >= 0."""
        return abs(self.bound - self.value)


def best_within(
    limits: LinearLimits, budget_usd: float | None = None, /, *, start: np.ndarray | None = None
) -> Certified:
    """Find the most accurate plan within limits and a budget.

    Args:
        limits: Tables and limits.
        budget_usd: Total US$; None for no budget.
        start: (K + 1,) prices to begin at, as those returned; without a budget (K,). None if nothing is known.

    Returns:
        Plan, mean accuracy, LP bound on it, and prices in summed accuracy (expected correct answers) per unit; the
        budget's price is the last one.

    Raises:
        TypeError: If the budget is no number.
        ValueError: If it is NaN or negative, or no plan meets the limits.
    """
    bounded = limits if budget_usd is None else limits.within(budget_usd=as_budget("budget_usd", budget_usd))
    per_usd = END * limits.n_queries / (float(limits.cost.sum(dtype=float)) or 1.0)
    solved = relax(bounded, 1.0, 0.0, start=start)
    x = _plan(bounded, solved, (1.0, 0.0), (1.0, per_usd))
    accuracy = float(limits.accuracy[np.arange(len(x)), x].mean(dtype=float))
    return Certified(x, accuracy, max(accuracy, solved.bound / limits.n_queries), solved.prices)


def cheapest_reaching(
    limits: LinearLimits, min_accuracy: float | None = None, /, *, start: np.ndarray | None = None
) -> Certified:
    """Find the cheapest plan within limits that reaches a mean accuracy.

    Args:
        limits: Tables and limits.
        min_accuracy: Mean accuracy to reach; None for none.
        start: (K + 1,) prices to begin at, as those returned; without a target (K,). None if nothing is known.

    Returns:
        Plan, total US$, LP bound on it, and prices in US$ per unit; the target's price, per unit of summed accuracy,
        is the last one.

    Raises:
        ValueError: If no plan meets the limits.
    """
    bounded = limits if min_accuracy is None else limits.within(min_accuracy=min_accuracy)
    per_accuracy = END * (float(limits.cost.sum(dtype=float)) or 1.0) / limits.n_queries
    solved = relax(bounded, 0.0, 1.0, start=start)
    x = _plan(bounded, solved, (0.0, 1.0), (per_accuracy, 1.0))
    cost = float(limits.cost[np.arange(len(x)), x].sum(dtype=float))
    return Certified(x, cost, min(cost, -solved.bound), solved.prices)


def _plan(
    limits: LinearLimits, solved: Relaxation, weights: tuple[float, float], goal: tuple[float, float]
) -> np.ndarray:
    """Make whole plans of a relaxation in a few ways and keep the best."""
    starts = [solved.x, priced_plan(limits, *weights, solved.prices)]
    plans = [mended(limits, start, *weights, solved.prices, goal=goal, n_exchanges=N_EXCHANGES) for start in starts]
    found = [x for x in plans if x is not None] or [_from_any(limits, weights, solved.prices, goal)]
    return best_of(limits, found, goal)


def _from_any(
    limits: LinearLimits, weights: tuple[float, float], prices: np.ndarray, goal: tuple[float, float]
) -> np.ndarray:
    """Start from any plan that meets the limits, where mending the relaxation doesn't lead to one."""
    x = feasible_plan(limits)
    better = mended(limits, x, *weights, prices, goal=goal)
    return x if better is None else better


def end_plans(limits: LinearLimits, path: PricePath, fallback: np.ndarray, /) -> np.ndarray:
    """Find the cheapest and the most accurate plan within limits, as far as single moves lead.

    Args:
        limits: Tables and limits.
        path: Prices along the bound front of the limits.
        fallback: (N,) a plan that meets the limits.

    Returns:
        (2, N) plans that meet the limits.
    """
    ends = []
    for k in (0, -1):
        weights = float(path.per_accuracy[k]), float(path.per_usd[k])
        solved = relax(limits, *weights, start=path.prices[k])
        starts = [solved.x, fallback]
        plans = [mended(limits, start, *weights, solved.prices) for start in starts]
        ends.append(best_of(limits, [x for x in (*plans, fallback) if x is not None], weights))
    return np.stack(ends)
