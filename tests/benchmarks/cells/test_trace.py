"""Moments of a run: more and more evaluations, never a worse front, and the last is the end."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.optimize import minimize

from benchmarks.cells import recording as trace
from benchmarks.cells.recording import PER_DECADE, TracingRecorder, trace_table
from optllm_pymoo import make_problem
from optllm_pymoo.baselines import nsga2, random_search
from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.measures.search import search_quality

PROBLEM = make_problem(40, 4, random_state=1)


def run(recorder: TracingRecorder, n_eval: int, pop_size: int = 10) -> TracingRecorder:
    """Let NSGA-II evaluate."""
    minimize(PROBLEM, nsga2(pop_size=pop_size), ("n_eval", n_eval), seed=1, evaluator=recorder)
    recorder.keep()
    return recorder


@pytest.mark.parametrize(("budget", "done"), [(None, 300), (300, 300), (295, 300), (11, 300), (5, 300), (1000, 300)])
def test_moments(budget: int | None, done: int) -> None:
    """They rise to the evaluations within the budget, whatever is done beyond; the ratio never falls."""
    recorder = run(TracingRecorder(budget), done)
    table = trace_table(recorder.moments, PROBLEM.supported_front)
    assert recorder.n_eval == done
    assert table[-1, 0] == recorder.n_counted == min(done, budget or done)
    assert (np.diff(table[:, 0]) > 0).all()
    assert (np.diff(table[:, 1]) >= 0).all()
    assert (np.diff(table[:, 2]) >= -1e-12).all()
    assert table[-1, 2] == search_quality(recorder.F, PROBLEM.supported_front).hypervolume_ratio


def test_moments_are_evenly_spaced_on_a_logarithmic_scale() -> None:
    """One plan at a time: 1, 2, 3, ... until steps of a tenfold's eighth root are longer, then no more than eight."""
    recorder = TracingRecorder(1000)
    minimize(PROBLEM, random_search(pop_size=1), ("n_eval", 1000), seed=1, evaluator=recorder)
    recorder.keep()
    n_eval = np.array([moment[0] for moment in recorder.moments])
    assert n_eval[:3].tolist() == [1, 2, 3]
    assert n_eval[-1] == 1000
    for decade in (10, 100):
        assert ((n_eval >= decade) & (n_eval < 10 * decade)).sum() in (PER_DECADE - 1, PER_DECADE)


def test_keeping_again_adds_nothing() -> None:
    """The end of a run that was a moment anyway is kept once, and nothing before the first evaluation."""
    recorder = TracingRecorder()
    recorder.keep()
    assert recorder.moments == []
    assert trace_table([], PROBLEM.supported_front).shape == (0, 3)
    n_moments = len(run(recorder, 100).moments)
    recorder.keep()
    assert len(recorder.moments) == n_moments


def test_plans_beyond_the_budget_come_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last moment is when the budget was spent, not when the run ended: each look at the clock is a second."""
    seconds = iter(range(10**6))
    monkeypatch.setattr(trace.time, "perf_counter", lambda: float(next(seconds)))
    recorder = run(TracingRecorder(35), 300)
    assert recorder.moments[-1][:2] == (35, 4.0)


def test_plans_after_the_time_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a second per batch of ten, three seconds are thirty plans, and what they found is what 30 evaluations do."""
    seconds = iter(range(10**6))
    monkeypatch.setattr(trace.time, "perf_counter", lambda: float(next(seconds)))
    recorder = run(TracingRecorder(seconds=3.0), 300)
    assert (recorder.n_counted, recorder.n_eval) == (30, 300)
    assert recorder.moments[-1][:2] == (30, 3.0)
    np.testing.assert_array_equal(recorder.F, run(TracingRecorder(30), 300).F)


def test_the_first_plans_count_however_late() -> None:
    """With no time at all, there still is something to measure."""
    recorder = run(TracingRecorder(seconds=0.0), 300)
    assert recorder.n_counted == 10
    assert len(recorder.moments) == 1


def test_a_front_of_one_point() -> None:
    """Where one LLM is best and cheapest the ratio is 0 or more until it is found, never falling."""
    front = SupportedFront([[1.0, 2.0]], [[1.0, 0.5]])
    moments = [(1, 0.1, np.array([[2.0, -0.5]])), (2, 0.2, np.array([[1.0, -1.0]]))]
    np.testing.assert_array_equal(trace_table(moments, front), [[1, 0.1, 0.0], [2, 0.2, 1.0]])
