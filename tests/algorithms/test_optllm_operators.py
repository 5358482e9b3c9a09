"""Operators of one's own in the search: good ones, lazy ones and broken ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, OptLLM, make_problem
from optllm_pymoo.operators import (
    AccuracyDestruction,
    Destruction,
    ExchangeReconstruction,
    RandomDestruction,
    Reconstruction,
)
from optllm_pymoo.validation import UserError
from tests.algorithms.runs import distance_to_front, missing_points, run_by_hand
from tests.strategies import tables


class Lazy(Destruction):
    """Goes nowhere."""

    def _do(self, problem, X, *, random_state, **kwargs):
        return X


class Broken(Destruction):
    """Returns LLMs that there aren't."""

    def _do(self, problem, X, *, random_state, **kwargs):
        return X + 100


class Recording(Destruction):
    """Notes what it was called with."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def _do(self, problem, X, *, random_state, **kwargs):
        self.calls.append((problem, X.shape, kwargs))
        return X


class RecordingReconstruction(ExchangeReconstruction):
    """Notes what it was called with."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def _do(self, problem, X, *, random_state, **kwargs):
        self.calls.append(kwargs)
        return super()._do(problem, X, random_state=random_state)


class KeepAsIs(Reconstruction):
    """Returns the destroyed plan."""

    def _do(self, problem, X, *, random_state, **kwargs):
        return X


def test_destruction_that_goes_nowhere_ends_its_walk():
    """With both walks lazy the gaps are split; with the splits lazy as well the two ends come back."""
    problem = make_problem(100, 5)
    lazy = OptLLM(10, destruction_up=Lazy(), destruction_down=Lazy(), split=Lazy())
    for termination in (None, ("n_gen", 500)):
        res = minimize(problem, lazy, termination, seed=1)
        np.testing.assert_array_equal(res.X, problem.extremes())
        assert res.algorithm.n_iter < 20
    res = minimize(problem, OptLLM(10, destruction_up=Lazy(), destruction_down=Lazy()), seed=1)
    gaps = np.abs(np.diff(res.F, axis=0)) / np.abs(res.F[-1] - res.F[0])
    assert np.min(gaps, axis=1).max() <= 0.1 + 1e-12


@pytest.mark.parametrize("role", ["destruction_up", "destruction_down", "split"])
def test_broken_destruction_is_named(role):
    """In whatever role, the message names the operator; a sound one passes in the same role."""
    problem = make_problem(50, 4)
    others = {name: Lazy() for name in ("destruction_up", "destruction_down", "split")}
    with pytest.raises(ValueError, match=r"Broken\._do returned bad allocations: an allocation holds LLM numbers 0"):
        minimize(problem, OptLLM(5, **{**others, role: Broken()}), ("n_gen", 30), seed=1)
    assert len(minimize(problem, OptLLM(5, **{**others, role: RandomDestruction()}), ("n_gen", 30), seed=1).F) >= 2


def test_broken_reconstruction_is_named():
    """A reconstruction that drops a query is refused with both shapes."""

    class Short(Reconstruction):
        def _do(self, problem, X, *, random_state, **kwargs):
            return X[:, 1:]

    with pytest.raises(ValueError, match=r"Short\._do must return allocations of its input's shape \(50,\)|\(1, 50\)"):
        minimize(make_problem(50, 4), OptLLM(5, reconstruction=Short()), seed=1)


def test_what_a_destruction_is_called_with():
    """The walks pass a gap, the splits also where to head for; downward it sees the robust accuracies."""
    base = make_problem(50, 4)
    problem = AllocationProblem(base.cost, base.accuracy, robust_accuracy=base.accuracy[::-1])
    up, down, split = Recording(), Recording(), Recording()
    algorithm = OptLLM(5, destruction_up=up, destruction_down=down, split=split)
    run_by_hand(problem, algorithm, seed=1, termination=("n_gen", 4))
    assert [call[:2] for call in up.calls] == [(problem, (1, 50))]
    assert down.calls[0][0] is problem.robust_problem
    F = problem.evaluate(np.stack([problem.extremes()[0], problem.robust_problem.extremes()[1]]))
    assert up.calls[0][2]["gap"] == pytest.approx(((F[1] - F[0]) * [0.2, -10]).tolist())
    assert split.calls[0][2]["toward"].shape == split.calls[0][1]
    assert split.calls[0][2]["gap"] == up.calls[0][2]["gap"]


