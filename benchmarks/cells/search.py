"""One algorithm on one batch: run it, and measure what it found against the exact front."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import moocore
import numpy as np
from pymoo.optimize import minimize

from benchmarks.cells.algorithms import MANY, Settings, find_variant
from benchmarks.cells.cell import Outcome, Value, Workbench, seed_of
from benchmarks.cells.probe import forget_peak, peak_rss_bytes
from benchmarks.cells.recording import Recorder, TracingRecorder, trace_table
from benchmarks.cells.sources import same_tables
from benchmarks.cells.split import Setting
from benchmarks.cells.table import TableCell
from optllm_pymoo import AllocationProblem, SupportedFront
from optllm_pymoo.kernels.evaluation import evaluate_allocations
from optllm_pymoo.measures import Path, quality_of_points, realised_area
from optllm_pymoo.measures.search import hypervolume_ratio, search_quality, spread

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


REFERENCE_POINTS = 1000
"""Points of the true front that the paper's IGD is taken to."""


class Truth(NamedTuple):
    """Costs and true outcomes of the planned queries, (N, M) each."""

    cost: np.ndarray
    correct: np.ndarray


def realised_points(truth: Truth, X: np.ndarray, /) -> np.ndarray:
    """Value plans on the true outcomes.

    Args:
        truth: Costs and outcomes.
        X: (n, N) plans, C-contiguous, int8 or int32.

    Returns:
        (n, 2) total US$ and true mean accuracy, cheapest first, and the less accurate first among equally dear ones.
    """
    F = evaluate_allocations(truth.cost, truth.correct, X)
    points = np.column_stack([F[:, 0], -F[:, 1]])
    return points[np.lexsort((points[:, 1], points[:, 0]))]


def realised_measures(truth: Truth, points: np.ndarray, /) -> dict[str, float]:
    """Take all measures of realised quality, and the paper's own, of `realised_points`.

    Returns:
        Those of `optllm_pymoo.prediction.RealisedQuality`; ``realised_igd_raw``, the mean distance of the true front
        from the plans in raw dollars and accuracy, in which dollars drown accuracy (the paper's IGD); and
        ``realised_spread``, Δ of the plans that don't dominate each other, to the true front.
    """
    cost, correct = (np.asarray(table, dtype=np.float64) for table in truth)
    true_front = SupportedFront(cost, correct)
    oracle = realised_area(cost, correct, Path.along(true_front))
    found = quality_of_points(cost, correct, points[:, 0], points[:, 1], oracle_area=oracle)
    F = points * (1.0, -1.0)
    reference = true_front.F[true_front.thin(REFERENCE_POINTS)]
    paper = {
        "realised_igd_raw": float(moocore.igd(F, ref=reference)),
        "realised_spread": spread(F, true_front),
    }
    return {**found._asdict(), **paper}


KEPT_POINTS = 1000
"""Points of a front that are kept for pictures and for comparing costs; measures are taken of all."""


class Limit(NamedTuple):
    """When a search ends: after so many evaluations, or after so many seconds."""

    evaluations: int | None = None
    seconds: float | None = None

    def check(self) -> None:
        """Refuse what is no limit.

        Raises:
            ValueError: Neither or both are given, or the one given isn't above 0.
        """
        given = [value for value in self if value is not None]
        if len(given) != 1 or given[0] <= 0:
            raise ValueError(f"a search needs one limit above 0, evaluations or seconds; got {self!r}")

    @property
    def termination(self) -> tuple[str, float]:
        """The limit as pymoo takes it."""
        self.check()
        return ("time", self.seconds) if self.evaluations is None else ("n_eval", self.evaluations)

    def __str__(self) -> str:
        return f"{self.seconds:g} s" if self.evaluations is None else f"{self.evaluations:,} evaluations"


class Batch(NamedTuple):
    """What is searched, and what the plans are judged by. All (N, M)."""

    cost: np.ndarray
    accuracy: np.ndarray
    sigma: np.ndarray | None
    correct: np.ndarray | None
    """True outcomes that the search doesn't see; None where the outcomes themselves are searched."""


