"""One objective and one bound: most accuracy for a budget, least cost for an accuracy, and their relaxation."""

from __future__ import annotations

import abc
import math
import sys
from typing import Any, NamedTuple

import numpy as np

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.kernels.evaluation import evaluate_allocations
from optllm_pymoo.kernels.filling import common_denominator
from optllm_pymoo.limits.plans import Certified, best_within, cheapest_reaching, check_reachable
from optllm_pymoo.problems.allocation import AllocationProblem, require_allocation_problem
from optllm_pymoo.problems.base import PlanProblem
from optllm_pymoo.tolerances import QUERY_ROUNDING, SAME_TOTAL, WHOLE
from optllm_pymoo.validation import UserError, as_limit, in_full

MAX_RATE = 1e300
"""Largest accuracy per US$ of a step, so that products with it stay finite."""


class CriticalStep(NamedTuple):
    """Optimum of the linear relaxation with one bound (Sinha and Zoltners 1979; Dyer 1984; Zemel 1984).

    With the critical rate λ, the efficiency of the step in which the bound lies, every query of a neighbour x is at a
    maximiser of accuracy - λ cost. Let loss[i, j] >= 0 be the distance of LLM j from that maximum. For every plan y
    within the limit, the distance from the bound is, in accuracy of one query,

        gap(y) = Σ loss[i, y[i]] + slack(y),

    where slack is λ (budget - cost(y)) under a budget, and Σ accuracy(y) - N target under a target. So no better plan
    uses an alternative whose loss is at least the gap of a known plan, and a plan without gap is optimal.

    Slack and bound use half the tolerance of budgets and targets (`SAME_TOTAL`), which covers every plan within the
    limit, in whatever order its totals are summed. The other half is for plans found here.
    """

    inside: int
    """Point of the front within the limit, next to it."""
    outside: int
    """Point on the other side; equal to ``inside`` if that point is already optimal."""
    rate: float
    """λ, accuracy of one query per US$; 0 without a critical step."""
    slack: float
    """Slack of point ``inside``, accuracy of one query; also its gap."""
    by_cost: bool
    """Whether cost is limited, else accuracy is."""
    bound: float
    """No plan within the limit has a higher mean accuracy, or costs less US$."""
    unit: float
    """Mean accuracy, or US$, per accuracy of one query."""
    optimal_gap: float
    """A plan with no larger gap is optimal: rounding, or the unavoidable rest of sums of multiples of 1/q."""
    tolerance: float
    """Gaps that differ by less are equal."""

    @classmethod
    def of_budget(cls, front: SupportedFront, limit_usd: float, /) -> CriticalStep:
        """Maximise mean accuracy within a budget, with divisible queries.

        Where all accuracies are multiples of 1/q, the bound is rounded down to the next sum of N accuracies.

        Args:
            front: The exact front.
            limit_usd: Total US$ with the whole tolerance, no less than the cheapest plan's.
        """
        limit_usd *= 1 - SAME_TOTAL / 2
        F, n_queries = front.F, len(front.cost)
        inside = max(0, int(np.searchsorted(F[:, 0], limit_usd, side="right")) - 1)
        unit, tolerance = 1.0 / n_queries, SAME_TOTAL * n_queries
        if inside == len(front) - 1:
            return cls(inside, inside, 0.0, 0.0, True, -float(F[inside, 1]), unit, 0.0, tolerance)
        rate = cls._rate_at(front, inside)
        slack = max(0.0, rate * (limit_usd - float(F[inside, 0])))
        bound, optimal_gap = float(front.bound(limit_usd)), tolerance
        if q := common_denominator(front.accuracy):
            rounded = math.floor(bound * n_queries * q + WHOLE) / (n_queries * q)
            optimal_gap = (bound - rounded) * n_queries + 0.5 / q
            bound = min(bound, rounded)
        return cls(inside, inside + 1, rate, slack, True, bound, unit, optimal_gap, tolerance)

    @classmethod
    def of_target(cls, front: SupportedFront, least_accuracy: float, /) -> CriticalStep:
        """Minimise total US$ at a mean accuracy, with divisible queries.

        Where all accuracies are multiples of 1/q, the target is rounded up to the next sum of N accuracies.

        Args:
            front: The exact front.
            least_accuracy: Mean accuracy less the whole tolerance, below the most accurate plan's.
        """
        F, n_queries = front.F, len(front.cost)
        need = least_accuracy + SAME_TOTAL / 2
        if q := common_denominator(front.accuracy):
            sum_needed = math.ceil(need * n_queries * q - WHOLE) / q
            need = max(need, sum_needed / n_queries - SAME_TOTAL / 2)
        inside = min(int(np.searchsorted(-F[:, 1], need, side="left")), len(front) - 1)
        if inside == 0:
            return cls(0, 0, 0.0, 0.0, False, float(F[0, 0]), 1.0, 0.0, 0.0)
        rate = cls._rate_at(front, inside - 1)
        slack = max(0.0, (-float(F[inside, 1]) - need) * n_queries)
        bound = float(np.interp(need, -F[:, 1], F[:, 0]))
        tolerance = max(SAME_TOTAL * rate * bound, QUERY_ROUNDING * n_queries)
        return cls(inside, inside - 1, rate, slack, False, bound, 1.0 / rate, tolerance, tolerance)

    @staticmethod
    def _rate_at(front: SupportedFront, k: int, /) -> float:
        """Efficiency of the step from point k to point k + 1 of a front, at most `MAX_RATE`."""
        query, from_llm, to_llm = front.step(k)
        gained, paid = (
            float(table[query, to_llm]) - float(table[query, from_llm]) for table in (front.accuracy, front.cost)
        )
        with np.errstate(over="ignore"):
            return float(min(np.float64(gained) / np.float64(paid), MAX_RATE))


