"""Measurements that need a process of their own: peak memory, and the first run after a start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pymoo.optimize import minimize

import optllm_pymoo
from benchmarks.rows import Row
from optllm_pymoo import OptLLM, make_problem

CHECKOUT = Path(__file__).resolve().parents[1]

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
        probed = json.loads(_python("-m", "benchmarks.memory_probe", folder))
    beyond, tables = probed["peak"] - probed["before"] - probed["result"], probed["tables"]
    mib = {key: f"{value / 2**20:,.0f} MiB" for key, value in {**probed, "beyond": beyond}.items()}
    return Row(
        "peak memory of minimize with OptLLM(n_grid=50) beyond tables and result, times the tables",
        f"{n_queries:,} × {n_llms}",
        beyond / tables,
        "×",
        "≤",
        target,
        f"peak {mib['peak']}, before {mib['before']} with the tables' {mib['tables']},"
        f" result {mib['result']}",
    )


def _plans_here(n_queries: int, n_llms: int) -> int:
    return len(minimize(make_problem(n_queries, n_llms), OptLLM(n_grid=50), seed=1).F)


def _python(*arguments: str) -> str:
    """Run this interpreter on this very package, and return what it printed."""
    package = Path(optllm_pymoo.__file__).resolve().parents[1]
    paths = [str(CHECKOUT), str(package), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"a subprocess ended with exit code {done.returncode}:\n{done.stderr}")
    return done.stdout
