"""Three objectives: OptLLM against the supported surface, and against NSGA-III in the same time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from pymoo.optimize import minimize
from pymoo.termination.max_time import TimeBasedTermination

from benchmarks.cells.rows import EQUAL, Row
from benchmarks.cells.sources import same_tables
from optllm_pymoo import AllocationProblem, OptLLM, baselines, make_problem
from optllm_pymoo.measures.search import SearchQuality, search_quality

# Instances; each is searched once with the same seed.
SEEDS = (1, 2, 3)


def surface(*, n_queries: int, n_llms: int, target: float | None, family: str = "continuous") -> Iterator[Row]:
    """Measure the hypervolume ratio of ``OptLLM()`` to the supported surface of at least 500 directions."""
    found = []
    for seed in SEEDS:
        problem = make_problem(n_queries, n_llms, family=family, random_state=seed, with_latency=True)
        quality, spent, _ = run_timed(problem, OptLLM(), seed)
        found.append((quality.hypervolume_ratio, spent, quality.n_points))
    ratios, spent, points = np.transpose(found)
    what = f"three objectives ({family}): hypervolume of OptLLM() over that of the surface of 500 directions, the least"
    details = f"{len(SEEDS)} instances, median {np.median(spent):.3g} s and {np.median(points):,.0f} plans"
    yield Row(what, f"{n_queries:,} × {n_llms}", float(ratios.min()), "", "≥", target, details)


def surface_search(*, n_queries: int, n_llms: int, times: float = 1.0, start: str = "warm") -> Iterator[Row]:
    """Measure NSGA-III's hypervolume ratio in ``times`` the seconds that OptLLM took; for information."""
    found = []
    for seed in SEEDS:
        problem = make_problem(n_queries, n_llms, random_state=seed, with_latency=True)
        run_timed(problem, OptLLM(), seed)  # compiled and touched before the clock counts
        quality, spent, _ = run_timed(problem, OptLLM(), seed)
        ends = TimeBasedTermination(times * spent)
        theirs, _, _ = run_timed(problem, baselines.nsga3(start=start), seed, ends)
        found.append((theirs.hypervolume_ratio, quality.hypervolume_ratio, times * spent))
    theirs, ours, budget = np.median(found, axis=0)
    what = f"three objectives: hypervolume ratio of NSGA-III ({start}, categorical) in {times:g} × OptLLM()'s seconds"
    details = f"median of {len(SEEDS)} instances; {budget:.3g} s; OptLLM() {ours:.4g}"
    yield Row(what, f"{n_queries:,} × {n_llms}", float(theirs), "", "≥", None, details)


def run_timed(
    problem: AllocationProblem, algorithm: Any, seed: int, termination: Any = None, /
) -> tuple[SearchQuality, float, Any]:
    """Search a fresh copy of a problem, and check what the result says about its plans with NumPy.

    Returns:
        The measures, the seconds of the search alone, and the result.
    """
    fresh = same_tables(problem)
    start = time.perf_counter()
    result = minimize(fresh, algorithm, termination, seed=seed)
    seconds = time.perf_counter() - start
    rows = np.arange(problem.n_queries)
    assert problem.third is not None
    expected = [
        problem.cost[rows, result.X].sum(axis=1),
        -problem.accuracy[rows, result.X].mean(axis=1),
        problem.third.table[rows, result.X].mean(axis=1),
    ]
    np.testing.assert_allclose(result.F, np.column_stack(expected), rtol=EQUAL)
    return search_quality(result.F, problem.supported_surface), seconds, result
