"""CARROT's sweep against its own formula and against the exact front."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.baselines import carrot
from optllm_pymoo.baselines._sweeps import LambdaSweep, WeightSweep


@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_every_plan_is_on_the_exact_front(family):
    """Plans are supported, and the two extremes are there."""
    problem = make_problem(50, 5, family=family)
    res = minimize(problem, carrot(n_weights=40), seed=1)
    front = problem.supported_front
    np.testing.assert_allclose(front.bound(res.F[:, 0]), -res.F[:, 1], atol=1e-9)
    for best in (0, 1):
        assert res.F[:, best].min() == pytest.approx(front.F[:, best].min())


def test_plans_minimise_the_weighted_sum(masked):
    """The formula itself, query by query: no allowed LLM has a smaller weighted sum than the one chosen."""
    dearest = masked.cost[masked.allowed].max()
    plans = LambdaSweep.best_at(WeightSweep.rates_of(11, dearest), masked.cost, masked.accuracy, masked.allowed)
    rows = np.arange(masked.n_queries)
    for weight, plan in zip(np.linspace(0, 1, 11), plans, strict=True):
        loss = weight * masked.cost / dearest + (1 - weight) * (1 - masked.accuracy)
        best = np.where(masked.allowed, loss, np.inf).min(axis=1)
        np.testing.assert_allclose(loss[rows, plan], best, rtol=1e-9)


def test_a_disallowed_price_is_no_yardstick():
    """The dearest allowed call counts as 1, whatever disallowed ones cost."""
    problem = AllocationProblem([[1, 2, 1000]], [[0.2, 0.6, 0.9]], allowed=[[1, 1, 0]])
    algorithm = carrot(n_weights=3)
    algorithm.setup(problem, seed=1)
    np.testing.assert_allclose(algorithm.rates[[0, 2]], [0.0, 0.5])


def test_prices_without_measure_leave_rates_finite():
    """Nothing costs anything, or next to nothing."""
    assert WeightSweep.rates_of(5, 0.0).tolist() == [0.0] * 5
    assert np.isfinite(WeightSweep.rates_of(5, 5e-324)).all()
    assert WeightSweep.rates_of(5, 5e-324)[0] == 0.0


def test_budget_leaves_evenly_spaced_weights():
    """Five of nine: both ends, the middle and the quarters."""
    problem = make_problem(30, 4)
    algorithm = minimize(problem, carrot(n_weights=9, batch_size=1), ("n_eval", 5), seed=1).algorithm
    assert algorithm.evaluator.n_eval == 5
    whole = WeightSweep.rates_of(9, problem.cost.max())
    np.testing.assert_allclose(algorithm.rates[:5], whole[[0, 8, 4, 2, 6]])


def test_sizes_that_make_no_sweep_are_refused():
    """As for the other sweep."""
    with pytest.raises(ValueError, match="n_weights must be at least 2, the two extremes of the sweep; got 1"):
        carrot(n_weights=1)
