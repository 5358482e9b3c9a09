"""Records the best of all plans that an algorithm evaluates, and their quality at each moment."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from pymoo.core.evaluator import Evaluator
from pymoo.core.population import Population

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.measures.search import hypervolume_ratio, non_dominated

# Moments per tenfold number of evaluations.
PER_DECADE = 8


class Recorder(Evaluator):
    """A pymoo Evaluator that keeps the non-dominated objectives of the first plans it evaluates.

    Population-based algorithms lose good plans, and some evaluate more than the termination allows.
    With this record, every algorithm is judged by all plans found within the same number of evaluations.
    Only objectives are kept, and nothing is measured before the run is over, so that recording costs the run hardly
    any time. What was found is kept at some moments, evenly spaced on a logarithmic scale of evaluations.

    Args:
        budget: Evaluations after which nothing is recorded any more; None records all.
        seconds: Time after which nothing is recorded any more, counted from here. Plans that were under evaluation
            when it ended don't count, unless they are the first: there must be something to measure.

    Attributes:
        F: (n, 2) distinct non-dominated objectives so far, cheapest first.
        n_eval: Evaluations so far, beyond the budget too.
        n_counted: Evaluations whose plans were considered for F.
        moments: Evaluations that count, seconds since the recorder was made, and the (n, 2) points found by then.
    """

    def __init__(self, budget: int | None = None, /, *, seconds: float | None = None) -> None:
        super().__init__()
        self.budget, self.seconds = budget, seconds
        self.F = np.empty((0, 2))
        self.n_counted = self._n_seen = 0
        self.moments: list[tuple[int, float, np.ndarray]] = []
        self._next = 1.0
        self._start = time.perf_counter()
        self._elapsed = 0.0

    def _eval(self, problem: Any, pop: Population, evaluate_values_of: list[str], **kwargs: Any) -> None:
        super()._eval(problem, pop, evaluate_values_of, **kwargs)
        elapsed = time.perf_counter() - self._start
        is_late = self.seconds is not None and elapsed > self.seconds and self.n_counted > 0
        left = len(pop) if self.budget is None else max(0, self.budget - self._n_seen)
        counted = 0 if is_late else min(len(pop), left)
        self._n_seen += len(pop)
        if counted:
            self._elapsed = elapsed
            self.n_counted += counted
            F = np.concatenate([self.F, pop[:counted].get("F")])
            self.F = F[non_dominated(F)]
        if self.n_counted >= self._next:
            self.keep()
            self._next = self.n_counted * 10 ** (1 / PER_DECADE)

    def keep(self) -> None:
        """Store the points found so far, once per number of evaluations; also called at the end of the run."""
        if self.n_counted and (not self.moments or self.moments[-1][0] < self.n_counted):
            self.moments.append((self.n_counted, self._elapsed, self.F))

    def trace(self, front: SupportedFront, /) -> np.ndarray:
        """Measure the points found until each moment.

        Returns:
            (n, 3): evaluations, seconds, hypervolume ratio to the exact front.
        """
        rows = [(n_eval, seconds, hypervolume_ratio(F, front)) for n_eval, seconds, F in self.moments]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)
