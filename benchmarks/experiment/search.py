"""One algorithm on one accuracy table, until its evaluations or its seconds are spent."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pymoo.optimize import minimize

from benchmarks.algorithms import Settings, Variant, find_variant
from benchmarks.experiment.cell import Outcome, Value, Workbench, seed_of
from benchmarks.experiment.outcomes import Truth, realised_measures, realised_points
from benchmarks.experiment.split import Setting
from benchmarks.experiment.table import TableCell
from benchmarks.experiment.trace import TracingRecorder, trace_table
from benchmarks.memory import peak_rss_bytes
from benchmarks.problems import same_tables
from optllm_pymoo import AllocationProblem
from optllm_pymoo.measures import hypervolume_ratio, search_quality

KEPT_POINTS = 1000
"""Points of a front that are kept for pictures and for comparing costs; measures are taken of all."""

MANY = 100_000
"""Evaluations that algorithms which divide a number of them beforehand are told of where only seconds count."""

WARM_UP = Settings(n_grid=2, budget=200)
WARM_UP_QUERIES = 20


class Limit(NamedTuple):
    """When a search ends: after so many evaluations, or after so many seconds."""

    evaluations: int | None = None
    seconds: float | None = None

    @property
    def termination(self) -> tuple[str, float]:
        """The limit as pymoo takes it."""
        if self.evaluations is not None:
            return "n_eval", self.evaluations
        if self.seconds is not None:
            return "time", self.seconds
        raise ValueError("a search needs a limit: evaluations or seconds")

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
            the plans in the algorithm's own result, for predicted tables.

        Raises:
            RuntimeError: If the algorithm returns no plan.
        """
        robust = None if batch.sigma is None else np.clip(batch.accuracy + self.alpha * batch.sigma, 0.0, 1.0)
        problem = AllocationProblem(batch.cost, batch.accuracy, robust_accuracy=robust)
        variant = find_variant(self.algorithm)
        _warm_up(problem, variant)
        recorder = TracingRecorder(self.limit.evaluations)
        start = time.perf_counter()
        result = self._minimize(problem, variant, recorder)
        seconds = time.perf_counter() - start
        if result.F is None:
            raise RuntimeError(f"{self.algorithm} returned no plan")
        recorder.keep()
        measures, arrays = _measured(problem, result, recorder)
        if batch.correct is not None:
            truth = Truth(batch.cost, batch.correct)
            points = realised_points(truth, problem.as_allocations(np.atleast_2d(result.X)))
            measures |= realised_measures(truth, points)
            arrays["realised"] = thinned(points)
        return Outcome(measures, {"seconds": seconds, "peak_rss_mib": peak_rss_bytes() / 2**20}, arrays)

    def _minimize(self, problem: AllocationProblem, variant: Variant, recorder: TracingRecorder) -> Any:
        algorithm = variant.make(Settings(n_grid=self.n_grid, budget=self.limit.evaluations or MANY))
        termination = self.limit.termination if variant.fills_budget else None
        # built anew, so that an algorithm which uses the exact front pays for building it
        fresh = AllocationProblem(problem.cost, problem.accuracy, robust_accuracy=problem.robust_accuracy)
        return minimize(fresh, algorithm, termination, seed=seed_of(self), evaluator=recorder)


def _measured(
    problem: AllocationProblem, result: Any, recorder: TracingRecorder
) -> tuple[dict[str, Value], dict[str, np.ndarray]]:
    front = problem.supported_front
    quality = search_quality(recorder.F, front)._asdict()
    measures = {
        "evaluations": recorder.n_eval,
        "distinct_plans": len({plan.tobytes() for plan in np.atleast_2d(result.X)}),
        "distinct_points": quality.pop("n_points"),
        **quality,
        "result_hypervolume_ratio": hypervolume_ratio(result.F, front),
    }
    return measures, {"front": thinned(recorder.F), "trace": trace_table(recorder.moments, front)}


def thinned(points: np.ndarray, /) -> np.ndarray:
    """Keep at most `KEPT_POINTS` rows, evenly along the order given, both ends among them."""
    kept = np.linspace(0, len(points) - 1, min(len(points), KEPT_POINTS)).round().astype(int)
    return np.asarray(points[kept])


def _warm_up(problem: AllocationProblem, variant: Variant) -> None:
    """Compile and import what the algorithm needs on a few queries, so that it isn't timed."""
    few = same_tables(problem, WARM_UP_QUERIES)
    minimize(few, variant.make(WARM_UP), ("n_eval", WARM_UP.budget) if variant.fills_budget else None, seed=0)
