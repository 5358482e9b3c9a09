"""Everything that can be had by trying all plans, or from a solver of linear programmes."""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from tests.strategies import Tables


def all_plans(given: Tables) -> np.ndarray:
    """List all M**N allocations that the mask allows."""
    n_queries, n_llms = given.cost.shape
    X = np.indices((n_llms,) * n_queries).reshape(n_queries, -1).T
    if given.allowed is None:
        return X
    return X[given.allowed[np.arange(n_queries), X].all(axis=1)]


def score(given: Tables, X: np.ndarray) -> np.ndarray:
    """Score allocations by fancy indexing: total US$ and negated mean accuracy."""
    rows = np.arange(len(given.cost))
    totals = [table.astype(float)[rows, X].sum(axis=1) for table in (given.cost, given.accuracy)]
    return np.column_stack([totals[0], -totals[1] / len(rows)])


def extreme_points(F: np.ndarray, slack: float = 1e-12) -> np.ndarray:
    """Find the extreme supported points of a set: its lower left convex hull, by Andrew's monotone chain.

    Args:
        F: (n, 2) objectives to be minimised.
        slack: Points within so much of a straight line count as lying on it.
    """
    hull: list[np.ndarray] = []
    for point in F[np.lexsort((F[:, 1], F[:, 0]))]:
        if hull and point[1] >= hull[-1][1] - slack:
            continue
        while len(hull) > 1 and _turn(hull[-2], hull[-1], point) <= slack:
            hull.pop()
        hull.append(point)
    return np.array(hull)


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    (x, y), (u, v) = b - a, c - a
    return float(x * v - y * u)


def best_accuracy(given: Tables, budget_usd: float, *, integer: bool) -> float:
    """Maximise mean accuracy within a budget with HiGHS; the linear relaxation unless whole plans are asked for."""
    n_queries, n_llms = given.cost.shape
    one_each = LinearConstraint(np.kron(np.eye(n_queries), np.ones(n_llms)), 1.0, 1.0)
    scale = max(1.0, abs(budget_usd))
    within = LinearConstraint(given.cost.astype(float).reshape(1, -1) / scale, -np.inf, budget_usd / scale)
    upper = np.ones(given.cost.size) if given.allowed is None else given.allowed.ravel().astype(float)
    outcome = milp(
        -given.accuracy.astype(float).ravel() / n_queries,
        constraints=[one_each, within],
        bounds=Bounds(0.0, upper),
        integrality=np.full(given.cost.size, int(integer)),
    )
    assert outcome.success, outcome.message
    return -float(outcome.fun)
