"""Choosing by budget, by accuracy, at the knee, and with a largest latency."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymoo.core.decision_making import DecisionMaking
from pymoo.optimize import minimize

from optllm_pymoo import (
    AllocationProblem,
    AtLeastAccuracy,
    Knee,
    OptLLM,
    SupportedFront,
    WithinBudget,
)
from optllm_pymoo.decision import Choice
from optllm_pymoo.validation import UserError
from tests.strategies import EDGE_CASES, Tables, tables

COST = [[1.0, 2.0, 5.0], [1.0, 3.0, 4.0]]
ACCURACY = [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]]
CHOICES = {"budget": WithinBudget(6.0), "accuracy": AtLeastAccuracy(0.6), "knee": Knee()}


@pytest.fixture
def problem() -> AllocationProblem:
    """Two queries, three LLMs, four supported plans."""
    return AllocationProblem(COST, ACCURACY)


@given(tables(), st.floats(0, 1))
def test_agree_with_the_front_itself(given: Tables, share: float) -> None:
    """Chosen from F, in whatever order, as SupportedFront finds it by bisection."""
    front = given.front()
    low, high = front.F[0], front.F[-1]
    budget = max(float(low[0] + share * (high[0] - low[0])), float(low[0]))
    target = min(float(-low[1] + share * (low[1] - high[1])), float(-high[1]))
    order = np.random.default_rng(0).permutation(len(front))
    for choice, k in (
        (WithinBudget(budget), front.within_budget(budget)),
        (AtLeastAccuracy(target), front.at_least_accuracy(target)),
    ):
        assert choice.do(front) == k
        np.testing.assert_array_equal(front.F[order][choice.do(front.F[order])], front.F[k])


@given(tables())
def test_knee_is_farthest_above_the_straight_line(given: Tables) -> None:
    """No plan lies higher above the line between the ends, both objectives scaled to [0, 1]."""
    F = given.front().F
    span = np.where(F[-1] == F[0], 1, F[-1] - F[0])
    height = (F - F[0]) / span @ [-1, 1]
    assert height[Knee().do(F)] == pytest.approx(height.max(), abs=1e-9)


@pytest.mark.parametrize("name", CHOICES)
def test_is_a_decision_making_of_pymoo(name: str, problem: AllocationProblem) -> None:
    """Used as pymoo uses its own: called on res.F, it gives a row number."""
    choice = CHOICES[name]
    assert isinstance(choice, DecisionMaking)
    res = minimize(problem, OptLLM(n_grid=5), seed=1)
    index = choice(res.F)
    assert isinstance(index, int)
    plan = choice.plan(res)
    assert [plan.cost_usd, -plan.accuracy] == res.F[index].tolist()
    np.testing.assert_array_equal(plan.x, np.atleast_2d(res.X)[index])


@pytest.mark.parametrize("name", CHOICES)
def test_problem_and_front_give_the_same_plan(name: str, problem: AllocationProblem) -> None:
    """The exact front is the exact front, with or without names."""
    one, other = CHOICES[name].plan(problem), CHOICES[name].plan(problem.supported_front)
    assert one.x.tolist() == other.x.tolist()
    assert one.problem is problem
    assert other.problem.supported_front is problem.supported_front


def test_dominated_plans_are_not_chosen() -> None:
    """Dearer for the same, or worse for the same: of such pairs the better is taken, wherever it stands."""
    F = np.array([[5.0, -0.5], [3.0, -0.5], [9.0, -0.9], [3.0, -0.2], [9.0, -0.6], [40.0, -0.1]])
    assert WithinBudget(6).do(F) == 1
    assert AtLeastAccuracy(0.4).do(F) == 1
    assert WithinBudget(100).do(F) == 2
    assert Knee().do(F) in (1, 2)


def test_boundaries_are_inclusive(problem: AllocationProblem) -> None:
    """A budget of exactly the cheapest plan pays for it; the best accuracy is reached by the best plan."""
    assert WithinBudget(2.0).plan(problem).cost_usd == 2.0
    assert AtLeastAccuracy(0.8).plan(problem).accuracy == 0.8
    assert WithinBudget(1e9).plan(problem).accuracy == 0.8
    assert AtLeastAccuracy(0.0).plan(problem).cost_usd == 2.0


@pytest.mark.parametrize("name", EDGE_CASES)
def test_what_a_message_says_can_be_typed_back(name: str) -> None:
    """The cheapest cost printed is a budget that works, the best accuracy printed a target that works."""
    front = EDGE_CASES[name].front()
    if front.F[0, 0] > 0:
        with pytest.raises(ValueError, match=r"below the cheapest plan, which costs .* US") as error:
            WithinBudget(front.F[0, 0] / 2).do(front)
        assert WithinBudget(float(str(error.value).split(" US$")[-2].split()[-1])).do(front) >= 0
    if front.F[-1, 1] > -1:
        with pytest.raises(ValueError, match="above the most accurate plan, which reaches") as error:
            AtLeastAccuracy(1.0).do(front)
        assert AtLeastAccuracy(float(str(error.value).split()[-1])).do(front) <= len(front) - 1


def test_masks_stay(problem: AllocationProblem) -> None:
    """A plan from a masked front knows the mask: no upgrade to an LLM that isn't allowed."""
    allowed = np.array([[True, True, False], [True, True, True]])
    plan = WithinBudget(100).plan(SupportedFront(COST, ACCURACY, allowed))
    assert plan.upgrades.llm.tolist() == [-1, -1]
    assert plan.x.tolist() == [1, 2]


