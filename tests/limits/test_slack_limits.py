"""Limits that don't bind cost nothing: the exact front stays exact; where some of its plans remain, they are told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, OptLLM, Quota, SupportedFront, WithinBudget, make_problem
from optllm_pymoo.limits import BoundFront
from tests.brute_force import score
from tests.limits.cases import Limited, limited_batches


def with_quota(calls: float) -> tuple[AllocationProblem, AllocationProblem]:
    """A batch without limits, and with one on the calls of its dearest LLM."""
    plain = make_problem(300, 5, random_state=3)
    limit = Quota("llm4", calls=calls)
    return plain, AllocationProblem(plain.cost, plain.accuracy, limits=[limit])


def test_a_quota_that_no_plan_of_the_front_uses_up_changes_nothing():
    """Front, plans, certificates and OptLLM's outcome are those of the batch without it; the constraint is there."""
    plain = make_problem(300, 5, random_state=3)
    most = max((plain.supported_front.assignment(k) == 4).sum() for k in range(len(plain.supported_front)))
    plain, limited = with_quota(int(most))
    assert not limited.limits_bind
    np.testing.assert_array_equal(limited.pareto_front(), plain.pareto_front())
    np.testing.assert_array_equal(limited.pareto_set(), plain.pareto_set())
    budget = float(plain.supported_front.F[77, 0])
    plan = WithinBudget(budget).plan(limited)
    assert plan.cost_usd == WithinBudget(budget).plan(plain).cost_usd
    assert plan.gap == pytest.approx(0.0, abs=1e-15)
    ours, theirs = (minimize(problem, OptLLM(n_grid=8), seed=1) for problem in (limited, plain))
    np.testing.assert_array_equal(ours.F, theirs.F)
    assert limited.n_ieq_constr == 1
    _, binding = with_quota(int(most) - 1)
    assert binding.limits_bind
    assert binding.pareto_front() is None


def test_what_a_quota_leaves_of_the_front_is_exact():
    """The cheap end of the front keeps to the quota: found by a search without a gap, and the bound goes through it."""
    plain, limited = with_quota(40)
    exact, front = limited.exact_points, plain.supported_front
    uses = [(front.assignment(k) == 4).sum() for k in range(len(front))]
    assert exact.tolist() == np.flatnonzero(np.array(uses) <= 40).tolist()
    assert 10 < len(exact) < len(front)
    bound = limited.bound_front().bound(front.F[exact, 0])
    np.testing.assert_allclose(bound, -front.F[exact, 1], atol=1e-12)
    found = minimize(limited, OptLLM(n_grid=10), seed=1)
    gaps = limited.bound_front().bound(found.F[:, 0]) + found.F[:, 1]
    assert np.count_nonzero(np.abs(gaps) < 1e-12) >= 10
    assert gaps.max() > 1e-9


@settings(max_examples=60)
@given(limited_batches())
def test_points_within_limits_are_those_of_their_plans(case: Limited):
    """Running sums along the front and the plans themselves agree; nothing within the limits lies above the bound."""
    limits, X = case.limits(), case.feasible_plans()
    front = SupportedFront(*case.given)
    steps = front.steps
    met = limits.are_met_along(front.assignment(0), steps.query, steps.from_llm, steps.to_llm)
    plans = np.stack([front.assignment(k) for k in range(len(front))])
    np.testing.assert_array_equal(met, limits.are_met(plans))
    if len(X):
        F = score(case.given, X)
        bound = BoundFront.of(limits, n_points=6, without=front.F)
        assert np.all(np.diff(bound.F[:, 0]) > 0)
        assert np.all(-F[:, 1] <= bound.bound(np.maximum(F[:, 0], bound.F[0, 0])) + 1e-9)
        assert bound.bound(front.F[met, 0]) == pytest.approx(-front.F[met, 1], abs=1e-9)
