"""One objective and one limit: values, boundaries, what is refused, what is shared."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import AllocationProblem, MaxAccuracyProblem, MinCostProblem, make_problem
from optllm_pymoo.problems.single import CriticalStep
from optllm_pymoo.validation import UserError
from tests.brute_force import all_plans, best_accuracy, score
from tests.strategies import EDGE_CASES, tables

COST, ACCURACY = [[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]]


def test_values_by_hand():
    """Objective and constraint of a plan of 5 US$ and 0.55, for both problems."""
    F, G = MaxAccuracyProblem(AllocationProblem(COST, ACCURACY), budget=4).evaluate(np.array([0, 2]))
    np.testing.assert_allclose([*F, *G], [-0.55, 0.25], rtol=1e-9)
    F, G = MinCostProblem(AllocationProblem(COST, ACCURACY), min_accuracy=0.5).evaluate(np.array([0, 2]))
    np.testing.assert_allclose([*F, *G], [5.0, -0.05], rtol=1e-9)


@given(tables(), st.data())
def test_plans_on_the_limit_are_within_it(given_tables, data):
    """A limit that equals what a plan comes to, summed in any order, is kept by that plan and all better ones."""
    X = all_plans(given_tables)
    F = score(given_tables, X)
    allocation = given_tables.problem()
    k = data.draw(st.integers(0, len(X) - 1))
    F_here, G = MaxAccuracyProblem(allocation, budget=F[k, 0]).evaluate(X)
    slack = 1e-11 * max(1.0, F[k, 0])
    np.testing.assert_allclose(F_here[:, 0], F[:, 1], atol=1e-12)
    assert np.all(G[F[:, 0] <= F[k, 0]] <= 0)
    assert np.all(G[F[:, 0] > F[k, 0] + slack] > 0)
    _, G = MinCostProblem(allocation, min_accuracy=min(1.0, -F[k, 1])).evaluate(X)
    assert np.all(G[F[:, 1] <= F[k, 1]] <= 0)
    assert np.all(G[F[:, 1] > F[k, 1] + 1e-11] > 0)


@pytest.mark.parametrize("budget", [0.148, 0.148 * (1 - 1e-13)])
def test_just_the_cheapest_plan(budget):
    """The budget of the cheapest plan pays for it, also when it is a rounding error below."""
    problem = MaxAccuracyProblem(AllocationProblem([[0.1, 0.2], [0.048, 0.1]], [[0.1, 0.2], [0.3, 0.4]]), budget=budget)
    assert problem.evaluate(np.array([0, 0]))[1][0] <= 0
    assert problem.evaluate(np.array([0, 1]))[1][0] > 0


def test_below_the_cheapest_plan():
    """Said when the problem is built, with what would do."""
    with pytest.raises(ValueError, match=r"^budget 0\.1 US\$ is below the cheapest plan, 0\.148 US\$$"):
        MaxAccuracyProblem(AllocationProblem([[0.148, 0.2]], [[0.1, 0.2]]), budget=0.1)
    assert MaxAccuracyProblem(AllocationProblem([[0.148, 0.2]], [[0.1, 0.2]]), budget=0.148).budget == 0.148


def test_above_the_best_plan():
    """Said when the problem is built, with what can be reached; a mask lowers it."""
    with pytest.raises(ValueError, match=r"^accuracy 0\.95 is above the most accurate plan, 0\.83$"):
        MinCostProblem(AllocationProblem([[1, 2]], [[0.1, 0.83]]), min_accuracy=0.95)
    with pytest.raises(ValueError, match=r"^accuracy 0\.83 is above the most accurate plan, 0\.1$"):
        MinCostProblem(AllocationProblem([[1, 2]], [[0.1, 0.83]], allowed=[[True, False]]), min_accuracy=0.83)
    assert MinCostProblem(AllocationProblem([[1, 2]], [[0.1, 0.83]]), min_accuracy=0.83).min_accuracy == 0.83


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.01])
def test_numbers_that_are_no_limit(value):
    """NaN, infinities and negative ones."""
    with pytest.raises(ValueError, match=rf"^budget must be a finite number of US\$, at least 0; got {value}$"):
        MaxAccuracyProblem(AllocationProblem(COST, ACCURACY), budget=value)
    with pytest.raises(ValueError, match=rf"^min_accuracy must be a mean accuracy in \[0, 1\]; got {value}$"):
        MinCostProblem(AllocationProblem(COST, ACCURACY), min_accuracy=value)


@pytest.mark.parametrize("value", ["5", None, [5.0], True, 5j])
def test_no_numbers(value):
    """Texts, nothing, lists, truth values and complex numbers."""
    with pytest.raises(UserError, match=r"^budget must be a finite number of US\$, at least 0; got "):
        MaxAccuracyProblem(AllocationProblem(COST, ACCURACY), budget=value)
    with pytest.raises(UserError, match=r"^min_accuracy must be a mean accuracy in \[0, 1\]; got "):
        MinCostProblem(AllocationProblem(COST, ACCURACY), min_accuracy=value)


def test_per_cent_are_no_accuracy():
    """70 is refused; 1 and 0 are not."""
    with pytest.raises(ValueError, match=r"^min_accuracy must be a mean accuracy in \[0, 1\]; got 70$"):
        MinCostProblem(AllocationProblem(COST, ACCURACY), min_accuracy=70)
    assert (
        MinCostProblem(AllocationProblem(COST, np.ones((2, 3))), min_accuracy=1).evaluate(np.array([0, 0]))[1][0] <= 0
    )
    assert MinCostProblem(AllocationProblem(COST, ACCURACY), min_accuracy=0).evaluate(np.array([0, 1]))[1][0] <= 0


def test_tables_are_checked_as_always():
    """Bad tables and allocations get the messages of the problem with two objectives."""
    with pytest.raises(ValueError, match=r"^accuracy must lie in \[0, 1\]; accuracy\[0, 1\] = 1.2$"):
        MaxAccuracyProblem(AllocationProblem([[1, 2]], [[0.1, 1.2]]), budget=3)
    problem = MaxAccuracyProblem(AllocationProblem([[1, 2]], [[0.1, 0.2]], allowed=[[True, False]]), budget=3)
    with pytest.raises(ValueError, match="not allowed"):
        problem.evaluate(np.array([[1]]))
    with pytest.raises(ValueError, match=r"expected shape \(n, 1\) or \(1,\), got \(1, 2\)"):
        problem.evaluate(np.array([[0, 0]]))


def test_tables_and_names_are_shared():
    """Names come from a DataFrame; nothing is copied, and a front that is there is used."""
    frame = pd.DataFrame(COST, columns=["a", "b", "c"], index=["p", "q"], dtype=float)
    quality = pd.DataFrame(ACCURACY, columns=["a", "b", "c"], index=["p", "q"])
    problem = MinCostProblem(AllocationProblem(frame, quality), min_accuracy=0.5)
    assert (problem.llms, problem.query_ids) == (("a", "b", "c"), ("p", "q"))
    allocation = make_problem(50, 3)
    limited = MaxAccuracyProblem(allocation, budget=1e9)
    assert limited.cost is allocation.cost
    assert limited.supported_front is allocation.supported_front
    assert copy.deepcopy(limited) is limited
    assert repr(limited) == "MaxAccuracyProblem(50 queries, 3 LLMs, budget 1000000000 US$)"
    assert repr(problem) == "MinCostProblem(2 queries, 3 LLMs, accuracy at least 0.5)"


def test_of_a_batch_with_latency_and_of_none():
    """Latency plays no part with one objective, so there are two extremes; what is no batch is refused."""
    batch = make_problem(20, 3, with_latency=True)
    assert MaxAccuracyProblem(batch, budget=1e9).extremes().shape == (2, 20)
    with pytest.raises(UserError, match="MaxAccuracyProblem needs an AllocationProblem; got list"):
        MaxAccuracyProblem([[1.0]], budget=1)


def test_pickled():
    """A problem comes back with its limit and scores as before."""
    X = np.array([[0, 2], [1, 1]])
    for problem in (
        MaxAccuracyProblem(AllocationProblem(COST, ACCURACY), budget=4),
        MinCostProblem(AllocationProblem(COST, ACCURACY), min_accuracy=0.6),
    ):
        again = pickle.loads(pickle.dumps(problem))
        for here, there in zip(problem.evaluate(X), again.evaluate(X), strict=True):
            assert np.array_equal(here, there)


@pytest.mark.parametrize("name", EDGE_CASES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_bounds_are_those_of_the_relaxation(name, share):
    """What no plan exceeds lies between the optimum and HiGHS's value of the linear programme."""
    given_tables = EDGE_CASES[name]
    front = given_tables.front()
    (low, _), (high, _) = front.F[[0, -1]]
    budget = low + share * (high - low)
    relaxed = CriticalStep.of_budget(front, budget)
    # HiGHS takes amounts below 1e-7 for nothing, so the budget is its unit
    in_budgets = given_tables._replace(cost=given_tables.cost.astype(float) / (budget or 1.0))
    optimum, linear = (best_accuracy(in_budgets, float(budget > 0), integer=integer) for integer in (True, False))
    assert optimum - 1e-7 <= relaxed.bound <= linear + 1e-7
    # the gap of the point is its distance from the linear bound
    here = -front.F[relaxed.inside, 1]
    assert here + relaxed.slack * relaxed.unit == pytest.approx(float(front.bound(budget)), abs=1e-9)


@given(tables(), st.floats(0.0, 1.0))
def test_bound_of_a_target(given_tables, share):
    """No plan that reaches the target is cheaper than the bound."""
    front, F = given_tables.front(), score(given_tables, all_plans(given_tables))
    target = (1 - share) * -front.F[0, 1] + share * -front.F[-1, 1]
    relaxed = CriticalStep.of_target(front, target - 1e-12)
    cheapest = F[-F[:, 1] >= target - 1e-12, 0].min()
    assert relaxed.bound <= cheapest * (1 + 1e-9) + 1e-9
    assert front.F[relaxed.inside, 0] >= cheapest * (1 - 1e-9) - 1e-9
    assert -front.F[relaxed.inside, 1] >= target - 1e-9


def test_is_no_allocation_problem():
    """It has one objective: what needs two refuses it."""
    problem = MaxAccuracyProblem(AllocationProblem(COST, ACCURACY), budget=4)
    assert not isinstance(problem, AllocationProblem)
    assert (problem.n_obj, problem.n_ieq_constr, problem.n_var) == (1, 1, 2)
