"""OptLLM with one objective beside limits: plans within all limits, bounds that hold."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.optimize import minimize

from optllm_pymoo import (
    AllocationProblem,
    Floor,
    MaxAccuracyProblem,
    MinCostProblem,
    OptLLM,
    Quota,
    UserError,
    make_problem,
)
from optllm_pymoo.limits import best_within, cheapest_reaching
from tests.algorithms.runs import digest, run_by_hand
from tests.brute_force import all_plans, score
from tests.limits.cases import Limited, limited_batches


def quoted() -> AllocationProblem:
    """A batch of which the best LLM may have a fifth, with a floor for one half."""
    plain = make_problem(200, 5, random_state=4)
    return AllocationProblem(
        plain.cost, plain.accuracy, limits=[Quota("llm4", calls=40), Floor("a", 0.3)], groups=["a", "b"] * 100
    )


@settings(max_examples=40)
@given(limited_batches(max_queries=4), st.floats(0.0, 1.0))
def test_between_the_optimum_and_the_bound_on_every_small_batch(case: Limited, share: float):
    """Tried against all plans: the answer meets all limits, the optimum lies between its value and its bound."""
    X = case.feasible_plans()
    if not len(X):
        return
    F = score(case.given, X)
    budget, target = (float(np.quantile(column, share, method="lower")) for column in F.T * [[1], [-1]])
    batch = case.given.problem(**case.options)
    most, least = MaxAccuracyProblem(batch, budget=budget), MinCostProblem(batch, min_accuracy=min(target, 1.0))
    optima = -F[F[:, 0] <= budget * (1 + 1e-12), 1].min(), F[-F[:, 1] >= target - 1e-12, 0].min()
    for problem, optimum, sense in ((most, optima[0], 1), (least, optima[1], -1)):
        res = minimize(problem, OptLLM(), seed=1)
        certificate = res.algorithm.certificate
        assert (res.X == X).all(axis=1).any()
        assert np.all(res.G <= 0)
        assert certificate.value == problem.value(res.F[0])
        assert sense * (optimum - certificate.value) >= -1e-9 * max(1.0, abs(optimum))
        assert sense * (certificate.bound - optimum) >= -1e-9 * max(1.0, abs(optimum))


@settings(max_examples=40)
@given(limited_batches(max_queries=4), st.floats(0.0, 1.0))
def test_constraints_are_the_limits_in_order(case: Limited, share: float):
    """G has a column for the limit, then one per quota and floor; all are <= 0 just for plans that meet them all."""
    X = case.feasible_plans()
    if not len(X):
        return
    budget = float(np.quantile(score(case.given, X)[:, 0], share, method="higher"))
    allocation = case.given.problem(**case.options)
    problem = MaxAccuracyProblem(allocation, budget=budget)
    everything = all_plans(case.given)
    _, G = problem.evaluate(everything)
    assert G.shape == (len(everything), 1 + len(allocation.limits)) == (len(everything), problem.n_ieq_constr)
    clear = np.abs(score(case.given, everything)[:, 0] - budget) > 1e-9 * max(1.0, budget)
    is_met = (everything[:, None] == X).all(axis=2).any(axis=1) & (score(case.given, everything)[:, 0] <= budget)
    np.testing.assert_array_equal(np.all(G <= 0, axis=1)[clear], is_met[clear])


def test_the_plan_is_that_of_the_prices():
    """The same plan, value and bound as `best_within` and `cheapest_reaching`, within a thousandth of the bound."""
    batch = quoted()
    cost, loss = minimize(batch, OptLLM(n_grid=5), seed=1).F.mean(axis=0)
    for problem, found in (
        (MaxAccuracyProblem(batch, budget=cost), best_within(batch.limits, cost)),
        (MinCostProblem(batch, min_accuracy=-loss), cheapest_reaching(batch.limits, -loss)),
    ):
        res = minimize(problem, OptLLM(), ("n_gen", 20), seed=1)
        np.testing.assert_array_equal(res.X, found.x)
        certificate = res.algorithm.certificate
        assert (certificate.value, certificate.bound) == pytest.approx((found.value, found.bound), rel=1e-12)
        assert 0 <= certificate.gap <= 2e-3 * certificate.bound
        assert res.algorithm.evaluator.n_eval == 1


def test_by_hand_and_pickled():
    """Ask and tell, a pickle before and after the plan, and minimize agree; there is no certificate before it."""
    problem = MaxAccuracyProblem(quoted(), budget=0.02)
    whole = minimize(problem, OptLLM(), seed=1, save_history=True)
    assert len(whole.history) == 1
    assert digest(run_by_hand(problem, OptLLM(), seed=1)[0]) == digest(whole)
    algorithm = OptLLM().setup(problem, seed=1)
    assert algorithm.certificate is None
    for _ in range(2):
        assert digest(pickle.loads(pickle.dumps(algorithm)).run()) == digest(whole)
        algorithm.next()
    assert algorithm.certificate == whole.algorithm.certificate == whole.history[0].certificate


def test_verbose_shows_the_bound(capsys):
    """Value, bound and gap, as without quotas."""
    minimize(MaxAccuracyProblem(quoted(), budget=0.02), OptLLM(), seed=1, verbose=True)
    header = next(line for line in capsys.readouterr().out.splitlines() if "|" in line)
    assert [name.strip() for name in header.split("|")] == ["n_gen", "n_eval", "value", "bound", "gap"]


def test_an_optimum_beyond_a_limit_is_refused():
    """Limits are left aside meanwhile: the message names the one that the optimum exceeds, and what to do."""
    problem = MaxAccuracyProblem(quoted(), budget=1.0)
    with pytest.raises(UserError, match=r"an optimum within 40 calls for llm4, which the best .* Leave exact out"):
        minimize(problem, OptLLM(exact=True), seed=1)


def test_an_optimum_that_meets_the_limits_is_proved_beside_them():
    """Limits that the optimum meets by itself change nothing, and the certificate says so."""
    plain = make_problem(200, 5, random_state=4)
    limits = [Quota("llm4", calls=150), Floor("a", 0.1)]
    batch = AllocationProblem(plain.cost, plain.accuracy, limits=limits, groups=["a", "b"] * 100)
    found, free = (
        minimize(MaxAccuracyProblem(each, budget=0.02), OptLLM(exact=True), seed=1) for each in (batch, plain)
    )
    assert found.F[0] == free.F[0]
    assert found.algorithm.certificate.is_optimal


@settings(max_examples=40)
@given(limited_batches(max_queries=4), st.floats(0.0, 1.0))
def test_what_is_proved_beside_limits_is_the_optimum(case: Limited, share: float):
    """Tried against all plans: the optimum within the limits, or a refusal where they exclude some plan."""
    X = case.feasible_plans()
    if not len(X):
        return
    F, every = score(case.given, X), score(case.given, all_plans(case.given))
    budget = float(np.quantile(F[:, 0], share, method="lower"))
    best, best_of_all = (each[each[:, 0] <= budget * (1 + 1e-12), 1].min() for each in (F, every))
    problem = MaxAccuracyProblem(case.given.problem(**case.options), budget=budget)
    try:
        res = minimize(problem, OptLLM(exact=True), seed=1)
    except UserError:
        assert len(X) < len(all_plans(case.given))
        return
    assert res.F[0] == pytest.approx(best, abs=1e-11)
    assert res.F[0] == pytest.approx(best_of_all, abs=1e-11)
    assert res.algorithm.certificate.is_optimal


COST, ACCURACY = [[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]]


def test_out_of_reach():
    """One call of the cheap LLM: 3 US$ are needed (2 + 1); one of the good one: 0.55. Said with the nearest value."""
    cheap, good = Quota("llm0", calls=1), Quota("llm1", calls=1)
    message = r"^budget 2\.5 US\$ is below the cheapest plan found within the limits, 3 US\$; none .* 3 US\$$"
    with pytest.raises(ValueError, match=message):
        MaxAccuracyProblem(AllocationProblem(COST, ACCURACY, limits=cheap), budget=2.5)
    assert MaxAccuracyProblem(AllocationProblem(COST, ACCURACY, limits=cheap), budget=3).n_ieq_constr == 2
    with pytest.raises(ValueError, match=r"^accuracy 0\.6 is above the most accurate plan found .*, 0\.55; none "):
        MinCostProblem(AllocationProblem(COST, ACCURACY, limits=good), min_accuracy=0.6)
    assert MinCostProblem(AllocationProblem(COST, ACCURACY, limits=good), min_accuracy=0.55).min_accuracy == 0.55


def test_what_is_refused_is_bounded_on_the_right_side():
    """No plan found lies beyond the bound that the same message tells, to the last digit."""
    plain = make_problem(50, 3, random_state=1)
    tables = AllocationProblem(plain.cost, plain.accuracy, limits=Quota("llm0", calls=5))
    with pytest.raises(UserError, match="is above the most accurate plan found") as refused:
        MinCostProblem(tables, min_accuracy=0.999)
    found, bound = (float(each) for each in re.findall(r"0\.\d+(?=;|$)", str(refused.value)))
    assert found <= bound < found + 1 / 50
