"""One algorithm on one batch: run it, and measure what it found against the exact front."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from pymoo.optimize import minimize

from benchmarks.algorithms import Settings, find_variant
from benchmarks.problems import same_tables
from benchmarks.recording import Recorder
from optllm_pymoo import AllocationProblem
from optllm_pymoo.measures.search import hypervolume_ratio, search_quality

WARM_UP = Settings(n_grid=2, budget=200)
WARM_UP_QUERIES = 20

Termination = tuple[str, float]


class Searched(NamedTuple):
    """What came of a run."""

    result: Any
    """Pymoo's."""
    seconds: float
    """Wall-clock time of ``minimize``."""


def run_search(
    problem: AllocationProblem,
    algorithm: str,
    settings: Settings,
    recorder: Recorder,
    /,
    *,
    termination: Termination,
    seed: int,
) -> Searched:
    """Run one algorithm with one seed.

    The problem is built anew on the same tables, so an algorithm that uses the exact front pays for building it.

    Args:
        problem: The batch.
        algorithm: Name in `benchmarks.algorithms.VARIANTS`.
        settings: What it is built with.
        recorder: Keeps what it evaluates.
        termination: When it ends, as pymoo takes it; algorithms that end by themselves are not told.
        seed: Of the run.

    Raises:
        RuntimeError: If the algorithm returns no plan.
        ValueError: If there is no such algorithm.
    """
    variant = find_variant(algorithm)
    fresh, built = same_tables(problem), variant.make(settings)
    ends = termination if variant.fills_budget else None
    start = time.perf_counter()
    result = minimize(fresh, built, ends, seed=seed, evaluator=recorder)
    seconds = time.perf_counter() - start
    if result.F is None:
        raise RuntimeError(f"{algorithm} returned no plan")
    return Searched(result, seconds)


def search_measures(problem: AllocationProblem, result: Any, recorder: Recorder, /) -> dict[str, Any]:
    """Measure what was recorded, and the algorithm's own result, against the exact front of the problem.

    Returns:
        All of `optllm_pymoo.measures.search.SearchQuality`, of what was recorded, with its number of points called
        ``distinct_points``; ``distinct_plans``, different allocations in the result; ``result_hypervolume_ratio``.
    """
    front = problem.supported_front
    quality = search_quality(recorder.F, front)._asdict()
    return {
        "distinct_plans": len({plan.tobytes() for plan in np.atleast_2d(result.X)}),
        "distinct_points": quality.pop("n_points"),
        **quality,
        "result_hypervolume_ratio": hypervolume_ratio(result.F, front),
    }


def warm_up(problem: AllocationProblem, algorithm: str, /, *, budget: int) -> None:
    """Compile and import what an algorithm needs, on a few queries, so that it isn't timed.

    What goes wrong here will go wrong, and be told, later.

    Args:
        problem: The batch, of which the first `WARM_UP_QUERIES` queries are taken.
        algorithm: Name in `benchmarks.algorithms.VARIANTS`.
        budget: Evaluations that it will have: here at most `WARM_UP` of them.
    """
    settings = WARM_UP._replace(budget=min(WARM_UP.budget, budget))
    with suppress(Exception):
        few = same_tables(problem, WARM_UP_QUERIES)
        run_search(few, algorithm, settings, Recorder(), termination=("n_eval", settings.budget), seed=0)
