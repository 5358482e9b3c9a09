"""Choices where there is a third objective: by cost and accuracy, and bounded in the third by a ceiling."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import (
    Additive,
    AllocationProblem,
    AtLeastAccuracy,
    Ceiling,
    Knee,
    OptLLM,
    Plan,
    Quota,
    UserError,
    WithinBudget,
    make_problem,
)


def timed() -> AllocationProblem:
    """Sixty queries on four LLMs with mean latency as the third objective."""
    return make_problem(60, 4, with_latency=True)


def test_cost_and_accuracy_are_looked_at():
    """From the problem itself: the plans of the same batch without latency, which is told all the same."""
    problem, plain = timed(), make_problem(60, 4)
    budget = float(plain.supported_front.F[:, 0].mean())
    for choice in (WithinBudget(budget), AtLeastAccuracy(0.5), Knee()):
        np.testing.assert_array_equal(choice.plan(problem).x, choice.plan(plain).x)
    plan = Knee().plan(problem)
    seconds = problem.third.table[np.arange(60), plan.x].mean()
    assert plan.third == pytest.approx(seconds)
    assert f"Mean latency       {seconds:.4g} s" in plan.summary()
    assert Knee().plan(plain).third is None


def test_a_ceiling_bounds_the_third():
    """Within a mean latency: plans of a search keep it, and are no better than those of any latency."""
    free = timed()
    seconds = float(np.median(free.supported_surface.F[:, 2]))
    problem = AllocationProblem(free.cost, free.accuracy, limits=Ceiling(free.third, seconds))
    found = minimize(problem, OptLLM(n_grid=10), seed=1)
    budget = float(found.F[:, 0].mean())
    plan = WithinBudget(budget).plan(found)
    assert free.third.table[np.arange(60), plan.x].mean() <= seconds * (1 + 1e-12)
    assert plan.accuracy <= WithinBudget(budget).plan(free).accuracy + 1e-12
    with pytest.raises(ValueError, match=r"^the plan exceeds a mean latency of at most .* s; choose from plans"):
        Plan(problem, free.extremes()[1])


def test_what_is_to_be_large_is_told_as_it_is():
    """A table to be maximised has a negated column of F, and its sum is told with its unit."""
    praise = Additive("praise", [[1.0, 5.0], [2.0, 3.0]], unit="points", maximise=True)
    problem = AllocationProblem([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]], objectives=praise)
    plan = Plan(problem, [1, 0])
    assert problem.evaluate(np.array([1, 0])).tolist() == [3.0, -0.55, -7.0]
    assert plan.third == 7.0
    assert "Total praise       7 points" in plan.summary()


def test_promises_beside_limits_and_a_third_objective_are_refused():
    """In words, however the plan is chosen; with limits alone or a third objective alone they are kept."""
    third = timed().third
    tables, sigma = (timed().cost, timed().accuracy), np.full((60, 4), 0.1)
    quota = Quota("llm0", calls=20)
    found = minimize(AllocationProblem(*tables, objectives=third, limits=quota), OptLLM(n_grid=4), seed=1)
    budget = float(found.F[:, 0].mean())
    for choice in (WithinBudget(budget, promise=0.9), AtLeastAccuracy(0.1, promise=0.9)):
        with pytest.raises(UserError, match="a promise can't be combined with limits and a third objective"):
            choice.plan(found, sigma=sigma)
    assert WithinBudget(budget).plan(found, sigma=sigma).promise is None
    limited = minimize(AllocationProblem(*tables, limits=quota), OptLLM(n_grid=4), seed=1)
    assert WithinBudget(budget, promise=0.9).plan(limited, sigma=sigma).promise == 0.9
    assert WithinBudget(budget, promise=0.9).plan(timed(), sigma=sigma).promise == 0.9
