"""Small batches with limits, and what can be had by trying all plans or from a solver."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from scipy.optimize import linprog

from optllm_pymoo import Additive, Ceiling, Floor, Quota
from optllm_pymoo.limits import LinearLimits
from tests.brute_force import all_plans, score
from tests.strategies import Tables, tables


class Limited(NamedTuple):
    """Tables with the options of `AllocationProblem` that limit them."""

    given: Tables
    options: dict[str, Any]

    @property
    def llms(self) -> list[str]:
        """Names of the LLMs."""
        return [f"llm{j}" for j in range(self.given.cost.shape[1])]

    def limits(self) -> LinearLimits:
        """The limits in linear form, not checked for feasibility."""
        return LinearLimits.of(self.given.cost, self.given.accuracy, self.given.allowed, self.llms, **self.options)

    def feasible_plans(self) -> np.ndarray:
        """All plans (n, N) that meet mask and limits, by the definitions of the limits."""
        X = all_plans(self.given)
        met = np.ones(len(X), dtype=bool)
        rows = np.arange(len(self.given.cost))
        tables = {"calls": np.ones(self.given.cost.shape), "US$": self.given.cost, "tokens": self.options["tokens"]}
        for limit in self.options["limits"]:
            if isinstance(limit, Quota):
                counts = limit.members(self.llms)[X]
                used = (tables[limit.kind.unit].astype(float)[rows, X] * counts).sum(axis=1)
                met &= used <= limit.limit * (1 + 1e-12) + 1e-15
            elif isinstance(limit.of, Additive):
                cells = limit.of.table.astype(float)[rows, X]
                amount = cells.mean(axis=1) if limit.of.mean else cells.sum(axis=1)
                is_most = isinstance(limit, Ceiling)
                met &= amount <= limit.at_most + 1e-12 if is_most else amount >= limit.at_least - 1e-12
            else:
                mine = np.array(self.options["groups"]) == limit.of
                met &= self.given.accuracy.astype(float)[rows, X][:, mine].mean(axis=1) >= limit.at_least - 1e-12
        return X[met]


@st.composite
def limited_batches(draw: st.DrawFn, *, max_queries: int = 5) -> Limited:
    """Draw tables with up to three quotas of any unit, overlapping or not, a floor of a group, an additive limit."""
    given = draw(tables(max_queries=max_queries, max_llms=3))
    n_queries, n_llms = given.cost.shape
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    tokens = rng.integers(1, 9, given.cost.shape).astype(float)
    limits: list[Any] = []
    for _ in range(draw(st.integers(0, 3))):
        llms = tuple(f"llm{j}" for j in range(n_llms) if rng.random() < 0.6) or ("llm0",)
        unit = draw(st.sampled_from(["calls", "usd", "tokens"]))
        most = {"calls": n_queries, "usd": given.cost.max(axis=1).sum(), "tokens": tokens.max(axis=1).sum()}[unit]
        share = draw(st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.0]))
        amount = {unit: float(np.floor(share * most) if unit == "calls" else share * most)}
        limits.append(Quota("some", **amount, llms=llms))
    groups = [("left", "right")[int(rng.random() < 0.5)] for _ in range(n_queries)]
    if draw(st.booleans()):
        limits.append(Floor(groups[0], draw(st.sampled_from([0.1, 0.3, 0.5]))))
    if draw(st.booleans()):
        heat = Additive("heat", rng.integers(-4, 9, given.cost.shape), unit="J", mean=draw(st.booleans()))
        bound = float(rng.integers(-2, 6)) * (1 if heat.mean else n_queries)
        limits.append(Ceiling(heat, bound) if draw(st.booleans()) else Floor(heat, bound))
    return Limited(given, {"limits": limits, "groups": groups, "tokens": tokens})


def linear_programme(limits: LinearLimits, per_accuracy: float, per_usd: float) -> float | None:
    """Solve the whole linear relaxation with HiGHS; None if it is infeasible."""
    n_queries, n_llms = limits.cost.shape
    queries, llms = np.repeat(np.arange(n_queries), n_llms), np.tile(np.arange(n_llms), n_queries)
    upper = np.ones(len(queries)) if limits.allowed is None else limits.allowed.ravel().astype(float)
    found = linprog(
        -(per_accuracy * limits.accuracy.astype(float) - per_usd * limits.cost.astype(float)).ravel(),
        A_ub=limits.weights(queries, llms) if len(limits) else None,
        b_ub=limits.limit if len(limits) else None,
        A_eq=np.kron(np.eye(n_queries), np.ones(n_llms)),
        b_eq=np.ones(n_queries),
        bounds=np.column_stack([np.zeros(len(queries)), upper]),
    )
    return -float(found.fun) if found.status == 0 else None


def best_accuracy(case: Limited, X: np.ndarray, budget_usd: float) -> float:
    """Highest mean accuracy among plans within a budget."""
    F = score(case.given, X)
    return float(-F[F[:, 0] <= budget_usd * (1 + 1e-12), 1].min())
