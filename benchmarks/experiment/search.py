"""One algorithm on one accuracy table, until its evaluations or its seconds are spent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from benchmarks.algorithms import MANY, Settings
from benchmarks.experiment.cell import Outcome, Value, Workbench, seed_of
from benchmarks.experiment.outcomes import Truth, realised_measures, realised_points
from benchmarks.experiment.split import Setting
from benchmarks.experiment.table import TableCell
from benchmarks.experiment.trace import TracingRecorder, trace_table
from benchmarks.memory import forget_peak, peak_rss_bytes
from benchmarks.searching import run_search, search_measures, warm_up
from optllm_pymoo import AllocationProblem

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
