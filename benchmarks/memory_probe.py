"""``python -m benchmarks.memory_probe FOLDER``: the memory that one run needs, printed as JSON in bytes.

The tables are read from files, since making them here would leave a peak behind that hides the run's own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from pymoo.optimize import minimize

from benchmarks.cells.probe import peak_rss_bytes, resident_bytes
from optllm_pymoo import AllocationProblem, OptLLM, make_problem


def probe(folder: Path, /) -> dict[str, int]:
    """Run OptLLM once on tables from ``cost.npy`` and ``accuracy.npy``.

    Returns:
        Bytes: ``tables``, ``result`` (X and F), ``before`` (resident with tables loaded, kernels compiled
        and a small batch solved) and ``peak`` (the highest that this process has been, so if anything too
        high).
    """
    minimize(make_problem(50, 4), OptLLM(n_grid=5), seed=1)
    problem = AllocationProblem(np.load(folder / "cost.npy"), np.load(folder / "accuracy.npy"))
    before = resident_bytes()
    result = minimize(problem, OptLLM(n_grid=50), seed=1)
    return {
        "tables": problem.cost.nbytes + problem.accuracy.nbytes,
        "result": result.X.nbytes + result.F.nbytes,
        "before": before,
        "peak": peak_rss_bytes(),
    }


if __name__ == "__main__":
    print(json.dumps(probe(Path(sys.argv[1]))))
