"""The bi-objective allocation of queries to LLMs as a pymoo problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.exact.surface import SupportedSurface
from optllm_pymoo.kernels.evaluation import evaluate_allocations
from optllm_pymoo.kernels.scalarised import evaluate_with_latency
from optllm_pymoo.limits.bound_front import BoundFront
from optllm_pymoo.limits.build import build_limits, least_where_forbidden
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.limits.quota import Quota
from optllm_pymoo.problems.allocations import PlanProblem, as_allocations, check_allowed
from optllm_pymoo.problems.with_latency import WithLatency
from optllm_pymoo.problems.with_limits import WithLimits
from optllm_pymoo.validation import (
    UserError,
    as_mask,
    as_names,
    as_table,
    check_frame_labels,
    check_shape,
    positions_of,
    read_only,
)

MAX_FRONT_POINTS = 1000
MAX_SET_CELLS = 1 << 27
"""Bounds of `AllocationProblem.pareto_front` and ``pareto_set``: a thousand points, 128 million choices."""

NO_TABLE = np.zeros((0, 0))
"""Stands for a table that a pickle need not hold twice."""


class AllocationProblem(WithLimits, WithLatency, PlanProblem):
    """Allocate each of N queries to one of M LLMs: total cost down, mean accuracy up.

    Minimises ``F[:, 0]`` = Σ cost[i, x[i]], total US$, and ``F[:, 1]`` = -(1/N) Σ accuracy[i, x[i]], over
    x[i] in 0 ... M-1. The values of x are categories: neighbouring numbers mean nothing. With ``latency`` there is a
    third objective, ``F[:, 2]`` = (1/N) Σ latency[i, x[i]], mean seconds per call.

    The tables are shared, never copied: C-contiguous float arrays are taken as they are (do not change them
    afterwards), and a deep copy of the problem is the problem itself, so that pymoo's copies of algorithms and
    histories stay small.

    Quotas and floors are inequality constraints ``G <= 0``, one each, in the order quotas, then floors: the excess
    relative to the quota (to one typical query's use where it is 0), and the mean accuracy that a group lacks. Where
    they bind, so that some plan of the exact front exceeds one, the front within them is out of reach: `bound_front`
    bounds it, `pareto_front` knows none, and `exact_points` says which plans of the exact front remain. Limits that all
    of them meet change nothing.

    A subclass with objectives or constraints of its own is searched by pymoo's algorithms and the baselines that only
    look at F and G; `OptLLM`, fronts, bounds, choices and certificates refuse it, as they would ignore them.

    Args:
        cost: (N, M) US$ per call, finite, >= 0; array-like or DataFrame.
        accuracy: (N, M) probability in [0, 1] that an LLM answers a query correctly, predicted or known.
        robust_accuracy: (N, M) any finite numbers, for example mean + α·σ of a predictor. It may steer a search
            (`OptLLM`'s downward walk); plans are always scored on ``accuracy``.
        allowed: (N, M) True where a query may go to an LLM; None allows all.
        latency: (N, M) mean seconds per call, finite, >= 0, or any other table whose mean is to be small; None for
            two objectives.
        llms: M distinct names; by default the columns of a DataFrame ``cost``, else "llm0", "llm1", ...
        query_ids: N distinct names; by default the index of a DataFrame ``cost``, else "0", "1", ...
        quotas: `Quota` objects: at most so many calls, US$ or tokens for an LLM or several together.
        floors: Mean accuracy that each group of queries has to reach: a number for all groups, or a mapping from
            group to number. For floors per query see `allowed_by_limits`.
        groups: (N,) group of each query, compared as text; None or NaN for queries of no group.
        tokens: (N, M) tokens per call, >= 0, for quotas of tokens.

    Attributes:
        cost: (N, M) read-only.
        accuracy: (N, M) read-only, of the same type as ``cost``: float32 if all tables were, else float64.
        robust_accuracy: (N, M) read-only or None.
        allowed: (N, M) read-only bool or None.
        latency: (N, M) read-only, of the same type as ``cost``, or None.
        llms: Names of the LLMs.
        assignment_dtype: Type of plans: int8 up to 127 LLMs, else int32.

    Raises:
        TypeError: If a table does not hold real numbers.
        ValueError: If tables disagree in shape or labels, hold values out of range, or names are not distinct; or if
            no plan meets the limits, with the reason and the nearest value that would do.

    Example:
        >>> problem = AllocationProblem([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]], llms=["small", "large"])
        >>> problem.evaluate(np.array([[0, 1], [1, 1]])).tolist()
        [[4.0, -0.55], [5.0, -0.75]]
        >>> problem.pareto_front().round(3).tolist()
        [[2.0, -0.35], [3.0, -0.55], [5.0, -0.75]]
    """

    _tables = ("cost", "accuracy", "robust_accuracy", "allowed", "latency")

    def __init__(
        self,
        cost: Any,
        accuracy: Any,
        /,
        *,
        robust_accuracy: Any = None,
        allowed: Any = None,
        latency: Any = None,
        llms: Sequence[Any] | None = None,
        query_ids: Sequence[Any] | None = None,
        quotas: Sequence[Quota] | Quota = (),
        floors: Any = None,
        groups: Any = None,
        tokens: Any = None,
    ) -> None:
        check_frame_labels(
            cost=cost,
            accuracy=accuracy,
            robust_accuracy=robust_accuracy,
            allowed=allowed,
            latency=latency,
            tokens=tokens,
        )
        if isinstance(cost, pd.DataFrame):
            llms = list(cost.columns) if llms is None else llms
            query_ids = list(cost.index) if query_ids is None else query_ids
        self.cost = as_table("cost", cost, lower=0.0)
        self.accuracy = as_table("accuracy", accuracy, lower=0.0, upper=1.0)
        check_shape("accuracy", self.accuracy, self.cost.shape)
        self.latency = None if latency is None else as_table("latency", latency, lower=0.0)
        if self.latency is not None:
            check_shape("latency", self.latency, self.cost.shape)
        self._share_type()
        self.robust_accuracy = None
        if robust_accuracy is not None:
            # they are kept in the type of the other tables, in which they have to be finite too
            limit = float(np.finfo(np.float32).max) if self.cost.dtype == np.float32 else np.inf
            robust = as_table("robust_accuracy", robust_accuracy, lower=-limit, upper=limit)
            check_shape("robust_accuracy", robust, self.cost.shape)
            self.robust_accuracy = read_only(robust.astype(self.cost.dtype, copy=False))
        n_queries, n_llms = self.cost.shape
        self.allowed = None if allowed is None else as_mask("allowed", allowed, (n_queries, n_llms))
        self.llms = as_names("llms", llms, n_llms, default="llm")
        self._query_ids = None if query_ids is None else as_names("query_ids", query_ids, n_queries, default="")
        self.assignment_dtype = np.dtype(np.int8 if n_llms <= 127 else np.int32)
        self.limits = self._limits(quotas, floors, groups, tokens)
        n_obj = 2 if self.latency is None else 3
        super().__init__(n_queries, n_llms, n_obj=n_obj, n_ieq_constr=len(self.limits))
        if self.has_limits:
            self.any_feasible  # noqa: B018  no plan at all is refused here

    def _share_type(self) -> None:
        """Make all tables float64 unless all are float32, as the kernels need them."""
        names = ("cost", "accuracy") if self.latency is None else ("cost", "accuracy", "latency")
        common = np.result_type(*(self.__dict__[name] for name in names))
        for name in names:
            self.__dict__[name] = read_only(self.__dict__[name].astype(common, copy=False))

    def _limits(self, quotas: Any, floors: Any, groups: Any, tokens: Any) -> LinearLimits:
        """Check quotas and floors, and refuse them beside what they don't go with."""
        if tokens is not None:
            tokens = as_table("tokens", tokens, lower=0.0)
            check_shape("tokens", tokens, self.cost.shape)
        given = {"quotas": quotas, "floors": floors, "groups": groups, "tokens": tokens}
        limits = build_limits(self.cost, self.accuracy, self.allowed, self.llms, **given)
        if floors is not None and self.robust_accuracy is not None:
            raise UserError("floors hold for accuracy, robust_accuracy would steer past them; pass one of the two")
        if len(limits) and self.latency is not None:
            raise UserError(
                "quotas and floors go with two objectives, and latency is a third one; pass one of the two. A limit on"
                " the latency of each call is a mask: allowed_by_limits"
            )
        return limits

    @property
    def n_queries(self) -> int:
        """N."""
        return int(self.cost.shape[0])

    @property
    def n_llms(self) -> int:
        """M."""
        return int(self.cost.shape[1])

    @cached_property
    def query_ids(self) -> tuple[str, ...]:
        """Names of the queries; generated when first asked for."""
        return self._query_ids or as_names("query_ids", None, self.n_queries, default="")

    @cached_property
    def supported_front(self) -> SupportedFront:
        """The exact supported front of cost and accuracy, built when first asked for and kept.

        With quotas or floors it is only a relaxation's, see `bound_front`; with latency it bounds what the plans of any
        latency reach, see `supported_surface`.

        Raises:
            UserError: If a subclass has objectives or constraints of its own, here as in all that follows from it.
        """
        self.refuse_extended("the exact front")
        return SupportedFront.from_checked(self.cost, self.accuracy, self.allowed)

    @cached_property
    def yardstick(self) -> SupportedFront | BoundFront | SupportedSurface:
        """What plans are measured against: the exact front, with limits `bound_front`, with latency the surface."""
        return self.bounding_front if self.latency is None else self.supported_surface

    @property
    def bounding_front(self) -> SupportedFront | BoundFront:
        """What bounds accuracy at a cost: the exact front, of plans with any latency; with limits `bound_front`."""
        return self.bound_front() if self.limits_bind else self.supported_front

    @cached_property
    def robust_problem(self) -> AllocationProblem:
        """The same batch with ``robust_accuracy`` as its accuracies; the problem itself without such a table.

        Operators that are to be steered by robust accuracies are handed this problem. Its accuracies may leave
        [0, 1]; plans are not scored on it.
        """
        if self.robust_accuracy is None:
            return self
        return self._with(accuracy=self.robust_accuracy, robust_accuracy=None)

    @cached_property
    def _without_extension(self) -> AllocationProblem:
        """The same batch without the objectives and constraints that a subclass adds."""
        return self._with(**dict(zip(("n_obj", "n_ieq_constr", "n_eq_constr"), self._sizes, strict=True)))

    def _with(self, **changed: Any) -> AllocationProblem:
        """Build a problem that differs in some attributes, from checked tables."""
        problem = AllocationProblem.__new__(AllocationProblem)
        problem.__setstate__({**self.__getstate__(), **changed})
        return problem

    def as_allocations(self, X: Any, /) -> np.ndarray:
        """Check allocations and turn them into the type that the kernels take.

        Args:
            X: (n, N) or (N,) LLM per query: any integers, or floats with integral values.

        Returns:
            (n, N) of `assignment_dtype`, C-contiguous; not a copy if it was that already.

        Raises:
            TypeError: If the values are not numbers.
            ValueError: If a row has not one entry per query, an entry is not integral, lies outside 0 ... M-1, or
                names an LLM that is not allowed for its query.
        """
        plans = as_allocations(X, self.n_queries, self.n_llms, self.assignment_dtype)
        if self.allowed is not None:
            check_allowed(plans, self.allowed, self.llms, self.query_ids)
        return plans

    def extremes(self) -> np.ndarray:
        """Return the cheapest and the most accurate plan, and with latency the fastest.

        Returns:
            (n_obj, N): the cheapest LLM per query (ties: the more accurate), the most accurate (ties: the cheaper), and
            with latency the fastest (ties: the cheaper, then the more accurate). With limits: the cheapest and the
            most accurate plan found that meet them. What a subclass adds plays no part.
        """
        if self.is_extended:
            return self._without_extension.extremes()
        if self.limits_bind:
            return self.feasible_ends.copy()
        if self.latency is not None:
            return np.array(self.scalarisation.optima)
        return np.stack([self.supported_front.assignment(0), self.supported_front.assignment(-1)])

    def single_llm(self, llm: str | int, /) -> np.ndarray:
        """Return the plan that sends every query to one LLM.

        Args:
            llm: Name or number of the LLM.

        Returns:
            (N,) of `assignment_dtype`.

        Raises:
            ValueError: If there is no such LLM, or it isn't allowed for some query.
        """
        if isinstance(llm, str):
            (llm,) = positions_of([llm], self.llms)
        return np.array(self.as_allocations(np.full(self.n_queries, llm))[0])

    def pareto_front(self, *args: Any, n_points: int | None = None, **kwargs: Any) -> np.ndarray | None:
        """Return points of the exact supported front, cheapest first.

        With latency it is a sample of the supported points, `supported_surface`: those at some 500 weights, not all.

        Args:
            *args: Ignored; pymoo's signature.
            n_points: At most so many, evenly along the front; by default `MAX_FRONT_POINTS`, or as many as
                `pareto_set` can hold in `MAX_SET_CELLS` choices, so that both describe the same plans.
            **kwargs: Ignored; pymoo's ``use_cache`` and ``set_cache``. The front itself is kept anyway.

        Returns:
            (n, n_obj) total US$, negated mean accuracy, and with latency mean seconds per call. None where quotas or
            floors bind: pymoo's word for unknown.
        """
        if self.limits_bind:
            return None
        return np.array(self.yardstick.F[self._thinned(n_points)])

    def pareto_set(self, *args: Any, n_points: int | None = None, **kwargs: Any) -> np.ndarray | None:
        """Return the plans of `pareto_front`, (n, N), in the same order; None where quotas or floors bind."""
        if self.limits_bind:
            return None
        front = self.supported_front if self.latency is None else self.supported_surface
        return np.stack([front.assignment(k) for k in self._thinned(n_points)])

    def _thinned(self, n_points: int | None) -> np.ndarray:
        if n_points is None:
            n_points = min(MAX_FRONT_POINTS, max(self.n_obj, MAX_SET_CELLS // self.n_queries))
        return self.yardstick.thin(n_points)

    def _evaluate(self, X: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        plans = self.as_allocations(X)
        if self.latency is None:
            out["F"] = evaluate_allocations(self.cost, self.accuracy, plans)
        else:
            out["F"] = evaluate_with_latency(self.cost, self.accuracy, self.latency, plans)
        if self.has_limits:
            out["G"] = self.limits.excess(plans)

    def __getstate__(self) -> dict[str, Any]:
        # the limits are about the same tables, but for cells that are forbidden
        return {**super().__getstate__(), "limits": replace(self.limits, cost=NO_TABLE, accuracy=NO_TABLE)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        limits = replace(state["limits"], cost=self.cost, accuracy=self.accuracy, allowed=self.allowed)
        self.limits = least_where_forbidden(limits)

    def __repr__(self) -> str:
        also = "" if self.latency is None else ", with latency"
        return f"AllocationProblem({self.n_queries} queries, {self.n_llms} LLMs{also})"


def require_allocation_problem(problem: Any, user: str, /) -> None:
    """Raise UserError unless a problem is an `AllocationProblem` without objectives or constraints of a user's own.

    Args:
        problem: What an algorithm or operator was given.
        user: Who needs it, for the message.
    """
    if not isinstance(problem, AllocationProblem):
        raise UserError(
            f"{user} needs an AllocationProblem; got {type(problem).__name__}."
            " Build one with AllocationProblem(cost, accuracy)"
        )
    problem.refuse_extended(user)
