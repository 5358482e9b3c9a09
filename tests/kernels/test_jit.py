"""Compiling where the usual way is barred, spreading over threads, and the claim that compiled code is what runs."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import pkgutil
import warnings

import numba
import numpy as np
import pytest
from numba.core import caching
from numba.core.dispatcher import Dispatcher
from pymoo.optimize import minimize

from optllm_pymoo import (
    MaxAccuracyProblem,
    OptLLM,
    PartitionedFront,
    QueryFeatures,
    Quota,
    SuccessPredictor,
    kernels,
    make_dataset,
    make_problem,
)
from optllm_pymoo.kernels import jit as jit_module
from optllm_pymoo.kernels.jit import jit
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import Notice
from tests.processes import run_fresh

RUN = """
from pymoo.optimize import minimize
from optllm_pymoo import OptLLM, make_problem
print(minimize(make_problem(30, 4), OptLLM(n_grid=5), seed=1).F.tolist())
"""


def test_without_a_folder_for_the_cache_kernels_compile_all_the_same(monkeypatch):
    """As in a container where neither package nor home can be written to: one line names the way out, and once."""
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    monkeypatch.setattr(jit_module, "_not_cached", set())
    with pytest.warns(Notice, match="set NUMBA_CACHE_DIR to a folder that can be written to"):
        first = jit(lambda x: 2 * x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = jit(error_model="numpy")(lambda x: 1.0 / x)
    assert not jit_module.is_cached()
    assert (first(21), second(0.0)) == (42, np.inf)
    assert first.nopython_signatures


def test_nothing_is_reported_where_code_can_be_kept(monkeypatch):
    """The kernels of this installation are kept, without a word."""
    monkeypatch.setattr(jit_module, "_not_cached", set())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jit(make_problem).stats.cache_path
    assert jit_module.is_cached()


def test_compiling_is_noticed_and_running_is_not(tmp_path, monkeypatch):
    """Each call of the function is a compilation: none before the first run, none for the second, none outside."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))  # a former run of this test has left nothing there
    compilations = []
    kernel = jit(lambda x: x + 1)
    with jit_module.when_compiling(lambda: compilations.append(len(compilations))):
        assert compilations == []
        assert kernel(1) == 2
        n_compiled = len(compilations)
        assert kernel(2) == 3
    assert kernel(1.5) == 2.5
    assert len(compilations) == n_compiled >= 1


def test_switched_off_numba_changes_nothing_but_the_time():
    """With NUMBA_DISABLE_JIT=1 the same plans come from the Python bodies of the kernels."""
    expected = minimize(make_problem(30, 4), OptLLM(n_grid=5), seed=1).F
    np.testing.assert_allclose(json.loads(run_fresh(RUN, NUMBA_DISABLE_JIT="1")), expected, rtol=1e-12)


READ = """
import warnings
warnings.simplefilter("error", RuntimeWarning)
from optllm_pymoo.prediction import QueryFeatures
print(QueryFeatures(random_state=0).fit_transform(["Sum 2 and 12", "a poem, a song"]).tolist())
"""


def test_switched_off_numba_reads_texts_alike():
    """Hashes wrap round in Python as they do in machine code, without a warning."""
    expected = QueryFeatures(random_state=0).fit_transform(["Sum 2 and 12", "a poem, a song"])
    np.testing.assert_allclose(json.loads(run_fresh(READ, NUMBA_DISABLE_JIT="1")), expected, atol=1e-3)


def test_no_threads_are_refused_in_words():
    """NUMBA_NUM_THREADS=0 is the user's to mend: a UserError that names the variable."""
    code = """
from optllm_pymoo.validation import UserError
try:
    import optllm_pymoo.kernels.jit
except UserError as error:
    print(error)
"""
    message = (
        "numba can't start, see the environment variable NUMBA_NUM_THREADS: Number of threads specified must be > 0."
    )
    assert run_fresh(code, NUMBA_NUM_THREADS="0") == message


CALLED_BY_PYTHON = {
    *("_accumulate", "common_denominator", "count_grams", "fill", "first_disallowed", "index", "mend", "sums_by_llm"),
    "take_steps",
}  # fmt: skip
"""Kernels that are called as they are; the others are handed to `over_queries` and take a range first."""


