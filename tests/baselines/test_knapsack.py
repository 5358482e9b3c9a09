"""Integer programmes against brute force, and what becomes of them when time runs out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.baselines import _knapsack
from optllm_pymoo.baselines._knapsack import Knapsack
from tests.brute_force import all_plans, score
from tests.strategies import Tables


def small_problem(seed, kind):
    """Draw 5 queries on 3 LLMs: smooth, full of ties, or priced in millionths and masked."""
    rng = np.random.default_rng(seed)
    if kind == "tied":
        return AllocationProblem(rng.integers(0, 4, (5, 3)), rng.integers(0, 5, (5, 3)) / 4)
    cost, accuracy = rng.random((5, 3)), rng.random((5, 3))
    if kind == "smooth":
        return AllocationProblem(cost, accuracy)
    allowed = rng.random((5, 3)) < 0.6
    allowed[:, 1] = True
    return AllocationProblem(cost * 1e-9, accuracy, allowed=allowed)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from(["smooth", "tied", "tiny and masked"]), st.integers(0, 1000))
def test_programmes_are_brute_force(seed, kind, thousandths):
    """Both programmes: the plan keeps the bound and is as good as the best of all plans that do."""
    problem = small_problem(seed, kind)
    given = Tables(problem.cost, problem.accuracy, problem.allowed)
    F = score(given, all_plans(given))
    low, high = problem.supported_front.F[[0, -1]]
    for bounded, solve in enumerate((_budget, _target)):
        bound = low[bounded] + thousandths / 1000 * (high[bounded] - low[bounded])
        solved = solve(Knapsack.of(problem), bound)
        found = problem.evaluate(solved.plan)
        within = F[F[:, bounded] <= bound * (1 + np.sign(bound) * 1e-12)]
        assert solved.is_optimal
        assert found[bounded] <= bound + 1e-12 * abs(bound)
        assert found[1 - bounded] == pytest.approx(within[:, 1 - bounded].min(), rel=1e-5)


def _budget(knapsack, bound):
    return knapsack.most_accurate_within(bound)


def _target(knapsack, bound):
    return knapsack.cheapest_reaching(-bound)


def test_a_choice_below_the_hull_can_be_best():
    """By hand: 3 US$ buy the middle LLM, which no supported plan has; it is undominated and stays."""
    problem = AllocationProblem([[1, 3, 4]], [[0.1, 0.2, 0.9]])
    assert Knapsack.of(problem).most_accurate_within(3.0).plan.tolist() == [1]
    assert Knapsack.of(problem).cheapest_reaching(0.15).plan.tolist() == [1]


def test_choices_by_hand():
    """Dearer for no more, equal, and disallowed LLMs are left out."""
    cost = np.array([[2.0, 1.0, 1.0, 3.0], [1.0, 2.0, 3.0, 4.0]])
    accuracy = np.array([[0.5, 0.5, 0.5, 0.6], [0.3, 0.2, 0.9, 1.0]])
    query, llm = Knapsack.undominated(cost, accuracy, None)
    assert (query.tolist(), llm.tolist()) == ([0, 0, 1, 1, 1], [1, 3, 0, 2, 3])
    allowed = np.array([[1, 0, 1, 1], [0, 1, 0, 1]], dtype=bool)
    query, llm = Knapsack.undominated(cost, accuracy, allowed)
    assert (query.tolist(), llm.tolist()) == ([0, 0, 1, 1], [2, 3, 1, 3])


def test_impossible_bounds_are_refused():
    """A cent less than the cheapest plan, and more accuracy than there is; the messages name what can be had."""
    knapsack = Knapsack.of(AllocationProblem([[1, 2]], [[0.2, 0.6]]))
    with pytest.raises(ValueError, match=r"no plan keeps a budget of 0.99 US\$; the best one costs 1"):
        knapsack.most_accurate_within(0.99)
    with pytest.raises(ValueError, match=r"no plan keeps a mean accuracy of 0.61; the best one reaches 0.6"):
        knapsack.cheapest_reaching(0.61)


def test_without_time_the_supported_plan_is_used():
    """A limit that leaves no time for any programme: the best supported plan within the bound, not proved best."""
    problem = make_problem(2000, 8)
    front = problem.supported_front
    solved = Knapsack.of(problem).most_accurate_within(front.F[700, 0], time_limit=1e-9)
    assert not solved.is_optimal
    assert problem.evaluate(solved.plan)[0] <= front.F[700, 0] * (1 + 1e-12)
    assert problem.evaluate(solved.plan)[1] <= front.F[700, 1] + 1e-12


def test_plan_beyond_the_bound_leads_to_a_tighter_programme(monkeypatch):
    """A solver that pays no heed to the last hundredth: the plan is found to exceed the bound, and solved again."""
    problem = make_problem(30, 4)
    bound = float(problem.supported_front.F[20, 0])
    exact, slack, bounds = _knapsack.solve_multiple_choice, [0.01], []

    def sloppy(objective, class_of, rows, limits, **kwargs):
        bounds.append(limits[0])
        return exact(objective, class_of, rows, limits + slack[0], **kwargs)

    monkeypatch.setattr(_knapsack, "solve_multiple_choice", sloppy)
    knapsack = Knapsack.of(problem)
    solved = knapsack.most_accurate_within(bound)
    assert problem.evaluate(solved.plan)[0] <= bound * (1 + 1e-12)
    slack[0] = np.inf
    hopeless = knapsack.most_accurate_within(bound)
    assert len(bounds) > _knapsack.ATTEMPTS
    assert not hopeless.is_optimal
    assert problem.evaluate(hopeless.plan)[0] == pytest.approx(bound)
