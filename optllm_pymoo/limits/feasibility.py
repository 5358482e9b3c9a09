"""Whether any plan meets the limits; if none does, the reason and the nearest feasible value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from optllm_pymoo.limits.limit import Kind
from optllm_pymoo.limits.linear import LinearLimits, Weights
from optllm_pymoo.limits.relaxation import Relaxation, relax
from optllm_pymoo.solver import Status, solve_multiple_choice
from optllm_pymoo.tolerances import PROVEN, SAME_TOTAL
from optllm_pymoo.validation import (
    UserError,
    as_mask,
    as_names,
    as_table,
    check_frame_labels,
    check_shape,
    in_full,
    rounded_down,
    rounded_up,
)

SECONDS = 20.0
"""Time limit for HiGHS to find a whole plan, in seconds."""


class Feasibility:
    """Finds the reason why no plan meets some limits, and the nearest feasible values.

    Args:
        limits: Tables and limits.

    Example:
        >>> from optllm_pymoo import AllocationProblem, Quota
        >>> tables = [[1.0, 3.0]] * 10, [[0.5, 0.9]] * 10
        >>> limits = AllocationProblem(*tables, limits=[Quota("llm0", calls=4), Quota("llm1", calls=6)]).limits
        >>> Feasibility(limits).nearest(0)
        'llm0 would need at least 4 calls'
    """

    def __init__(self, limits: LinearLimits, /) -> None:
        self.limits = limits

    def check_one_by_one(self) -> None:
        """Refuse limits that are impossible for a simple reason; report the first one found.

        A floor above what its group can reach; quotas of calls that leave queries without an LLM (exact: a transport
        problem over the patterns of the mask); a limit of dollars, tokens or an additive table beyond what any plan
        has.

        Raises:
            UserError: With the reason and the nearest feasible value.
        """
        limits = self.limits
        best = limits.accuracy if limits.allowed is None else np.where(limits.allowed, limits.accuracy, -np.inf)
        reach = best.max(axis=1).astype(float)
        for k in self._of_kind(Kind.ACCURACY):
            mine = slice(None) if limits.of_group[k] < 0 else limits.cells.group == limits.of_group[k]
            floor, most = limits.amounts(k, limits.limit[k]), float(reach[mine].sum()) / limits.rows[k].per
            if most < floor - PROVEN:
                raise UserError(
                    f"{self._nearest(k, -most * limits.rows[k].per)}, floor {in_full(floor)}."
                    " Lower the floor, or allow a better LLM"
                )
        self._check_calls()
        for k in self._of_kind(Kind.USD, Kind.TOKENS, Kind.ADDITIVE):
            use = limits.cell_uses(k)
            if limits.allowed is not None:
                use[~limits.allowed] = np.inf
            least = float(use.min(axis=1).sum())
            if least > limits.limit[k] + max(limits.tolerance[k], PROVEN * abs(least)):
                row, amount = limits.rows[k], self._amount(k, least)
                if row.kind is not Kind.ADDITIVE:
                    raise UserError(
                        f"{row.name}: every plan needs at least {amount}. Raise it to that, or allow other LLMs"
                    )
                raise UserError(
                    f"{row.name}: {'the least' if limits.sign[k] > 0 else 'the most'} that any plan has is {amount}"
                )

    def check_together(self) -> None:
        """Refuse limits that exclude each other, by the linear relaxation, whose dual is a proof.

        Raises:
            UserError: With a smallest set of limits that no plan meets together, and the nearest feasible value.
        """
        limits = self.limits
        if self._phase_one().bound >= -PROVEN:
            return
        kept = list(range(len(limits)))
        for k in list(kept):
            fewer = [other for other in kept if other != k]
            if fewer and Feasibility(limits.only(fewer))._phase_one().bound < -PROVEN:
                kept = fewer
        conflict = limits.only(kept)
        for k in reversed(kept):
            # limits outside of the conflict may keep the nearest value farther away
            if Feasibility(limits.without(k))._phase_one().bound >= -PROVEN:
                nearest = self.nearest(k)
                break
        else:
            nearest = Feasibility(conflict).nearest(len(conflict) - 1)
        raise UserError(f"no plan meets {' and '.join(conflict.names)} together; with the others, {nearest}")

    def nearest(self, k: int, /) -> str:
        """Find the nearest feasible value of one limit, with the others unchanged.

        Args:
            k: Index of the limit to change.

        Returns:
            Part of a sentence. The value is that of the linear relaxation, so no smaller change is feasible.
        """
        limits = self.limits
        penalty = 1e3 / limits.scale
        penalty[k] = 1.0 / limits.scale[k]
        excess = max(0.0, -self._phase_one(penalty).bound) * float(limits.scale[k])
        return self._nearest(k, float(limits.limit[k]) + excess)

    def whole_plan(self, *, least: int | None = None) -> tuple[Status, np.ndarray | None]:
        """Find a whole plan with HiGHS, for limits so tight that moves of single queries find none.

        Args:
            least: A limit that may be exceeded; the excess is minimised.

        Returns:
            The status of the search; `Status.INFEASIBLE` proves that there is no plan. Then (N,) the plan, or None.
        """
        limits = self.limits if least is None else self.limits.without(least)
        shape = limits.cost.shape
        queries, llms = np.nonzero(np.ones(shape, dtype=bool) if limits.allowed is None else limits.allowed)
        unit, objective = 1.0 / limits.typical, np.zeros(len(queries))
        if least is not None:
            objective = self.limits.only([least]).weights(queries, llms)[0] / self.limits.typical[least]
        rows, most = limits.weights(queries, llms) * unit[:, None], limits.limit * unit
        found = solve_multiple_choice(objective, queries, rows, most, exactly=True, seconds=SECONDS)
        if found.x is None:
            return found.status, None
        x = np.empty(shape[0], dtype=np.int8 if shape[1] <= 127 else np.int32)
        chosen = found.x > 0.5
        x[queries[chosen]] = llms[chosen]
        return found.status, x if limits.are_met(x[None])[0] else None

    def nearest_for_whole_plans(self) -> str:
        """Describe the nearest value of one limit that is feasible for whole queries; "" if none was found."""
        for k in reversed(range(len(self.limits))):
            status, x = self.whole_plan(least=k)
            if status is Status.OPTIMAL and x is not None:
                return f"; with the others, {self._nearest(k, float(self.limits.uses(x[None])[0, k]))}"
        return ""

    def _check_calls(self) -> None:
        """Refuse quotas of calls that leave queries without an LLM."""
        limits = self.limits
        calls = limits.only(self._of_kind(Kind.CALLS))
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
        elif (raised := quotas.raised()) is not None:
            values = (quotas.instead(k, int(raised[k])) for k in range(len(calls)) if raised[k] > calls.limit[k])
            hint = f"No single quota can make up for that; {' and '.join(values)} would do"
        else:
            hint = "Raise several, or allow more LLMs"
        others = "" if len(calls) == len(limits) else ", as far as calls go; other limits come on top"
        raise UserError(f"quotas allow {placeable:,} of {limits.n_queries:,} queries. {hint}{others}")

    def _phase_one(self, penalty: np.ndarray | None = None) -> Relaxation:
        """Minimise the summed relative excess; its bound is below 0 exactly if no fractional plan meets the limits."""
        return relax(self.limits, Weights(0.0, 0.0), penalty=1.0 / self.limits.scale if penalty is None else penalty)

    def _nearest(self, k: int, value: float) -> str:
        """Describe the value of b_k to which limit k has to be changed."""
        row, amount = self.limits.rows[k], self._amount(k, value)
        if row.kind is Kind.ACCURACY:
            whole_batch = self.limits.of_group[k] < 0
            return (
                f"{'all queries together reach' if whole_batch else f'group {row.subject!r} reaches'} at most {amount}"
            )
        if row.kind is Kind.ADDITIVE:
            return f"{row.subject} would have to be {amount}"
        return f"{row.subject} would need at least {amount}"

    def _amount(self, k: int, value: float) -> str:
        """Write a value of b_k with its unit, rounded to the feasible side."""
        row, amount = self.limits.rows[k], float(self.limits.amounts(k, value))
        if row.kind is Kind.CALLS:
            return _calls(int(np.ceil(amount - 1e-6)))
        # a total that differs only by rounding is the same: don't round it to the next digit
        slack = SAME_TOTAL * abs(amount)
        text = rounded_up(amount - slack) if self.limits.sign[k] > 0 else rounded_down(amount + slack)
        return text if row.kind is Kind.ACCURACY else f"{text} {row.unit}".rstrip()

    def _of_kind(self, *kinds: Kind) -> list[int]:
        return [k for k, row in enumerate(self.limits.rows) if row.kind in kinds]


class _CallQuotas:
    """Quotas of calls alone: an exact transport problem whose size doesn't depend on the number of queries.

    Queries with the same allowed LLMs are interchangeable, so the problem is a maximum flow from patterns of the mask
    to LLMs. With quotas of overlapping providers it isn't a flow any more; HiGHS solves both as an integer programme
    with one variable per pattern and LLM.
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
        """Return the largest number of queries that can be sent to an LLM."""
        found = solve_multiple_choice(-np.ones(len(self.pattern)), self.pattern, self.uses, self.now, **self.given)
        return 0 if found.x is None else round(-found.value)

    def smallest(self, k: int) -> int | None:
        """Find the smallest value of one quota at which all queries get an LLM, with the other quotas unchanged."""
        limits = self.now.copy()
        limits[k] = self.limits.n_queries
        found = solve_multiple_choice(self.uses[k], self.pattern, self.uses, limits, exactly=True, **self.given)
        return None if found.x is None else round(found.value)

    def raised(self) -> np.ndarray | None:
        """Find quotas at which all queries get an LLM, with the fewest calls added in total; None if there are none."""
        nothing, penalty = np.zeros(len(self.pattern)), np.ones(len(self.limits))
        given = {**self.given, "exactly": True, "penalty": penalty}
        found = solve_multiple_choice(nothing, self.pattern, self.uses, self.now, **given)
        return None if found.x is None else self.now + np.rint(found.excess)

    def instead(self, k: int, calls: int) -> str:
        """Describe another value of a quota."""
        return f"{_calls(calls)} for {self.limits.rows[k].subject} instead of {self.limits.limit[k]:,.15g}"


def _calls(number: int) -> str:
    return f"{number:,} call{'s' * (number != 1)}"


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
    """Turn floors and ceilings of single queries into a mask.

    Such limits only exclude cells of the tables: pass the mask as ``allowed=``, and the supported front of the other
    cells is exact.

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
            limits; the message names the first such query and the nearest feasible limit.

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
    """Keep the cells with sign·table <= sign·limit; refuse a query without any."""
    with np.errstate(over="ignore"):
        rounded = limit.astype(table.dtype)  # in the table's type: 0.1 in float32 meets a ceiling of 0.1
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
