"""The exact front as an algorithm."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import make_problem
from optllm_pymoo.baselines import exact_front
from optllm_pymoo.measures.search import hypervolume_ratio

PROBLEM = make_problem(200, 5, random_state=3)


def test_it_proposes_the_points_of_the_thinned_front():
    """With room for ten, the ten plans that `thin` chooses are the answer."""
    front = PROBLEM.supported_front
    np.testing.assert_allclose(minimize(PROBLEM, exact_front(n_points=10)).F, front.F[front.thin(10)])


def test_with_room_for_all_it_is_the_front():
    """More room than points: the whole front, and nothing is evaluated twice."""
    front = PROBLEM.supported_front
    res = minimize(PROBLEM, exact_front(n_points=10_000))
    assert res.algorithm.evaluator.n_eval == len(front)
    assert hypervolume_ratio(res.F, front) == pytest.approx(1.0, abs=1e-12)


def test_cut_short_it_has_both_ends():
    """After one small batch the cheapest and the most accurate plan are there, and plans between them."""
    F = minimize(PROBLEM, exact_front(n_points=10_000, batch_size=5), ("n_eval", 5)).F
    np.testing.assert_allclose(F[[0, -1]], PROBLEM.supported_front.F[[0, -1]])
    assert len(F) == 5


@pytest.mark.parametrize("option", ["n_points", "batch_size"])
def test_numbers_below_one_are_refused(option):
    """The message names the option and the value."""
    with pytest.raises(ValueError, match=f"{option} must be at least 1; got 0"):
        exact_front(**{option: 0})
    exact_front(**{option: 1})
