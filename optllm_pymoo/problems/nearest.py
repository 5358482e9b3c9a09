"""A budget or a target that quotas and floors leave out of reach, and the nearest one that isn't."""

from __future__ import annotations

from optllm_pymoo.limits.feasibility import feasible_plan
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.limits.within import best_within, cheapest_reaching
from optllm_pymoo.validation import UserError, in_full


def check_reachable(
    limits: LinearLimits, /, *, budget_usd: float | None = None, min_accuracy: float | None = None
) -> None:
    """Raise unless some plan meets the limits and one more.

    Args:
        limits: Tables and limits, which some plan meets.
        budget_usd: Total US$, or
        min_accuracy: Mean accuracy to reach.

    Raises:
        ValueError: If no plan does, or none was found; the message has the nearest value that a plan was found for.
    """
    bounded = limits.within(budget_usd=budget_usd, min_accuracy=min_accuracy)
    nearest = cheapest_reaching(limits) if min_accuracy is None else best_within(limits)
    if bounded.are_met(nearest.x[None])[0]:
        return
    try:
        feasible_plan(bounded)
    except ValueError as reason:
        if min_accuracy is None:
            told = f"budget {in_full(budget_usd)} US$ is below the cheapest plan found within the quotas and floors"
            told += f", {in_full(nearest.value)} US$; none costs less than {nearest.bound:.6g} US$"
        else:
            told = f"accuracy {min_accuracy:g} is above the most accurate plan found within the quotas and floors"
            told += f", {in_full(nearest.value)}; none reaches more than {nearest.bound:.6g}"
        raise UserError(told) from reason
