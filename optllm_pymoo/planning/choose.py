"""Choosing a plan within limits, and what they cost it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from pymoo.core.result import Result
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from optllm_pymoo.decision import AtLeastAccuracy, Choice, Plan, WithinBudget
from optllm_pymoo.decision.text import usd
from optllm_pymoo.limits import (
    Certified,
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
    """Keep the plans that no other plan beats in both cost and accuracy, whatever the third objective.

    Args:
        found: pymoo's result with three objectives.
        plan: With it, only plans that are at least as good in the third count, so that it is one of a curve.
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
"""Times that the expected accuracy is raised until the promised one reaches the target."""


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

    Within a budget or at a target it is the best that is found from the prices of the linear relaxation right there,
    or a plan of the search that beats it, as one that is as accurate for less money where the budget is ample;
    if accuracy is to be promised, the better of that and the plans of a search. The knee is one of the search's plans.

    Args:
        problem: The batch.
        limits: What it has to keep to.
        found: pymoo's result of a search on the problem.
        choice: How to choose.
        sigma: (N, M) standard deviation of the accuracies, or None.
        n_labelled: Queries that were learnt from, or None.

    Raises:
        UserError: If no plan within the limits meets the choice, with the nearest values that would do; or if none was
            found that promises the target.
    """
    known: dict[str, Any] = {"sigma": sigma, "n_labelled": n_labelled}
    if isinstance(choice, WithinBudget):
        x = _within(limits, choice.budget_usd)
        plan = Plan(problem, x, **known, budget_usd=choice.budget_usd, promise=choice.promise)
    elif isinstance(choice, AtLeastAccuracy):
        x = _reaching(limits, choice.target)
        plan = Plan(problem, x, **known, target=choice.target, promise=choice.promise)
    else:
        return choice.plan(found, **known)
    if choice.promise is None:
        return _unless_beaten(plan, found, choice)
    return _best_promise(limits, found, choice, plan)


def check_budget(costs_alone: AllocationProblem, budget_usd: float, /) -> None:
    """Refuse a budget below the cheapest plan, which takes no predictions.

    Args:
        costs_alone: The batch, see `Constraints.costs_alone`.
        budget_usd: Total US$.

    Raises:
        UserError: If it doesn't pay for any plan; with quotas the message has the nearest values that would do.
    """
    if not costs_alone.limits_bind:
        WithinBudget(budget_usd).plan(costs_alone)
    elif _too_dear(costs_alone.limits, budget_usd):
        raise _below_the_cheapest(costs_alone.limits, budget_usd)


def _within(limits: LinearLimits, budget_usd: float) -> np.ndarray:
    if _too_dear(limits, budget_usd):
        raise _below_the_cheapest(limits, budget_usd)
    try:
        return best_within(limits, budget_usd).x
    except UserError:
        found = cheapest_reaching(limits)
        raise UserError(
            f"no plan within {_named(limits)} was found for {usd(budget_usd)} US$: the cheapest that was found costs"
            f" {rounded_up(found.value)} US$, and none costs less than {rounded_down(found.bound)} US$"
        ) from None


def _below_the_cheapest(limits: LinearLimits, budget_usd: float) -> UserError:
    cheapest, without = _with_and_without(limits, cheapest_reaching, rounded_up, "the cheapest costs {} US$")
    hints = _hints(limits.within(budget_usd=budget_usd), _too_dear, budget_usd, f"{usd(budget_usd)} US$")
    return UserError(
        f"a budget of {usd(budget_usd)} US$ is below the cheapest plan within {_named(limits)}, which costs"
        f" {cheapest} US${without}{hints}"
    )


def _reaching(limits: LinearLimits, target: float) -> np.ndarray:
    if _too_inaccurate(limits, target):
        wanted = f"an accuracy of {in_full(target)}"
        best, without = _with_and_without(limits, best_within, rounded_down, "{} is reached")
        hints = _hints(limits.within(min_accuracy=target), _too_inaccurate, target, wanted)
        raise UserError(
            f"{wanted} is above the most accurate plan within {_named(limits)}, which reaches {best}{without}{hints}"
        )
    try:
        return cheapest_reaching(limits, target).x
    except UserError:
        found = best_within(limits)
        raise UserError(
            f"no plan within {_named(limits)} was found that reaches an accuracy of {in_full(target)}:"
            f" the most accurate that was found reaches {rounded_down(found.value)}, and none reaches more than"
            f" {rounded_up(found.bound)}"
        ) from None


def _with_and_without(
    limits: LinearLimits, search: Callable[[LinearLimits], Certified], write: Callable[[float], str], said: str
) -> tuple[str, str]:
    """Write the value of the best plan within limits, and say what it is without them, or that they don't matter."""
    within, without = (write(search(each).value) for each in (limits, limits.only([])))
    return within, ", with or without that" if within == without else f"; without that {said.format(without)}"


