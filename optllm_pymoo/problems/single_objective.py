"""One objective and one limit: what `MaxAccuracyProblem` and `MinCostProblem` share."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.kernels.evaluation import evaluate_allocations
from optllm_pymoo.limits.within import Certified
from optllm_pymoo.problems.allocation import AllocationProblem, require_allocation_problem
from optllm_pymoo.problems.allocations import PlanProblem
from optllm_pymoo.problems.relaxation import Relaxation
from optllm_pymoo.validation import UserError


class SingleObjectiveProblem(PlanProblem, abc.ABC):
    """One of the two sums of an `AllocationProblem` is the objective, the other one is limited.

    The tables, their checks and the exact front are those of ``allocation``, and are shared with it.

    Args:
        allocation: The batch with both objectives.

    Attributes:
        allocation: As given.
    """

    def __init__(self, allocation: AllocationProblem, /) -> None:
        require_allocation_problem(allocation, type(self).__name__)
        self.allocation = allocation
        super().__init__(allocation.n_queries, allocation.n_llms, n_obj=1, n_ieq_constr=1 + len(allocation.limits))

    @abc.abstractmethod
    def relax(self) -> Relaxation:
        """Solve the linear relaxation; O(log S) on the exact front, and a look at the accuracies for their grid."""

    @abc.abstractmethod
    def solve_priced(self) -> Certified:
        """Find the best plan within all limits from their prices, with the bound of the relaxation."""

    @abc.abstractmethod
    def value(self, f: float, /) -> float:
        """Turn a value of the objective, which pymoo minimises, into mean accuracy or US$."""

    @property
    @abc.abstractmethod
    def unit(self) -> str:
        """What `value` is measured in, for texts."""

    @property
    def cost(self) -> np.ndarray:
        """(N, M) US$ per call, read-only."""
        return self.allocation.cost

    @property
    def accuracy(self) -> np.ndarray:
        """(N, M) read-only."""
        return self.allocation.accuracy

    @property
    def allowed(self) -> np.ndarray | None:
        """(N, M) read-only bool or None."""
        return self.allocation.allowed

    @property
    def llms(self) -> tuple[str, ...]:
        """Names of the LLMs."""
        return self.allocation.llms

    @property
    def query_ids(self) -> tuple[str, ...]:
        """Names of the queries."""
        return self.allocation.query_ids

    @property
    def n_queries(self) -> int:
        """N."""
        return self.allocation.n_queries

    @property
    def n_llms(self) -> int:
        """M."""
        return self.allocation.n_llms

    @property
    def assignment_dtype(self) -> np.dtype[Any]:
        """Type of plans: int8 up to 127 LLMs, else int32."""
        return self.allocation.assignment_dtype

    @property
    def supported_front(self) -> SupportedFront:
        """The exact supported front of both objectives."""
        return self.allocation.supported_front

    def as_allocations(self, X: Any, /) -> np.ndarray:
        """Check allocations as `AllocationProblem.as_allocations` does."""
        return self.allocation.as_allocations(X)

    def extremes(self) -> np.ndarray:
        """Return the cheapest and the most accurate plan, (2, N), as `AllocationProblem.extremes` does."""
        return self.allocation.extremes()[:2]

    def _evaluate(self, X: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        plans = self.as_allocations(X)
        out["F"], G = self._split(evaluate_allocations(self.cost, self.accuracy, plans))
        limits = self.allocation.limits
        out["G"] = np.column_stack([G, limits.excess(plans)]) if len(limits) else G

    @abc.abstractmethod
    def _split(self, F: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Split (n, 2) total US$ and negated mean accuracy into objective (n, 1) and constraint (n, 1)."""

    def _require_no_limits(self) -> None:
        """Refuse what holds for the limit alone."""
        self.refuse_extended("a bound")
        if self.allocation.has_limits:
            raise UserError(
                "with quotas or floors the supported front is no relaxation of the problem; solve_priced() has the"
                " bound of all limits together"
            )


def allocation_of(problem: Any, user: str, /) -> AllocationProblem:
    """Return the batch of a problem of allocation with one objective or two.

    Args:
        problem: What an operator was given.
        user: Who needs it, for the message.

    Raises:
        TypeError: If it is no problem of allocation.
    """
    if isinstance(problem, SingleObjectiveProblem):
        return problem.allocation
    if isinstance(problem, AllocationProblem):
        return problem
    raise UserError(
        f"{user} needs an AllocationProblem; got {type(problem).__name__}."
        " Build one with AllocationProblem(cost, accuracy)"
    )


def require_single_objective(problem: Any, user: str, /) -> None:
    """Raise TypeError unless a problem is a `SingleObjectiveProblem`.

    Args:
        problem: What an algorithm was given.
        user: Who needs it, for the message.
    """
    if not isinstance(problem, SingleObjectiveProblem):
        raise UserError(
            f"{user} needs one objective and one limit; got {type(problem).__name__}. Build a"
            " MaxAccuracyProblem(cost, accuracy, budget=...) or a MinCostProblem(cost, accuracy, min_accuracy=...)"
        )