class SingleObjectiveProblem(PlanProblem, abc.ABC):
    """Base of the problems in which one sum of an `AllocationProblem` is the objective and the other one is bounded.

    The tables and the exact front are shared with ``allocation``.

    Args:
        allocation: The batch with both objectives.

    Attributes:
        allocation: As given.

    Example:
        >>> from optllm_pymoo import MinCostProblem, make_problem
        >>> batch = make_problem(50, 3)
        >>> problem = MinCostProblem(batch, min_accuracy=0.6)
        >>> problem.allocation is batch, problem.n_obj, problem.n_ieq_constr
        (True, 1, 1)
    """

    def __init__(self, allocation: AllocationProblem, /) -> None:
        require_allocation_problem(allocation, type(self).__name__)
        self.allocation = allocation
        super().__init__(allocation.n_queries, allocation.n_llms, n_obj=1, n_ieq_constr=1 + len(allocation.limits))

    @abc.abstractmethod
    def relax(self) -> CriticalStep:
        """Solve the linear relaxation with the one bound; O(log S), plus a pass over the accuracies for their grid.

        Limits are ignored: the bound holds with them too, but the points may exceed one.
        """

    @abc.abstractmethod
    def solve_priced(self) -> Certified:
        """Find the best plan within all limits by their prices, with the LP bound."""

    @abc.abstractmethod
    def value(self, f: float, /) -> float:
        """Turn an objective value, which pymoo minimises, into mean accuracy or US$."""

    @property
    @abc.abstractmethod
    def unit(self) -> str:
        """The unit of `value`, for texts."""

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


class MaxAccuracyProblem(SingleObjectiveProblem):
    """Allocate N queries to M LLMs: mean accuracy up, total cost within a budget.

    Minimises ``F[:, 0]`` = -(1/N) Σ accuracy[i, x[i]] subject to ``G[:, 0]`` = (Σ cost[i, x[i]] - budget) / budget
    <= 0, over x[i] in 0 ... M-1. A total that exceeds the budget by one part in 10¹² counts as within it, as for
    `WithinBudget`: it may be the same total, summed in another order.

    Args:
        allocation: The batch, with its limits; its exact front isn't built again.
        budget: Total US$ for the batch, >= 0.

    Attributes:
        allocation: As given.
        budget: Total US$.

    Raises:
        UserError: If the budget is no number, or NaN, infinite, negative or below the cheapest plan.

    Example:
        >>> batch = AllocationProblem([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]])
        >>> problem = MaxAccuracyProblem(batch, budget=5)
        >>> F, G = problem.evaluate(np.array([[0, 2], [1, 2]]))
        >>> F.round(3).tolist(), G.round(3).tolist()
        ([[-0.55], [-0.75]], [[-0.0], [0.2]])
        >>> MaxAccuracyProblem(AllocationProblem([[0.1, 0.3]], [[0.2, 0.6]]), budget=0.05)
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: budget 0.05 US$ is below the cheapest plan, 0.1 US$
    """

    def __init__(self, allocation: AllocationProblem, /, *, budget: float) -> None:
        super().__init__(allocation)
        self.budget = as_limit("budget", budget, "a finite number of US$, at least 0")
        least = self.budget
        if allocation.has_limits:
            check_reachable(allocation.limits, budget_usd=self.budget)
        else:
            front = allocation.supported_front
            front.within_budget(self.budget)
            # a budget that is below the cheapest plan only by rounding still suffices
            least = max(least, float(front.F[0, 0]))
        self._limit_usd = min(least * (1 + SAME_TOTAL), sys.float_info.max)

    def relax(self) -> CriticalStep:
        """Solve the linear relaxation of the budget."""
        self.refuse_extended("a bound")
        return CriticalStep.of_budget(self.supported_front, self._limit_usd)

    def solve_priced(self) -> Certified:
        """Find the most accurate plan within all limits by their prices, see `best_within`."""
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
        # relative to a tiny limit an excess may be infinite
        with np.errstate(over="ignore"):
            return F[:, 1:], (F[:, :1] - self._limit_usd) / (self._limit_usd or 1.0)

    def __repr__(self) -> str:
        return f"MaxAccuracyProblem({self.n_queries} queries, {self.n_llms} LLMs, budget {in_full(self.budget)} US$)"


