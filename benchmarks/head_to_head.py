"""One algorithm after another on the same batch, with the same number of evaluations."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from pymoo.optimize import minimize

from benchmarks.algorithms import Settings, Variant, find_variant
from benchmarks.memory import peak_rss_bytes
from benchmarks.problems import same_tables
from benchmarks.recording import Recorder
from optllm_pymoo import AllocationProblem
from optllm_pymoo.measures import hypervolume_ratio, search_quality

WARM_UP_QUERIES = 20


class Cell(NamedTuple):
    """What is run: everything that decides the outcome besides the tables."""

    data: str
    """Name of the batch."""
    algorithm: str
    """Name in `benchmarks.algorithms.VARIANTS`."""
    seed: int
    settings: Settings


@dataclass(frozen=True)
class Run:
    """What came of one cell. Numbers of a run that failed are NaN or 0."""

    data: str
    algorithm: str
    seed: int
    n_grid: int
    budget: int
    evaluations: int = 0
    """Plans scored, beyond the budget too if the algorithm overshot it."""
    distinct_plans: int = 0
    """Different allocations in the algorithm's own result set."""
    distinct_points: int = 0
    """Distinct non-dominated points among all it evaluated within the budget, which are measured."""
    hypervolume_ratio: float = np.nan
    additive_epsilon: float = np.nan
    igd_plus: float = np.nan
    spread: float = np.nan
    result_hypervolume_ratio: float = np.nan
    """Hypervolume ratio of the algorithm's own result set."""
    seconds: float = np.nan
    """Wall-clock time of ``minimize``, after a run on a few queries that compiled what it needs."""
    peak_rss_mib: float = np.nan
    """Highest resident memory of the process up to the end of this run; it never falls."""
    error: str = ""
    """Kind and message of the exception that ended the run."""
    trace: str = field(default="", repr=False)
    F: np.ndarray = field(default_factory=lambda: np.empty((0, 2)), repr=False, compare=False)
    """(n, 2) the points that were measured."""


def head_to_head(
    problems: dict[str, AllocationProblem],
    cells: Iterable[Cell],
    /,
    *,
    on_evaluation: Callable[[Cell, int], None] = lambda cell, n_evaluations: None,
) -> Iterator[Run]:
    """Run cells one after another.

    Args:
        problems: The batches by name.
        cells: What to run; an algorithm that fails is reported in its `Run`, and the next cell goes on.
        on_evaluation: Called after each batch of evaluations.

    Yields:
        One `Run` per cell, in their order.
    """
    warm: set[tuple[str, str]] = set()
    for cell in cells:
        problem = problems[cell.data]
        if (cell.data, cell.algorithm) not in warm:
            warm.add((cell.data, cell.algorithm))
            _warm_up(problem, cell)
        yield run_cell(problem, cell, on_evaluation=partial(on_evaluation, cell))


def plan_cells(
    data: Iterable[str], algorithms: Sequence[str], seeds: Sequence[int], settings: Settings, /
) -> list[Cell]:
    """List every algorithm with every seed on every batch; algorithms without chance run with one seed."""
    return [
        Cell(name, algorithm, seed, settings)
        for name in data
        for algorithm in algorithms
        for seed in (seeds if find_variant(algorithm).is_random else seeds[:1])
    ]


def run_cell(problem: AllocationProblem, cell: Cell, /, *, on_evaluation: Callable[[int], None] | None = None) -> Run:
    """Run one algorithm with one seed and measure it against the exact front.

    The problem is built anew on the same tables, so an algorithm that uses the exact front pays for building
    it.

    Args:
        problem: The batch, whose exact front is the yardstick.
        cell: Algorithm, seed and settings.
        on_evaluation: Called with the number of evaluations so far.
    """
    given = {"data": cell.data, "algorithm": cell.algorithm, "seed": cell.seed, **cell.settings._asdict()}
    try:
        return Run(**given, **_measured(problem, cell, on_evaluation))
    except Exception as error:
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        return Run(**given, error=message, trace=traceback.format_exc())


def _measured(problem: AllocationProblem, cell: Cell, on_evaluation: Callable[[int], None] | None) -> dict[str, Any]:
    variant = find_variant(cell.algorithm)
    recorder = Recorder(cell.settings.budget, on_evaluation=on_evaluation)
    result, seconds = _minimize(same_tables(problem), variant, cell, recorder)
    if result.F is None:
        raise RuntimeError(f"{cell.algorithm} returned no plan")
    front = problem.supported_front
    quality = search_quality(recorder.F, front)._asdict()
    return {
        "evaluations": recorder.n_eval,
        "distinct_plans": len({plan.tobytes() for plan in np.atleast_2d(result.X)}),
        "distinct_points": quality.pop("n_points"),
        **quality,
        "result_hypervolume_ratio": hypervolume_ratio(result.F, front),
        "seconds": seconds,
        "peak_rss_mib": peak_rss_bytes() / 2**20,
        "F": recorder.F,
    }


def _minimize(problem: AllocationProblem, variant: Variant, cell: Cell, recorder: Recorder) -> tuple[Any, float]:
    algorithm = variant.make(cell.settings)
    termination = ("n_eval", cell.settings.budget) if variant.fills_budget else None
    start = time.perf_counter()
    result = minimize(problem, algorithm, termination, seed=cell.seed, evaluator=recorder)
    return result, time.perf_counter() - start


def _warm_up(problem: AllocationProblem, cell: Cell) -> None:
    """Compile and import what the algorithm needs; what goes wrong here will go wrong, and be told, later."""
    few = same_tables(problem, WARM_UP_QUERIES)
    settings = Settings(n_grid=2, budget=min(200, cell.settings.budget))
    run_cell(few, cell._replace(settings=settings))
