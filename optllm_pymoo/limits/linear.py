"""Limits as linear inequalities over plans, with their structure kept: no table per limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from optllm_pymoo.kernels.limits import Cells, Coefficients
from optllm_pymoo.kernels.rules import CALLS, FLOOR, TOKENS, TOTAL_FLOOR, USD, Rules, Slack
from optllm_pymoo.kernels.uses import sums_by_llm
from optllm_pymoo.validation import read_only

SLACK = 1e-12
"""Relative slack of a limit: a total summed in another order is still the same total."""

NOTHING = np.zeros((0, 0))


@dataclass(frozen=True, eq=False)
class LinearLimits:
    """K limits Σ_i W_k[i, x_i] <= b_k on plans, and the tables that they are about.

    W_k[i, j] is 1, cost[i, j] or tokens[i, j] where LLM j counts for limit k and 0 elsewhere; for floors it is
    -accuracy[i, j] in the rows of a group. That takes O(K M + N) memory, and priced scores with any number of limits
    take one pass over the tables.

    Attributes:
        cost: (N, M) US$ per call.
        accuracy: (N, M).
        allowed: (N, M) bool, or None.
        tokens: (N, M) tokens per call, or None.
        group: (N,) int32 group per query, ``n_groups`` for queries of no group.
        n_groups: G.
        kind: (K,) `CALLS`, `USD`, `TOKENS`, `FLOOR` or `TOTAL_FLOOR`.
        member: (K, M) bool, LLMs that count.
        of_group: (K,) group of a floor, -1 for other limits.
        limit: (K,) b_k: calls, US$ or tokens; for floors the negated sum of accuracies.
        names: K descriptions.
        whom: K names of the LLMs, provider or group alone.
    """

    cost: np.ndarray
    accuracy: np.ndarray
    allowed: np.ndarray | None = None
    tokens: np.ndarray | None = None
    group: np.ndarray | None = None
    n_groups: int = 0
    kind: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    member: np.ndarray | None = None
    of_group: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    limit: np.ndarray = field(default_factory=lambda: np.zeros(0))
    names: tuple[str, ...] = ()
    whom: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(
            (name, read_only(value) if isinstance(value, np.ndarray) else value) for name, value in state.items()
        )

    def __len__(self) -> int:
        """K."""
        return len(self.kind)

    @property
    def n_queries(self) -> int:
        """N."""
        return int(self.cost.shape[0])

    @cached_property
    def members(self) -> np.ndarray:
        """(K, M) bool."""
        return np.ones((0, self.cost.shape[1]), dtype=bool) if self.member is None else self.member

    @cached_property
    def cells(self) -> Cells:
        """The tables for the kernels, all as read-only views: numba compiles anew for each mixture it is given."""
        group = np.full(self.n_queries, self.n_groups, dtype=np.int32) if self.group is None else self.group
        tokens = NOTHING if self.tokens is None else self.tokens
        mask = NOTHING.astype(bool) if self.allowed is None else self.allowed
        return Cells(*(read_only(table) for table in (self.cost, self.accuracy, tokens, mask, group)))

    @cached_property
    def rules(self) -> Rules:
        """The limits for the kernels."""
        return Rules(self.kind, self.members, self.of_group)

    def slack(self, x: np.ndarray, /) -> Slack:
        """Tell the kernels what a plan (N,) leaves of the limits; a quarter of the tolerance is theirs."""
        return Slack(self.limit - self.uses(x[None])[0], self.scale, self.tolerance / 4)

    def coefficients(self, per_accuracy: float, per_usd: float, prices: np.ndarray, /) -> Coefficients:
        """Turn weights of the objectives and prices of the limits into prices of everything.

        Args:
            per_accuracy: Weight of summed accuracy.
            per_usd: Weight of total US$.
            prices: (K,) Lagrangian multipliers >= 0.
        """
        by_llm = [(self.members[self.kind == kind] * prices[self.kind == kind, None]).sum(axis=0) for kind in range(3)]
        accuracy = np.full(self.n_groups + 1, per_accuracy + prices[self.kind == TOTAL_FLOOR].sum())
        floors = self.kind == FLOOR
        np.add.at(accuracy, self.of_group[floors], prices[floors])
        return Coefficients(accuracy, per_usd + by_llm[USD], by_llm[TOKENS], by_llm[CALLS])

    def weights(self, queries: np.ndarray, llms: np.ndarray, /) -> np.ndarray:
        """Look up W_k of some cells, (K, n)."""
        out = np.zeros((len(self), len(queries)))
        for k, kind in enumerate(self.kind):
            if kind == TOTAL_FLOOR:
                out[k] = -self.accuracy[queries, llms].astype(float)
            elif kind == FLOOR:
                out[k] = np.where(self.cells.group[queries] == self.of_group[k], -self.accuracy[queries, llms], 0.0)
            else:
                table = (None, self.cost, self.tokens)[kind]
                values = 1.0 if table is None else table[queries, llms]
                out[k] = np.where(self.members[k, llms], values, 0.0)
        return out

    def uses(self, X: np.ndarray, /) -> np.ndarray:
        """Sum W_k over plans.

        Args:
            X: (n, N) LLM per query, int8 or int32.

        Returns:
            (n, K) calls, US$, tokens; negated sums of accuracy for floors. O(n N).
        """
        by_llm, by_group = sums_by_llm(self.cells, X, self.n_groups)
        out = np.empty((len(X), len(self)))
        for k, kind in enumerate(self.kind):
            if kind == TOTAL_FLOOR:
                out[:, k] = -by_group.sum(axis=1)
            elif kind == FLOOR:
                out[:, k] = -by_group[:, self.of_group[k]]
            else:
                out[:, k] = by_llm[:, self.members[k], kind].sum(axis=1)
        return out

    @cached_property
    def scale(self) -> np.ndarray:
        """(K,) > 0, what an excess is measured in: the limit itself, or one typical query's use where it is 0.

        Floors are measured in queries of their group, so that an excess is a mean accuracy.
        """
        scale = np.abs(self.limit)
        for k in np.flatnonzero(self.kind == FLOOR):
            scale[k] = np.count_nonzero(self.cells.group == self.of_group[k])
        scale[self.kind == TOTAL_FLOOR] = self.n_queries
        return np.asarray(np.where(scale > 0, scale, self.typical))

    @cached_property
    def typical(self) -> np.ndarray:
        """(K,) > 0, mean use of a query over the LLMs that count."""
        typical = np.ones(len(self))
        for k, kind in enumerate(self.kind):
            table = {USD: self.cost, TOKENS: self.tokens}.get(kind)
            if table is not None and self.members[k].any():
                typical[k] = float(table.mean(axis=0, dtype=float)[self.members[k]].mean()) or 1.0
        return typical

    @cached_property
    def tolerance(self) -> np.ndarray:
        """(K,) absolute slack."""
        return np.asarray(SLACK * np.maximum(np.abs(self.limit), self.typical))

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
        """Tell which plans (n, N) meet all limits."""
        return np.asarray(np.all(self.excess(X) <= 0.0, axis=1))

    def are_met_along(
        self, x: np.ndarray, query: np.ndarray, from_llm: np.ndarray, to_llm: np.ndarray, /
    ) -> np.ndarray:
        """Tell which plans on a way of single steps meet all limits.

        Args:
            x: (N,) the first plan.
            query: (S,) query of each step.
            from_llm: (S,) LLM that it leaves.
            to_llm: (S,) LLM that it moves to.

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
        """Keep some queries, and the same share of every limit: a sample to guess prices from."""
        group = self.cells.group[rows]
        share = np.full(len(self), len(rows) / self.n_queries)
        for k in np.flatnonzero(self.kind == FLOOR):
            mine = self.cells.group == self.of_group[k]
            share[k] = mine[rows].sum() / max(1.0, float(mine.sum()))
        return replace(
            self,
            cost=self.cost[rows],
            accuracy=self.accuracy[rows],
            allowed=None if self.allowed is None else self.allowed[rows],
            tokens=None if self.tokens is None else self.tokens[rows],
            group=group,
            limit=self.limit * share,
        )

    def only(self, which: Sequence[int] | np.ndarray, /) -> LinearLimits:
        """Keep some of the limits."""
        which = np.asarray(which, dtype=np.int64)
        return replace(
            self,
            kind=self.kind[which],
            member=self.members[which],
            of_group=self.of_group[which],
            limit=self.limit[which],
            names=tuple(self.names[k] for k in which),
            whom=tuple(self.whom[k] for k in which),
        )

    def within(self, *, budget_usd: float | None = None, min_accuracy: float | None = None) -> LinearLimits:
        """Add a budget for the whole batch, or a mean accuracy that it has to reach.

        Args:
            budget_usd: Total US$; infinity is no budget at all.
            min_accuracy: Mean accuracy.
        """
        if budget_usd is not None and np.isposinf(budget_usd):
            # solvers know no infinite budget, and no plan costs more than all of the dearest calls
            budget_usd = float(self.cost.max(axis=1).sum(dtype=float))
        added = [(USD, budget_usd, "budget", " US$"), (TOTAL_FLOOR, min_accuracy, "mean accuracy", "")]
        given = [(kind, float(value), name, unit) for kind, value, name, unit in added if value is not None]
        everyone = np.ones((len(given), self.cost.shape[1]), dtype=bool)
        limits = [value if kind == USD else -value * self.n_queries for kind, value, _, _ in given]
        return replace(
            self,
            kind=np.concatenate([self.kind, np.array([kind for kind, *_ in given], dtype=np.int64)]),
            member=np.concatenate([self.members, everyone]),
            of_group=np.concatenate([self.of_group, np.full(len(given), -1)]),
            limit=np.concatenate([self.limit, limits]),
            names=(*self.names, *(f"a {name} of {value:.6g}{unit}" for _, value, name, unit in given)),
            whom=(*self.whom, *(name for _, _, name, _ in given)),
        )
