"""Choosing among plans with a latency."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import AtLeastAccuracy, Knee, OptLLM, Plan, WithinBudget, make_problem


@pytest.fixture(scope="module")
def problem():
    """Return 60 queries on 4 LLMs, with latency."""
    return make_problem(60, 4, with_latency=True)


@pytest.mark.parametrize("kind", ["problem", "surface", "result"])
def test_limit_on_latency_is_kept(problem, kind):
    """Of the plans that are fast enough, the best; without a limit a better one."""
    source = {
        "problem": problem,
        "surface": problem.supported_surface,
        "result": minimize(problem, OptLLM(20), seed=1),
    }[kind]
    F = problem.supported_surface.F if kind == "problem" else source.F
    limit, budget = float(np.quantile(F[:, 2], 0.4)), float(np.quantile(F[:, 0], 0.7))
    plan = WithinBudget(budget, max_latency_seconds=limit).plan(source)
    fits = (F[:, 2] <= limit) & (F[:, 0] <= budget)
    assert plan.accuracy == pytest.approx(-F[fits, 1].min())
    assert plan.latency_seconds <= limit
    assert WithinBudget(budget).plan(source).accuracy >= plan.accuracy
    target = float(np.quantile(-F[F[:, 2] <= limit, 1], 0.5))
    cheap = AtLeastAccuracy(target, max_latency_seconds=limit).plan(source)
    assert cheap.cost_usd == pytest.approx(F[(F[:, 2] <= limit) & (-F[:, 1] >= target - 1e-12), 0].min())


def test_without_a_limit_the_exact_front_is_taken(problem):
    """A budget is met to the step, as without latency."""
    plain = make_problem(60, 4)
    budget = float(np.median(plain.supported_front.F[:, 0]))
    assert np.array_equal(WithinBudget(budget).plan(problem).x, WithinBudget(budget).plan(plain).x)
    assert np.array_equal(Knee().plan(problem).x, Knee().plan(plain).x)


def test_what_cannot_be_had_is_said_with_what_can(problem):
    """A limit below the fastest plan names the fastest; asked for that, it is met."""
    with pytest.raises(ValueError, match=r"a mean latency of 0\.001 s is below the fastest plan, which takes") as told:
        WithinBudget(9, max_latency_seconds=0.001).plan(problem)
    fastest = float(str(told.value).split("takes ")[1].split()[0])
    assert WithinBudget(9, max_latency_seconds=fastest).plan(problem).latency_seconds <= fastest


def test_what_makes_no_sense_is_refused(problem):
    """The knee of a surface, a limit on plans without latency, a negative limit."""
    with pytest.raises(ValueError, match="the knee is defined for cost and accuracy alone"):
        Knee().do(problem.supported_surface.F)
    with pytest.raises(ValueError, match="needs plans with a latency"):
        WithinBudget(9, max_latency_seconds=1).do(make_problem(5, 2).supported_front.F)
    with pytest.raises(ValueError, match="this problem has none"):
        WithinBudget(9, max_latency_seconds=1).plan(make_problem(5, 2))
    with pytest.raises(ValueError, match="max_latency_seconds must be a number of seconds"):
        AtLeastAccuracy(0.5, max_latency_seconds=-1)


def test_summary_states_the_latency(problem):
    """Seconds per call; nothing where there is no latency."""
    plan = Plan(problem, problem.extremes()[2])
    assert plan.latency_seconds == pytest.approx(problem.latency.min(axis=1).mean())
    assert f"Mean latency       {plan.latency_seconds:.4g} s per call" in plan.summary()
    plain = make_problem(60, 4)
    assert Plan(plain, plain.extremes()[0]).latency_seconds is None
    assert "latency" not in Plan(plain, plain.extremes()[0]).summary()
