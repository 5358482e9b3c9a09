"""OptLLM, its reconstruction, the baselines and the choice of a plan on problems with limits."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import (
    AllocationProblem,
    AtLeastAccuracy,
    Floor,
    MinCostProblem,
    OptLLM,
    Plan,
    Quota,
    WithinBudget,
    baselines,
    make_problem,
)
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.operators import ExchangeReconstruction, PricedReconstruction
from tests.strategies import EDGE_CASES


def limited(n_queries: int = 200, n_llms: int = 5, family: str = "continuous") -> AllocationProblem:
    """A batch with 30 % of its queries per LLM at the most, dollars for two providers, and floors."""
    plain = make_problem(n_queries, n_llms, family=family, random_state=4)
    quotas = [Quota(name, calls=0.3 * n_queries) for name in plain.llms]
    quotas.append(Quota("two", usd=0.2 * float(plain.cost[:, 3].sum()), llms=plain.llms[2:4]))
    limits = [*quotas, Floor("a", 0.3), Floor("b", 0.3)]
    return AllocationProblem(
        plain.cost, plain.accuracy, llms=plain.llms, limits=limits, groups=["a", "b"] * (n_queries // 2)
    )


@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_every_plan_is_feasible_and_the_front_is_nearly_the_bound(family: str):
    """No options needed: feasible plans only, no more than the bound, more than nine tenths of its hypervolume."""
    problem = limited(family=family)
    result = minimize(problem, OptLLM(), seed=1)
    assert problem.limits.are_met(result.X).all()
    front = problem.yardstick
    assert np.all(-result.F[:, 1] <= front.bound(result.F[:, 0]) + 1e-9)
    assert 0.9 < hypervolume_ratio(result.F, front) <= 1.0


def test_same_seed_same_front_and_more_time_is_no_worse():
    """A run is reproducible; a longer one dominates at least as much."""
    problem = limited()
    first, second = (minimize(problem, OptLLM(n_grid=10), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.X, second.X)
    longer = minimize(problem, OptLLM(n_grid=10), ("n_eval", 120), seed=3)
    assert hypervolume_ratio(longer.F, problem.yardstick) >= hypervolume_ratio(first.F, problem.yardstick)


def test_edge_cases_with_quotas_that_do_not_bind():
    """One query, one LLM, ties, masks, zero costs: quotas of all queries leave a search that finds both ends."""
    for name, given in EDGE_CASES.items():
        n_queries, n_llms = given.cost.shape
        problem = given.problem(limits=[Quota(f"llm{j}", calls=n_queries) for j in range(n_llms)])
        F = minimize(problem, OptLLM(n_grid=5), seed=1).F
        exact = given.front().F
        np.testing.assert_allclose(F[0, 0], exact[0, 0], rtol=1e-9, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(F[-1, 1], exact[-1, 1], rtol=1e-6, atol=1e-9, err_msg=name)


def test_infeasible_plans_of_a_foreign_reconstruction_are_left_out():
    """A reconstruction that knows no limits may be swapped in; the answer holds what meets them."""
    problem = limited()
    result = minimize(problem, OptLLM(reconstruction=ExchangeReconstruction()), seed=1)
    assert problem.limits.are_met(np.atleast_2d(result.X)).all()


def test_prices_of_what_is_not_offered_change_nothing():
    """Cells that the mask forbids may cost a billion: the same plans, the same bounds, the same certificate."""
    plain = make_problem(300, 4, random_state=4)
    allowed = np.ones((300, 4), dtype=bool)
    allowed[[0, 7, 50, 120, 299], [3, 2, 3, 1, 0]] = False
    quotas, tokens = [Quota("llm3", calls=60), Quota("llm2", tokens=90)], np.ones((300, 4))
    found = []
    for usd in (0.0, 1e9):
        cost, counts = np.where(allowed, plain.cost, usd), np.where(allowed, tokens, usd)
        problem = AllocationProblem(cost, plain.accuracy, allowed=allowed, limits=quotas, tokens=counts)
        target = MinCostProblem(problem, min_accuracy=0.5)
        certificate = minimize(target, OptLLM(), seed=1).algorithm.certificate
        found.append((minimize(problem, OptLLM(), seed=1).F, problem.bound_front().F, certificate))
    assert len(found[0][0]) > 50
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert found[0][2] == found[1][2]


@pytest.mark.parametrize("keep", ["cost", "accuracy"])
@pytest.mark.parametrize("solve", [False, True])
@pytest.mark.parametrize("with_latency", [False, True])
def test_priced_reconstruction_without_limits(keep: str, solve: bool, with_latency: bool):
    """Where nothing ties queries together, too: no dearer, or no worse, than the destroyed plans; nearly optimal."""
    problem = make_problem(60, 4, with_latency=with_latency, random_state=2)
    X = np.random.default_rng(0).integers(0, 4, (3, 60)).astype(np.int8)
    given = problem.evaluate(X)[:, :2]
    made = problem.evaluate(PricedReconstruction(keep, solve=solve).do(problem, X, random_state=1))[:, :2]
    kept = 0 if keep == "cost" else 1
    assert np.all(made[:, kept] <= given[:, kept] + 1e-9)
    assert np.all(-made[:, 1] <= problem.supported_front.bound(made[:, 0]) + 1e-9)
    assert np.all(-made[:, 1] >= problem.supported_front.bound(made[:, 0]) - 0.02)


def test_reconstruction_keeps_what_it_is_told_to():
    """Within the cost of the destroyed plan, or at its accuracy; whatever comes in, limits are met."""
    problem = limited()
    X = np.random.default_rng(0).integers(0, 5, (6, 200)).astype(np.int8)
    F = problem.evaluate(X, return_values_of=["F"])
    low, high = problem.evaluate(problem.extremes(), return_values_of=["F"])
    at_cost, at_accuracy = (PricedReconstruction(keep).do(problem, X, random_state=1) for keep in ("cost", "accuracy"))
    assert problem.limits.are_met(at_cost).all()
    assert problem.limits.are_met(at_accuracy).all()
    cost = problem.evaluate(at_cost, return_values_of=["F"])[:, 0]
    accuracy = problem.evaluate(at_accuracy, return_values_of=["F"])[:, 1]
    assert np.all(cost <= np.maximum(F[:, 0], low[0]) * (1 + 1e-9))
    assert np.all(accuracy <= np.maximum(F[:, 1], high[1]) + 1e-9)
    with pytest.raises(ValueError, match="keep must be 'cost' or 'accuracy'; got 'steps'"):
        PricedReconstruction("steps")


BLIND = {
    "alns_search": "ALNSSearch",
    "carrot": "WeightSweep",
    "epsilon_constraint": "EpsilonConstraint",
    "exact_front": "ExactFront",
    "forc": "BudgetSweep",
    "lambda_sweep": "LambdaSweep",
    "pygmo_moead": "PygmoSearch",
    "pygmo_moead_gen": "PygmoSearch",
    "pygmo_nspso": "PygmoSearch",
}
"""Baselines that know nothing of limits, and how they call themselves."""

ONE_OBJECTIVE = ("de", "ga", "pso")


@pytest.mark.parametrize(
    "name",
    [name for name in baselines.__all__ if name.islower() and name not in (*BLIND, *ONE_OBJECTIVE, "single_llms")],
)
def test_baselines_answer_with_feasible_plans(name: str):
    """Started from the two feasible ends where they can be, baselines return plans that meet the limits."""
    problem, factory = limited(60, 4), getattr(baselines, name)
    warm = {"start": "warm"} if "start" in inspect.signature(factory).parameters else {}
    result = minimize(problem, factory(**warm), ("n_eval", 300), seed=1)
    assert name == "random_search" or result.X is not None
    if result.X is not None:
        assert problem.limits.are_met(np.atleast_2d(result.X).astype(np.int8)).all()


@pytest.mark.parametrize("name", BLIND)
def test_blind_baselines_are_refused(name: str):
    """Their plans needn't meet limits, and the message says so."""
    extra = name.partition("_")[0]
    if extra in ("alns", "pygmo"):
        pytest.importorskip(extra, reason=f"the extra `{extra}` is not installed")
    with pytest.raises(ValueError, match="doesn't support limits, so its plans may exceed them; use OptLLM"):
        minimize(limited(60, 4), getattr(baselines, name)())


