"""Choosing a plan within limits, and the cost of the limits."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from pymoo.core.result import Result
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from optllm_pymoo.decision import AtLeastAccuracy, Choice, Plan, WithinBudget
from optllm_pymoo.decision.text import usd
from optllm_pymoo.limits import (
    Feasibility,
    LimitPrice,
    LinearLimits,
    Weights,
    best_within,
    cheapest_reaching,
    least_usd,
    most_accuracy,
    price_limits,
    relax,
)
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.tolerances import PROVEN, SAME_TOTAL
from optllm_pymoo.validation import UserError, in_full, rounded_down, rounded_up


def including(found: Any, plan: Plan, /) -> Result:
    """Add a plan to a search's plans and drop what it dominates.

    Args:
        found: pymoo's result on the plan's problem.
        plan: The plan.

    Returns:
        A result of the same problem, cheapest plan first. The plan is in it even if another one dominates it.
    """
    others = np.atleast_2d(found.X)
    X = np.concatenate([np.atleast_2d(plan.x), others[(others != plan.x).any(axis=1)]])
    F = np.atleast_2d(plan.problem.evaluate(X, return_values_of=["F"]))
    return _result(found.problem, X, F, _undominated(F) | (np.arange(len(X)) == 0))


def by_cost_and_accuracy(found: Any, plan: Plan | None = None, /) -> Result:
    """Keep the plans that are non-dominated in cost and accuracy, for any third objective.

    Args:
        found: pymoo's result with three objectives.
        plan: If given, only plans that are at least as good in the third objective count, so this plan is kept.
    """
    X, F = np.atleast_2d(found.X), np.atleast_2d(found.F)
    if plan is not None and plan.problem.third is not None:
        most = plan.problem.evaluate(plan.x, return_values_of=["F"])[2]
        as_good = F[:, 2] <= most + 1e-12 * abs(most)
        X, F = X[as_good], F[as_good]
    return _result(found.problem, X, F, _undominated(F[:, :2]))


def _undominated(F: np.ndarray) -> np.ndarray:
    mask = np.zeros(len(F), dtype=bool)
    mask[NonDominatedSorting().do(F, only_non_dominated_front=True)] = True
    return mask


def _result(problem: Any, X: np.ndarray, F: np.ndarray, mask: np.ndarray) -> Result:
    kept = np.flatnonzero(mask)
    kept = kept[np.lexsort((F[kept, 1], F[kept, 0]))]
    result = Result()
    result.problem, result.X, result.F = problem, X[kept], F[kept]
    return result


MAX_RAISES = 12
"""Largest number of times that the expected accuracy is raised until the promised one reaches the target."""


def plan_within(
    problem: AllocationProblem,
    limits: LinearLimits,
    found: Any,
    choice: Choice,
    /,
    *,
    sigma: np.ndarray | None = None,
    n_labelled: int | None = None,
) -> Plan:
    """Choose the best plan within limits.

    Within a budget or at a target it is the best plan by the prices of the linear relaxation at that point, or a better
    plan of the search, such as an equally accurate one at less cost; for a promised accuracy, the best of that and the
    plans of the search. The knee is one of the search's plans.

    Args:
        problem: The batch.
        limits: Tables and limits.
        found: pymoo's result of a search on the problem.
        choice: How to choose.
        sigma: (N, M) standard deviation of the accuracies, or None.
        n_labelled: Queries that were learnt from, or None.

    Raises:
        UserError: If no plan within the limits meets the choice, with the nearest feasible values; or if none was found
            that promises the target.
    """
    known: dict[str, Any] = {"sigma": sigma, "n_labelled": n_labelled}
    if not isinstance(choice, WithinBudget | AtLeastAccuracy):
        return choice.plan(found, **known)
    is_budget = isinstance(choice, WithinBudget)
    asked: dict[str, Any] = {"budget_usd": choice.budget_usd} if is_budget else {"target": choice.target}
    plan = Plan(problem, _Asked(limits, choice).solve(), **known, **asked, promise=choice.promise)
    if choice.promise is None:
        return _unless_beaten(plan, found, choice)
    return _best_promise(limits, found, choice, plan)


def check_budget(costs_alone: AllocationProblem, budget_usd: float, /) -> None:
    """Refuse a budget below the cheapest plan; this needs no predictions.

    Args:
        costs_alone: The batch, see `Constraints.costs_alone`.
        budget_usd: Total US$.

    Raises:
        UserError: If no plan costs so little; with quotas the message has the nearest feasible values.
    """
    choice = WithinBudget(budget_usd)
    if costs_alone.limits_bind:
        _Asked(costs_alone.limits, choice).check()
    else:
        choice.plan(costs_alone)


class _Asked:
    """A budget or a target with limits: the best plan for it, or the reason why there is none."""

    def __init__(self, limits: LinearLimits, choice: WithinBudget | AtLeastAccuracy) -> None:
        self.limits, self.named, self.budget = limits, " and ".join(limits.names), None
        if isinstance(choice, WithinBudget):
            self.budget, self.wanted = choice.budget_usd, f"{usd(choice.budget_usd)} US$"
        else:
            self.target, self.wanted = choice.target, f"an accuracy of {in_full(choice.target)}"

    def solve(self) -> np.ndarray:
        """Return the best plan within the budget, or the cheapest that reaches the target.

        Raises:
            UserError: If there is none, or none was found.
        """
        self.check()
        limits = self.limits
        try:
            solved = cheapest_reaching(limits, self.target) if self.budget is None else best_within(limits, self.budget)
            return solved.x
        except UserError:
            if self.budget is None:
                found = best_within(limits)
                raise UserError(
                    f"no plan within {self.named} was found that reaches {self.wanted}: the most accurate that was"
                    f" found reaches {rounded_down(found.value)}, and none reaches more than {rounded_up(found.bound)}"
                ) from None
            found = cheapest_reaching(limits)
            raise UserError(
                f"no plan within {self.named} was found for {self.wanted}: the cheapest that was found costs"
                f" {rounded_up(found.value)} US$, and none costs less than {rounded_down(found.bound)} US$"
            ) from None

    def check(self) -> None:
        """Refuse a budget or target that the relaxation can't meet.

        Raises:
            UserError: With the nearest feasible values.
        """
        limits = self.limits
        if not self._is_missed(limits):
            return
        search, write = (best_within, rounded_down) if self.budget is None else (cheapest_reaching, rounded_up)
        within, without = (write(search(each).value) for each in (limits, limits.only([])))
        apart = f"; without that {without} is reached"
        said = f"{self.wanted} is above the most accurate plan within {self.named}, which reaches {within}"
        if self.budget is not None:
            apart = f"; without that the cheapest costs {without} US$"
            said = f"a budget of {self.wanted} is below the cheapest plan within {self.named}, which costs {within} US$"
        bounded = limits.within(budget_usd=self.budget, min_accuracy=None if self.budget is not None else self.target)
        # the budget or target becomes the objective: relaxations without one take long on large batches
        helping = [k for k in range(len(limits)) if not self._is_missed(limits.without(k))]
        hints = " or ".join(Feasibility(bounded).nearest(k) for k in helping)
        raise UserError(
            f"{said}{', with or without that' if within == without else apart}"
            f"{f'. For {self.wanted}, {hints}' if hints else ''}"
        )

    def _is_missed(self, limits: LinearLimits) -> bool:
        """Return whether the relaxation within some limits misses it too."""
        if self.budget is None:
            return relax(limits, Weights(1.0, 0.0)).bound < (self.target - PROVEN) * limits.n_queries
        return -relax(limits, Weights(0.0, 1.0)).bound > self.budget * (1 + PROVEN)


def _unless_beaten(plan: Plan, found: Any, choice: Choice) -> Plan:
    """Return the plan, or one of the search that dominates it under the choice."""
    try:
        searched = choice.plan(found, sigma=plan.sigma, n_labelled=plan.n_labelled)
    except UserError:  # no plan of the search meets the choice
        return plan
    gained = searched.accuracy - plan.accuracy, 1 - searched.cost_usd / (plan.cost_usd or 1.0)
    first, second = gained if isinstance(choice, WithinBudget) else gained[::-1]
    return searched if first > SAME_TOTAL or (first >= -SAME_TOTAL and second > SAME_TOTAL) else plan


def _best_promise(limits: LinearLimits, found: Any, choice: Any, plan: Plan) -> Plan:
    """Return the plan with the best promise among those made from prices and those of the search."""
    known: dict[str, Any] = {"sigma": plan.sigma, "n_labelled": plan.n_labelled}
    probability = choice.promise
    if isinstance(choice, WithinBudget):
        try:
            searched = choice.plan(found, **known)
        except UserError:  # no plan of the search costs so little
            return plan
        return max([plan, searched], key=lambda each: each.promised_accuracy(probability))
    # raise the expected accuracy by the missing promised accuracy until that reaches the target
    plans, wanted = [], choice.target
    for _ in range(MAX_RAISES):
        lacking = choice.target - plan.promised_accuracy(probability)
        if lacking <= 0:
            plans.append(plan)
            break
        wanted += lacking * 1.001
        try:
            x = cheapest_reaching(limits, wanted).x
        except UserError:
            break
        plan = Plan(plan.problem, x, target=choice.target, **known, promise=probability)
    try:
        plans.append(choice.plan(found, **known))
    except UserError:  # none of the search's plans promises the target
        if not plans:
            raise
    return min(plans, key=lambda each: each.cost_usd)


class LimitCosts(NamedTuple):
    """Cost of a plan's limits, and bounds within them."""

    limits: tuple[LimitPrice, ...]
    """One by one: the others are kept when one is dropped."""
    accuracy_lost: float
    """As in `LimitPrice`, all of them dropped."""
    usd_lost: float
    """Likewise."""
    accuracy_bound: float
    """No plan within the limits and the plan's budget (or its cost) has a higher expected accuracy."""
    usd_bound: float
    """No plan within the limits that expects the plan's target (or its accuracy) costs less."""


def limit_costs(limits: LinearLimits, plan: Plan, /) -> LimitCosts:
    """Price the limits of a plan by the linear relaxation.

    Args:
        limits: Its tables and limits.
        plan: The plan.

    Returns:
        Costs of K limits; at most 2 K + 7 relaxations are solved.
    """
    budget = (plan.cost_usd if plan.budget_usd is None else max(plan.budget_usd, plan.cost_usd)) * (1 + SAME_TOTAL)
    accuracy = plan.accuracy - SAME_TOTAL
    usd_bound, accuracy_bound = least_usd(limits, accuracy), most_accuracy(limits, budget)
    plain = limits.only([])
    return LimitCosts(
        price_limits(limits, plan.x, budget, accuracy),
        accuracy_lost=max(0.0, most_accuracy(plain, budget) - accuracy_bound),
        usd_lost=max(0.0, usd_bound - least_usd(plain, accuracy)),
        accuracy_bound=max(accuracy_bound, plan.accuracy),
        usd_bound=min(
            plan.cost_usd, usd_bound if plan.target is None else least_usd(limits, min(plan.target, accuracy))
        ),
    )