def entry_points():
    """List the compiled functions that Python code calls, by name."""
    found = {}
    for info in pkgutil.iter_modules(kernels.__path__, kernels.__name__ + "."):
        for name, item in vars(importlib.import_module(info.name)).items():
            if isinstance(item, Dispatcher):
                takes_range = item.py_func.__code__.co_varnames[:2] == ("start", "stop")
                if name in CALLED_BY_PYTHON or (takes_range and name != "take_steps"):
                    found[name] = item
    return found


def run_all():
    """Search a masked batch with two objectives, one, three, and under a quota, and learn from texts: every kernel."""
    base = make_problem(200, 5, with_latency=True)
    allowed = np.ones((200, 5), dtype=bool)
    allowed[:, 1] = False
    plain = AllocationProblem(base.cost, base.accuracy, allowed=allowed)
    limited = AllocationProblem(base.cost, base.accuracy, allowed=allowed, limits=Quota("llm0", calls=80))
    with_latency = AllocationProblem(base.cost, base.accuracy, allowed=allowed, objectives=[base.third])
    large = make_problem(2 * jit_module.MIN_QUERIES_PER_THREAD, 2)  # kernels that a small problem calls from others
    problems = (plain, limited, with_latency, large)
    found = [minimize(problem, OptLLM(n_grid=10), ("n_gen", 10), seed=1) for problem in problems]
    budget = float(plain.supported_front.F[:, 0].mean())
    found.append(minimize(MaxAccuracyProblem(plain, budget=budget), OptLLM(exact=True), seed=1))
    texts = make_dataset(60, 2)
    features = QueryFeatures(random_state=0).fit_transform(texts.texts)
    predicted = SuccessPredictor(n_resamples=10, random_state=0).fit(features, texts.correct).predict(features)
    in_parts = PartitionedFront([(base.cost, base.accuracy)])
    chosen = in_parts.assignment(in_parts.within_budget(float(base.cost.mean(axis=1).sum())), 0)
    return [*(np.atleast_2d(result.F) for result in found), predicted, chosen]


def test_compiled_code_is_what_runs(monkeypatch):
    """A run leaves machine code in nopython mode behind every kernel, and a second one calls no Python body."""
    assert not numba.config.DISABLE_JIT
    first, found = run_all(), entry_points()
    assert len(found) >= len(CALLED_BY_PYTHON) + 14
    for name, dispatcher in found.items():
        assert dispatcher.nopython_signatures, f"{name} was never compiled"
        monkeypatch.setattr(dispatcher, "py_func", _refuse)
    for again, F in zip(run_all(), first, strict=True):
        np.testing.assert_array_equal(again, F)


def _refuse(*args):
    raise AssertionError("a Python body was called instead of machine code")


@pytest.mark.parametrize("n_queries", [0, 1, 65_535, 65_536, 200_001])
def test_ranges_cover_every_query_once(set_threads, n_queries):
    """The ranges are contiguous, in order, and cover everything, on one thread and on two."""
    for n_threads in (1, 2):
        set_threads(n_threads)
        ranges = jit_module.over_queries(lambda start, stop: (start, stop), n_queries)
        assert len(ranges) <= n_threads
        assert [k for pair in ranges for k in range(*pair)] == list(range(n_queries))


def test_small_batches_start_no_thread(set_threads):
    """Below two threads' worth of queries the work stays where it is; at it two threads run."""
    set_threads(2)
    least = 2 * jit_module.MIN_QUERIES_PER_THREAD
    assert len(jit_module.over_queries(lambda start, stop: None, least - 1)) == 1
    assert len(jit_module.over_queries(lambda start, stop: None, least)) == 2


def test_errors_of_a_thread_are_raised(set_threads):
    """What goes wrong on another thread is not swallowed."""
    set_threads(2)
    with pytest.raises(AssertionError, match="a Python body"):
        jit_module.over_queries(_refuse, 1 << 20)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system doesn't fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forked_processes_start_their_own_threads(set_threads):
    """A child that is forked after threads ran here evaluates a large batch itself, with the same outcome."""
    set_threads(2)
    problem = make_problem(70_000, 3)
    expected = problem.evaluate(problem.single_llm(1))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        outcome = pool.apply_async(problem.evaluate, [problem.single_llm(1)]).get(timeout=60)
    np.testing.assert_array_equal(outcome, expected)
