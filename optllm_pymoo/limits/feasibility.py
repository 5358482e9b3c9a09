"""Whether any plan meets the limits: the reason why none does, and the nearest value that would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from optllm_pymoo.limits.limit import Kind
from optllm_pymoo.limits.linear import LinearLimits, Weights
from optllm_pymoo.limits.relaxation import Relaxation, relax
from optllm_pymoo.solver import Solved, Status, solve_multiple_choice
from optllm_pymoo.tolerances import PROVEN, SAME_TOTAL
from optllm_pymoo.validation import UserError, as_mask, as_names, as_table, check_frame_labels, check_shape, in_full

LOOSEN = ". Loosen a limit slightly"
"""Said where no nearest value is known."""

SECONDS = 20.0
"""Time for HiGHS to find a whole plan."""


def check_possible(limits: LinearLimits, /) -> None:
    """Refuse limits that are impossible for a simple reason, the first that is found.

    A floor above what its group can reach; quotas of calls that leave queries without an LLM (exact: a transport
    problem over the patterns of the mask); a limit of dollars, tokens or an additive table beyond what any plan has.

    Args:
        limits: Tables and limits.

    Raises:
        UserError: With the reason and the nearest value that would do.
    """
    _check_floors(limits)
    _check_calls(limits)
    _check_single(limits)


def check_together(limits: LinearLimits, /) -> None:
    """Refuse limits that exclude each other, by the linear relaxation, whose dual is a proof.

    Args:
        limits: Tables and limits.

    Raises:
        UserError: With a smallest set of limits that no plan meets together, and the nearest value that would do.
    """
    if _phase_one(limits).bound < -PROVEN:
        raise UserError(_conflict(limits))


def _check_floors(limits: LinearLimits) -> None:
    best = limits.accuracy if limits.allowed is None else np.where(limits.allowed, limits.accuracy, -np.inf)
    reach = best.max(axis=1).astype(float)
    for k in _of_kind(limits, Kind.ACCURACY):
        mine = slice(None) if limits.of_group[k] < 0 else limits.cells.group == limits.of_group[k]
        floor, most = limits.amounts(k, limits.limit[k]), float(reach[mine].sum()) / limits.rows[k].per
        if most < floor - PROVEN:
            raise UserError(
                f"{_reaching(limits, k)} at most {_directed(most, -1.0)}, floor {floor:.6g}."
                " Lower the floor, or allow a better LLM"
            )


def _check_calls(limits: LinearLimits) -> None:
    calls = limits.only(_of_kind(limits, Kind.CALLS))
    if not len(calls):
        return
    quotas = _CallQuotas(calls)
    placeable = quotas.placeable()
    if placeable == limits.n_queries:
        return
    helping = [(value, k) for k in range(len(calls)) if (value := quotas.smallest(k)) is not None]
    if helping:
        value, k = min(helping, key=lambda pair: pair[0] - calls.limit[pair[1]])
        hint = f"{quotas.instead(k, value)} would do"
    elif (enough := quotas.raised()) is not None:
        told = (quotas.instead(k, int(enough[k])) for k in range(len(calls)) if enough[k] > calls.limit[k])
        hint = f"No single quota can make up for that; {' and '.join(told)} would do"
    else:
        hint = "Raise several, or allow more LLMs"
    others = "" if len(calls) == len(limits) else ", as far as calls go; other limits come on top"
    raise UserError(f"quotas allow {placeable:,} of {limits.n_queries:,} queries. {hint}{others}")


class _CallQuotas:
    """Quotas of calls alone: an exact transport problem, however many queries there are.

    Queries with the same allowed LLMs are alike, so a whole number of them goes to each LLM: a maximum flow from
    patterns of the mask to LLMs. Quotas of overlapping providers are no flow any more; HiGHS solves either as an
    integer programme with one variable per pattern and LLM.
    """

    def __init__(self, limits: LinearLimits) -> None:
        self.limits = limits
        if limits.allowed is None:
            patterns, sizes = np.ones((1, limits.cost.shape[1]), dtype=bool), np.array([limits.n_queries])
        else:
            patterns, sizes = np.unique(limits.allowed, axis=0, return_counts=True)
        pattern, llm = np.nonzero(patterns)
        self.uses = limits.members[:, llm].astype(float)
        self.given: dict[str, Any] = {"each": sizes.astype(float), "upper": sizes[pattern].astype(float)}
        self.pattern, self.now = pattern, np.floor(limits.limit * (1 + SAME_TOTAL))

    def placeable(self) -> int:
        """Count how many queries find an LLM at the most."""
        found = solve_multiple_choice(-np.ones(len(self.pattern)), self.pattern, self.uses, self.now, **self.given)
        return 0 if found.x is None else round(-found.value)

    def smallest(self, k: int) -> int | None:
        """Find the smallest value of one quota at which all queries find an LLM, the others staying as they are."""
        limits = self.now.copy()
        limits[k] = self.limits.n_queries
        found = solve_multiple_choice(self.uses[k], self.pattern, self.uses, limits, exactly=True, **self.given)
        return None if found.x is None else round(found.value)

    def raised(self) -> np.ndarray | None:
        """Find quotas at which all queries find an LLM, with the fewest calls added in all; None if there are none."""
        nothing, penalty = np.zeros(len(self.pattern)), np.ones(len(self.limits))
        given = {**self.given, "exactly": True, "penalty": penalty}
        found = solve_multiple_choice(nothing, self.pattern, self.uses, self.now, **given)
        return None if found.x is None else self.now + np.rint(found.excess)

    def instead(self, k: int, calls: int) -> str:
        """Name another value of a quota."""
        return f"{calls:,} calls for {self.limits.rows[k].whom} instead of {self.limits.limit[k]:,.15g}"


def _check_single(limits: LinearLimits) -> None:
    for k in _of_kind(limits, Kind.USD, Kind.TOKENS, Kind.ADDITIVE):
        use = limits.cell_uses(k)
        if limits.allowed is not None:
            use[~limits.allowed] = np.inf
        least = float(use.min(axis=1).sum())
        if least > limits.limit[k] + max(limits.tolerance[k], PROVEN * abs(least)):
            row = limits.rows[k]
            if row.kind is not Kind.ADDITIVE:
                raise UserError(
                    f"{row.name}: the queries that may go nowhere else need {_amount(limits, k, least)}."
                    " Raise it to that, or allow other LLMs"
                )
            far = "the least" if limits.sign[k] > 0 else "the most"
            raise UserError(f"{row.name}: {far} that any plan has is {_amount(limits, k, least)}")


def _phase_one(limits: LinearLimits, penalty: np.ndarray | None = None) -> Relaxation:
    """Minimise the summed relative excess; its bound is below 0 just where no fractional plan meets the limits."""
    return relax(limits, Weights(0.0, 0.0), penalty=1.0 / limits.scale if penalty is None else penalty)


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
        if _phase_one(limits.without(k)).bound >= -PROVEN:
            return f"{told}; with the others, {nearest_feasible(limits, k)}"
    return f"{told}; with the others, {nearest_feasible(conflict, len(conflict) - 1)}"


def whole_hint(limits: LinearLimits) -> str:
    """Say which value of one limit would do for whole queries, the last one that helps; nothing where none is known."""
    for k in reversed(range(len(limits))):
        value = _least_use(limits, k)
        if value is not None:
            return f"; with the others, {_nearest(limits, k, value)}"
    return LOOSEN


def nearest_feasible(limits: LinearLimits, k: int, /) -> str:
    """Say which value of one limit would do while the others stay as they are.

    Args:
        limits: Limits that no plan meets together.
        k: Which of them is to move.

    Returns:
        A part of a sentence; the value is that of the linear relaxation, so nothing less will do.
    """
    return _nearest(limits, k, _nearest_sum(limits, k))


def _nearest_sum(limits: LinearLimits, k: int) -> float:
    """Find the least b_k at which some fractional plan meets all limits."""
    penalty = 1e3 / limits.scale
    penalty[k] = 1.0 / limits.scale[k]
    return float(limits.limit[k]) + max(0.0, -_phase_one(limits, penalty).bound) * float(limits.scale[k])


def _nearest(limits: LinearLimits, k: int, value: float) -> str:
    """Say that limit k would have to be moved to a value of b_k."""
    row, amount = limits.rows[k], _amount(limits, k, value)
    if row.kind is Kind.ACCURACY:
        return f"{_reaching(limits, k)} at most {amount}"
    if row.kind is Kind.ADDITIVE:
        return f"{row.whom} would have to be {amount}"
    return f"{row.whom} would need at least {amount}"


def _amount(limits: LinearLimits, k: int, value: float) -> str:
    """Write a value of b_k with its unit: rounded so that it is enough."""
    row, amount = limits.rows[k], float(limits.amounts(k, value))
    if row.kind is Kind.CALLS:
        return f"{int(np.ceil(amount - 1e-6)):,} {row.unit}"
    text = _directed(amount, limits.sign[k])
    return text if row.kind is Kind.ACCURACY else f"{text} {row.unit}".rstrip()


def _reaching(limits: LinearLimits, k: int) -> str:
    whole_batch = limits.of_group[k] < 0
    return "all queries together reach" if whole_batch else f"group {limits.rows[k].whom!r} reaches"


def _of_kind(limits: LinearLimits, *kinds: Kind) -> list[int]:
    return [k for k, row in enumerate(limits.rows) if row.kind in kinds]


def _directed(value: float, direction: float) -> str:
    """Six digits, rounded up (direction 1) where it has to be enough, down (-1) where it has to be reached."""
    text = f"{value:.6g}"
    if direction * (float(text) - value) < -SAME_TOTAL * abs(value):
        step = 10.0 ** (np.floor(np.log10(abs(value))) - 5)
        text = f"{value + direction * step:.6g}"
    return text


class WholePlan(NamedTuple):
    """What branch and bound found."""

    x: np.ndarray | None
    """(N,) a plan that meets the limits, or None."""
    is_proven: bool
    """Whether, without a plan, it is proved that there is none."""


def whole_plan(limits: LinearLimits, /) -> WholePlan:
    """Let HiGHS find a whole plan, for limits so tight that moving queries one by one finds none.

    Args:
        limits: Tables and limits, which some fractional plan meets.
    """
    queries, llms = _allowed_cells(limits)
    found = _solve(limits, queries, llms, np.zeros(len(queries)))
    if found.x is None:
        return WholePlan(None, found.status is Status.INFEASIBLE)
    x = _plan(limits, queries, llms, found.x)
    return WholePlan(x if limits.are_met(x[None])[0] else None, False)


def _least_use(limits: LinearLimits, k: int) -> float | None:
    """Find the least b_k at which a whole plan meets all limits; None if there is none, or HiGHS ran out of time."""
    others = limits.without(k)
    queries, llms = _allowed_cells(limits)
    use = limits.only([k]).weights(queries, llms)[0] / limits.typical[k]
    found = _solve(others, queries, llms, use)
    if found.status is not Status.OPTIMAL or found.x is None:
        return None
    x = _plan(limits, queries, llms, found.x)[None]
    return float(limits.uses(x)[0, k]) if others.are_met(x)[0] else None


def _allowed_cells(limits: LinearLimits) -> tuple[np.ndarray, np.ndarray]:
    n_queries, n_llms = limits.cost.shape
    queries, llms = np.repeat(np.arange(n_queries), n_llms), np.tile(np.arange(n_llms), n_queries)
    if limits.allowed is not None:
        queries, llms = queries[limits.allowed.ravel()], llms[limits.allowed.ravel()]
    return queries, llms


def _solve(limits: LinearLimits, queries: np.ndarray, llms: np.ndarray, objective: np.ndarray) -> Solved:
    """Minimise a sum over the cells that a plan takes."""
    unit = 1.0 / limits.typical
    rows = limits.weights(queries, llms) * unit[:, None]
    return solve_multiple_choice(objective, queries, rows, limits.limit * unit, exactly=True, seconds=SECONDS)


def _plan(limits: LinearLimits, queries: np.ndarray, llms: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(N,) from the cells that HiGHS took."""
    x = np.empty(limits.n_queries, dtype=np.int8 if limits.cost.shape[1] <= 127 else np.int32)
    chosen = shares > 0.5
    x[queries[chosen]] = llms[chosen]
    return x


