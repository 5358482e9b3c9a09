"""Plans within limits: always feasible, never above the bound, certified, and what each limit costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from optllm_pymoo import AllocationProblem, Plan, Quota, make_problem
from optllm_pymoo.limits import Kind, best_within, cheapest_reaching
from tests.brute_force import score
from tests.limits.cases import Limited, best_accuracy, limited_batches


@settings(max_examples=60)
@given(limited_batches())
def test_certified_on_every_small_batch(case: Limited):
    """The plan meets limits and budget; its accuracy is at most the true optimum, which is at most the bound."""
    X = case.feasible_plans()
    if not len(X):
        return
    costs = score(case.given, X)[:, 0]
    budget = float(np.quantile(costs, 0.6, method="lower"))
    found = best_within(case.limits(), budget)
    assert case.limits().within(budget_usd=budget).are_met(found.x[None])[0]
    optimum = best_accuracy(case, X, budget)
    assert found.value <= optimum + 1e-9
    assert optimum <= found.bound + 1e-9
    target = float(-np.median(score(case.given, X)[:, 1]))
    cheap = cheapest_reaching(case.limits(), target)
    reaching = costs[-score(case.given, X)[:, 1] >= target - 1e-12]
    assert cheap.bound - 1e-9 <= reaching.min() <= cheap.value * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_gap_is_small_on_a_thousand_queries(family: str):
    """A fifth of the batch per LLM and a budget in the middle: within a thousandth of the LP bound."""
    plain = make_problem(1000, 8, family=family, random_state=1)
    problem = AllocationProblem(plain.cost, plain.accuracy, limits=[Quota(f"llm{j}", calls=200) for j in range(8)])
    budget = float(problem.bound_front(n_points=5).F[[0, -1], 0].mean())
    found = best_within(problem.limits, budget)
    assert problem.limits.within(budget_usd=budget).are_met(found.x[None])[0]
    assert found.gap <= 1e-3


def test_no_budget_at_all():
    """An infinite budget is none, also where a plan is certified by it."""
    problem = AllocationProblem([[1, 3], [1, 4]], [[0.5, 0.8], [0.5, 0.6]], limits=[Quota("llm1", calls=1)])
    assert best_within(problem.limits, np.inf).x.tolist() == best_within(problem.limits).x.tolist() == [1, 0]
    assert Plan(problem, [1, 0], budget_usd=np.inf).gap == pytest.approx(0.0, abs=1e-9)


def test_what_a_quota_costs_by_hand():
    """One call of the good LLM, at most: the second query's 0.1 is lost, and dropping the quota wins it back."""
    problem = AllocationProblem(
        np.ones((2, 2)), [[0.5, 0.9], [0.5, 0.6]], llms=["a", "b"], limits=[Quota("b", calls=1), Quota("a", calls=2)]
    )
    first, second = problem.price_limits(budget_usd=2.0)
    assert (first.use, first.limit) == (1.0, 1.0)
    assert first.accuracy_lost == pytest.approx(0.05)
    assert (first.name, first.kind, first.unit, first.binds) == ("1 call for b", Kind.CALLS, "calls", True)
    assert 0.1 - 1e-9 <= first.correct_per_unit <= 0.4 + 1e-9
    assert (second.name, second.use, second.binds) == ("2 calls for a", 1.0, False)
    assert second.accuracy_lost == second.usd_lost == 0.0
    with pytest.raises(ValueError, match=r"got neither\. Pass x or budget_usd="):
        problem.price_limits()
    for budget, error in ((float("nan"), ValueError), (-1.0, ValueError), ("much", ValueError)):
        with pytest.raises(error, match="budget_usd must be a number of US\\$, at least 0; got"):
            problem.price_limits(budget_usd=budget)
        with pytest.raises(error, match="budget_usd must be a number of US\\$, at least 0; got"):
            best_within(problem.limits, budget)
    with pytest.raises(ValueError, match=r"one LLM per query; expected shape"):
        problem.price_limits([0])
    with pytest.raises(ValueError, match=r"holds LLM numbers 0 to 1; X\[0, 1\] = 7"):
        problem.price_limits([0, 7])
    with pytest.raises(ValueError, match=r"expected one plan of shape \(2,\); got 2 plans"):
        problem.price_limits([[0, 1], [1, 0]])