def _named(limits: LinearLimits) -> str:
    return " and ".join(limits.names)


def _too_dear(limits: LinearLimits, budget_usd: float) -> bool:
    return -relax(limits, Weights(0.0, 1.0)).bound > budget_usd * (1 + PROVEN)


def _too_inaccurate(limits: LinearLimits, target: float) -> bool:
    return relax(limits, Weights(1.0, 0.0)).bound < (target - PROVEN) * limits.n_queries


def _hints(
    bounded: LinearLimits, is_missed: Callable[[LinearLimits, float], bool], wanted_value: float, wanted: str
) -> str:
    """Say which value each limit alone would have to take, where that is enough; the last limit is what is wanted."""
    hints = []
    for k in range(len(bounded) - 1):
        # what is wanted becomes the objective: relaxations without one take long on large batches
        others = bounded.only([other for other in range(len(bounded) - 1) if other != k])
        if not is_missed(others, wanted_value):
            hints.append(Feasibility(bounded).nearest(k))
    return f". For {wanted}, {' or '.join(hints)}" if hints else ""


def _unless_beaten(plan: Plan, found: Any, choice: Choice) -> Plan:
    """Return the plan, or one of the search that is as good in what is asked for, and better there or in the rest."""
    try:
        searched = choice.plan(found, sigma=plan.sigma, n_labelled=plan.n_labelled)
    except UserError:  # the search has none that meets the choice
        return plan
    gained = searched.accuracy - plan.accuracy, 1 - searched.cost_usd / (plan.cost_usd or 1.0)
    first, second = gained if isinstance(choice, WithinBudget) else gained[::-1]
    return searched if first > SAME_TOTAL or (first >= -SAME_TOTAL and second > SAME_TOTAL) else plan


def _best_promise(limits: LinearLimits, found: Any, choice: Any, plan: Plan) -> Plan:
    """Take the better of the plans that prices lead to and those of the search, by what they promise."""
    known: dict[str, Any] = {"sigma": plan.sigma, "n_labelled": plan.n_labelled}
    probability = choice.promise
    if isinstance(choice, WithinBudget):
        try:
            searched = choice.plan(found, **known)
        except UserError:  # the search has no plan that cheap
            return plan
        plans: list[Plan] = [plan, searched]
        return max(plans, key=lambda each: each.promised_accuracy(probability))
    raised = _raised(limits, plan, choice)
    plans = [] if raised is None else [raised]
    try:
        plans.append(choice.plan(found, **known))
    except UserError:  # none of the search's plans promises the target
        if raised is None:
            raise
    return min(plans, key=lambda each: each.cost_usd)


def _raised(limits: LinearLimits, plan: Plan, choice: AtLeastAccuracy) -> Plan | None:
    """Raise the expected accuracy by what the promise lacks until it reaches the target."""
    assert choice.promise is not None
    wanted = choice.target
    for _ in range(MAX_RAISES):
        lacking = choice.target - plan.promised_accuracy(choice.promise)
        if lacking <= 0:
            return plan
        wanted += lacking * 1.001
        try:
            x = cheapest_reaching(limits, wanted).x
        except UserError:
            return None
        given: dict[str, Any] = {"sigma": plan.sigma, "n_labelled": plan.n_labelled, "promise": choice.promise}
        plan = Plan(plan.problem, x, target=choice.target, **given)
    return None


class LimitCosts(NamedTuple):
    """What all limits of a plan cost, and how good the plan is within them."""

    limits: tuple[LimitPrice, ...]
    """One by one: the others stay when one is dropped."""
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
        limits: What it keeps to.
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
