"""Compiling where the usual way is barred."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from numba.core import caching
from pymoo.optimize import minimize

from optllm_pymoo import OptLLM, make_problem
from optllm_pymoo.kernels import jit as jit_module
from optllm_pymoo.kernels.jit import jit
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
    jit_module._tell_that_nothing_is_kept.cache_clear()
    with pytest.warns(Notice, match="set NUMBA_CACHE_DIR to a folder that can be written to"):
        first = jit(lambda x: 2 * x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = jit(error_model="numpy")(lambda x: 1.0 / x)
    assert (first(21), second(0.0)) == (42, np.inf)
    assert first.nopython_signatures


def test_nothing_is_told_where_code_can_be_kept():
    """The kernels of this installation are kept, without a word."""
    jit_module._tell_that_nothing_is_kept.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jit(make_problem).stats.cache_path


def test_switched_off_numba_changes_nothing_but_the_time():
    """With NUMBA_DISABLE_JIT=1 the same plans come from the Python bodies of the kernels."""
    expected = minimize(make_problem(30, 4), OptLLM(n_grid=5), seed=1).F
    np.testing.assert_allclose(json.loads(run_fresh(RUN, NUMBA_DISABLE_JIT="1")), expected, rtol=1e-12)


def test_no_threads_are_refused_in_words():
    """NUMBA_NUM_THREADS=0 is the user's to mend: a UserError that names the variable."""
    code = """
from optllm_pymoo.validation import UserError
try:
    import optllm_pymoo.kernels.threads
except UserError as error:
    print(error)
"""
    told = "numba can't start, see the environment variable NUMBA_NUM_THREADS: Number of threads specified must be > 0."
    assert run_fresh(code, NUMBA_NUM_THREADS="0") == told