@pytest.mark.parametrize("budget", [-1.0, float("nan")])
def test_refuses_budget(budget: float) -> None:
    """Negative or no number; 0 is a budget."""
    with pytest.raises(ValueError, match="budget_usd must be a number of US"):
        WithinBudget(budget)
    assert WithinBudget(0).do(np.array([[0.0, -0.5]])) == 0


@pytest.mark.parametrize("target", [-0.1, 70.0, float("nan")])
def test_refuses_target(target: float) -> None:
    """Outside [0, 1]; per cent are a likely slip."""
    with pytest.raises(ValueError, match=r"target must be a mean accuracy in \[0, 1\]; got .* For 70 % write 0.7"):
        AtLeastAccuracy(target)
    assert AtLeastAccuracy(1).do(np.array([[0.0, -1.0]])) == 0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.empty((0, 2)), "no plan to choose from"),
        (None, "no plan to choose from"),
        (np.ones((3, 4)), r"F must have shape \(n, 2\).*got \(3, 4\)"),
        (np.array([[1.0, np.nan]]), r"F must be finite; F\[0, 1\] = nan"),
    ],
)
def test_refuses_objectives(source: object, message: str) -> None:
    """No plans, another number of objectives, NaN."""
    with pytest.raises(ValueError, match=message):
        Knee().do(source)


def test_a_plan_needs_queries() -> None:
    """Objectives alone can be chosen from, but don't say who answers what."""
    F = np.array([[1.0, -0.5]])
    with pytest.raises(UserError, match=r"objectives of shape \(1, 2\)"):
        Knee().plan(F)
    assert Knee().do(F[0]) == 0


def test_own_choices_plug_in(problem: AllocationProblem) -> None:
    """A choice of one's own writes `_do` alone."""

    class Dearest(Choice):
        def _do(self, F, *args, **kwargs):
            return F[:, 0].argmax()

    assert Dearest().plan(problem).cost_usd == 9.0


@pytest.mark.parametrize("seed", range(60))
def test_the_knee_stays_where_it_is_in_another_currency(seed: int) -> None:
    """Prices that tie, multiplied by tokens and added up: in dollars, cents or lire the knee is the same plan."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.choice([3, 10, 100, 1000])), int(rng.integers(3, 8))
    tokens = rng.integers(1, 500, (2, n, 1)) if seed % 2 else rng.integers(1, 4, (2, n, 1))
    prices = rng.choice([1e-6, 2e-6, 3e-6, 5e-6], (2, m))
    accuracy = rng.integers(0, 2, (n, m)).astype(float)
    knees = {
        tuple(Knee().plan(AllocationProblem(tokens[0] * p[0] + tokens[1] * p[1], accuracy)).x.tolist())
        for p in (prices * rate for rate in (1.0, 3.0, 0.1, 100.0, 1936.27))
    }
    assert len(knees) == 1
