"""Plans that promise most, held against all plans of small batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optllm_pymoo import AllocationProblem, Quota, WithinBudget, make_problem
from optllm_pymoo.decision import promised_accuracy, robust_plan
from optllm_pymoo.tolerances import SAME_TOTAL
from tests.brute_force import all_plans
from tests.strategies import tables


def promises_of_all(problem, sigma, X, **options):
    """Promise plan by plan, without the cut at 0."""
    rows = np.arange(problem.n_queries)
    return np.array([promised_accuracy(problem.accuracy[rows, x].astype(float), sigma[rows, x], **options) for x in X])


@settings(max_examples=40)
@given(tables(max_queries=4, max_llms=3), st.integers(0, 99), st.sampled_from([0.0, 0.05, 1.0]), st.booleans())
def test_bounds_hold_and_plans_are_feasible(given_tables, seed, correlation, labelled):
    """No plan of all M**N within the budget promises more than the bound; the plan found is one of them."""
    problem = given_tables.problem()
    sigma = np.random.default_rng(seed).random(problem.cost.shape) * 0.1
    options = {"probability": 0.8, "correlation": correlation, "n_labelled": 50 if labelled else None}
    X = all_plans(given_tables)
    cost, promised = problem.evaluate(X)[:, 0], promises_of_all(problem, sigma, X, **options)
    budget = float(np.quantile(cost, 0.6))
    found = robust_plan(problem, sigma, budget_usd=budget, **options)
    within = cost <= budget * (1 + 1e-9)
    assert found.plan.cost_usd <= budget * (1 + 1e-9)
    assert found.promised <= promised[within].max() + 1e-9
    assert found.bound >= promised[within].max() - 1e-9
    target = found.promised
    cheapest = robust_plan(problem, sigma, target=target, **options)
    reaching = promised >= target - 1e-9
    assert cheapest.promised >= target - 1e-9
    assert cheapest.bound_usd <= cost[reaching].min() + 1e-9
    assert cheapest.plan.cost_usd >= cost[reaching].min() - 1e-9


def test_without_a_limit_it_is_the_best_of_all_plans():
    """On 20 batches of 4 queries and 3 LLMs, nearly always; never above, and never below what is expected-best."""
    n_best = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        problem = AllocationProblem(rng.random((4, 3)), rng.random((4, 3)) * 0.4 + 0.6)
        sigma = rng.random((4, 3)) * 0.2
        X = np.indices((3,) * 4).reshape(4, -1).T
        promised = promises_of_all(problem, sigma, X, correlation=1.0, probability=0.8)
        found = robust_plan(problem, sigma, correlation=1.0, probability=0.8)
        assert found.promised <= promised.max() + 1e-12
        n_best += found.promised >= promised.max() - 1e-12
    assert n_best >= 18


@pytest.mark.parametrize("correlation", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("n_labelled", [None, 50])
def test_large_batches_come_near_the_bound(correlation, n_labelled):
    """The search and the certificate are within three thousandths; never below the choice from the plain front."""
    problem = make_problem(1000, 6)
    sigma = np.random.default_rng(0).random(problem.cost.shape) * 0.25
    budget = float(np.median(problem.supported_front.F[:, 0]))
    found = robust_plan(problem, sigma, budget_usd=budget, correlation=correlation, n_labelled=n_labelled)
    plain = WithinBudget(budget).plan(problem, sigma=sigma, n_labelled=n_labelled)
    assert 0 <= found.bound - found.promised < 3e-3
    assert found.promised >= plain.promised_accuracy(correlation=correlation)
    assert found.plan.cost_usd <= budget * (1 + SAME_TOTAL)


def test_without_uncertainty_it_is_the_plain_choice():
    """Known outcomes, no sigma: the promise is the accuracy."""
    problem = make_problem(100, 4, family="binary")
    budget = float(np.median(problem.supported_front.F[:, 0]))
    found = robust_plan(problem, np.zeros(problem.cost.shape), budget_usd=budget)
    plain = WithinBudget(budget).plan(problem)
    assert found.promised == pytest.approx(plain.accuracy)
    assert found.plan.cost_usd == pytest.approx(plain.cost_usd)


def test_masks_are_kept():
    """No query goes where it may not."""
    base = make_problem(50, 4)
    allowed = np.random.default_rng(0).random((50, 4)) < 0.5
    allowed[:, 1] = True
    problem = AllocationProblem(base.cost, base.accuracy, allowed=allowed)
    found = robust_plan(problem, np.full((50, 4), 0.2), correlation=1.0)
    assert allowed[np.arange(50), found.plan.x].all()


def test_what_cannot_be_had_is_said_with_what_can():
    """A target above all promises, a budget below all plans, and two limits at once."""
    problem = make_problem(50, 4)
    sigma = np.full((50, 4), 0.1)
    with pytest.raises(ValueError, match=r"promised accuracy reaches at most 0\.\d+ with 95 % probability") as told:
        robust_plan(problem, sigma, target=0.999)
    nearest = float(str(told.value).split("at most ")[1].split()[0])
    assert robust_plan(problem, sigma, target=nearest).promised >= nearest - 1e-12
    with pytest.raises(ValueError, match=r"budget 1E-9 US\$ is below the cheapest plan"):
        robust_plan(problem, sigma, budget_usd=1e-9)
    with pytest.raises(ValueError, match="a budget or a target, not both"):
        robust_plan(problem, sigma, budget_usd=1.0, target=0.5)
    for value, error in ((float("nan"), ValueError), (1.5, ValueError), ("half", ValueError)):
        with pytest.raises(error, match=r"target must be a mean accuracy in \[0, 1\]"):
            robust_plan(problem, sigma, target=value)
    limited = AllocationProblem(problem.cost, problem.accuracy, limits=[Quota("llm3", calls=5)])
    with pytest.raises(ValueError, match="robust_plan doesn't support limits"):
        robust_plan(limited, sigma)
    with pytest.raises(ValueError, match=r"sigma has shape \(1, 4\)"):
        robust_plan(problem, sigma[:1])
