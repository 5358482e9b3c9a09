"""Keeping the best of everything that an algorithm evaluates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pymoo.core.evaluator import Evaluator
from pymoo.core.population import Population

from optllm_pymoo.measures.search import non_dominated


class Recorder(Evaluator):
    """A pymoo Evaluator that keeps the non-dominated objectives of the first plans it evaluates.

    Population-based algorithms forget good plans, and some evaluate more than the termination asks for.
    Judged by this record, every algorithm is judged by all it found within the same number of evaluations.
    Only objectives are kept, so the record is small beside the plans.

    Args:
        budget: Evaluations after which nothing is recorded any more; None records all.
        on_evaluation: Called with the number of evaluations after each batch.

    Attributes:
        F: (n, 2) distinct non-dominated objectives so far, cheapest first.
        n_eval: Evaluations so far, beyond the budget too.
        n_counted: Evaluations whose plans were considered for F.
    """

    def __init__(self, budget: int | None = None, /, *, on_evaluation: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self.budget = budget
        self.on_evaluation = on_evaluation
        self.F = np.empty((0, 2))
        self._n_seen = 0
        self.n_counted = 0

    def _eval(self, problem: Any, pop: Population, evaluate_values_of: list[str], **kwargs: Any) -> None:
        super()._eval(problem, pop, evaluate_values_of, **kwargs)
        counted = self._counted(len(pop))
        self._n_seen += len(pop)
        if counted:
            self.n_counted += counted
            F = np.concatenate([self.F, pop[:counted].get("F")])
            self.F = F[non_dominated(F)]
        if self.on_evaluation is not None:
            self.on_evaluation(self._n_seen)

    def _counted(self, n_plans: int) -> int:
        """Tell how many of the plans just evaluated, the first ones, are within the budget."""
        return n_plans if self.budget is None else min(n_plans, max(0, self.budget - self._n_seen))