class MinCostProblem(SingleObjectiveProblem):
    """Allocate N queries to M LLMs: total cost down, mean accuracy no less than a target.

    Minimises ``F[:, 0]`` = Σ cost[i, x[i]], total US$, subject to ``G[:, 0]`` = target - (1/N) Σ accuracy[i, x[i]]
    <= 0, over x[i] in 0 ... M-1. A mean that is below the target by 10⁻¹² counts as reaching it, as for
    `AtLeastAccuracy`: it may be the same mean, summed in another order.

    Args:
        allocation: The batch, with its limits; its exact front isn't built again.
        min_accuracy: Mean accuracy in [0, 1].

    Attributes:
        allocation: As given.
        min_accuracy: Mean accuracy.

    Raises:
        UserError: If the target is no number, or NaN, outside [0, 1] or above the most accurate plan.

    Example:
        >>> batch = AllocationProblem([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]])
        >>> problem = MinCostProblem(batch, min_accuracy=0.6)
        >>> F, G = problem.evaluate(np.array([[0, 2], [1, 2]]))
        >>> F.tolist(), G.round(3).tolist()
        ([[5.0], [6.0]], [[0.05], [-0.15]])
        >>> MinCostProblem(AllocationProblem([[0.1, 0.3]], [[0.2, 0.6]]), min_accuracy=0.95)
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: accuracy 0.95 is above the most accurate plan, 0.6
    """

    def __init__(self, allocation: AllocationProblem, /, *, min_accuracy: float) -> None:
        super().__init__(allocation)
        self.min_accuracy = as_limit("min_accuracy", min_accuracy, "a mean accuracy in [0, 1]", upper=1.0)
        most = self.min_accuracy
        if allocation.has_limits:
            check_reachable(allocation.limits, min_accuracy=self.min_accuracy)
        else:
            front = allocation.supported_front
            front.at_least_accuracy(self.min_accuracy)
            # a target that is above the most accurate plan only by rounding is reached by it
            most = min(most, -float(front.F[-1, 1]))
        self._least_accuracy = most - SAME_TOTAL

    def relax(self) -> CriticalStep:
        """Solve the linear relaxation of the target."""
        self.refuse_extended("a bound")
        return CriticalStep.of_target(self.supported_front, self._least_accuracy)

    def solve_priced(self) -> Certified:
        """Find the cheapest plan within all limits by their prices, see `cheapest_reaching`."""
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
        least = in_full(self.min_accuracy)
        return f"MinCostProblem({self.n_queries} queries, {self.n_llms} LLMs, accuracy at least {least})"


def allocation_of(problem: Any, user: str, /) -> AllocationProblem:
    """Return the batch of an allocation problem with one objective or two.

    Args:
        problem: The argument of an operator.
        user: Name of the caller, for the message.

    Raises:
        UserError: If it is no allocation problem.

    Example:
        >>> from optllm_pymoo import make_problem
        >>> batch = make_problem(50, 3)
        >>> allocation_of(batch, "an operator") is batch
        True
    """
    if isinstance(problem, SingleObjectiveProblem):
        return problem.allocation
    if isinstance(problem, AllocationProblem):
        return problem
    raise UserError(
        f"{user} needs an AllocationProblem; got {type(problem).__name__}."
        " Build one with AllocationProblem(cost, accuracy)"
    )
