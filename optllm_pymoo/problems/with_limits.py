"""What limits add to an allocation problem: bounds in place of an exact front, feasible ends, prices."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.limits.bound_front import N_POINTS, BoundFront, find_bound_front
from optllm_pymoo.limits.explain import LimitPrice, explain_limits
from optllm_pymoo.limits.feasibility import PROVEN, feasible_plan
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.limits.relaxation import relax
from optllm_pymoo.limits.within import best_within, end_plans
from optllm_pymoo.problems.allocations import as_allocations
from optllm_pymoo.validation import UserError, as_budget, as_limit


class WithLimits:
    """Mixin of `AllocationProblem`: everything that is about quotas and floors.

    Attributes:
        limits: The limits in linear form, none of them where the problem has none.
    """

    limits: LinearLimits
    cost: np.ndarray

    @cached_property
    def supported_front(self) -> SupportedFront:
        """The exact supported front of cost and accuracy."""
        raise NotImplementedError

    assignment_dtype: np.dtype[np.signedinteger]
    is_extended: bool
    refuse_extended: Callable[[str], None]

    @property
    def has_limits(self) -> bool:
        """Whether quotas or floors tie queries together."""
        return len(self.limits) > 0

    @cached_property
    def exact_points(self) -> np.ndarray:
        """Indices of the points of `supported_front` that meet all limits: nothing within the limits beats them."""
        front = self.supported_front
        steps = front.steps
        return np.flatnonzero(self.limits.are_met_along(front.assignment(0), steps.query, steps.from_llm, steps.to_llm))

    @property
    def limits_bind(self) -> bool:
        """Whether some plan of the exact front exceeds a limit; else the exact front is that within the limits."""
        return self.has_limits and (self.is_extended or len(self.exact_points) < len(self.supported_front))

    @cached_property
    def any_feasible(self) -> np.ndarray:
        """(N,) some plan that meets the limits.

        Raises:
            ValueError: If there is none; the message has the reason and the nearest value that would do.
        """
        if not self.is_extended and len(self.exact_points):
            return self.supported_front.assignment(int(self.exact_points[0]))
        return feasible_plan(self.limits)

    def bound_front(self, *, n_points: int = N_POINTS) -> BoundFront:
        """Bound all plans that meet the limits by the front of the linear relaxation.

        Args:
            n_points: Relaxations to solve at the most; more of them make the bound tighter.

        Returns:
            The bound, from the cheapest to the most accurate corner; kept for each ``n_points``.

        Raises:
            ValueError: If fewer than two points are asked for.
        """
        self.refuse_extended("a bound on all plans")
        if n_points not in self._bound_fronts:
            without = self.supported_front.F
            self._bound_fronts[n_points] = find_bound_front(self.limits, n_points=n_points, without=without)
        return self._bound_fronts[n_points]

    @cached_property
    def _bound_fronts(self) -> dict[int, BoundFront]:
        return {}

    def bound(self, cost_usd: float, /) -> float:
        """Bound the mean accuracy of any plan that meets the limits within a budget, by the linear relaxation.

        Args:
            cost_usd: Total US$.

        Returns:
            Upper bound; exact for the relaxation, unlike `bound_front` between its points.

        Raises:
            TypeError: If the cost is no number.
            ValueError: If no plan is that cheap.
        """
        self.refuse_extended("a bound on all plans")
        cost_usd = as_budget("cost_usd", cost_usd)
        solved = relax(self.limits.within(budget_usd=cost_usd), 1.0, 0.0)
        if solved.violation > 0.0:
            cheapest = -relax(self.limits, 0.0, 1.0).bound
            # the solver's own tolerance is no proof
            if cheapest > cost_usd * (1 + PROVEN):
                raise UserError(
                    f"no plan within the limits costs {cost_usd:.6g} US$; the cheapest costs {cheapest:.6g} US$"
                )
        return solved.bound / len(self.cost)

    def bound_usd(self, accuracy: float, /) -> float:
        """Bound the total US$ of any plan that meets the limits and a mean accuracy, by the linear relaxation.

        Args:
            accuracy: Mean accuracy.

        Returns:
            Lower bound.

        Raises:
            TypeError: If the accuracy is no number.
            ValueError: If no plan is that accurate.
        """
        self.refuse_extended("a bound on all plans")
        accuracy = as_limit("accuracy", accuracy, "a mean accuracy in [0, 1]", upper=1.0)
        solved = relax(self.limits.within(min_accuracy=accuracy), 0.0, 1.0)
        if solved.violation > 0.0:
            highest = relax(self.limits, 1.0, 0.0).bound / len(self.cost)
            if highest < accuracy - PROVEN:
                raise UserError(
                    f"no plan within the limits reaches an accuracy of {accuracy:.6g};"
                    f" none reaches more than {highest:.6g}"
                )
        return -solved.bound

    @cached_property
    def feasible_ends(self) -> np.ndarray:
        """(2, N) the cheapest and the most accurate plan that were found within the limits."""
        front = self.supported_front
        is_exact = np.isin([0, len(front) - 1], self.exact_points)
        exact = np.stack([front.assignment(0), front.assignment(-1)])
        if is_exact.all():
            return exact
        found = end_plans(self.limits, self.bound_front().path, self.any_feasible)
        return np.where(is_exact[:, None], exact, found)

    def explain_limits(self, x: Any = None, /, *, budget_usd: float | None = None) -> tuple[LimitPrice, ...]:
        """Tell what each limit costs: its use, its shadow price, and the accuracy lost to it at the same budget.

        Args:
            x: (N,) a plan; by default the best one found within the budget.
            budget_usd: Total US$; by default what the plan costs.

        Raises:
            TypeError: If the budget is no number.
            ValueError: If neither is given, ``x`` is no plan, or nothing within the limits is that cheap.
        """
        self.refuse_extended("the price of a limit")
        budget_usd = None if budget_usd is None else as_budget("budget_usd", budget_usd)
        if x is None:
            if budget_usd is None:
                raise UserError("limits are priced at a plan or a budget; got neither. Pass x or budget_usd=")
            x = best_within(self.limits, budget_usd).x
        plan = self._one_plan(x)
        cost = float(self.cost[np.arange(len(plan)), plan].sum(dtype=float))
        return explain_limits(self.limits, plan, cost if budget_usd is None else budget_usd)

    def exceeded_limits(self, x: Any, /) -> list[str]:
        """Name the limits that a plan (N,) exceeds."""
        excess = self.limits.excess(self._one_plan(x)[None])[0]
        return [name for name, over in zip(self.limits.names, excess, strict=True) if over > 0]

    def _one_plan(self, x: Any) -> np.ndarray:
        plans = as_allocations(x, len(self.cost), self.cost.shape[1], self.assignment_dtype)
        if len(plans) != 1:
            raise UserError(f"one plan is asked for, shape ({len(self.cost)},); got {len(plans)} plans")
        return np.asarray(plans[0])
