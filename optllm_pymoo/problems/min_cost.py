"""Least cost for an accuracy, as a pymoo problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from optllm_pymoo.exact.front import TOLERANCE
from optllm_pymoo.limits.quota import Quota
from optllm_pymoo.limits.within import Certified, cheapest_reaching
from optllm_pymoo.problems.allocation import AllocationProblem
from optllm_pymoo.problems.nearest import check_reachable
from optllm_pymoo.problems.relaxation import Relaxation, relax_target
from optllm_pymoo.problems.single_objective import SingleObjectiveProblem
from optllm_pymoo.validation import as_limit


class MinCostProblem(SingleObjectiveProblem):
    """Allocate N queries to M LLMs: total cost down, mean accuracy no less than a target.

    Minimises ``F[:, 0]`` = Σ cost[i, x[i]], total US$, subject to ``G[:, 0]`` = target - (1/N) Σ accuracy[i, x[i]]
    <= 0, over x[i] in 0 ... M-1. A mean that is short of the target by 10⁻¹² counts as reaching it, as it does for
    `AtLeastAccuracy`: the same mean, summed in another order.

    Args:
        cost: (N, M) US$ per call, finite, >= 0; array-like or DataFrame.
        accuracy: (N, M) probability in [0, 1] that an LLM answers a query correctly.
        min_accuracy: Mean accuracy in [0, 1].
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
        min_accuracy: Mean accuracy.

    Raises:
        TypeError: If the target is no number, or as `AllocationProblem`.
        ValueError: If the target is NaN, outside [0, 1] or above the most accurate plan, or as `AllocationProblem`.

    Example:
        >>> problem = MinCostProblem([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]], min_accuracy=0.6)
        >>> F, G = problem.evaluate(np.array([[0, 2], [1, 2]]))
        >>> F.tolist(), G.round(3).tolist()
        ([[5.0], [6.0]], [[0.05], [-0.15]])
        >>> MinCostProblem([[0.1, 0.3]], [[0.2, 0.6]], min_accuracy=0.95)
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: accuracy 0.95 is above the most accurate plan, 0.6
    """

    def __init__(
        self,
        cost: Any,
        accuracy: Any,
        /,
        *,
        min_accuracy: float,
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
        self._limit(AllocationProblem(cost, accuracy, **tables, **options), min_accuracy)

    @classmethod
    def of(cls, allocation: AllocationProblem, /, *, min_accuracy: float) -> MinCostProblem:
        """Ask an accuracy of a batch that has been checked already; its front isn't built again.

        Args:
            allocation: The batch.
            min_accuracy: Mean accuracy in [0, 1].

        Raises:
            TypeError, ValueError: If the target isn't one, or is above the most accurate plan.
        """
        problem = cls.__new__(cls)
        problem._limit(allocation, min_accuracy)
        return problem

    def _limit(self, allocation: AllocationProblem, min_accuracy: Any) -> None:
        super().__init__(allocation)
        self.min_accuracy = as_limit("min_accuracy", min_accuracy, "a mean accuracy in [0, 1]", upper=1.0)
        most = self.min_accuracy
        if allocation.has_limits:
            check_reachable(allocation.limits, min_accuracy=self.min_accuracy)
        else:
            front = allocation.supported_front
            front.at_least_accuracy(self.min_accuracy)
            # one that is above the most accurate plan by rounding only is reached by it
            most = min(most, -float(front.F[-1, 1]))
        self._least_accuracy = most - TOLERANCE

    def relax(self) -> Relaxation:
        """Solve the linear relaxation of the target."""
        self._require_no_limits()
        return relax_target(self.supported_front, self._least_accuracy)

    def solve_priced(self) -> Certified:
        """Find the cheapest plan within all limits from their prices, see `cheapest_reaching`."""
        self.refuse_extended("a certificate")
        return cheapest_reaching(self.allocation.limits, self.min_accuracy)

    def value(self, f: float, /) -> float:
        """US$ of an objective value."""
        return f

    @property
    def unit(self) -> str:
        """US dollars."""
        return "US$"

    def _split(self, F: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return F[:, :1], self._least_accuracy + F[:, 1:]

    def __repr__(self) -> str:
        return f"MinCostProblem({self.n_queries} queries, {self.n_llms} LLMs, accuracy at least {self.min_accuracy:g})"
