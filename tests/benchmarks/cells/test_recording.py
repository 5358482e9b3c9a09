"""The record of all that an algorithm evaluates: more and more, never a worse front, and its last moment is the end."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.core.population import Population
from pymoo.optimize import minimize

from benchmarks.cells import recording
from benchmarks.cells.recording import PER_DECADE, Recorder
from optllm_pymoo import baselines, make_problem
from optllm_pymoo.baselines import nsga2, random_search
from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.measures.search import non_dominated, search_quality


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


PROBLEM = make_problem(40, 4, random_state=1)


def run(recorder: Recorder, n_eval: int, pop_size: int = 10) -> Recorder:
    """Let NSGA-II evaluate."""
    minimize(PROBLEM, nsga2(pop_size=pop_size), ("n_eval", n_eval), seed=1, evaluator=recorder)
    recorder.keep()
    return recorder


@pytest.mark.parametrize(("budget", "done"), [(None, 300), (300, 300), (295, 300), (11, 300), (5, 300), (1000, 300)])
def test_moments(budget: int | None, done: int) -> None:
    """They rise to the evaluations within the budget, whatever is done beyond; the ratio never falls."""
    recorder = run(Recorder(budget), done)
    table = recorder.trace(PROBLEM.supported_front)
    assert recorder.n_eval == done
    assert table[-1, 0] == recorder.n_counted == min(done, budget or done)
    assert (np.diff(table[:, 0]) > 0).all()
    assert (np.diff(table[:, 1]) >= 0).all()
    assert (np.diff(table[:, 2]) >= -1e-12).all()
    assert table[-1, 2] == search_quality(recorder.F, PROBLEM.supported_front).hypervolume_ratio


def test_moments_are_evenly_spaced_on_a_logarithmic_scale() -> None:
    """One plan at a time: 1, 2, 3, ... until steps of a tenfold's eighth root are longer, then no more than eight."""
    recorder = Recorder(1000)
    minimize(PROBLEM, random_search(pop_size=1), ("n_eval", 1000), seed=1, evaluator=recorder)
    recorder.keep()
    n_eval = np.array([moment[0] for moment in recorder.moments])
    assert n_eval[:3].tolist() == [1, 2, 3]
    assert n_eval[-1] == 1000
    for decade in (10, 100):
        assert ((n_eval >= decade) & (n_eval < 10 * decade)).sum() in (PER_DECADE - 1, PER_DECADE)


def test_keeping_again_adds_nothing() -> None:
    """The end of a run that was a moment anyway is kept once, and nothing before the first evaluation."""
    recorder = Recorder()
    recorder.keep()
    assert recorder.moments == []
    assert recorder.trace(PROBLEM.supported_front).shape == (0, 3)
    n_moments = len(run(recorder, 100).moments)
    recorder.keep()
    assert len(recorder.moments) == n_moments


def test_plans_beyond_the_budget_come_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last moment is when the budget was spent, not when the run ended: each look at the clock is a second."""
    seconds = iter(range(10**6))
    monkeypatch.setattr(recording.time, "perf_counter", lambda: float(next(seconds)))
    recorder = run(Recorder(35), 300)
    assert recorder.moments[-1][:2] == (35, 4.0)


def test_plans_after_the_time_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a second per batch of ten, three seconds are thirty plans, and what they found is what 30 evaluations do."""
    seconds = iter(range(10**6))
    monkeypatch.setattr(recording.time, "perf_counter", lambda: float(next(seconds)))
    recorder = run(Recorder(seconds=3.0), 300)
    assert (recorder.n_counted, recorder.n_eval) == (30, 300)
    assert recorder.moments[-1][:2] == (30, 3.0)
    np.testing.assert_array_equal(recorder.F, run(Recorder(30), 300).F)


def test_the_first_plans_count_however_late() -> None:
    """With no time at all, there still is something to measure."""
    recorder = run(Recorder(seconds=0.0), 300)
    assert recorder.n_counted == 10
    assert len(recorder.moments) == 1


def test_a_front_of_one_point() -> None:
    """Where one LLM is best and cheapest the ratio is 0 or more until it is found, never falling."""
    front = SupportedFront([[1.0, 2.0]], [[1.0, 0.5]])
    recorder = Recorder()
    recorder.moments = [(1, 0.1, np.array([[2.0, -0.5]])), (2, 0.2, np.array([[1.0, -1.0]]))]
    np.testing.assert_array_equal(recorder.trace(front), [[1, 0.1, 0.0], [2, 0.2, 1.0]])
