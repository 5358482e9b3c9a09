"""OptLLM with one objective: optimal plans, honest certificates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, MaxAccuracyProblem, MinCostProblem, OptLLM, make_problem
from optllm_pymoo.algorithms import single
from optllm_pymoo.algorithms.single import Refinement
from tests.brute_force import all_plans, score
from tests.strategies import EDGE_CASES, Tables, tables

FAMILIES = ["continuous", "tied", "binary", "dominated"]


def optima(given_tables, X, F, budget, target):
    """Try all plans: the highest accuracy within a budget, the least cost at a target."""
    slack = 1e-12
    within = F[:, 0] <= budget * (1 + slack)
    reaching = -F[:, 1] >= target - slack
    return -F[within, 1].min(), F[reaching, 0].min()


def check(problem, optimum, *, exact, sense):
    """Hold a run against the optimum; ``sense`` is 1 where more is better."""
    res = minimize(problem, OptLLM(exact=exact), seed=1)
    assert res.X.shape == (problem.n_queries,)
    assert res.G[0] <= 0
    certificate = res.algorithm.certificate
    scale = max(1.0, abs(optimum)) if sense == 1 else optimum
    assert certificate.value == problem.value(res.F[0])
    assert sense * (optimum - certificate.value) >= -1e-9 * scale
    assert sense * (certificate.bound - optimum) >= -1e-9 * scale
    if exact:
        assert certificate.value == pytest.approx(optimum, rel=1e-9, abs=1e-300 if sense == -1 else 1e-9)
        assert certificate.is_optimal
    if certificate.is_optimal:
        assert abs(certificate.value - optimum) <= 1e-9 * scale


def check_limits(given_tables, budget, target, *, exact):
    """Both problems on the same tables."""
    X = all_plans(given_tables)
    F = score(given_tables, X)
    allocation = given_tables.problem()
    most, least = optima(given_tables, X, F, budget, target)
    check(MaxAccuracyProblem(allocation, budget=budget), most, exact=exact, sense=1)
    check(MinCostProblem(allocation, min_accuracy=target), least, exact=exact, sense=-1)


@settings(max_examples=200)
@given(tables(), st.floats(0.0, 1.0), st.booleans())
def test_any_limit(given_tables, share, exact):
    """Anywhere between the ends, with masks, ties and labels: as good as the best of all plans."""
    (low, worst), (high, best) = given_tables.front().F[[0, -1]]
    budget = (1 - share) * low + share * high
    check_limits(given_tables, budget, min(1.0, -((1 - share) * worst + share * best)), exact=exact)


@given(tables(), st.data(), st.booleans())
def test_a_limit_that_a_plan_just_keeps(given_tables, data, exact):
    """With a budget or target that equals what some plan comes to, that plan counts."""
    F = score(given_tables, all_plans(given_tables))
    cost, loss = F[data.draw(st.integers(0, len(F) - 1))]
    check_limits(given_tables, cost, min(1.0, -loss), exact=exact)


@pytest.mark.parametrize("exact", [False, True])
def test_certified_where_the_last_correct_answers_are_dear(exact):
    """By hand: 1/16 costs 1 US$, and two answers in a trillion, the tolerance of targets, 16 US$ in a trillion."""
    cost, accuracy = np.array([[1.0, 3.0, 0.0], [0.0] * 3]), np.array([[0.125, 0.375, 0.0], [0.0] * 3])
    check_limits(Tables(cost, accuracy), 1.0, 0.0625, exact=exact)


@pytest.mark.parametrize("name", EDGE_CASES)
@pytest.mark.parametrize("share", [0.0, 0.17, 0.5, 0.83, 1.0])
def test_edge_cases(name, share):
    """One query, one LLM, costs of nothing, tiny and huge ones, float32, duplicates, masks."""
    given_tables = EDGE_CASES[name]
    (low, worst), (high, best) = given_tables.front().F[[0, -1]]
    if all_plans(given_tables).shape[0] > 10_000:
        given_tables = given_tables._replace(cost=given_tables.cost[:4], accuracy=given_tables.accuracy[:4])
        (low, worst), (high, best) = given_tables.front().F[[0, -1]]
    budget, target = low + share * (high - low), min(1.0, -(worst + share * (best - worst)))
    check_limits(given_tables, budget, target, exact=True)


def test_budgets_beyond_the_ends():
    """More money than the best plan costs buys the best plan; a target below the cheapest plan buys that one."""
    allocation = make_problem(60, 5)
    cheapest, best = allocation.extremes()
    res = minimize(MaxAccuracyProblem(allocation, budget=1e6), OptLLM(), seed=1)
    assert np.array_equal(res.X, best)
    assert res.algorithm.certificate.is_optimal
    res = minimize(MinCostProblem(allocation, min_accuracy=0.0), OptLLM(), seed=1)
    assert np.array_equal(res.X, cheapest)
    assert res.algorithm.certificate.is_optimal


@pytest.mark.parametrize("family", FAMILIES)
def test_better_than_the_front(family):
    """The plan is no worse than the supported one, and the certificate no worse than the linear bound."""
    allocation = make_problem(400, 6, family=family, random_state=3)
    front = allocation.supported_front
    improved = 0
    for budget in np.linspace(front.F[0, 0], front.F[-1, 0], 12):
        certificate = minimize(MaxAccuracyProblem(allocation, budget=budget), OptLLM(), seed=1).algorithm.certificate
        supported = -front.F[front.within_budget(budget), 1]
        assert supported - 1e-12 <= certificate.value <= certificate.bound <= front.bound(budget) + 1e-11
        improved += certificate.value > supported + 1e-9
    # labels of 0 and 1 leave nothing to improve: the supported plan is optimal
    assert (improved > 4) == (family != "binary")


def halfway_problems():
    """Limit batches of all families halfway between the ends, by cost and by accuracy."""
    for family in FAMILIES:
        allocation = make_problem(200, 8, family=family, random_state=2)
        budget, target = np.mean(allocation.supported_front.F[[0, -1]], axis=0) * [1, -1]
        yield MaxAccuracyProblem(allocation, budget=budget)
        yield MinCostProblem(allocation, min_accuracy=target)


def test_highs_takes_over(monkeypatch):
    """With no room for states at all the optimum is found all the same, by branch and bound."""
    problems = list(halfway_problems())
    by_states = [minimize(problem, OptLLM(exact=True), seed=1).F for problem in problems]
    calls, solve = [], single.fill_slack_with_highs
    monkeypatch.setattr(single, "fill_slack_with_highs", lambda *a, **k: calls.append(1) or solve(*a, **k))
    monkeypatch.setattr(single, "N_STATES", 1)
    monkeypatch.setattr(single, "MAX_STATES", 1)
    for problem, F in zip(problems, by_states, strict=True):
        by_highs = minimize(problem, OptLLM(exact=True), seed=1)
        assert by_highs.algorithm.certificate.is_optimal
        np.testing.assert_allclose(by_highs.F, F, rtol=1e-9)
    assert len(calls) >= 3


def test_a_small_core_is_not_taken_for_the_whole(monkeypatch):
    """With room for a few alternatives the gap that is claimed stays true, and more rounds close it."""
    allocation = make_problem(60, 5, family="tied", random_state=4)
    front = allocation.supported_front
    monkeypatch.setattr(single, "N_ITEMS", 2)
    monkeypatch.setattr(single, "N_STEPS", 1)
    for share in (0.2, 0.5, 0.8):
        target = -front.F[0, 1] + share * (front.F[0, 1] - front.F[-1, 1])
        problem = MinCostProblem(allocation, min_accuracy=target)
        short = minimize(problem, OptLLM(), seed=1).algorithm.certificate
        long = minimize(problem, OptLLM(), ("n_gen", 50), seed=1).algorithm.certificate
        assert long.is_optimal
        assert short.bound <= long.value * (1 + 1e-12) <= short.value * (1 + 2e-12)


def test_masks_are_respected():
    """Nothing that is not allowed is chosen."""
    base, rng = make_problem(200, 6), np.random.default_rng(1)
    allowed = rng.random((200, 6)) < 0.5
    allowed[:, 2] = True
    allocation = AllocationProblem(base.cost, base.accuracy, allowed=allowed)
    F = allocation.supported_front.F
    for share in (0.1, 0.5, 0.9):
        problem = MaxAccuracyProblem(allocation, budget=F[0, 0] + share * (F[-1, 0] - F[0, 0]))
        res = minimize(problem, OptLLM(exact=True), seed=1)
        assert allowed[np.arange(200), res.X].all()


def test_proposals_get_better():
    """Each round's plan is within the limit and better than the one before."""
    allocation = make_problem(500, 8, random_state=5)
    F = allocation.supported_front.F
    problem = MaxAccuracyProblem(allocation, budget=F[:, 0].mean())
    refined = Refinement(problem, exact=True)
    values = [problem.evaluate(refined.first().get("X"))[0][0, 0]]
    while (plans := refined.next(np.random.default_rng(1), fill_only=False)) is not None:
        scores, G = problem.evaluate(plans.get("X"))
        values.append(scores[0, 0])
        assert G[0, 0] <= 0
    assert len(values) > 1
    assert np.all(np.diff(values) < 0)
