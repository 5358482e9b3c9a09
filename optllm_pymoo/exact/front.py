"""The exact supported front of a batch: every plan that is best at some exchange rate of dollars for accuracy."""

from __future__ import annotations

import math
from collections import deque
from functools import cached_property
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from optllm_pymoo.kernels.evaluation import evaluate_allocations
from optllm_pymoo.kernels.steps import (
    count_steps,
    follow_steps,
    order_by_efficiency,
    tabulate_levels,
    take_steps,
    upper_hulls,
)
from optllm_pymoo.tolerances import SAME_TOTAL
from optllm_pymoo.validation import (
    UserError,
    as_mask,
    as_table,
    as_whole,
    check_frame_labels,
    check_shape,
    in_full,
    read_only,
)

N_DECODED = 4
"""Plans that a front keeps in memory: those of both walks of a search, the cheapest and the most accurate."""


class Steps(NamedTuple):
    """The upgrade steps of all queries, most efficient first; step k leads from point k to point k + 1."""

    query: np.ndarray
    """(S,) row of the query that is upgraded."""
    from_llm: np.ndarray
    """(S,) LLM before the step."""
    to_llm: np.ndarray
    """(S,) LLM after the step."""
    delta_cost: np.ndarray
    """(S,) US$, > 0."""
    delta_accuracy: np.ndarray
    """(S,) accuracy of that query, > 0; divide by N for the mean."""


class FrontEnd(NamedTuple):
    """An extreme of the front, the cheapest or the most accurate plan, as destructions need it."""

    x: np.ndarray
    """(N,) read-only plan."""
    values: np.ndarray
    """(N,) float64: each query's US$ in the cheapest plan, or its accuracy in the most accurate plan."""
    largest_gain: float
    """Largest difference of any query's value between the two extremes, or 1 if they are the same plan."""


