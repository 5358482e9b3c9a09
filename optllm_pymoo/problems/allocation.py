"""The allocation of queries to LLMs as a pymoo problem: cost, accuracy, optionally a third objective and limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Union

import numpy as np
import pandas as pd

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.exact.surface import Scalarisation, SupportedSurface
from optllm_pymoo.kernels.evaluation import evaluate_allocations, first_disallowed
from optllm_pymoo.limits.bound import N_POINTS, BoundFront, LimitPrice, least_usd, most_accuracy, price_limits
from optllm_pymoo.limits.limit import Additive, Ceiling, Floor, Quota
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.limits.plans import PricedScalarisation, best_within
from optllm_pymoo.problems.base import PlanProblem, as_allocations
from optllm_pymoo.problems.known import Checked, Known
from optllm_pymoo.validation import (
    UserError,
    as_budget,
    as_limit,
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
"""Largest sizes of `AllocationProblem.pareto_front` (points) and ``pareto_set`` (cells)."""

NO_TABLE = np.zeros((0, 0))
"""Placeholder for a table that a pickle would hold twice."""

Limit = Union[Quota, Floor, Ceiling]  # noqa: UP007
"""A limit of any kind."""


class AllocationProblem(PlanProblem):
    """Allocate each of N queries to one of M LLMs: total cost down, mean accuracy up.

    Minimises ``F[:, 0]`` = Σ cost[i, x[i]], total US$, and ``F[:, 1]`` = -(1/N) Σ accuracy[i, x[i]], over
    x[i] in 0 ... M-1. The values of x are categories: their order has no meaning. An `Additive` table is a third
    objective: ``F[:, 2]`` is its sum, or its mean, negated if it is maximised.

    The tables are shared, not copied: C-contiguous float arrays are used as they are (do not change them afterwards). A
    deep copy of the problem is the problem itself, so pymoo's copies of algorithms and histories stay small.

    Each limit is an inequality constraint ``G <= 0``, in the order given: the excess relative to the limit (or to a
    typical query's use if the limit is 0); for floors of groups, the missing mean accuracy. If a limit binds, that is,
    if some plan of the exact front exceeds it, the exact front within the limits is unknown: `bound_front` bounds it,
    `pareto_front` is None, and `exact_points` are the plans of the exact front that meet all limits. Limits that the
    whole front meets change nothing.

    pymoo's algorithms, and the baselines that only use F and G, accept a subclass with additional objectives or
    constraints. `OptLLM`, fronts, bounds, choices and certificates refuse it, because they would ignore them.

    Args:
        cost: (N, M) US$ per call, finite, >= 0; array-like or DataFrame.
        accuracy: (N, M) probability in [0, 1] that an LLM answers a query correctly, predicted or known.
        robust_accuracy: (N, M) any finite numbers, for example mean + α·σ of a predictor. They guide `OptLLM`'s
            downward walk; plans are always scored on ``accuracy``.
        allowed: (N, M) True where a query may go to an LLM; None allows all.
        objectives: A third objective, an `Additive`; none for two objectives.
        limits: `Quota`, `Floor` and `Ceiling` objects. For limits per query see `allowed_by_limits`.
        groups: (N,) group of each query for floors, compared as text; None or NaN for queries of no group.
        tokens: (N, M) tokens per call, >= 0, for quotas of tokens.
        llms: M distinct names; by default the columns of a DataFrame ``cost``, else "llm0", "llm1", ...
        query_ids: N distinct names; by default the index of a DataFrame ``cost``, else "0", "1", ...

    Attributes:
        cost: (N, M) read-only.
        accuracy: (N, M) read-only, of the same type as ``cost``: float32 if all tables were, else float64.
        robust_accuracy: (N, M) read-only or None.
        allowed: (N, M) read-only bool or None.
        third: The third objective, its table read-only and of the type of ``cost``, or None.
        limits: The limits in linear form; empty without limits.
        llms: Names of the LLMs.
        assignment_dtype: Type of plans: int8 up to 127 LLMs, else int32.

    Raises:
        UserError: If a table does not hold real numbers, tables disagree in shape or labels, hold values out of range,
            or names are not distinct; or if no plan meets the limits, with the reason and the nearest feasible value.

    Example:
        >>> problem = AllocationProblem([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]], llms=["small", "large"])
        >>> problem.evaluate(np.array([[0, 1], [1, 1]])).tolist()
        [[4.0, -0.55], [5.0, -0.75]]
        >>> problem.pareto_front().round(3).tolist()
        [[2.0, -0.35], [3.0, -0.55], [5.0, -0.75]]
    """

    _tables = ("cost", "accuracy", "robust_accuracy", "allowed")

    def __init__(
        self,
        cost: Any,
        accuracy: Any,
        /,
        *,
        robust_accuracy: Any = None,
        allowed: Any = None,
        objectives: Sequence[Additive] | Additive = (),
        limits: Sequence[Limit] | Limit = (),
        groups: Any = None,
        tokens: Any = None,
        llms: Sequence[Any] | None = None,
        query_ids: Sequence[Any] | None = None,
    ) -> None:
        given = _third_of(objectives)
        asked: list[Any] = [limits] if isinstance(limits, (Quota, Floor, Ceiling)) else list(limits or ())
        additive = {
            of.name: of.table
            for of in (given, *(getattr(each, "of", None) for each in asked))
            if isinstance(of, Additive)
        }
        tables = {"cost": cost, "accuracy": accuracy, "robust_accuracy": robust_accuracy, "allowed": allowed}
        check_frame_labels(**tables, tokens=tokens, **additive)
        if isinstance(cost, pd.DataFrame):
            llms = list(cost.columns) if llms is None else llms
            query_ids = list(cost.index) if query_ids is None else query_ids
        self.cost = as_table("cost", cost, lower=0.0)
        n_queries, n_llms = self.cost.shape
        self.accuracy = self._table("accuracy", accuracy, lower=0.0, upper=1.0)
        third = None if given is None else self._table(given.name, given.table)
        # float64 unless all are float32, as the kernels need them
        common = np.result_type(self.cost, self.accuracy, *(() if third is None else (third,)))
        self.cost, self.accuracy = (read_only(table.astype(common, copy=False)) for table in (self.cost, self.accuracy))
        self.third = (
            None
            if given is None or third is None
            else replace(given, table=read_only(third.astype(common, copy=False)))
        )
        self.robust_accuracy = None
        if robust_accuracy is not None:
            # they are stored in the type of the other tables, and must be finite in it too
            limit = float(np.finfo(np.float32).max) if common == np.float32 else np.inf
            robust = self._table("robust_accuracy", robust_accuracy, lower=-limit, upper=limit)
            self.robust_accuracy = read_only(robust.astype(common, copy=False))
        self.allowed = None if allowed is None else as_mask("allowed", allowed, (n_queries, n_llms))
        self.llms = as_names("llms", llms, n_llms, default="llm")
        self._query_ids = None if query_ids is None else as_names("query_ids", query_ids, n_queries, default="")
        self.assignment_dtype = np.dtype(np.int8 if n_llms <= 127 else np.int32)
        if robust_accuracy is not None and any(isinstance(each, Floor) for each in asked):
            raise UserError(
                "floors hold for accuracy, but robust_accuracy would guide the search; pass only one of them"
            )
        counted = None if tokens is None else self._table("tokens", tokens, lower=0.0)
        about = {"limits": asked, "groups": groups, "tokens": counted, "third": given}
        self.limits = LinearLimits.of(self.cost, self.accuracy, self.allowed, self.llms, **about)
        self.known  # noqa: B018  limits that no plan meets are refused here
        super().__init__(n_queries, n_llms, n_obj=2 if given is None else 3, n_ieq_constr=len(self.limits))

    def _table(self, name: str, values: Any, *, lower: float = -np.inf, upper: float = np.inf) -> np.ndarray:
        table = as_table(name, values, lower=lower, upper=upper)
        check_shape(name, table, self.cost.shape)
        return table

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
        """Names of the queries; generated at the first access."""
        return self._query_ids or as_names("query_ids", None, self.n_queries, default="")

    @cached_property
    def known(self) -> Known:
        """The methods for this problem, exact, bounding or searching; chosen once, without regard to a subclass."""
        third = None if self.third is None else _column(self.third, self.n_queries)
        per = 1 if self.third is None else self.third.per(self.n_queries)
        return Known.of(Checked(self.cost, self.accuracy, third, per, self.allowed, self.limits, self.assignment_dtype))

    def _known_for(self, user: str) -> Known:
        """Return the methods; refuse a subclass with additional objectives or constraints, which they would ignore."""
        self.refuse_extended(user)
        return self.known

    @property
    def has_limits(self) -> bool:
        """Whether there are limits."""
        return len(self.limits) > 0

    @property
    def limits_bind(self) -> bool:
        """Whether some plan of the exact front exceeds a limit. If none does, that front is exact under limits."""
        return self.known.limits_bind

    @property
    def supported_front(self) -> SupportedFront:
        """The exact supported front of cost and accuracy, built at the first access and kept.

        If limits bind, it is only a relaxation, see `bound_front`. With a third objective, it bounds cost and accuracy
        of all plans, whatever their third value, see `supported_surface`.

        Raises:
            UserError: If a subclass has additional objectives or constraints; likewise in all methods based on the
                front.
        """
        return self._known_for("the exact front").front

    @property
    def supported_surface(self) -> SupportedSurface:
        """Supported plans of three objectives at some 500 weights, without limits; built at the first access.

        Raises:
            UserError: If the problem has no third objective.
        """
        return self._known_for("the exact surface").surface

    @property
    def scalarisation(self) -> Scalarisation | PricedScalarisation:
        """The scalarisation that turns weights on three objectives into plans within the limits.

        Raises:
            UserError: If the problem has no third objective.
        """
        return self._known_for("the exact surface").scalarisation

    @property
    def exact_points(self) -> np.ndarray:
        """Indices of the points of `supported_front` that meet all limits: no plan within the limits dominates them."""
        return self._known_for("the exact front").exact_points

    @property
    def yardstick(self) -> SupportedFront | BoundFront | SupportedSurface:
        """The reference for measures: the exact front, `bound_front` if limits bind, or the surface."""
        return self._known_for("the exact front").yardstick

    @property
    def bounding_front(self) -> SupportedFront | BoundFront:
        """The bound on accuracy at a cost: the exact front (for any value of a third objective), or `bound_front`."""
        return self._known_for("the exact front").bounding_front

    def bound_front(self, *, n_points: int = N_POINTS) -> BoundFront:
        """Bound all plans that meet the limits by the front of the linear relaxation.

        Args:
            n_points: Largest number of relaxations to solve; more make the bound tighter.

        Returns:
            The bound, from the cheapest to the most accurate corner; kept for each ``n_points``.

        Raises:
            UserError: If ``n_points`` is below two.
        """
        return self._known_for("a bound on all plans").bound_front(n_points)

    def bound(self, cost_usd: float, /) -> float:
        """Bound the mean accuracy of any plan that meets the limits within a budget, by the linear relaxation.

        Args:
            cost_usd: Total US$.

        Returns:
            Upper bound: the optimum of the relaxation, also between the points of `bound_front`.

        Raises:
            UserError: If the cost is no number, or no plan costs so little.
        """
        self.refuse_extended("a bound on all plans")
        return most_accuracy(self.limits, as_budget("cost_usd", cost_usd))

    def bound_usd(self, accuracy: float, /) -> float:
        """Bound the total US$ of any plan that meets the limits and a mean accuracy, by the linear relaxation.

        Args:
            accuracy: Mean accuracy.

        Returns:
            Lower bound.

        Raises:
            UserError: If the accuracy is no number, or no plan is that accurate.
        """
        self.refuse_extended("a bound on all plans")
        return least_usd(self.limits, as_limit("accuracy", accuracy, "a mean accuracy in [0, 1]", upper=1.0))

    @property
    def any_feasible(self) -> np.ndarray:
        """(N,) a plan that meets the limits."""
        return self.known.any_feasible

    def price_limits(self, x: Any = None, /, *, budget_usd: float | None = None) -> tuple[LimitPrice, ...]:
        """Price each limit: its use, its shadow price, and its loss at the same budget or accuracy.

        Args:
            x: (N,) a plan; by default the best one found within the budget.
            budget_usd: Total US$; by default the cost of the plan.

        Raises:
            UserError: If neither is given, the budget is no number, ``x`` is no plan, or no plan within the limits
                costs so little.
        """
        self.refuse_extended("the price of a limit")
        budget_usd = None if budget_usd is None else as_budget("budget_usd", budget_usd)
        if x is None:
            if budget_usd is None:
                raise UserError("limits are priced at a plan or a budget; got neither. Pass x or budget_usd=")
            x = best_within(self.limits, budget_usd).x
        plan = self._one_plan(x)
        cost, loss = evaluate_allocations(self.cost, self.accuracy, plan[None])[0].tolist()
        return price_limits(self.limits, plan, cost if budget_usd is None else budget_usd, -loss)

    def exceeded_limits(self, x: Any, /) -> list[str]:
        """Return the names of the limits that a plan (N,) exceeds."""
        excess = self.limits.excess(self._one_plan(x)[None])[0]
        return [row.name for row, over in zip(self.limits.rows, excess, strict=True) if over > 0]

    def _one_plan(self, x: Any) -> np.ndarray:
        plans = as_allocations(x, self.n_queries, self.n_llms, self.assignment_dtype)
        if len(plans) != 1:
            raise UserError(f"expected one plan of shape ({self.n_queries},); got {len(plans)} plans")
        return np.asarray(plans[0])

    @cached_property
    def robust_problem(self) -> AllocationProblem:
        """The same batch with ``robust_accuracy`` as its accuracies; the problem itself without such a table.

        Operators that use robust accuracies get this problem. Its accuracies may lie outside [0, 1]; plans are not
        scored on it.
        """
        if self.robust_accuracy is None:
            return self
        problem = AllocationProblem.__new__(AllocationProblem)
        problem.__setstate__({**self.__getstate__(), "accuracy": self.robust_accuracy, "robust_accuracy": None})
        return problem

    def as_allocations(self, X: Any, /) -> np.ndarray:
        """Check allocations and cast them to the type of the kernels.

        Args:
            X: (n, N) or (N,) LLM per query: any integers, or floats with integral values.

        Returns:
            (n, N) of `assignment_dtype`, C-contiguous; X itself if it has this form.

        Raises:
            UserError: If the values are not numbers; if a row has not one entry per query, an entry is not integral,
                lies outside 0 ... M-1, or names an LLM that is not allowed for its query.
        """
        plans = as_allocations(X, self.n_queries, self.n_llms, self.assignment_dtype)
        p, i = (-1, -1) if self.allowed is None else first_disallowed(self.allowed, plans)
        if p >= 0:
            llm = plans[p, i]
            raise UserError(
                f"LLM {self.llms[llm]!r} is not allowed for query {self.query_ids[i]!r}; X[{p}, {i}] = {llm}."
                " Use operators that respect the mask, or add AllowedRepair"
            )
        return plans

    def extremes(self) -> np.ndarray:
        """Return the best plan of each objective: the cheapest, the most accurate, and that of a third objective.

        Returns:
            (n_obj, N): of plans that tie, the cheaper, then the more accurate. If limits bind: the best plans found
            within them. Objectives or constraints of a subclass are ignored.
        """
        return self.known.extremes()

    def single_llm(self, llm: str | int, /) -> np.ndarray:
        """Return the plan that sends every query to one LLM.

        Args:
            llm: Name or number of the LLM.

        Returns:
            (N,) of `assignment_dtype`.

        Raises:
            UserError: If there is no such LLM, or it isn't allowed for some query.
        """
        if isinstance(llm, str):
            (llm,) = positions_of([llm], self.llms)
        return np.array(self.as_allocations(np.full(self.n_queries, llm))[0])

    def pareto_front(self, *args: Any, n_points: int | None = None, **kwargs: Any) -> np.ndarray | None:
        """Return points of the exact supported front, cheapest first.

        With a third objective it is a sample of the supported points: `supported_surface`, at some 500 weights.

        Args:
            *args: Ignored; pymoo's signature.
            n_points: At most so many, evenly along the front; by default `MAX_FRONT_POINTS`, or as many as
                `pareto_set` can hold in `MAX_SET_CELLS` choices, so that both describe the same plans.
            **kwargs: Ignored; pymoo's ``use_cache`` and ``set_cache``. The front itself is always kept.

        Returns:
            (n, n_obj) objectives. None if limits bind, which means unknown to pymoo.
        """
        exact = self._known_for("the exact front").exact
        return None if exact is None else np.array(exact.F[self._thinned(exact, n_points)])

    def pareto_set(self, *args: Any, n_points: int | None = None, **kwargs: Any) -> np.ndarray | None:
        """Return the plans of `pareto_front`, (n, N), in the same order; None if limits bind."""
        exact = self._known_for("the exact front").exact
        return None if exact is None else np.stack([exact.assignment(k) for k in self._thinned(exact, n_points)])

    def _thinned(self, exact: SupportedFront | SupportedSurface, n_points: int | None) -> np.ndarray:
        if n_points is None:
            n_points = min(MAX_FRONT_POINTS, max(self.n_obj, MAX_SET_CELLS // self.n_queries))
        return exact.thin(n_points)

    def _evaluate(self, X: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        plans = self.as_allocations(X)
        out["F"] = self.known.evaluate(plans)
        if self.has_limits:
            out["G"] = self.limits.excess(plans)

    def __getstate__(self) -> dict[str, Any]:
        # the limits have the same tables, except for forbidden cells
        return {**super().__getstate__(), "limits": replace(self.limits, cost=NO_TABLE, accuracy=NO_TABLE)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        limits = replace(state["limits"], cost=self.cost, accuracy=self.accuracy, allowed=self.allowed)
        self.limits = limits.levelled()
        if self.third is not None:
            self.third = replace(self.third, table=read_only(self.third.table))

    def __repr__(self) -> str:
        also = "" if self.third is None else f", with {self.third.name}"
        return f"AllocationProblem({self.n_queries} queries, {self.n_llms} LLMs{also})"


def require_allocation_problem(problem: Any, user: str, /) -> None:
    """Raise UserError unless a problem is an `AllocationProblem` without additional objectives or constraints.

    Args:
        problem: The argument of an algorithm or operator.
        user: Name of the caller, for the message.

    Example:
        >>> require_allocation_problem("my-batch.csv", "MyOperator")
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: MyOperator needs an AllocationProblem; got str. Build one with ...
    """
    if not isinstance(problem, AllocationProblem):
        raise UserError(
            f"{user} needs an AllocationProblem; got {type(problem).__name__}."
            " Build one with AllocationProblem(cost, accuracy)"
        )
    problem.refuse_extended(user)


def _third_of(objectives: Any) -> Additive | None:
    """Return the third objective, or None."""
    given = [objectives] if isinstance(objectives, Additive) else list(objectives or ())
    for k, objective in enumerate(given):
        if not isinstance(objective, Additive):
            raise UserError(
                f"objectives beside cost and accuracy must be Additive objects; objectives[{k}] is {objective!r:.60}."
                " Write Additive('latency', table, unit='s', mean=True)"
            )
    if len(given) > 1:
        raise UserError(
            f"at most one objective beside cost and accuracy; got {len(given)}. Bound the others by limits=,"
            " a Ceiling or a Floor each"
        )
    return given[0] if given else None


def _column(third: Additive, n_queries: int) -> np.ndarray:
    """Return (N, M) numbers whose mean over the queries is the third column of F."""
    factor = (1.0 if third.mean else float(n_queries)) * (-1.0 if third.maximise else 1.0)
    return third.table if factor == 1.0 else read_only(third.table * third.table.dtype.type(factor))
