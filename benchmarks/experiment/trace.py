"""How good a search was at which moment of its run."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from pymoo.core.population import Population

from benchmarks.recording import Recorder
from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.measures.search import hypervolume_ratio

PER_DECADE = 8
"""Moments per tenfold number of evaluations."""


class TracingRecorder(Recorder):
    """A Recorder that keeps what was found at some moments, evenly spaced on a logarithmic scale of evaluations.

    Only objectives are kept, and nothing is measured before the run is over, so that tracing costs the run hardly any
    time.

    Args:
        budget: As for `Recorder`.
        seconds: Time after which nothing is recorded any more, counted from here. Plans that were under evaluation
            when it ended don't count, unless they are the first: there must be something to measure.

    Attributes:
        moments: Evaluations that count, seconds since the recorder was made, and the (n, 2) points found by then.
    """

    def __init__(self, budget: int | None = None, /, *, seconds: float | None = None) -> None:
        super().__init__(budget)
        self.seconds = seconds
        self.moments: list[tuple[int, float, np.ndarray]] = []
        self._next = 1.0
        self._start = time.perf_counter()
        self._elapsed = 0.0

    def _eval(self, problem: Any, pop: Population, evaluate_values_of: list[str], **kwargs: Any) -> None:
        super()._eval(problem, pop, evaluate_values_of, **kwargs)
        if self.n_counted >= self._next:
            self.keep()
            self._next = self.n_counted * 10 ** (1 / PER_DECADE)

    def _counted(self, n_plans: int) -> int:
        elapsed = time.perf_counter() - self._start
        is_late = self.seconds is not None and elapsed > self.seconds and self.n_counted > 0
        counted = 0 if is_late else super()._counted(n_plans)
        if counted:
            self._elapsed = elapsed
        return counted

    def keep(self) -> None:
        """Keep what has been found by now, once per number of evaluations; to be called at the end of the run too."""
        if self.n_counted and (not self.moments or self.moments[-1][0] < self.n_counted):
            self.moments.append((self.n_counted, self._elapsed, self.F))


def trace_table(moments: list[tuple[int, float, np.ndarray]], front: SupportedFront, /) -> np.ndarray:
    """Measure what was found at each moment.

    Returns:
        (n, 3): evaluations, seconds, hypervolume ratio to the exact front.
    """
    rows = [(n_eval, seconds, hypervolume_ratio(F, front)) for n_eval, seconds, F in moments]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)
