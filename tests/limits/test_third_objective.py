"""A third objective together with limits: searched, within all limits, and bounded by the relaxation."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.optimize import minimize

from optllm_pymoo import (
    Additive,
    AllocationProblem,
    Ceiling,
    Floor,
    MaxAccuracyProblem,
    OptLLM,
    Quota,
    baselines,
    make_problem,
)
from optllm_pymoo.measures.search import hypervolume_ratio
from tests.limits.cases import Limited, limited_batches


def limited(**third: bool) -> AllocationProblem:
    """Eighty queries, a quota on the dearest LLM, a floor for one half, and heat as the third objective."""
    plain = make_problem(80, 4, random_state=2)
    heat = Additive("heat", np.random.default_rng(0).random((80, 4)), unit="J", **third)
    return AllocationProblem(
        plain.cost,
        plain.accuracy,
        objectives=heat,
        limits=[Quota("llm3", calls=12), Floor("a", 0.45), Ceiling(heat, 0.6 if heat.mean else 48)],
        groups=["a", "b"] * 40,
    )


@pytest.mark.parametrize("third", [{"mean": True}, {"mean": False}, {"maximise": True}])
def test_every_plan_meets_the_limits_and_lies_within_the_bounds(third: dict[str, bool]):
    """OptLLM's plans: three columns as defined, feasible, below the bound front, and none beats another."""
    problem = limited(**third)
    result = minimize(problem, OptLLM(n_grid=6), ("n_gen", 8), seed=1)
    cells = problem.third.table[np.arange(80), result.X]
    amounts = cells.mean(axis=1) if problem.third.mean else cells.sum(axis=1)
    np.testing.assert_allclose(problem.third.amount(result.F[:, 2]), amounts)
    assert problem.limits.are_met(result.X).all()
    assert len(result.F) > 5
    assert np.all(-result.F[:, 1] <= problem.bounding_front.bound(result.F[:, 0]) + 1e-9)
    assert 0 < hypervolume_ratio(result.F, problem.yardstick) <= 1
    beaten = (result.F[:, None] >= result.F[None]).all(axis=2) & (result.F[:, None] > result.F[None]).any(axis=2)
    assert not beaten.any()
    assert problem.pareto_front() is None


def test_limits_cost_what_they_cost_in_each_objective():
    """No optimum within the limits is better than that without them; a wide quota leaves all three as they are."""
    free = make_problem(60, 4, with_latency=True)
    tables = free.cost, free.accuracy
    wide = AllocationProblem(*tables, objectives=[free.third], limits=[Quota("llm3", calls=60)])
    tight = AllocationProblem(*tables, objectives=[free.third], limits=[Quota("llm3", calls=3)])
    best = np.diag(free.scalarisation.optima_F)
    np.testing.assert_allclose(np.diag(wide.scalarisation.optima_F), best, rtol=1e-9)
    within = np.diag(tight.scalarisation.optima_F)
    assert np.all(within >= best - 1e-12)
    assert within[1] > best[1] + 1e-6
    assert tight.limits.are_met(tight.extremes()).all()


@settings(max_examples=25)
@given(limited_batches(max_queries=4), st.integers(0, 10**6))
def test_plans_at_weights_are_feasible_and_never_beyond_the_best(case: Limited, seed: int):
    """By trying all plans: what weights lead to meets the limits, and is no better than the best weighted sum."""
    X = case.feasible_plans()
    if not len(X):
        return
    rng = np.random.default_rng(seed)
    third = Additive("third", rng.integers(0, 9, case.given.cost.shape), unit="")
    problem = case.given.problem(**case.options, objectives=third)
    weights = rng.random((2, 3))
    plans = problem.scalarisation.choose(weights)
    assert all((plan == X).all(axis=1).any() for plan in plans)
    if problem.has_limits:
        scale = problem.scalarisation.free
        F, found = (scale.normalise(problem.evaluate(each, return_values_of=["F"])) for each in (X, plans))
        best = (F @ weights.T).min(axis=0)
        assert np.all((found * weights).sum(axis=1) >= best - 1e-9)


def test_pickles_baselines_and_one_objective_go_on():
    """A pickle evaluates alike; a genetic algorithm and a problem with one objective take the same batch."""
    problem = limited(mean=True)
    again = pickle.loads(pickle.dumps(problem))
    X = problem.extremes()
    np.testing.assert_array_equal(
        again.evaluate(X, return_values_of=["F"]), problem.evaluate(X, return_values_of=["F"])
    )
    found = minimize(problem, baselines.nsga2(start="warm"), ("n_gen", 3), seed=1)
    assert problem.limits.are_met(np.atleast_2d(found.X)).all()
    budget = float(problem.evaluate(X[1], return_values_of=["F"])[0])
    best = minimize(MaxAccuracyProblem(problem, budget=budget), OptLLM(), seed=1)
    assert best.F[0] <= problem.evaluate(X[1], return_values_of=["F"])[1] + 1e-9


def test_what_is_no_third_objective_is_refused():
    """Two at once, a bare table, and tables of another shape, each in one sentence."""
    heat = Additive("heat", [[1.0, 2.0]], unit="J")
    with pytest.raises(ValueError, match="at most one objective beside cost and accuracy; got 2"):
        AllocationProblem([[1, 2]], [[0.5, 0.9]], objectives=[heat, heat])
    with pytest.raises(ValueError, match=r"must be Additive objects; objectives\[0\] is \[\[1, 2\]\]"):
        AllocationProblem([[1, 2]], [[0.5, 0.9]], objectives=[[[1, 2]]])
    with pytest.raises(ValueError, match=r"heat has shape \(1, 2\); expected \(1, 3\)"):
        AllocationProblem([[1, 2, 3]], [[0.5, 0.9, 1]], limits=Ceiling(heat, 3))
    with pytest.raises(ValueError, match="an additive table needs a name"):
        Additive("", [[1.0]], unit="J")
