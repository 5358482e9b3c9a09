"""The relaxation: equal to HiGHS on the whole programme, never below any plan, certified."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from optllm_pymoo import Floor, Quota, make_problem
from optllm_pymoo.limits import LinearLimits, Weights, relax
from tests.brute_force import score
from tests.limits.cases import Limited, limited_batches, linear_programme
from tests.strategies import EDGE_CASES, Tables

WEIGHTS = [(1.0, 0.0), (0.0, 1.0), (1.0, 0.3)]


@settings(max_examples=60)
@given(limited_batches())
def test_equals_the_whole_programme_and_bounds_every_plan(case: Limited):
    """Value and bound are HiGHS's optimum on the full LP, which no plan that meets the limits exceeds."""
    limits, X = case.limits(), case.feasible_plans()
    for per_accuracy, per_usd in WEIGHTS:
        expected = linear_programme(limits, per_accuracy, per_usd)
        if expected is None:
            assert not len(X)
            assert relax(limits, Weights(0.0, 0.0), penalty=1 / limits.scale).bound < 0
            continue
        solved = relax(limits, Weights(per_accuracy, per_usd))
        assert solved.value == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert solved.bound == pytest.approx(expected, rel=1e-9, abs=1e-9)
        if len(X):
            F = score(case.given, X)
            totals = -per_accuracy * F[:, 1] * len(case.given.cost) - per_usd * F[:, 0]
            assert totals.max() <= solved.bound + 1e-9


@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_equals_the_whole_programme_where_samples_guess_the_prices(family: str):
    """600 queries are enough for sampling and for cells to join later; the outcome is still HiGHS's to 1e-9."""
    problem = make_problem(600, 5, family=family, random_state=3)
    asked = [*(Quota(name, calls=150) for name in problem.llms), *(Floor(group, 0.5) for group in "abc")]
    limits = LinearLimits.of(
        problem.cost, problem.accuracy, None, problem.llms, limits=asked, groups=["a", "b", "c"] * 200
    ).within(budget_usd=float(np.quantile(problem.cost, 0.6) * 600))
    expected = linear_programme(limits, 1.0, 0.0)
    solved = relax(limits, Weights(1.0, 0.0))
    np.testing.assert_allclose([solved.value, solved.bound], expected, rtol=1e-9)
    assert solved.gap <= 1e-9 * solved.bound


@pytest.mark.parametrize("name", EDGE_CASES)
def test_without_limits_it_is_the_supported_front(name: str):
    """With a budget alone the relaxation is what `SupportedFront.bound` says, on every edge case."""
    given: Tables = EDGE_CASES[name]
    front = given.front()
    llms = [f"llm{j}" for j in range(given.cost.shape[1])]
    limits = LinearLimits.of(front.cost, front.accuracy, front.allowed, llms)
    for share in (0.0, 0.4, 1.0):
        budget = front.F[0, 0] + share * (front.F[-1, 0] - front.F[0, 0])
        solved = relax(limits.within(budget_usd=budget), Weights(1.0, 0.0))
        assert solved.bound / len(given.cost) == pytest.approx(float(front.bound(budget)), rel=1e-7, abs=1e-7)


def test_prices_by_hand():
    """Two queries want the good LLM, one call is allowed: its price is what the second would have gained, 0.1."""
    accuracy = np.array([[0.5, 0.9], [0.5, 0.6]])
    limits = LinearLimits.of(np.ones((2, 2)), accuracy, None, ["a", "b"], limits=[Quota("b", calls=1)])
    solved = relax(limits, Weights(1.0, 0.0))
    assert solved.value == pytest.approx(1.4)
    assert 0.1 - 1e-12 <= solved.prices[0] <= 0.4 + 1e-12
    assert solved.x.tolist() == [1, 0]