@dataclass(frozen=True)
class SearchCell:
    """One algorithm, one table, one limit, one seed."""

    kind: ClassVar[str] = "search"
    setting: Setting
    algorithm: str
    limit: Limit
    n_grid: int = 50
    alpha: float = 0.0
    """Robust accuracies are mean + α·σ; 0 gives none to the search."""
    repetition: int = 0
    is_exclusive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse a limit that is none, or two."""
        self.limit.check()

    @property
    def is_reproducible(self) -> bool:
        """Whether evaluations are limited, not seconds."""
        return self.limit.evaluations is not None

    @property
    def needs(self) -> tuple[TableCell, ...]:
        """The table, if it has to be predicted."""
        return () if self.setting.is_known else (TableCell(self.setting),)

    def description(self) -> dict[str, Value]:
        """Return everything that decides the outcome."""
        limit = {"max_evaluations": self.limit.evaluations, "max_seconds": self.limit.seconds}
        own = {"n_grid": self.n_grid, "alpha": self.alpha, "repetition": self.repetition}
        return {**self.setting.description(), "algorithm": self.algorithm, **limit, **own}

    def title(self) -> str:
        """Return one line for people."""
        return f"{self.setting.title()}: {self.algorithm}, {self.limit}, repetition {self.repetition}"

    def inputs(self, workbench: Workbench, /) -> tuple[Batch]:
        """Gather costs, accuracies and outcomes of the planned queries."""
        dataset = workbench.dataset(self.setting.data)
        if self.setting.is_known:
            return (Batch(dataset.cost, dataset.correct, None, None),)
        predicted = workbench.outcome(self.needs[0]).arrays
        planned = ~self.setting.labelled(dataset)
        sigma = predicted["sigma"] if self.alpha else None
        return (Batch(dataset.cost[planned], predicted["accuracy"], sigma, dataset.correct[planned]),)

    def measure(self, batch: Batch, /) -> Outcome:
        """Search, and measure what was found.

        Returns:
            Arrays ``front`` (n, 2), the objectives of the best plans among all that were evaluated within the limit;
            ``trace`` (n, 3), evaluations, seconds and hypervolume ratio; ``realised`` (n, 2), true cost and accuracy of
            the plans in the algorithm's own result, for predicted tables. Measure ``n_unproved`` counts integer
            programmes that ended at their time limit, after which another run may differ.

        Raises:
            RuntimeError: If the algorithm returns no plan.
        """
        robust = None if batch.sigma is None else np.clip(batch.accuracy + self.alpha * batch.sigma, 0.0, 1.0)
        problem = AllocationProblem(batch.cost, batch.accuracy, robust_accuracy=robust)
        is_timed = self.limit.evaluations is None
        settings = Settings(n_grid=self.n_grid, budget=self.limit.evaluations or MANY, is_timed=is_timed)
        warm_up(problem, self.algorithm, budget=settings.budget)
        forget_peak()
        recorder = TracingRecorder(self.limit.evaluations, seconds=self.limit.seconds)
        ends, seed = self.limit.termination, seed_of(self)
        result, seconds = run_search(problem, self.algorithm, settings, recorder, termination=ends, seed=seed)
        timings = {"seconds": seconds, "peak_rss_mib": peak_rss_bytes() / 2**20}
        recorder.keep()
        measures = {"evaluations": recorder.n_eval, **search_measures(problem, result, recorder)}
        if hasattr(result.algorithm, "n_unproved"):
            measures["n_unproved"] = result.algorithm.n_unproved
        trace = trace_table(recorder.moments, problem.supported_front)
        arrays = {"front": thinned(recorder.F), "trace": trace}
        if batch.correct is not None:
            truth = Truth(batch.cost, batch.correct)
            points = realised_points(truth, problem.as_allocations(np.atleast_2d(result.X)))
            measures |= realised_measures(truth, points)
            arrays["realised"] = thinned(points)
        return Outcome(measures, timings, arrays)


def thinned(points: np.ndarray, /) -> np.ndarray:
    """Keep at most `KEPT_POINTS` rows, evenly along the order given, both ends among them."""
    kept = np.linspace(0, len(points) - 1, min(len(points), KEPT_POINTS)).round().astype(int)
    return np.asarray(points[kept])