def test_what_a_reconstruction_is_called_with():
    """The same as the destruction right before it, in the walks and in the splits."""
    recording = RecordingReconstruction()
    minimize(make_problem(50, 4), OptLLM(5, reconstruction=recording), ("n_eval", 30), seed=1, copy_algorithm=False)
    gaps = {given["gap"] for given in recording.calls}
    assert len(gaps) == 1
    assert {"toward" in given for given in recording.calls} == {False, True}


@pytest.mark.parametrize("role", ["destruction_up", "destruction_down", "reconstruction", "split"])
def test_operators_of_another_family(role):
    """Refused when they are given, not in the middle of a run; a class is not an operator yet."""
    family, other = (Destruction, Reconstruction) if role != "reconstruction" else (Reconstruction, Destruction)
    wrong = Recording() if other is Destruction else RecordingReconstruction()
    for bad in (wrong, 3):
        with pytest.raises(UserError, match=f"^{role} must be a {family.__name__}; got "):
            OptLLM(**{role: bad})
    right = RecordingReconstruction if other is Destruction else Recording
    with pytest.raises(UserError, match=rf"^{role} must be an instance; got the class .*, pass {right.__name__}\(\)$"):
        OptLLM(**{role: right})
    assert isinstance(getattr(OptLLM(**{role: right()}), role), right)


def test_without_reconstruction_the_archive_still_keeps_the_best():
    """Destroyed plans as they are lie below the front; the ends are kept, and nothing dominated is."""
    problem = make_problem(100, 5)
    res = minimize(problem, OptLLM(10, reconstruction=KeepAsIs()), ("n_gen", 20), seed=1)
    np.testing.assert_allclose(res.F[[0, -1]], problem.supported_front.F[[0, -1]])
    assert np.all(np.diff(res.F[:, 1]) < 0)
    assert distance_to_front(res.F, problem.supported_front) > 1e-6


def test_a_walk_may_use_any_destruction():
    """Both walks upward, or both at random: every plan is still supported."""
    problem = make_problem(100, 5, family="tied")
    for operator in (AccuracyDestruction(), RandomDestruction(0.2)):
        res = minimize(problem, OptLLM(10, destruction_up=operator, destruction_down=operator), ("n_gen", 30), seed=1)
        assert distance_to_front(res.F, problem.supported_front) < 1e-9


@settings(max_examples=60)
@given(tables(max_queries=8, max_llms=5), st.integers(0, 1000), st.booleans())
def test_ends_with_every_point_whatever_steers_it(drawn, seed, at_random):
    """Robust accuracies that are mere noise, and random destructions, keep no extreme point from being found."""
    noise = np.random.default_rng(seed).normal(size=drawn.cost.shape)
    problem = drawn.problem(robust_accuracy=noise)
    options = {"destruction_up": RandomDestruction(0.3)} if at_random else {}
    res = minimize(problem, OptLLM(3, **options), ("n_gen", 5000), seed=seed)
    assert res.algorithm.n_iter < 1000
    assert missing_points(res.F, problem.supported_front) == 0


@pytest.mark.parametrize("seed", [1, 119, 163, 175, 211])
def test_plans_off_the_front_hide_no_gap(seed):
    """Here the robust walk leaves plans between points of the front; those points are found all the same."""
    rng = np.random.default_rng(seed)
    cost, accuracy, robust = rng.random((8, 5)), rng.random((8, 5)), rng.normal(size=(8, 5))
    problem = AllocationProblem(cost, accuracy, robust_accuracy=robust)
    res = minimize(problem, OptLLM(3), ("n_gen", 5000), seed=1)
    assert missing_points(res.F, problem.supported_front) == 0