class SupportedFront:
    """Exact supported front of a batch of queries, with certificates.

    Choosing one LLM per query under two sums is a bi-objective multiple-choice knapsack problem. Per query the
    upper convex hull of (cost, accuracy) holds all LLMs that are optimal at some exchange rate; each hull edge is an
    *upgrade step* with an efficiency Δaccuracy/Δcost. Starting from the cheapest plan and taking all steps of all
    queries by falling efficiency passes through every extreme supported efficient plan (Sinha and Zoltners 1979).
    Between two neighbours the linear relaxation is the straight line that joins them. So for any budget the best prefix
    is less than one step below the optimum: a certificate of at most 1/N of mean accuracy.

    Building takes one pass over the tables and one sort, O(N M + S log S), where S <= N (M - 1) counts the steps.
    Memory is O(N + S): plans are decoded on request. Only `levels`, which reconstruction needs, is O(N M).

    Args:
        cost: (N, M) US$ per call, finite, >= 0. Kept without a copy if it is a C-contiguous float array.
        accuracy: (N, M) in [0, 1]; likewise.
        allowed: (N, M) True where a query may go to an LLM; None allows all.

    Attributes:
        F: (S + 1, 2) read-only points, cheapest first: total US$ and negated mean accuracy.

    Raises:
        UserError: If a table does not hold real numbers; if a table is out of range, empty, or of another shape than
            ``cost``, or if DataFrames among them differ in their labels.

    Example:
        >>> front = SupportedFront([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]])
        >>> front.F.round(3).tolist()
        [[2.0, -0.35], [3.0, -0.55], [6.0, -0.75], [9.0, -0.8]]
        >>> front.assignment(front.within_budget(6.5)).tolist()
        [1, 2]
        >>> float(front.bound(7.5).round(3))
        0.775
    """

    def __init__(self, cost: Any, accuracy: Any, /, allowed: Any = None) -> None:
        check_frame_labels(cost=cost, accuracy=accuracy, allowed=allowed)
        cost = as_table("cost", cost, lower=0.0)
        accuracy = as_table("accuracy", accuracy, lower=0.0, upper=1.0)
        check_shape("accuracy", accuracy, cost.shape)
        self._build(cost, accuracy, None if allowed is None else as_mask("allowed", allowed, cost.shape))

    @classmethod
    def from_checked(cls, cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None, /) -> SupportedFront:
        """Build from tables that have been checked already; ``accuracy`` may be any finite numbers.

        For callers with validated tables (`AllocationProblem`, and its robust accuracies, which may lie outside [0,
        1]).

        Args:
            cost: (N, M) US$ per call.
            accuracy: (N, M), finite.
            allowed: (N, M) bool or None.
        """
        front = cls.__new__(cls)
        front._build(cost, accuracy, allowed)
        return front

    def _build(self, cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None) -> None:
        self.cost, self.accuracy, self.allowed = cost, accuracy, allowed
        self.offset, self.vertices, steps = upper_hulls(cost, accuracy, allowed)
        *self._moves, F = follow_steps(steps, order_by_efficiency(steps))
        cheapest = self.vertices[self.offset[:-1] + np.arange(len(cost))]
        start = evaluate_allocations(cost, accuracy, cheapest[None])[0]
        F[:, 1] /= -len(cost)
        F += start
        self.F = read_only(F)
        self._decoded: deque[tuple[int, np.ndarray]] = deque([(0, cheapest)], maxlen=N_DECODED)

    def __getstate__(self) -> tuple[np.ndarray | None, ...]:
        return self.cost, self.accuracy, self.allowed

    def __setstate__(self, tables: tuple[Any, ...]) -> None:
        # a pickle makes tables writable
        cost, accuracy, allowed = tables
        self._build(read_only(cost), read_only(accuracy), None if allowed is None else read_only(allowed))

    def __len__(self) -> int:
        """Return the number of points: the number of steps plus one."""
        return len(self.F)

    def __repr__(self) -> str:
        (low, worst), (high, best) = self.F[0], self.F[-1]
        n_queries, n_llms = self.cost.shape
        return (
            f"SupportedFront({len(self)} plans for {n_queries} queries on {n_llms} LLMs,"
            f" {low:.6g} to {high:.6g} US$, accuracy {-worst:.4f} to {-best:.4f})"
        )

    @property
    def steps(self) -> Steps:
        """The upgrade steps in their order; each access computes the deltas, O(S)."""
        query, from_llm, to_llm = self._moves
        delta_cost, delta_accuracy = (
            table[query, to_llm].astype(float) - table[query, from_llm] for table in (self.cost, self.accuracy)
        )
        return Steps(query, from_llm, to_llm, delta_cost, delta_accuracy)

    def step(self, k: int, /) -> tuple[int, int, int]:
        """Return the step from point ``k`` to the next: its query, and its LLM before and after the step."""
        query, from_llm, to_llm = (int(moves[k]) for moves in self._moves)
        return query, from_llm, to_llm

    def queries_near(self, k: int, /, n_steps: int) -> np.ndarray:
        """Return the queries of the ``n_steps`` steps before point ``k`` and of the ``n_steps`` steps after it.

        Returns:
            Distinct rising query numbers.
        """
        return np.unique(self._moves[0][max(0, k - n_steps) : k + n_steps])

    @cached_property
    def levels(self) -> np.ndarray:
        """(N, M) number of upgrade steps that lead a query to an LLM; computed at the first access.

        An LLM off the hull has the level of the most expensive hull LLM that costs no more.
        """
        return read_only(tabulate_levels(self.cost, self.offset, self.vertices))

    @cached_property
    def ends(self) -> tuple[FrontEnd, FrontEnd]:
        """The cheapest and the most accurate plan; decoded at the first access."""
        rows, plans = np.arange(len(self.cost)), (self.assignment(0), self.assignment(-1))
        ends = []
        for here, table in enumerate((self.cost, self.accuracy)):
            values, others = (table[rows, plans[end]].astype(float) for end in (here, 1 - here))
            ends.append(
                FrontEnd(read_only(plans[here]), read_only(values), float(np.abs(values - others).max()) or 1.0)
            )
        return ends[0], ends[1]

    def assignment(self, k: int, /) -> np.ndarray:
        """Decode the plan of point ``k``.

        The last few plans are kept, and decoding starts from the nearest of them: O(N + steps in between). So a search
        that moves along the front takes time for its moves only.

        Args:
            k: Index of a point, 0 (cheapest) ... len(self) - 1 (most accurate); negative numbers count from the end.
                Returns: (N,) LLM per query, int8 up to 127 LLMs and int32 beyond; a new array.

        Raises:
            UserError: If there is no such point.
        """
        k = as_whole("the index of a point", k)
        if not -len(self) <= k < len(self):
            raise UserError(f"point {k} is not on this front; it has points 0 to {len(self) - 1}")
        k %= len(self)
        # a copy: another thread may be adding a plan meanwhile
        start, x = min(tuple(self._decoded), key=lambda decoded: abs(decoded[0] - k))
        x = x.copy()
        query, from_llm, to_llm = self._moves
        take_steps(query, to_llm if k >= start else from_llm, start, k, x)
        self._decoded.append((k, x))
        return x.copy()

    def count_steps(self, x: np.ndarray, /) -> int:
        """Count the upgrade steps of an allocation: the index of the point with the same number of steps.

        Args:
            x: (N,) LLM per query, int8 or int32, in 0 ... M-1. An LLM off its query's hull counts like the most
                expensive hull LLM that costs no more.
        """
        return count_steps(self.levels, x)

    def within_budget(self, budget_usd: float, /) -> int:
        """Find the most accurate plan of the front within a budget.

        Args:
            budget_usd: Total US$ for the batch.

        Returns:
            Index of the point. No plan within the budget, supported or not, is better by the full gain of the next
            step.

        Raises:
            UserError: If the budget is below the cheapest plan, or no number.
        """
        check_budget_usd(self.F, budget_usd)
        affordable = np.searchsorted(self.F[:, 0], budget_usd * (1 + SAME_TOTAL), side="right")
        return max(0, int(affordable) - 1)

    def at_least_accuracy(self, target: float, /) -> int:
        """Find the cheapest plan of the front that reaches a mean accuracy.

        Args:
            target: Mean accuracy in [0, 1].

        Returns:
            Index of the point.

        Raises:
            UserError: If the target is above the most accurate plan, or no number.
        """
        check_target(self.F, target)
        return int(np.searchsorted(-self.F[:, 1], target - SAME_TOTAL, side="left"))

    def bound(self, cost_usd: Any, /) -> np.ndarray:
        """Bound the mean accuracy of any plan at a total cost: the value of the linear relaxation.

        Args:
            cost_usd: Total US$, a number or an array of them, each at least the cheapest plan's.

        Returns:
            Upper bounds, of the shape of ``cost_usd``.

        Raises:
            UserError: If a cost lies below the cheapest plan's, or is no number.
        """
        costs = np.asarray(cost_usd)
        if costs.dtype.kind not in "iuf" or np.isnan(costs).any():
            raise UserError(f"a bound needs a number of US$; got {cost_usd!r:.60}")
        too_low = costs[~(costs >= self.F[0, 0] * (1 - SAME_TOTAL))]
        if too_low.size:
            low, cheapest = in_full(too_low[0]), in_full(self.F[0, 0])
            raise UserError(f"no plan costs {low} US$ or less; the cheapest costs {cheapest} US$")
        return np.asarray(np.interp(costs, self.F[:, 0], -self.F[:, 1]))

    def thin(self, n_points: int, /) -> np.ndarray:
        """Choose points that follow the front evenly.

        Args:
            n_points: How many at the most, at least 2.

        Returns:
            Rising indices, with the cheapest and the most accurate plan. Neighbours are about equally far apart on the
            curve, with both objectives scaled to [0, 1].

        Raises:
            UserError: If ``n_points`` is below two.
        """
        return thinned(self.F, n_points)


