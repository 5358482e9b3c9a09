"""Measurements that need a process of their own: peak memory, and the first run after a start."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pymoo.optimize import minimize

from benchmarks.interpreter import run_python
from benchmarks.rows import Row
from benchmarks.timing import median_seconds
from optllm_pymoo import OptLLM, make_problem

FIRST_MINIMIZE = """
from pymoo.optimize import minimize
from optllm_pymoo import OptLLM, make_problem
print(len(minimize(make_problem({n_queries}, {n_llms}), OptLLM(n_grid=50), seed=1).F))
"""


def memory_row(n_queries: int, n_llms: int, /, *, target: float | None) -> Row:
    """Measure how far a run's memory rises above tables and result; see `benchmarks.memory_probe`."""
    problem = make_problem(n_queries, n_llms, random_state=0)
    with TemporaryDirectory() as folder:
        for name in ("cost", "accuracy"):
            np.save(Path(folder) / f"{name}.npy", getattr(problem, name))
        del problem
        probed = json.loads(run_python("-m", "benchmarks.memory_probe", folder))
    beyond = max(0, probed["peak"] - probed["before"] - probed["result"])
    mib = {name: f"{n_bytes / 2**20:,.0f} MiB" for name, n_bytes in probed.items()}
    return Row(
        "peak memory of minimize with OptLLM(n_grid=50) beyond tables and result, times the tables",
        f"{n_queries:,} × {n_llms}",
        beyond / probed["tables"],
        "×",
        "≤",
        target,
        f"peak {mib['peak']}, before {mib['before']} with the tables' {mib['tables']}, result {mib['result']}",
    )


def first_minimize_row(n_queries: int, n_llms: int, /, *, target: float | None, repeats: int) -> Row:
    """Time a fresh interpreter that imports, solves one batch and ends; compiled kernels are on the disk."""
    program = FIRST_MINIMIZE.format(n_queries=n_queries, n_llms=n_llms)
    n_plans = _plans_here(n_queries, n_llms)
    printed = int(run_python("-c", program))
    if printed != n_plans:
        raise AssertionError(f"a fresh process finds {printed} plans, this one {n_plans}")
    return Row(
        "first minimize in a fresh process with warm numba caches, imports included",
        f"{n_queries:,} × {n_llms}",
        median_seconds(lambda: run_python("-c", program), repeats=repeats),
        "s",
        "≤",
        target,
        f"median of {repeats}; as many plans as in this process: {n_plans}",
    )


def _plans_here(n_queries: int, n_llms: int) -> int:
    return len(minimize(make_problem(n_queries, n_llms), OptLLM(n_grid=50), seed=1).F)
