"""The bound front: below no plan, tight where it was solved, the supported front where limits don't bind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from optllm_pymoo import AllocationProblem, Quota, UserError, make_problem
from optllm_pymoo.limits import Weights, relax
from optllm_pymoo.limits.bound import BoundFront
from optllm_pymoo.measures.search import additive_epsilon, hypervolume_ratio
from tests.brute_force import score
from tests.limits.cases import Limited, limited_batches
from tests.strategies import Tables


@settings(max_examples=40)
@given(limited_batches())
def test_no_plan_crosses_it(case: Limited):
    """Every plan that meets the limits costs at least the first corner and lies on or under the polyline."""
    X = case.feasible_plans()
    if not len(X):
        return
    front = BoundFront.of(case.limits(), n_points=8)
    F = score(case.given, X)
    assert F[:, 0].min() >= front.F[0, 0] * (1 - 1e-9) - 1e-12
    assert np.all(-F[:, 1] <= front.bound(np.maximum(F[:, 0], front.F[0, 0])) + 1e-9)
    assert np.all(np.diff(front.F[:, 0]) > 0) or len(front) == 1


def test_one_plan_alone():
    """With one LLM there is one plan; the bound there is its accuracy, though lines through it are nearly upright."""
    cost = np.array([[1.1339762], [0.8762491], [1.8972826], [1.1105996], [0.5852774]], dtype=np.float32)
    accuracy = np.array([[0.91275555], [0.60663575], [0.72949654], [0.543625], [0.9350724]], dtype=np.float32)
    case = Limited(Tables(cost, accuracy, None), {"limits": [], "groups": list("abcde"), "tokens": cost})
    front = BoundFront.of(case.limits(), n_points=8)
    ((total, negated),) = score(case.given, case.feasible_plans())
    np.testing.assert_allclose(front.F, [[total, negated]], rtol=1e-15)


def test_quotas_that_do_not_bind_change_nothing():
    """With quotas of all queries the bound is the supported front's: exact at solved points, above it between."""
    plain = make_problem(300, 4, random_state=2)
    problem = AllocationProblem(plain.cost, plain.accuracy, limits=[Quota(f"llm{j}", calls=300) for j in range(4)])
    front, exact = problem.bound_front(), plain.supported_front
    np.testing.assert_allclose(front.F[[0, -1]], exact.F[[0, -1]], rtol=1e-5)
    costs = np.linspace(exact.F[0, 0], exact.F[-1, 0], 200)
    above = front.bound(costs) - exact.bound(costs)
    assert np.all(above >= -1e-9)
    assert above.max() < 2e-3
    inner = problem.bound_front().path.cost_usd[1:-1]
    np.testing.assert_allclose(front.bound(inner), exact.bound(inner), atol=1e-8)


def test_bound_at_a_cost_is_tighter_than_the_polyline():
    """`AllocationProblem.bound` solves the relaxation there; the front's bound is no lower."""
    plain = make_problem(200, 4, random_state=5)
    problem = AllocationProblem(plain.cost, plain.accuracy, limits=[Quota("llm3", calls=20)])
    cost = float(problem.bound_front(n_points=5).F[:, 0].mean())
    exact = problem.bound(cost)
    assert exact == pytest.approx(
        relax(problem.limits.within(budget_usd=cost), Weights(1.0, 0.0)).value / 200, abs=1e-9
    )
    assert exact <= float(problem.bound_front(n_points=5).bound(cost)) + 1e-9
    with pytest.raises(
        ValueError, match=r"no plan within the limits costs 1E-9 US\$ or less; none costs less than 0\.011029 US\$"
    ):
        problem.bound(1e-9)
    with pytest.raises(ValueError, match="cost_usd must be a number of US"):
        problem.bound(float("nan"))
    assert problem.bound(np.inf) == pytest.approx(-problem.bound_front().F[-1, 1], abs=1e-9)


def test_bound_on_dollars_by_hand():
    """One large call of two: 0.65 is reached at 1 + 3 US$, halfway at half of the 2 US$ between; more is refused."""
    problem = AllocationProblem([[1, 3], [1, 4]], [[0.5, 0.8], [0.5, 0.6]], limits=[Quota("llm1", calls=1)])
    assert problem.bound_usd(0.65) == pytest.approx(4.0)
    assert problem.bound_usd(0.575) == pytest.approx(3.0)
    assert problem.bound_usd(0.0) == pytest.approx(2.0)
    with pytest.raises(ValueError, match=r"reaches an accuracy of 0\.7; none reaches more than 0\.65$"):
        problem.bound_usd(0.7)
    with pytest.raises(ValueError, match=r"accuracy must be a mean accuracy in \[0, 1\]; got 1\.5"):
        problem.bound_usd(1.5)


def test_bounds_in_messages_are_rounded_to_the_side_on_which_they_hold():
    """One call of three may be right: a mean of 1/3 is a bound, 0.33333 would be none."""
    tables = [[1.0, 3.0]] * 3, [[0.0, 1.0]] * 3
    problem = AllocationProblem(*tables, limits=[Quota("llm1", calls=1)])
    with pytest.raises(UserError, match=r"none reaches more than 0\.33334$"):
        problem.bound_usd(0.5)
    assert str(problem.bound_front()).endswith("5 US$ at 0.33334)")


def test_measures_take_it():
    """Its own points dominate nearly its whole area, nothing dominates more, and they miss nothing of it."""
    plain = make_problem(200, 4, random_state=5)
    front = AllocationProblem(plain.cost, plain.accuracy, limits=[Quota("llm3", calls=20)]).bound_front()
    assert hypervolume_ratio(front.along(2000), front) == pytest.approx(1.0, abs=2e-3)
    assert hypervolume_ratio(front.along(2000), front) <= 1.0
    assert additive_epsilon(front.along(1000), front) == pytest.approx(0.0, abs=1e-9)


def test_more_points_are_tighter_and_one_is_refused():
    """The polyline only falls as lines are added; a front needs two ends."""
    limits = AllocationProblem(
        *(table for table in (make_problem(100, 4).cost, make_problem(100, 4).accuracy)),
        limits=[Quota("llm3", calls=20)],
    ).limits
    few, many = (BoundFront.of(limits, n_points=n) for n in (3, 12))
    costs = np.linspace(many.F[0, 0], many.F[-1, 0], 50)[1:]
    assert np.all(many.bound(costs) <= few.bound(costs) + 1e-9)
    with pytest.raises(ValueError, match="n_points must be at least 2, the cheapest and the most accurate plan; got 1"):
        BoundFront.of(limits, n_points=1)
