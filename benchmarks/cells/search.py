"""One algorithm on one accuracy table, until its evaluations or its seconds are used up."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import moocore
import numpy as np
from pymoo.optimize import minimize

from benchmarks.cells.algorithms import MANY, Settings, find_variant
from benchmarks.cells.cell import Cell, Outcome, Value, Workbench, seed_of
from benchmarks.cells.definition import Built
from benchmarks.cells.probe import forget_peak, peak_rss_bytes
from benchmarks.cells.recording import Recorder
from benchmarks.cells.sources import same_tables
from benchmarks.cells.split import Setting
from benchmarks.cells.table import TableCell
from optllm_pymoo import AllocationProblem, SupportedFront
from optllm_pymoo.kernels.evaluation import evaluate_allocations
from optllm_pymoo.measures import Path, quality_of_points, realised_area
from optllm_pymoo.measures.search import hypervolume_ratio, search_quality, spread

WARM_UP = Settings(n_grid=2, budget=200)
WARM_UP_QUERIES = 20

# Points of a front that are stored for pictures and for comparing costs; measures use all points.
KEPT_POINTS = 1000

# Points of the true front for the paper's IGD.
REFERENCE_POINTS = 1000


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
        return ("n_eval", self.evaluations) if self.seconds is None else ("time", self.seconds)  # type: ignore[return-value]

    def __str__(self) -> str:
        return f"{self.seconds:g} s" if self.evaluations is None else f"{self.evaluations:,} evaluations"


class Batch(NamedTuple):
    """The tables that are searched, and the true outcomes. All (N, M).

    Attributes:
        correct: True outcomes, which the search doesn't use; None where the outcomes themselves are searched.
    """

    cost: np.ndarray
    accuracy: np.ndarray
    sigma: np.ndarray | None
    correct: np.ndarray | None


@dataclass(frozen=True)
class SearchCell(Cell):
    """One algorithm, one table, one limit, one seed.

    Attributes:
        alpha: Robust accuracies are mean + α·σ; 0 gives none to the search.
        seed: Of the search; None derives one from the description.
    """

    kind: ClassVar[str] = "search"
    setting: Setting
    algorithm: str
    limit: Limit
    n_grid: int = 50
    alpha: float = 0.0
    repetition: int = 0
    seed: int | None = None

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

    @property
    def subject(self) -> Any:
        """The algorithm as it is built."""
        variant = find_variant(self.algorithm)
        return Built(variant.make, (self.settings,)), variant.fills_budget

    @property
    def settings(self) -> Settings:
        """What the algorithm is built with."""
        budget, is_timed = self.limit.evaluations or MANY, self.limit.evaluations is None
        return Settings(n_grid=self.n_grid, budget=budget, is_timed=is_timed)

    def description(self) -> dict[str, Value]:
        """Return everything that decides the outcome."""
        limit = {"max_evaluations": self.limit.evaluations, "max_seconds": self.limit.seconds}
        own = {"n_grid": self.n_grid, "alpha": self.alpha, "repetition": self.repetition}
        given = {} if self.seed is None else {"seed": self.seed}
        return {**self.setting.description(), "algorithm": self.algorithm, **limit, **own, **given}

    def title(self) -> str:
        """Return one line for people."""
        chance = f"repetition {self.repetition}" if self.seed is None else f"seed {self.seed}"
        return f"{self.setting.title()}: {self.algorithm}, {self.limit}, {chance}"

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

        The algorithm runs on a few queries first, which compiles and imports what it needs. The problem is then built
        again on the same tables, so an algorithm that uses the exact front pays for building it.

        Returns:
            Arrays ``front`` (n, 2), the objectives of the best plans among all that were evaluated within the limit;
            ``trace`` (n, 3), evaluations, seconds and hypervolume ratio; ``realised`` (n, 2), true cost and accuracy of
            the plans in the algorithm's own result, for predicted tables. Measures of search quality are of all that
            was evaluated, but for ``distinct_plans`` and ``result_hypervolume_ratio``, which are of the result.
            ``n_unproved`` counts integer programmes that ended at their time limit, after which another run may differ.

        Raises:
            RuntimeError: If the algorithm returns no plan.
        """
        robust = None if batch.sigma is None else np.clip(batch.accuracy + self.alpha * batch.sigma, 0.0, 1.0)
        problem = AllocationProblem(batch.cost, batch.accuracy, robust_accuracy=robust)
        few = WARM_UP._replace(budget=min(WARM_UP.budget, self.settings.budget))
        with suppress(Exception):  # an error here will be raised again, and reported, later
            self._searched(same_tables(problem, WARM_UP_QUERIES), few, Recorder(), ("n_eval", few.budget), 0)
        forget_peak()
        recorder = Recorder(self.limit.evaluations, seconds=self.limit.seconds)
        seed = seed_of(self) if self.seed is None else self.seed
        result, seconds = self._searched(same_tables(problem), self.settings, recorder, self.limit.termination, seed)
        timings = {"seconds": seconds, "peak_rss_mib": peak_rss_bytes() / 2**20}
        recorder.keep()
        front, X = problem.supported_front, np.atleast_2d(result.X)
        quality = search_quality(recorder.F, front)._asdict()
        measures = {
            "evaluations": recorder.n_eval,
            "distinct_plans": len({plan.tobytes() for plan in X}),
            "distinct_points": quality.pop("n_points"),
            **quality,
            "result_hypervolume_ratio": hypervolume_ratio(result.F, front),
        }
        if hasattr(result.algorithm, "n_unproved"):
            measures["n_unproved"] = result.algorithm.n_unproved
        arrays = {"front": thinned(recorder.F), "trace": recorder.trace(front)}
        if batch.correct is not None:
            points, realised = realised_quality(batch.cost, batch.correct, problem.as_allocations(X))
            measures |= realised
            arrays["realised"] = thinned(points)
        return Outcome(measures, timings, arrays)

    def _searched(
        self,
        problem: AllocationProblem,
        settings: Settings,
        recorder: Recorder,
        termination: tuple[str, float],
        seed: int,
    ) -> tuple[Any, float]:
        """Search, and return pymoo's result and the seconds of ``minimize``."""
        variant = find_variant(self.algorithm)
        built, ends = variant.make(settings), termination if variant.fills_budget else None
        start = time.perf_counter()
        result = minimize(problem, built, ends, seed=seed, evaluator=recorder)
        seconds = time.perf_counter() - start
        if result.F is None:
            raise RuntimeError(f"{self.algorithm} returned no plan")
        return result, seconds


