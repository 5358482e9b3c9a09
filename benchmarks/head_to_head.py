"""One algorithm after another on the same batch, with the same number of evaluations."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.algorithms import Settings, find_variant
from benchmarks.memory import peak_rss_bytes
from benchmarks.recording import Recorder
from benchmarks.searching import run_search, search_measures, warm_up
from optllm_pymoo import AllocationProblem


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
            warm_up(problem, cell.algorithm, budget=cell.settings.budget)
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
    """Run one algorithm with one seed and measure it against the exact front, as `benchmarks.searching` does.

    Args:
        problem: The batch, whose exact front is the yardstick.
        cell: Algorithm, seed and settings.
        on_evaluation: Called with the number of evaluations so far.
    """
    try:
        outcome = _measured(problem, cell, on_evaluation)
    except Exception as error:  # algorithms are anybody's: whatever one raises is told, and the others go on
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        outcome = {"error": message, "trace": traceback.format_exc()}
    given = cell.settings
    return Run(cell.data, cell.algorithm, cell.seed, n_grid=given.n_grid, budget=given.budget, **outcome)


def _measured(problem: AllocationProblem, cell: Cell, on_evaluation: Callable[[int], None] | None) -> dict[str, Any]:
    recorder = Recorder(cell.settings.budget, on_evaluation=on_evaluation)
    ends = ("n_eval", cell.settings.budget)
    result, seconds = run_search(problem, cell.algorithm, cell.settings, recorder, termination=ends, seed=cell.seed)
    return {
        "evaluations": recorder.n_eval,
        **search_measures(problem, result, recorder),
        "seconds": seconds,
        "peak_rss_mib": peak_rss_bytes() / 2**20,
        "F": recorder.F,
    }
