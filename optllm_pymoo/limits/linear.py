"""Limits as linear inequalities over plans, stored by their structure: no table per limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo.kernels.limits import ACCURACY, CALLS, COST, EXTRA, Cells, Coefficients, Rules, Slack, sums_by_llm
from optllm_pymoo.limits.limit import Additive, Ceiling, Floor, Kind, Quota
from optllm_pymoo.tolerances import SAME_TOTAL
from optllm_pymoo.validation import UserError, as_table, check_shape, in_full, read_only, unknown_name


class Row(NamedTuple):
    """Description of one limit, for reports."""

    kind: Kind
    name: str
    """The limit in words."""
    subject: str
    """The LLM, provider, group or table that is limited."""
    unit: str
    per: float = 1.0
    """Divisor of the sum for the user's number: the number of queries for a mean, else 1."""


class Weights(NamedTuple):
    """Weights of summed accuracy, total US$ and the third objective's sum; all but accuracy are minimised."""

    accuracy: float
    usd: float
    third: float = 0.0


@dataclass(frozen=True, eq=False)
class LinearLimits:
    """K limits Σ_i W_k[i, x_i] <= b_k on plans, and the tables that they sum.

    W_k is a table with a sign: 1 per query, US$, accuracy or a further table, where LLM j counts and query i is in the
    limit's group, and 0 elsewhere. A lower limit has the sign -1, and so has its b_k. That takes
    O(K M + N) memory, and priced scores with any number of limits take one pass over the tables.

    Attributes:
        cost: (N, M) US$ per call.
        accuracy: (N, M).
        allowed: (N, M) bool, or None.
        extra: (E, N, M) further tables, of the type of ``cost``: tokens and additive ones.
        group: (N,) int32 group per query, ``n_groups`` for queries of no group; None where there are no groups.
        n_groups: G.
        table: (K,) which table is summed, see `Rules`.
        sign: (K,) 1.0 or -1.0.
        member: (K, M) bool, LLMs that count; None without limits.
        of_group: (K,) group whose queries count, -1 for all.
        limit: (K,) b_k.
        rows: K descriptions.
        third: Place among ``extra`` of the third objective's table, as it is minimised; -1 without one.
    """

    cost: np.ndarray
    accuracy: np.ndarray
    allowed: np.ndarray | None = None
    extra: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0)))
    group: np.ndarray | None = None
    n_groups: int = 0
    table: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    sign: np.ndarray = field(default_factory=lambda: np.zeros(0))
    member: np.ndarray | None = None
    of_group: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    limit: np.ndarray = field(default_factory=lambda: np.zeros(0))
    rows: tuple[Row, ...] = ()
    third: int = -1

    @classmethod
    def of(
        cls,
        cost: np.ndarray,
        accuracy: np.ndarray,
        allowed: np.ndarray | None,
        llms: Sequence[str],
        /,
        *,
        limits: Any = (),
        groups: Any = None,
        tokens: np.ndarray | None = None,
        third: Additive | None = None,
    ) -> LinearLimits:
        """Build the rows of a problem's limits, in the order given.

        Args:
            cost: (N, M) checked US$ per call.
            accuracy: (N, M) checked.
            allowed: (N, M) checked mask, or None.
            llms: M names.
            limits: `Quota`, `Floor` and `Ceiling` objects, or one of them.
            groups: (N,) group of each query: any labels, compared as text; None or NaN for queries of no group.
            tokens: (N, M) checked tokens per call, for quotas of tokens.
            third: The third objective, whose table is checked.

        Raises:
            UserError: If an object is no limit, names or groups are unknown, or a table is missing or of another shape.
        """
        asked = [limits] if isinstance(limits, Quota | Floor | Ceiling) else list(limits or ())
        labels: list[str] = []
        group = None
        if groups is not None:
            raw = np.asarray(groups, dtype=object).reshape(-1)
            if len(raw) != len(cost):
                raise UserError(f"groups must name the group of each of the {len(cost)} queries; got {len(raw)}")
            is_known = ~np.asarray(pd.isna(raw))
            names, group_of_known = np.unique(raw[is_known].astype(str), return_inverse=True)
            labels, group = [str(name) for name in names], np.full(len(cost), len(names), dtype=np.int32)
            group[is_known] = group_of_known
            group = read_only(group)
        tables = _Tables(cost, tokens, third if asked else None)
        linear = cls(cost, accuracy, allowed, group=group, n_groups=len(labels), third=len(tables.extra) - 1)
        for k, limit in enumerate(asked):
            if isinstance(limit, Quota):
                subject, kind, most = limit.subject(llms), limit.kind, limit.limit
                table = tables.of_tokens(k) if kind is Kind.TOKENS else kind.table
                amount = in_full(most) if kind is Kind.USD else f"{most:,.15g}"
                unit = kind.unit.removesuffix("s") if most == 1 else kind.unit
                row = Row(kind, f"{amount} {unit} for {subject}", subject, kind.unit)
                linear = linear.plus(row, most, table=table, member=limit.members(llms))
            elif isinstance(limit, Ceiling) or (isinstance(limit, Floor) and isinstance(limit.of, Additive)):
                of, is_most = limit.of, isinstance(limit, Ceiling)
                assert isinstance(of, Additive)
                bound = float(limit.at_most if isinstance(limit, Ceiling) else limit.at_least)
                name = f"a {of.label} of at {'most' if is_most else 'least'} {in_full(bound)} {of.unit}".rstrip()
                row = Row(Kind.ADDITIVE, name, of.label, of.unit, of.per(len(cost)))
                linear = linear.plus(row, bound, sign=1.0 if is_most else -1.0, table=tables.of_additive(of))
            elif isinstance(limit, Floor):
                if groups is None:
                    raise UserError(
                        "floors need groups=, the group of each query; for all queries together give them one group"
                    )
                if limit.of not in labels:
                    raise UserError(unknown_name(str(limit.of), labels, kind="group"))
                place, name = labels.index(limit.of), f"floor {in_full(limit.at_least)} of group {limit.of!r}"
                row = Row(Kind.ACCURACY, name, str(limit.of), "accuracy", int(np.count_nonzero(group == place)))
                linear = linear.plus(row, float(limit.at_least), sign=-1.0, of_group=place)
            else:
                raise UserError(
                    f"limits must be Quota, Floor or Ceiling objects; limits[{k}] is {limit!r:.60}."
                    " Write Quota('llm', calls=100)"
                )
        if tables.extra:
            # a single further table, the usual case, is not copied
            extra = tables.extra[0][None] if len(tables.extra) == 1 else np.stack(tables.extra)
            linear = replace(linear, extra=read_only(extra))
        return linear.levelled()

    def levelled(self) -> LinearLimits:
        """Replace forbidden cells by the query's least allowed values; without limits, return the tables unchanged.

        Forbidden cells may hold placeholders, such as a price of a million, that would distort the units of excesses
        and gaps.
        """
        allowed = self.allowed
        if allowed is None or not len(self):
            return self
        tables = self.cost, self.accuracy, *self.extra
        least = (each.min(axis=1, keepdims=True, where=allowed, initial=np.inf).astype(each.dtype) for each in tables)
        cost, accuracy, *extra = (np.where(allowed, *pair) for pair in zip(tables, least, strict=True))
        stacked = np.stack(extra) if extra else self.extra
        return replace(self, cost=read_only(cost), accuracy=read_only(accuracy), extra=read_only(stacked))

    def __getstate__(self) -> dict[str, Any]:
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(
            (name, read_only(value) if isinstance(value, np.ndarray) else value) for name, value in state.items()
        )

    def __len__(self) -> int:
        """K."""
        return len(self.table)

    @property
    def n_queries(self) -> int:
        """N."""
        return int(self.cost.shape[0])

    @property
    def names(self) -> tuple[str, ...]:
        """The limits in words."""
        return tuple(row.name for row in self.rows)

    @cached_property
    def members(self) -> np.ndarray:
        """(K, M) bool."""
        return np.ones((0, self.cost.shape[1]), dtype=bool) if self.member is None else self.member

    @cached_property
    def cells(self) -> Cells:
        """The tables for the kernels, all as read-only views: numba compiles again for each mixture of types."""
        group = np.full(self.n_queries, self.n_groups, dtype=np.int32) if self.group is None else self.group
        extra = self.extra.astype(self.cost.dtype, copy=False)
        mask = np.zeros((0, 0), dtype=bool) if self.allowed is None else self.allowed
        return Cells(*(read_only(table) for table in (self.cost, self.accuracy, extra, mask, group)))

    @cached_property
    def rules(self) -> Rules:
        """The limits for the kernels."""
        return Rules(self.table, self.sign, self.members, self.of_group)

    def slack(self, x: np.ndarray, /) -> Slack:
        """Return the slack of a plan (N,) for the kernels, which may use a quarter of the tolerance."""
        return Slack(self.limit - self.uses(x[None])[0], self.scale, self.tolerance / 4)

    def amounts(self, k: int, values: Any, /) -> Any:
        """Turn sums of W_k, or b_k, into the user's numbers: a quota's use, a mean, a floor's accuracy."""
        return self.sign[k] * values / self.rows[k].per

    def coefficients(self, weights: Weights, prices: np.ndarray, /) -> Coefficients:
        """Turn weights of the objectives and prices of the limits into prices of all tables.

        Args:
            weights: Of the objectives.
            prices: (K,) Lagrangian multipliers >= 0.
        """
        by_llm = (self.sign * prices)[:, None] * self.members
        accuracy = np.full(self.n_groups + 1, weights.accuracy)
        for k in np.flatnonzero(self.table == ACCURACY):
            accuracy[self.of_group[k] if self.of_group[k] >= 0 else slice(None)] -= self.sign[k] * prices[k]
        extra = np.zeros((len(self.extra), self.cost.shape[1]))
        for e in range(len(extra)):
            extra[e] = by_llm[self.table == EXTRA + e].sum(axis=0) + (weights.third if e == self.third else 0.0)
        usd = weights.usd + by_llm[self.table == COST].sum(axis=0)
        return Coefficients(accuracy, usd, extra, by_llm[self.table == CALLS].sum(axis=0))

    def scores(self, weights: Weights, /) -> np.ndarray:
        """Return the (N, M) score of each cell by the objectives alone."""
        score = weights.accuracy * self.accuracy.astype(float) - weights.usd * self.cost.astype(float)
        return score if self.third < 0 else score - weights.third * self.extra[self.third].astype(float)

    def _table(self, k: int) -> np.ndarray | None:
        """Return the table that limit k sums; None where each query counts 1."""
        table = int(self.table[k])
        return None if table == CALLS else (self.cost, self.accuracy, *self.extra)[table]

    def cell_uses(self, k: int, /) -> np.ndarray:
        """Return W_k of every cell, (N, M) float64."""
        table, counts = self._table(k), np.broadcast_to(self.members[k], self.cost.shape)
        if self.of_group[k] >= 0:
            counts = counts & (self.cells.group == self.of_group[k])[:, None]
        return np.asarray(self.sign[k] * np.where(counts, 1.0 if table is None else table.astype(float), 0.0))

    def weights(self, queries: np.ndarray, llms: np.ndarray, /) -> np.ndarray:
        """Look up W_k of some cells, (K, n)."""
        out = np.zeros((len(self), len(queries)))
        for k in range(len(self)):
            table = self._table(k)
            counts = self.members[k, llms]
            if self.of_group[k] >= 0:
                counts = counts & (self.cells.group[queries] == self.of_group[k])
            out[k] = self.sign[k] * np.where(counts, 1.0 if table is None else table[queries, llms], 0.0)
        return out

    def uses(self, X: np.ndarray, /) -> np.ndarray:
        """Sum W_k over plans.

        Args:
            X: (n, N) LLM per query, int8 or int32.

        Returns:
            (n, K). O(n N).
        """
        by_llm, by_group = sums_by_llm(self.cells, read_only(X), self.n_groups)
        out = np.empty((len(X), len(self)))
        # calls, US$ and further tables are summed by LLM, accuracy by group
        place = {CALLS: 0, COST: 1, **{EXTRA + e: 2 + e for e in range(len(self.extra))}}
        for k, table in enumerate(self.table.tolist()):
            if table == ACCURACY:
                groups = [self.of_group[k]] if self.of_group[k] >= 0 else slice(None)
                out[:, k] = self.sign[k] * by_group[:, groups].sum(axis=1)
            else:
                out[:, k] = self.sign[k] * by_llm[:, self.members[k], place[table]].sum(axis=1)
        return out

    @cached_property
    def scale(self) -> np.ndarray:
        """(K,) > 0, the limit itself, or a typical query's use if it is 0; excess is measured in it.

        Floors of accuracy are measured in queries, so that an excess is a mean accuracy.
        """
        is_accuracy = self.table == ACCURACY
        scale = np.where(is_accuracy, [row.per for row in self.rows], np.abs(self.limit))
        return np.asarray(np.where(scale > 0, scale, self.typical))

    @cached_property
    def typical(self) -> np.ndarray:
        """(K,) > 0, mean size of a query's use over the LLMs that count."""
        typical = np.ones(len(self))
        for k in np.flatnonzero(self.table != ACCURACY):
            table = self._table(int(k))
            if table is not None and self.members[k].any():
                typical[k] = float(np.abs(table).mean(axis=0, dtype=float)[self.members[k]].mean()) or 1.0
        return typical

    @cached_property
    def tolerance(self) -> np.ndarray:
        """(K,) absolute slack."""
        return np.asarray(SAME_TOTAL * np.maximum(np.abs(self.limit), self.typical))

    def excess(self, X: np.ndarray, /) -> np.ndarray:
        """Measure by how much plans exceed the limits, relative to `scale`.

        Args:
            X: (n, N) LLM per query.

        Returns:
            (n, K) <= 0 where a limit is met; totals within rounding of it count as met.
        """
        over = self.uses(X) - self.limit
        over[np.abs(over) <= self.tolerance] = 0.0
        return np.asarray(over / self.scale)

    def are_met(self, X: np.ndarray, /) -> np.ndarray:
        """Return which plans (n, N) meet all limits."""
        return np.asarray(np.all(self.excess(X) <= 0.0, axis=1))

    def are_met_along(
        self, x: np.ndarray, query: np.ndarray, from_llm: np.ndarray, to_llm: np.ndarray, /
    ) -> np.ndarray:
        """Return which plans along a sequence of single steps meet all limits.

        Args:
            x: (N,) the first plan.
            query: (S,) query of each step.
            from_llm: (S,) LLM before the step.
            to_llm: (S,) LLM after the step.

        Returns:
            (S + 1,) bool, by running sums of what the steps use: O(K S).
        """
        met = np.ones(len(query) + 1, dtype=bool)
        over = self.uses(x[None])[0] - self.limit
        for k in range(len(self)):
            one = self.only([k])
            steps = (one.weights(query, to_llm) - one.weights(query, from_llm))[0]
            met &= over[k] + np.concatenate([[0.0], np.cumsum(steps)]) <= self.tolerance[k]
        return met

    def take(self, rows: np.ndarray, /) -> LinearLimits:
        """Keep some queries, and the same share of every limit: a sample from which prices are estimated."""
        share = np.full(len(self), len(rows) / self.n_queries)
        for k in np.flatnonzero(self.of_group >= 0):
            mine = self.cells.group == self.of_group[k]
            share[k] = mine[rows].sum() / max(1.0, float(mine.sum()))
        return replace(
            self,
            cost=self.cost[rows],
            accuracy=self.accuracy[rows],
            allowed=None if self.allowed is None else self.allowed[rows],
            extra=self.extra[:, rows] if len(self.extra) else self.extra,
            group=None if self.group is None else self.group[rows],
            limit=self.limit * share,
        )

    def only(self, which: Sequence[int] | np.ndarray, /) -> LinearLimits:
        """Keep some of the limits."""
        which = np.asarray(which, dtype=np.int64)
        parts = {name: getattr(self, name)[which] for name in ("table", "sign", "of_group", "limit")}
        return replace(self, **parts, member=self.members[which], rows=tuple(self.rows[k] for k in which))

    def without(self, k: int, /) -> LinearLimits:
        """Leave out one of the limits."""
        return self.only([other for other in range(len(self)) if other != k])

    def plus(
        self,
        row: Row,
        limit: float,
        /,
        *,
        table: int | None = None,
        sign: float = 1.0,
        member: np.ndarray | None = None,
        of_group: int = -1,
    ) -> LinearLimits:
        """Add a limit.

        Args:
            row: Its description.
            limit: Its value as the user's number; b_k is this times the row's ``per`` and the sign.
            table: The table that it sums; None for that of its kind.
            sign: 1.0 for an upper limit, -1.0 for a lower limit.
            member: (M,) bool, LLMs that count; None for all.
            of_group: Group whose queries count, -1 for all.
        """
        everyone = np.ones(self.cost.shape[1], dtype=bool)
        return replace(
            self,
            table=np.append(self.table, row.kind.table if table is None else table),
            sign=np.append(self.sign, sign),
            member=np.concatenate([self.members, (everyone if member is None else member)[None]]),
            of_group=np.append(self.of_group, of_group),
            limit=np.append(self.limit, sign * limit * row.per),
            rows=(*self.rows, row),
        )

    def within(self, *, budget_usd: float | None = None, min_accuracy: float | None = None) -> LinearLimits:
        """Add a budget for the whole batch, or a least mean accuracy.

        Args:
            budget_usd: Total US$; infinity is no budget at all.
            min_accuracy: Mean accuracy.
        """
        if budget_usd is not None and np.isposinf(budget_usd):
            # solvers accept no infinite budget, and no plan costs more than the most expensive call of every query
            budget_usd = float(self.cost.max(axis=1).sum(dtype=float))
        bounded = self
        if budget_usd is not None:
            bounded = bounded.plus(Row(Kind.USD, f"a budget of {in_full(budget_usd)} US$", "budget", "US$"), budget_usd)
        if min_accuracy is not None:
            name = f"a mean accuracy of {in_full(min_accuracy)}"
            row = Row(Kind.ACCURACY, name, "mean accuracy", "accuracy", self.n_queries)
            bounded = bounded.plus(row, min_accuracy, sign=-1.0)
        return bounded


