"""Repair: rounding without drift, bounds and masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymoo.core.population import Population

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.operators.categorical import AllowedRepair


def repair(problem, X, **options):
    """Repair X with seed 1 unless told otherwise."""
    options.setdefault("random_state", np.random.default_rng(1))
    return AllowedRepair()(problem, Population.new(X=X), **options).get("X")


def masked():
    """Build three queries on four LLMs with one, two and three of them allowed."""
    allowed = np.array([[0, 0, 1, 0], [1, 0, 0, 1], [1, 1, 0, 1]])
    base = make_problem(3, 4)
    return AllocationProblem(base.cost, base.accuracy, allowed=allowed)


def test_rounds_to_the_nearest_and_clips():
    """By hand: what lies outside goes to the nearest end, the rest to the nearest LLM, also infinities."""
    X = np.array([[-3.0, -0.4, 0.4, 0.6, 1.4, 2.6, 9.0, np.inf]])
    assert repair(make_problem(8, 4), X).tolist() == [[0, 0, 0, 1, 1, 3, 3, 3]]


@settings(deadline=None, max_examples=60)
@given(arrays(np.float64, (4, 3), elements=st.floats(-10, 10)))
def test_result_is_always_a_valid_plan(X):
    """Whatever comes in, the problem accepts what comes out, and a second repair changes nothing."""
    problem = masked()
    plans = repair(problem, X)
    assert plans.dtype == problem.assignment_dtype
    assert (problem.as_allocations(plans) == plans).all()
    assert (repair(problem, plans) == plans).all()


def test_what_is_allowed_stays_and_the_rest_is_drawn_uniformly():
    """Query 2 keeps LLM 3, query 1 leaves LLM 1 for 0 or 3 in equal shares, query 0 has only LLM 2."""
    plans = repair(masked(), np.tile([0.0, 1.0, 3.0], (2000, 1)))
    assert (plans[:, 0] == 2).all()
    assert (plans[:, 2] == 3).all()
    assert set(plans[:, 1]) == {0, 3}
    assert abs((plans[:, 1] == 0).mean() - 0.5) < 5 * np.sqrt(0.25 / 2000)


def test_rounding_does_not_drift():
    """Uniform positions on [0, M-1] keep their mean; truncation would lower it by one half."""
    X = np.random.default_rng(0).uniform(0, 4, (100, 300))
    assert abs(repair(make_problem(300, 5), X).mean() - X.mean()) < 5 * np.sqrt(1 / 12 / X.size)


def test_nan_is_refused_with_its_place():
    """NaN has no nearest LLM; an array without NaN passes even if its sum isn't finite."""
    problem = make_problem(3, 4)
    with pytest.raises(ValueError, match=r"X\[1, 2\] = nan"):
        repair(problem, np.array([[0.0, 1.0, 2.0], [0.0, 1.0, np.nan]]))
    assert repair(problem, np.array([[np.inf, -np.inf, 1.0]])).tolist() == [[3, 0, 1]]


def test_drawing_needs_a_random_state():
    """Without a random state a replacement is refused with its place; else it isn't needed."""
    with pytest.raises(ValueError, match=r"X\[0, 1\] = 1 is not allowed.*random_state"):
        repair(masked(), np.array([[2, 1, 0]]), random_state=None)
    assert repair(masked(), np.array([[2, 0, 0]]), random_state=None).tolist() == [[2, 0, 0]]


def test_seeds_decide():
    """The same seed repairs the same, another seed differently."""
    X = np.zeros((50, 3))
    X[:, 1] = 2

    def run(seed):
        return repair(masked(), X.copy(), random_state=np.random.default_rng(seed))

    assert (run(1) == run(1)).all()
    assert (run(1) != run(2)).any()


def test_empty_population():
    """No plans, nothing to repair."""
    assert len(repair(masked(), np.empty((0, 3)))) == 0