def allowed_by_limits(
    cost: Any,
    accuracy: Any,
    /,
    *,
    min_accuracy: Any = None,
    max_cost_usd: Any = None,
    latency: Any = None,
    max_latency: Any = None,
    allowed: Any = None,
    query_ids: Sequence[Any] | None = None,
) -> np.ndarray:
    """Turn floors and ceilings that hold for each query by itself into a mask.

    Such limits only take cells from the tables: pass the outcome as ``allowed=`` and the supported front of what is
    left is exact.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M) in [0, 1].
        min_accuracy: Floor on the accuracy of a query's LLM: a number, or (N,) of them.
        max_cost_usd: Ceiling on the cost of a call, US$: a number, or (N,).
        latency: (N, M) seconds per call, >= 0; needed for ``max_latency``.
        max_latency: Ceiling on a call's seconds: a number, or (N,).
        allowed: (N, M) mask to narrow further.
        query_ids: N names for messages; by default the row numbers.

    Returns:
        (N, M) bool with a True in every row.

    Raises:
        UserError: If a table does not hold numbers; if tables disagree in shape, or a query has no LLM that meets its
            limits; the message names the first one and the nearest limit that would do.

    Example:
        >>> allowed_by_limits([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]], min_accuracy=0.4).tolist()
        [[False, True], [True, True]]
        >>> allowed_by_limits([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]], min_accuracy=0.7)
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: no LLM reaches the floor of query '0': accuracy 0.7 is asked for, the best reaches 0.6
        (1 such query)
    """
    check_frame_labels(cost=cost, accuracy=accuracy, latency=latency, allowed=allowed)
    prices = as_table("cost", cost, lower=0.0)
    quality = as_table("accuracy", accuracy, lower=0.0, upper=1.0)
    check_shape("accuracy", quality, prices.shape)
    mask = np.ones(prices.shape, bool) if allowed is None else np.array(as_mask("allowed", allowed, prices.shape))
    ids = as_names("query_ids", query_ids, len(prices), default="")
    if max_latency is not None:
        if latency is None:
            raise UserError("max_latency needs latency=, a table (N, M) of seconds per call")
        seconds = as_table("latency", latency, lower=0.0)
        check_shape("latency", seconds, prices.shape)
        mask = _narrowed(mask, seconds, _per_query("max_latency", max_latency, len(prices)), 1, ids, "latency", " s")
    if max_cost_usd is not None:
        ceiling = _per_query("max_cost_usd", max_cost_usd, len(prices))
        mask = _narrowed(mask, prices, ceiling, 1, ids, "cost", " US$")
    if min_accuracy is not None:
        floor = _per_query("min_accuracy", min_accuracy, len(prices))
        mask = _narrowed(mask, quality, floor, -1, ids, "accuracy", "")
    return mask