def test_plans_are_certified_against_the_bound():
    """A chosen plan's gap is to the bound front; choosing from the problem itself, or a plan off limits, is refused."""
    problem = limited()
    result = minimize(problem, OptLLM(), seed=1)
    budget = float(result.F[:, 0].mean())
    plan = WithinBudget(budget).plan(result)
    assert plan.bound == pytest.approx(float(problem.yardstick.bound(budget)))
    assert 0 <= plan.gap < 0.02
    assert AtLeastAccuracy(-result.F[-1, 1]).plan(result).gap_usd >= 0
    with pytest.raises(ValueError, match="exact front of a problem whose limits bind is unknown"):
        WithinBudget(budget).plan(problem)
    with pytest.raises(ValueError, match=r"the plan exceeds 60 calls for llm0.*choose from plans that meet"):
        Plan(problem, np.zeros(200, dtype=int))


def test_robust_accuracy_steers_within_quotas():
    """The downward walk follows other accuracies; what comes out meets the quotas and is scored on the real ones."""
    plain = make_problem(100, 4, random_state=1)
    problem = AllocationProblem(
        plain.cost, plain.accuracy, robust_accuracy=plain.accuracy**2, limits=[Quota("llm3", calls=20)]
    )
    result = minimize(problem, OptLLM(n_grid=10), seed=1)
    assert problem.limits.are_met(result.X).all()