class _Tables:
    """Collects the further tables of the limits and of the third objective, each once."""

    def __init__(self, cost: np.ndarray, tokens: np.ndarray | None, third: Additive | None) -> None:
        self.cost, self.tokens = cost, tokens
        self.extra: list[np.ndarray] = []
        self.places: dict[int, int] = {}
        if third is not None:
            table = self._checked(third)
            self.extra.append(-table if third.maximise else table)
            if not third.maximise:
                self.places[id(third.table)] = EXTRA

    def of_tokens(self, k: int) -> int:
        """Place of the tokens, for limit k."""
        if self.tokens is None:
            raise UserError(f"limits[{k}] limits tokens; pass tokens=, a table (N, M) of tokens per call, with it")
        return self._place(id(self.tokens), self.tokens.astype(self.cost.dtype, copy=False))

    def of_additive(self, of: Additive) -> int:
        """Place of an additive table."""
        return self._place(id(of.table), self._checked(of))

    def _checked(self, of: Additive) -> np.ndarray:
        table = as_table(of.name, of.table)
        check_shape(of.name, table, self.cost.shape)
        return table.astype(self.cost.dtype, copy=False)

    def _place(self, key: int, table: np.ndarray) -> int:
        if key not in self.places:
            self.places[key] = EXTRA + len(self.extra)
            self.extra.append(table)
        return self.places[key]