def _per_query(name: str, limit: Any, n_queries: int) -> np.ndarray:
    limits = np.asarray(limit, dtype=float)
    if limits.shape not in ((), (n_queries,)):
        raise UserError(f"{name} must be a number or {n_queries} of them; got shape {limits.shape}")
    if np.isnan(limits).any():
        raise UserError(f"{name} must not be NaN")
    return np.broadcast_to(limits, n_queries)


def _narrowed(
    mask: np.ndarray, table: np.ndarray, limit: np.ndarray, sign: int, ids: Sequence[str], what: str, unit: str
) -> np.ndarray:
    """Keep the cells with sign·table <= sign·limit, or raise at the first query that keeps none."""
    with np.errstate(over="ignore"):
        rounded = limit.astype(table.dtype)  # as the table is: 0.1 in float32 keeps to a ceiling of 0.1
    narrowed = mask & (sign * table <= sign * rounded[:, None])
    empty = np.flatnonzero(~narrowed.any(axis=1))
    if not len(empty):
        return np.asarray(narrowed)
    i, queries = int(empty[0]), "query" if len(empty) == 1 else "queries"
    nearest = sign * float(np.min(sign * table[i, mask[i]]))
    verb, best = ("keeps to the ceiling", "the lowest is") if sign > 0 else ("reaches the floor", "the best reaches")
    raise UserError(
        f"no LLM {verb} of query {ids[i]!r}: {what} {in_full(float(limit[i]))}{unit} is asked for,"
        f" {best} {in_full(nearest)}{unit} ({len(empty)} such {queries})"
    )
