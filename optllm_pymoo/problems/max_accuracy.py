"""Most accuracy for a budget, as a pymoo problem."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from optllm_pymoo.exact.front import TOLERANCE
from optllm_pymoo.limits.quota import Quota
from optllm_pymoo.limits.within import Certified, best_within
from optllm_pymoo.problems.allocation import AllocationProblem
from optllm_pymoo.problems.nearest import check_reachable
from optllm_pymoo.problems.relaxation import Relaxation, relax_budget
from optllm_pymoo.problems.single_objective import SingleObjectiveProblem
from optllm_pymoo.validation import as_limit


class MaxAccuracyProblem(SingleObjectiveProblem):
    """Allocate N queries to M LLMs: mean accuracy up, total cost within a budget.

    Minimises ``F[:, 0]`` = -(1/N) Σ accuracy[i, x[i]] subject to ``G[:, 0]`` = (Σ cost[i, x[i]] - budget) / budget
    <= 0, over x[i] in 0 ... M-1. A total that exceeds the budget by one part in 10¹² counts as within it, as it does
    for `WithinBudget`: the same total, summed in another order.

    Args:
        cost: (N, M) US$ per call, finite, >= 0; array-like or DataFrame.
        accuracy: (N, M) probability in [0, 1] that an LLM answers a query correctly.
        budget: Total US$ for the batch, >= 0.
        robust_accuracy: As for `AllocationProblem`; it plays no part with one objective.
        allowed: (N, M) True where a query may go to an LLM; None allows all.
        llms: M distinct names, as for `AllocationProblem`.
        query_ids: N distinct names, as for `AllocationProblem`.
        quotas: As for `AllocationProblem`; each is one more constraint, as are floors.
        floors: As for `AllocationProblem`.
        groups: As for `AllocationProblem`.
        tokens: As for `AllocationProblem`.

    Attributes:
        allocation: The same batch with both objectives; all tables and the exact front are its.
        budget: Total US$.

    Raises:
        TypeError: If the budget is no number, or as `AllocationProblem`.
        ValueError: If the budget is NaN, infinite, negative or below the cheapest plan, or as `AllocationProblem`.

    Example:
        >>> problem = MaxAccuracyProblem([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]], budget=5)
        >>> F, G = problem.evaluate(np.array([[0, 2], [1, 2]]))
        >>> F.round(3).tolist(), G.round(3).tolist()
        ([[-0.55], [-0.75]], [[-0.0], [0.2]])
        >>> MaxAccuracyProblem([[0.1, 0.3]], [[0.2, 0.6]], budget=0.05)
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: budget 0.05 US$ is below the cheapest plan, 0.1 US$
    """

    def __init__(
        self,
        cost: Any,
        accuracy: Any,
        /,
        *,
        budget: float,
        robust_accuracy: Any = None,
        allowed: Any = None,
        llms: Sequence[Any] | None = None,
        query_ids: Sequence[Any] | None = None,
        quotas: Sequence[Quota] | Quota = (),
        floors: Any = None,
        groups: Any = None,
        tokens: Any = None,
    ) -> None:
        options = {"quotas": quotas, "floors": floors, "groups": groups, "tokens": tokens}
        tables = {"robust_accuracy": robust_accuracy, "allowed": allowed, "llms": llms, "query_ids": query_ids}
        self._limit(AllocationProblem(cost, accuracy, **tables, **options), budget)

    @classmethod
    def of(cls, allocation: AllocationProblem, /, *, budget: float) -> MaxAccuracyProblem:
        """Limit the cost of a batch that has been checked already; its front isn't built again.

        Args:
            allocation: The batch.
            budget: Total US$.

        Raises:
            TypeError, ValueError: If the budget isn't one, or is below the cheapest plan.
        """
        problem = cls.__new__(cls)
        problem._limit(allocation, budget)
        return problem

    def _limit(self, allocation: AllocationProblem, budget: Any) -> None:
        super().__init__(allocation)
        self.budget = as_limit("budget", budget, "a finite number of US$, at least 0")
        least = self.budget
        if allocation.has_limits:
            check_reachable(allocation.limits, budget_usd=self.budget)
        else:
            front = allocation.supported_front
            front.within_budget(self.budget)
            # one that is below the cheapest plan by rounding only still pays for it
            least = max(least, float(front.F[0, 0]))
        self._limit_usd = min(least * (1 + TOLERANCE), sys.float_info.max)

    def relax(self) -> Relaxation:
        """Solve the linear relaxation of the budget."""
        self._require_no_limits()
        return relax_budget(self.supported_front, self._limit_usd)

    def solve_priced(self) -> Certified:
        """Find the most accurate plan within all limits from their prices, see `best_within`."""
        self.refuse_extended("a certificate")
        return best_within(self.allocation.limits, self.budget)

    def value(self, f: float, /) -> float:
        """Mean accuracy of an objective value."""
        return -f

    @property
    def unit(self) -> str:
        """Mean accuracy."""
        return "mean accuracy"

    def _split(self, F: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # relative to a limit next to nothing an excess may be infinite
        with np.errstate(over="ignore"):
            return F[:, 1:], (F[:, :1] - self._limit_usd) / (self._limit_usd or 1.0)

    def __repr__(self) -> str:
        return f"MaxAccuracyProblem({self.n_queries} queries, {self.n_llms} LLMs, budget {self.budget:g} US$)"
