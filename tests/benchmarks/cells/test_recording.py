"""The record of all that an algorithm evaluates."""

from __future__ import annotations

import numpy as np
from pymoo.core.population import Population
from pymoo.optimize import minimize

from benchmarks.cells.recording import Recorder
from optllm_pymoo import baselines, make_problem
from optllm_pymoo.measures.search import non_dominated


def _batches(problem, sizes):
    rng = np.random.default_rng(0)
    return [rng.integers(0, problem.n_llms, (size, problem.n_queries)) for size in sizes]


def test_the_record_is_the_non_dominated_part_of_everything():
    """Three batches one after another leave what is non-dominated among all 60 plans, cheapest first."""
    problem, recorder = make_problem(20, 4), Recorder()
    batches = _batches(problem, [10, 30, 20])
    for X in batches:
        recorder.eval(problem, Population.new(X=X))
    F = problem.evaluate(np.concatenate(batches))
    np.testing.assert_array_equal(recorder.F, F[non_dominated(F)])
    assert recorder.n_eval == 60


def test_nothing_is_recorded_beyond_the_budget():
    """With a budget of 25, the record is that of the first 25 plans, though all 60 are evaluated."""
    problem, recorder = make_problem(20, 4), Recorder(25)
    batches = _batches(problem, [10, 30, 20])
    for X in batches:
        recorder.eval(problem, Population.new(X=X))
    F = problem.evaluate(np.concatenate(batches)[:25])
    np.testing.assert_array_equal(recorder.F, F[non_dominated(F)])
    assert recorder.n_eval == 60


def test_plans_evaluated_before_are_not_counted_again():
    """A population that comes back costs no budget."""
    problem, recorder = make_problem(20, 4), Recorder(20)
    first, second = (Population.new(X=X) for X in _batches(problem, [10, 10]))
    for population in (first, first, second):
        recorder.eval(problem, population)
    F = np.concatenate([first.get("F"), second.get("F")])
    np.testing.assert_array_equal(recorder.F, F[non_dominated(F)])
    assert recorder.n_eval == 20


def test_it_changes_nothing_in_a_run():
    """An algorithm finds the same with the recorder as without it, and the record is at least as good."""
    problem = make_problem(30, 4)
    plain = minimize(problem, baselines.nsga2(pop_size=10), ("n_eval", 100), seed=1)
    recorder = Recorder(100)
    recorded = minimize(problem, baselines.nsga2(pop_size=10), ("n_eval", 100), seed=1, evaluator=recorder)
    np.testing.assert_array_equal(plain.F, recorded.F)
    covered = (recorder.F[None] <= plain.F[:, None] + 1e-12).all(axis=2).any(axis=1)
    assert covered.all()


def test_it_tells_how_far_it_is():
    """The callback hears the number of evaluations after each batch."""
    problem, heard = make_problem(20, 4), []
    recorder = Recorder(on_evaluation=heard.append)
    for X in _batches(problem, [10, 30]):
        recorder.eval(problem, Population.new(X=X))
    assert heard == [10, 40]