def realised_quality(cost: np.ndarray, correct: np.ndarray, X: np.ndarray, /) -> tuple[np.ndarray, dict[str, float]]:
    """Value plans on true outcomes that the search didn't use.

    Args:
        cost: (N, M) US$.
        correct: (N, M) true outcomes.
        X: (n, N) plans, C-contiguous, int8 or int32.

    Returns:
        (n, 2) total US$ and true mean accuracy, cheapest first, and the less accurate first among equally dear ones.
        The measures: those of `optllm_pymoo.measures.RealisedQuality`; ``realised_igd_raw``, the mean distance of the
        true front from the plans in raw dollars and accuracy, where dollars dominate (the paper's IGD); and
        ``realised_spread``, Δ of the plans that don't dominate each other, to the true front.
    """
    cost, correct = (np.asarray(table, dtype=np.float64) for table in (cost, correct))
    F = evaluate_allocations(cost, correct, X)
    F = F[np.lexsort((-F[:, 1], F[:, 0]))]
    points = F * (1.0, -1.0)
    front = SupportedFront(cost, correct)
    oracle = realised_area(cost, correct, Path.along(front))
    found = quality_of_points(cost, correct, points[:, 0], points[:, 1], oracle_area=oracle)
    raw = float(moocore.igd(F, ref=front.F[front.thin(REFERENCE_POINTS)]))
    return points, {**found._asdict(), "realised_igd_raw": raw, "realised_spread": spread(F, front)}


def thinned(points: np.ndarray, /) -> np.ndarray:
    """Keep at most `KEPT_POINTS` rows, evenly along the order given, both ends among them."""
    kept = np.linspace(0, len(points) - 1, min(len(points), KEPT_POINTS)).round().astype(int)
    return np.asarray(points[kept])
