"""The λ-sweep against brute force and against the exact front."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.baselines import lambda_sweep
from optllm_pymoo.baselines._sweeps import LambdaSweep, exchange_rates

FAMILIES = ["continuous", "tied", "binary", "dominated"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_weights", [2, 7, 10_000])
def test_every_plan_is_on_the_exact_front(family, n_weights):
    """Plans are supported, the two extremes are there, and many λ give every point of a front without ties."""
    problem = make_problem(50, 5, family=family)
    res = minimize(problem, lambda_sweep(n_weights=n_weights), seed=1)
    front = problem.supported_front
    np.testing.assert_allclose(front.bound(res.F[:, 0]), -res.F[:, 1], atol=1e-9)
    for best in (0, 1):
        assert res.F[:, best].min() == pytest.approx(front.F[:, best].min())
    if family == "continuous":
        assert len(res.F) == min(n_weights, len(front))


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.floats(0, 3), st.booleans())
def test_best_at_rate_is_brute_force(seed, rate, with_mask):
    """On tables full of ties: no LLM scores higher, and of those that score the same none is cheaper."""
    rng = np.random.default_rng(seed)
    cost, accuracy = rng.integers(0, 4, (6, 4)), rng.integers(0, 5, (6, 4)) / 4
    allowed = rng.random((6, 4)) < 0.6
    allowed[:, 2] = True
    (plan,) = LambdaSweep.best_at(np.array([rate]), cost, accuracy, allowed if with_mask else None)
    for i, j in enumerate(plan):
        others = [k for k in range(4) if allowed[i, k] or not with_mask]
        assert j in others
        best = max(accuracy[i, k] - rate * cost[i, k] for k in others)
        assert accuracy[i, j] - rate * cost[i, j] == best
        tied = [k for k in others if accuracy[i, k] - rate * cost[i, k] == best]
        assert cost[i, j] == min(cost[i, k] for k in tied)


def test_rates_by_hand():
    """Efficiencies 0.4 and 0.1: twice the first, the geometric mean, and 0."""
    front = AllocationProblem([[1, 2, 3]], [[0.2, 0.6, 0.7]]).supported_front
    np.testing.assert_allclose(exchange_rates(front, 3), [0.8, 0.2, 0.0])
    np.testing.assert_allclose(exchange_rates(front, 2), [0.8, 0.0])
    np.testing.assert_allclose(exchange_rates(front, 99), [0.8, 0.2, 0.0])


def test_front_of_one_point_has_one_rate():
    """Nothing to trade: λ = 0 alone."""
    front = AllocationProblem([[1, 2]], [[0.6, 0.2]]).supported_front
    assert exchange_rates(front, 5).tolist() == [0.0]


def test_step_that_is_cheap_beyond_measure():
    """An efficiency that overflows leaves the rates finite, so that a free LLM isn't compared with NaN."""
    problem = AllocationProblem([[0, 5e-324]], [[0.1, 0.9]])
    assert np.isfinite(exchange_rates(problem.supported_front, 5)).all()
    assert minimize(problem, lambda_sweep(), seed=1).F.tolist()[0][1] in (-0.1, -0.9)


@pytest.mark.parametrize(("batch_size", "n_iterations"), [(100, 1), (8, 3), (1, 20)])
def test_batches(batch_size, n_iterations):
    """20 λ in batches; the result doesn't depend on them, and the last iteration ends the run."""
    problem = make_problem(200, 4)
    res = minimize(problem, lambda_sweep(n_weights=20, batch_size=batch_size), seed=1)
    assert res.algorithm.n_iter - 1 == n_iterations
    assert res.algorithm.evaluator.n_eval == len(res.F) == 20


def test_queries_beyond_one_block(monkeypatch):
    """Scoring block by block changes nothing."""
    problem = make_problem(100, 4)
    rates = exchange_rates(problem.supported_front, 9)
    whole = LambdaSweep.best_at(rates, problem.cost, problem.accuracy, None)
    monkeypatch.setattr("optllm_pymoo.baselines._sweeps.BLOCK", 7)
    assert np.array_equal(LambdaSweep.best_at(rates, problem.cost, problem.accuracy, None), whole)


def test_sizes_that_make_no_sweep_are_refused():
    """One λ or an empty batch is refused; two λ and a batch of one pass."""
    with pytest.raises(ValueError, match="n_weights must be at least 2, the two extremes of the sweep; got 1"):
        lambda_sweep(n_weights=1)
    with pytest.raises(ValueError, match="batch_size must be at least 1; got 0"):
        lambda_sweep(batch_size=0)
    assert lambda_sweep(n_weights=2, batch_size=1).n_weights == 2


def test_any_cut_leaves_plans_from_all_over_the_front():
    """After 9 of 65 rates the steps of the front are cut into eight parts, none much wider than the others."""
    problem = make_problem(200, 4)
    res = minimize(problem, lambda_sweep(n_weights=65, batch_size=1), ("n_eval", 9), seed=1)
    front = problem.supported_front
    points = np.searchsorted(front.F[:, 0], res.F[:, 0] * (1 - 1e-12))
    assert points[[0, -1]].tolist() == [0, len(front) - 1]
    assert np.diff(points).max() <= (len(front) - 1) / 8 + 2