def thinned(F: np.ndarray, n_points: int, /) -> np.ndarray:
    """Choose points of a front that follow it evenly, see `SupportedFront.thin`.

    Args:
        F: (n, 2) by rising cost and accuracy.
        n_points: How many at the most, at least 2.

    Returns:
        Rising indices.

    Raises:
        UserError: If ``n_points`` is below two, or no whole number.
    """
    if as_whole("the number of points", n_points) < 2:
        raise UserError(f"n_points must be at least 2, the cheapest and the most accurate plan; got {n_points}")
    if len(F) <= n_points:
        return np.arange(len(F))
    span = F[-1] - F[0]
    lengths = np.abs(np.diff(F, axis=0) / span).sum(axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.linspace(0.0, along[-1], n_points)
    chosen = np.searchsorted(along, wanted * (1 - SAME_TOTAL))
    chosen[-1] = len(F) - 1
    return np.unique(chosen)


def check_budget_usd(F: np.ndarray, budget_usd: Any, /) -> None:
    """Refuse a budget that is no number of US$ or is below the cheapest plan of a front; infinity is allowed."""
    _check_number("a budget must be a number of US$", budget_usd)
    cheapest = F[0, 0]
    if not budget_usd >= cheapest * (1 - SAME_TOTAL):
        raise UserError(f"budget {in_full(budget_usd)} US$ is below the cheapest plan, {in_full(cheapest)} US$")


def check_target(F: np.ndarray, target: Any, /) -> None:
    """Refuse a target that is no mean accuracy or is above the most accurate plan of a front."""
    _check_number("a target must be a mean accuracy in [0, 1]", target)
    best = -F[-1, 1]
    if not target <= best + SAME_TOTAL:
        raise UserError(f"accuracy {in_full(target)} is above the most accurate plan, {in_full(best)}")


def _check_number(expected: str, value: Any) -> None:
    """Refuse a value that is no real number; infinity is allowed."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real) or math.isnan(value):
        raise UserError(f"{expected}; got {value!r:.60}")
