"""Whether any plan meets the limits: said before a search, with the reason and the nearest value that would do."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.rules import CALLS, FLOOR, TOKENS, TOTAL_FLOOR, USD
from optllm_pymoo.limits.calls import placeable_queries, raised_call_quotas, smallest_call_quota
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.limits.plans import mended
from optllm_pymoo.limits.relaxation import Relaxation, relax
from optllm_pymoo.limits.whole import NoWholePlan, least_use, whole_plan
from optllm_pymoo.validation import UserError

PROVEN = 1e-9
"""Relative excess that counts as one: less may be rounding."""

LOOSEN = ". Loosen a limit slightly"
"""Said where no nearest value is known."""

UNIT = {CALLS: " calls", USD: " US$", TOKENS: " tokens", FLOOR: "", TOTAL_FLOOR: ""}


def feasible_plan(limits: LinearLimits, /) -> np.ndarray:
    """Find some plan that meets the limits.

    The reasons are looked for from the simplest to the most involved, and the first is told: a floor above what its
    group can reach; quotas of calls that leave queries without an LLM (exact: a transport problem over the patterns of
    the mask); a quota of dollars or tokens below what the queries need that may go nowhere else; several limits that
    exclude each other, by the linear relaxation, whose dual is a proof. Where fractions could meet the limits,
    a whole plan is made from them; HiGHS searches for one where that fails.

    Fractions are first looked for with cost and accuracy as the objective. That takes a small part of the time of the
    proof, whose objective is the excess alone: there all LLMs are alike for a query, so that its linear programme
    has to hold the whole batch. The proof is needed only where the limits can't be met.

    Args:
        limits: Tables and limits.

    Returns:
        (N,) LLM per query.

    Raises:
        ValueError: If there is none; the message has the reason and the nearest feasible value.
    """
    _check_floors(limits)
    _check_calls(limits)
    _check_single(limits)
    weights = _balanced(limits)
    first = relax(limits, *weights)
    if first.violation > 0.0 and _phase_one(limits).bound < -PROVEN:
        raise UserError(_conflict(limits))
    plan = mended(limits, first.x, *weights, first.prices)
    if plan is not None:
        return plan
    try:
        return whole_plan(limits)
    except NoWholePlan as none_found:
        raise UserError(f"{none_found}{_whole_hint(limits) if none_found.proven else LOOSEN}") from None


def _balanced(limits: LinearLimits) -> tuple[float, float]:
    """Weights at which the ranges of accuracy and cost count the same; 1 where there is no range."""
    accuracy = float(limits.accuracy.max()) - float(limits.accuracy.min())
    cost = float(limits.cost.max()) - float(limits.cost.min())
    return 1.0 / (accuracy or 1.0), 1.0 / (cost or 1.0)


def _check_floors(limits: LinearLimits) -> None:
    best = limits.accuracy if limits.allowed is None else np.where(limits.allowed, limits.accuracy, -np.inf)
    reach = best.max(axis=1).astype(float)
    for k in np.flatnonzero((limits.kind == FLOOR) | (limits.kind == TOTAL_FLOOR)):
        mine = slice(None) if limits.kind[k] == TOTAL_FLOOR else limits.cells.group == limits.of_group[k]
        size = len(reach[mine])
        floor, most = -limits.limit[k] / size, float(reach[mine].sum()) / size
        if most < floor - PROVEN:
            raise UserError(
                f"{_reaching(limits, int(k))} at most {_down(most)}, floor {floor:.6g}."
                " Lower the floor, or allow a better LLM"
            )


def _check_calls(limits: LinearLimits) -> None:
    calls = limits.only(np.flatnonzero(limits.kind == CALLS))
    if not len(calls):
        return
    placeable = placeable_queries(calls)
    if placeable == limits.n_queries:
        return
    enough = [smallest_call_quota(calls, k) for k in range(len(calls))]
    helping = [(value, k) for k, value in enumerate(enough) if value is not None]
    if helping:
        value, k = min(helping, key=lambda pair: pair[0] - calls.limit[pair[1]])
        hint = f"{value:,} calls for {calls.whom[k]} instead of {calls.limit[k]:,.15g} would do"
    else:
        hint = _several_calls(calls)
    others = "" if len(calls) == len(limits) else ", as far as calls go; other limits come on top"
    raise UserError(f"quotas allow {placeable:,} of {limits.n_queries:,} queries. {hint}{others}")


def _several_calls(calls: LinearLimits) -> str:
    """Say which quotas have to be raised together, by as few calls as will do."""
    enough = raised_call_quotas(calls)
    if enough is None:
        return "Raise several, or allow more LLMs"
    raised = [k for k in range(len(calls)) if enough[k] > calls.limit[k]]
    told = (f"{int(enough[k]):,} calls for {calls.whom[k]} instead of {calls.limit[k]:,.15g}" for k in raised)
    return f"No single quota can make up for that; {' and '.join(told)} would do"


def _check_single(limits: LinearLimits) -> None:
    for k in np.flatnonzero((limits.kind == USD) | (limits.kind == TOKENS)):
        table = limits.cost if limits.kind[k] == USD else limits.tokens
        assert table is not None
        use = np.where(limits.members[k], table.astype(float), 0.0)
        if limits.allowed is not None:
            use[~limits.allowed] = np.inf
        least = float(use.min(axis=1).sum())
        if least > limits.limit[k] + max(limits.tolerance[k], PROVEN * least):
            raise UserError(
                f"{limits.names[k]}: the queries that may go nowhere else need {_up(least)}{UNIT[limits.kind[k]]}."
                " Raise it to that, or allow other LLMs"
            )


def _phase_one(limits: LinearLimits, penalty: np.ndarray | None = None) -> Relaxation:
    """Minimise the summed relative excess; its bound is below 0 just where no fractional plan meets the limits."""
    return relax(limits, 0.0, 0.0, penalty=1.0 / limits.scale if penalty is None else penalty)


def _conflict(limits: LinearLimits) -> str:
    """Name a smallest set of limits that exclude each other, and how far one of them would have to move."""
    kept = list(range(len(limits)))
    for k in list(kept):
        fewer = [other for other in kept if other != k]
        if fewer and _phase_one(limits.only(fewer)).bound < -PROVEN:
            kept = fewer
    conflict = limits.only(kept)
    told = f"no plan meets {' and '.join(conflict.names)} together"
    for k in reversed(kept):
        # limits outside of the conflict may keep the nearest value farther away
        if _phase_one(limits.only([other for other in range(len(limits)) if other != k])).bound >= -PROVEN:
            return f"{told}; {nearest_feasible(limits, k)}"
    return f"{told}; {nearest_feasible(conflict, len(conflict) - 1)}"


def _whole_hint(limits: LinearLimits) -> str:
    """Say which value of one limit would do for whole queries; the last one that helps."""
    for k in reversed(range(len(limits))):
        value = least_use(limits, k)
        if value is not None:
            return f"; {_nearest(limits, k, value - float(limits.limit[k]))}"
    return LOOSEN


def nearest_feasible(limits: LinearLimits, k: int, /) -> str:
    """Say which value of one limit would do while the others stay as they are.

    Args:
        limits: Limits that no plan meets together.
        k: Which of them is to move.

    Returns:
        A part of a sentence; the value is that of the linear relaxation, so nothing less will do.
    """
    return _nearest(limits, k, nearest_value(limits, k) - float(limits.limit[k]))


def nearest_value(limits: LinearLimits, k: int, /) -> float:
    """Find the value of one limit, in the unit of ``limits.limit``, that `nearest_feasible` tells.

    Args:
        limits: Limits that no plan meets together.
        k: Which of them is to move.
    """
    penalty = 1e3 / limits.scale
    penalty[k] = 1.0 / limits.scale[k]
    return float(limits.limit[k]) + max(0.0, -_phase_one(limits, penalty).bound) * float(limits.scale[k])


def _nearest(limits: LinearLimits, k: int, excess: float) -> str:
    value = limits.limit[k] + excess
    kind = limits.kind[k]
    if kind in (FLOOR, TOTAL_FLOOR):
        size = float(limits.scale[k])
        return f"with the others, {_reaching(limits, k)} at most {_down(-value / size)}"
    amount = f"{int(np.ceil(value - 1e-6)):,}" if kind == CALLS else _up(value)
    return f"with the others, {limits.whom[k]} would need at least {amount}{UNIT[kind]}"


def _reaching(limits: LinearLimits, k: int) -> str:
    whole_batch = limits.kind[k] == TOTAL_FLOOR
    return "all queries together reach" if whole_batch else f"group {limits.whom[k]!r} reaches"


def _up(value: float) -> str:
    """Six digits, rounded up: what is asked for has to be enough."""
    return _directed(value, 1.0)


def _down(value: float) -> str:
    """Six digits, rounded down: what is reached has to be reached."""
    return _directed(value, -1.0)


def _directed(value: float, direction: float) -> str:
    text = f"{value:.6g}"
    if direction * (float(text) - value) < -1e-12 * abs(value):
        step = 10.0 ** (np.floor(np.log10(abs(value))) - 5)
        text = f"{value + direction * step:.6g}"
    return text
