"""Searches with a loop of their own: pymoo counts and ends them, and nothing of them is left afterwards."""

from __future__ import annotations

import contextlib
import copy
import pickle
import threading

import numpy as np
import pytest
from pymoo.core.callback import Callback
from pymoo.optimize import minimize

from optllm_pymoo.baselines._proposing import DrivenAlgorithm, SearchEnded
from optllm_pymoo.validation import UserError


class Climber(DrivenAlgorithm):
    """Sends random queries elsewhere and keeps what is better, for so many rounds of two plans."""

    def __init__(self, rounds=10**6, **kwargs):
        super().__init__(**kwargs)
        self.rounds = rounds
        self.unwound = False

    def _search(self, evaluate, random_state):
        problem = self.problem
        best = np.zeros(problem.n_queries, dtype=int)
        (value,) = evaluate(best[None])
        try:
            for _ in range(self.rounds):
                tried = np.where(random_state.random((2, problem.n_queries)) < 0.1, 1, best)
                F = evaluate(tried)
                if F[:, 1].min() < value[1]:
                    best, value = tried[F[:, 1].argmin()], F[F[:, 1].argmin()]
        except SearchEnded:
            self.unwound = True
            raise


def searches_alive():
    """Count threads of searches."""
    return sum(thread.name == "driven search" for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    assert searches_alive() == 0


def test_budget_is_exact_and_the_answer_is_what_was_seen(problem):
    """One plan, then rounds of two: a budget of 21 is 11 iterations; values are the problem's."""
    res = minimize(problem, Climber(), ("n_eval", 21), seed=1)
    assert res.algorithm.evaluator.n_eval == 21
    assert res.algorithm.n_iter - 1 == 11
    assert res.algorithm.unwound
    assert np.array_equal(problem.evaluate(res.X), res.F)
    assert len(res.X) > 2


def test_search_that_ends_by_itself_ends_the_run(problem):
    """Three rounds: seven plans, in four iterations, without an empty one."""
    res = minimize(problem, Climber(3), seed=1)
    assert res.algorithm.evaluator.n_eval == 7
    assert res.algorithm.n_iter - 1 == 4
    assert not res.algorithm.unwound
    assert res.algorithm.ask() is None


def test_search_that_asks_nothing(problem):
    """No plan at all: no answer, and an end."""

    class Idle(DrivenAlgorithm):
        def _search(self, evaluate, random_state):
            pass

    res = minimize(problem, Idle(), ("n_eval", 10), seed=1)
    assert res.X is None
    assert res.algorithm.evaluator.n_eval == 0


def test_same_seed_same_result(problem):
    """Bit for bit, and another seed leads elsewhere."""
    first, second, other = (minimize(problem, Climber(), ("n_eval", 51), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.X, second.X)
    assert np.array_equal(first.F, second.F)
    assert not np.array_equal(first.F, other.F)


def test_time_ends_the_run(problem):
    """A search without an end, under a clock."""
    res = minimize(problem, Climber(), ("time", 0.2), seed=1)
    assert res.exec_time >= 0.2
    assert res.algorithm.unwound


def test_exception_in_the_search_is_raised_in_the_loop(problem):
    """At its first question or later."""

    class Broken(DrivenAlgorithm):
        first = True

        def _search(self, evaluate, random_state):
            if not self.first:
                evaluate(np.zeros((1, self.problem.n_queries), dtype=int))
            raise ZeroDivisionError("lost my way")

    for first in (True, False):
        algorithm = Broken()
        algorithm.first = first
        with pytest.raises(ZeroDivisionError, match="lost my way"):
            minimize(problem, algorithm, ("n_eval", 10), seed=1)


def test_bad_plan_is_refused(problem):
    """What isn't an allocation is named, and the thread goes."""

    class Wrong(DrivenAlgorithm):
        def _search(self, evaluate, random_state):
            evaluate(np.full((1, self.problem.n_queries), 99))

    with pytest.raises(ValueError, match=r"LLM numbers 0 to 4; X\[0, 0\] = 99"):
        minimize(problem, Wrong(), ("n_eval", 10), seed=1)


def test_exception_in_a_callback_unwinds_the_search(problem):
    """The loop breaks in the middle; the search hears of it."""

    class Angry(Callback):
        def notify(self, algorithm):
            if algorithm.n_iter > 3:
                raise RuntimeError("enough")

    algorithm = Climber()
    with pytest.raises(RuntimeError, match="enough"):
        minimize(problem, algorithm, ("n_eval", 100), seed=1, callback=Angry(), copy_algorithm=False)
    assert algorithm.unwound


def test_search_that_swallows_errors_is_ended_all_the_same(problem):
    """``except Exception`` doesn't catch the end; what does is told again at its next question."""

    class Stubborn(DrivenAlgorithm):
        def _search(self, evaluate, random_state):
            plan = np.zeros((1, self.problem.n_queries), dtype=int)
            with contextlib.suppress(BaseException):
                while True:
                    with contextlib.suppress(Exception):
                        evaluate(plan)
            evaluate(plan)
            raise AssertionError("answered after the end")

    assert minimize(problem, Stubborn(), ("n_eval", 5), seed=1).algorithm.evaluator.n_eval == 5


def test_unfinished_runs_are_closed_by_hand_or_by_the_next_setup(problem):
    """Stepped by hand and left: the thread waits, until `close` or another `setup`."""
    algorithm = Climber()
    for _ in range(2):
        algorithm.setup(problem, termination=("n_eval", 100), seed=1)
        assert searches_alive() == 0
        algorithm.next()
        assert searches_alive() == 1
    algorithm.close()
    assert algorithm.ask() is None
    assert len(algorithm.opt) == 1


def test_cannot_be_copied_in_the_middle(problem):
    """Before and after a run it can; within, and with a history, the message says why not."""
    algorithm = pickle.loads(pickle.dumps(Climber()))
    algorithm.setup(problem, termination=("n_eval", 100), seed=1)
    algorithm.next()
    for copied in (pickle.dumps, copy.deepcopy):
        with pytest.raises(UserError, match="Climber can't be copied or pickled in the middle of a run"):
            copied(algorithm)
    algorithm.run()
    assert len(pickle.loads(pickle.dumps(algorithm)).opt) == len(algorithm.opt)
    with pytest.raises(UserError, match="Leave save_history=True out"):
        minimize(problem, Climber(), ("n_eval", 20), seed=1, save_history=True)
