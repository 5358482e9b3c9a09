"""Whole plans that meet limits, made from prices, with their certificates; also for a batch in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from optllm_pymoo.exact.partitioned import Part, Spread, Tables, as_tables
from optllm_pymoo.exact.surface import Scalarisation, payoffs
from optllm_pymoo.kernels.limits import Coefficients, PricedPlan, best_pair, fill, mend, most_exceeded, price_queries
from optllm_pymoo.limits.bound import PricePath
from optllm_pymoo.limits.feasibility import Feasibility
from optllm_pymoo.limits.limit import Floor, Quota
from optllm_pymoo.limits.linear import LinearLimits, Weights
from optllm_pymoo.limits.relaxation import Relaxation, relax
from optllm_pymoo.solver import Status
from optllm_pymoo.tolerances import TIE_BREAKER
from optllm_pymoo.validation import UserError, as_budget, in_full, read_only

MAX_ROUNDS = 200
MAX_PAIRS = 50
MAX_FILLS = 6

CANDIDATES = 16
"""Moves per pair of LLMs that exchanges try: those with the least priced loss."""

N_EXCHANGES = 20
"""Largest number of improving exchanges between two queries, for a single plan rather than a front."""


def priced_plan(limits: LinearLimits, weights: Weights, prices: np.ndarray, /) -> np.ndarray:
    """Send each query where accuracy less priced cost and use of limits is highest, (N,)."""
    return price_queries(limits.cells, limits.coefficients(weights, prices))[0]


def mended(
    limits: LinearLimits,
    x: np.ndarray,
    weights: Weights,
    prices: np.ndarray,
    /,
    *,
    goal: Weights | None = None,
    n_exchanges: int = 0,
) -> np.ndarray | None:
    """Repair a plan so that it meets the limits, then use up their slack.

    Args:
        limits: Tables and limits.
        x: (N,) LLM per query; not changed.
        weights: Of the objectives in the priced loss of a move.
        prices: (K,) prices of the limits.
        goal: Weights of the objectives for using up the slack; None: ``weights``.
        n_exchanges: Largest number of improving exchanges between two queries at the end.

    Returns:
        (N,) a plan that meets all limits, or None if single moves don't lead to one.
    """
    x = x.copy()
    worth = limits.coefficients(weights, prices)
    score = limits.scores(goal or weights)
    for _ in range(MAX_PAIRS):
        if mend(_priced(limits, worth, x), MAX_ROUNDS):
            break
        if not _exchange(limits, x, worth, score, MAX_PAIRS):
            return None
    fill(_priced(limits, worth, x), score, MAX_FILLS)
    if n_exchanges:
        _exchange(limits, x, worth, score, n_exchanges)
    return x if limits.are_met(x[None])[0] else None


def _priced(limits: LinearLimits, worth: Coefficients, x: np.ndarray) -> PricedPlan:
    return PricedPlan(limits.cells, limits.rules, worth, limits.slack(x), x)


def best_of(limits: LinearLimits, plans: Sequence[np.ndarray], goal: Weights, /) -> np.ndarray:
    """Return the plan with the highest score; of equals the first.

    Args:
        limits: Tables and limits.
        plans: At least one plan, (N,) each.
        goal: Weights of the objectives.
    """
    rows, score = np.arange(limits.n_queries), limits.scores(goal)
    return plans[int(np.argmax([score[rows, x].sum() for x in plans]))]


def _exchange(limits: LinearLimits, x: np.ndarray, worth: Coefficients, score: np.ndarray, max_pairs: int) -> int:
    """Make the best exchanges between two queries, in place, where no single move is possible or none improves.

    While a limit is exceeded, they reduce the excess. Returns the number of exchanges, at most ``max_pairs``.
    """
    rows, n_llms = np.arange(limits.n_queries), limits.cost.shape[1]
    priced = worth.accuracy[limits.cells.group][:, None] * limits.accuracy - worth.usd * limits.cost - worth.calls
    for prices, table in zip(worth.extra, limits.extra, strict=True):
        priced = priced - prices * table
    if limits.allowed is not None:
        priced = np.where(limits.allowed, priced, -np.inf)
    slack = limits.slack(x)
    for n in range(max_pairs):
        loss = priced[rows, x][:, None] - priced
        gain = score - score[rows, x][:, None]
        # (M, M, T) queries at LLM p whose moves to q lose least, -1 where there are no more
        moves = np.full((n_llms, n_llms, CANDIDATES), -1, dtype=np.int64)
        for p in range(n_llms):
            here = np.flatnonzero(x == p)
            for q in range(n_llms):
                losses = loss[here, q]
                few = (
                    np.argpartition(losses, CANDIDATES)[:CANDIDATES] if len(here) > CANDIDATES else np.arange(len(here))
                )
                few = few[np.isfinite(losses[few]) & (p != q)]
                moves[p, q, : len(few)] = here[few[np.argsort(losses[few], kind="stable")]]
        i, q, other, r = best_pair(limits.cells, limits.rules, slack, loss, gain, moves)
        if i < 0:
            return n
        was_exceeded = most_exceeded(slack) >= 0
        x[i], x[other] = q, r
        slack = limits.slack(x)
        if was_exceeded and most_exceeded(slack) < 0:
            return n + 1
    return max_pairs


def feasible_plan(limits: LinearLimits, /) -> np.ndarray:
    """Find some plan that meets the limits.

    Reasons for infeasibility are checked from the simplest to the most complex, and the first one found is reported,
    see `Feasibility`. If a fractional plan meets the limits, a whole plan is made from it; if that fails, HiGHS
    searches for one. The fractional plan is first computed with cost and accuracy as the objective. That is much faster
    than the proof of infeasibility, whose objective is the excess alone: there, all LLMs are equal for a query, so its
    linear programme has to hold the whole batch. The proof is needed only if the limits can't be met.

    Args:
        limits: Tables and limits.

    Returns:
        (N,) LLM per query.

    Raises:
        UserError: If there is none; the message names the reason and the nearest feasible value.
    """
    feasibility = Feasibility(limits)
    feasibility.check_one_by_one()
    # the ranges of accuracy and cost count the same
    weights = Weights(*(1.0 / (float(np.ptp(table)) or 1.0) for table in (limits.accuracy, limits.cost)))
    first = relax(limits, weights)
    if first.violation > 0.0:
        feasibility.check_together()
    plan = mended(limits, first.x, weights, first.prices)
    if plan is not None:
        return plan
    status, x = feasibility.whole_plan()
    if x is not None:
        return x
    listed, loosen = " and ".join(limits.names), ". Loosen a limit slightly"
    if status is Status.INFEASIBLE:
        hint = feasibility.nearest_for_whole_plans() or loosen
        raise UserError(f"no plan meets {listed}: fractions of queries would, whole queries can't{hint}")
    raise UserError(f"no plan was found that meets {listed}, though fractions of queries would{loosen}")


class Certified(NamedTuple):
    """A plan within limits, with its LP bound."""

    x: np.ndarray
    """(N,) LLM per query."""
    value: float
    """Mean accuracy, or total US$ if the cost is minimised."""
    bound: float
    """No plan within the limits has a higher mean accuracy, or costs less."""
    prices: np.ndarray
    """(K,) multipliers: gain by one more unit of each limit, in summed accuracy or US$."""

    @property
    def gap(self) -> float:
        """Distance between value and bound, >= 0."""
        return abs(self.bound - self.value)


def best_within(
    limits: LinearLimits, budget_usd: float | None = None, /, *, start: np.ndarray | None = None
) -> Certified:
    """Find the most accurate plan within limits and a budget.

    Args:
        limits: Tables and limits.
        budget_usd: Total US$; None for no budget.
        start: (K + 1,) initial prices, in the form returned; without a budget (K,). None if none are known.

    Returns:
        Plan, mean accuracy, LP bound on it, and prices in summed accuracy (expected correct answers) per unit; the
        budget's price is the last one.

    Raises:
        UserError: If the budget is no number; if it is NaN or negative, or no plan meets the limits.
    """
    bounded = limits if budget_usd is None else limits.within(budget_usd=as_budget("budget_usd", budget_usd))
    per_usd = TIE_BREAKER * limits.n_queries / (float(limits.cost.sum(dtype=float)) or 1.0)
    solved = relax(bounded, Weights(1.0, 0.0), start=start)
    x = _plan(bounded, solved, Weights(1.0, 0.0), Weights(1.0, per_usd))
    accuracy = float(limits.accuracy[np.arange(len(x)), x].mean(dtype=float))
    return Certified(x, accuracy, max(accuracy, solved.bound / limits.n_queries), solved.prices)


def cheapest_reaching(
    limits: LinearLimits, min_accuracy: float | None = None, /, *, start: np.ndarray | None = None
) -> Certified:
    """Find the cheapest plan within limits that reaches a mean accuracy.

    Args:
        limits: Tables and limits.
        min_accuracy: Mean accuracy to reach; None for none.
        start: (K + 1,) initial prices, in the form returned; without a target (K,). None if none are known.

    Returns:
        Plan, total US$, LP bound on it, and prices in US$ per unit; the target's price, per unit of summed accuracy,
        is the last one.

    Raises:
        UserError: If no plan meets the limits.
    """
    bounded = limits if min_accuracy is None else limits.within(min_accuracy=min_accuracy)
    per_accuracy = TIE_BREAKER * (float(limits.cost.sum(dtype=float)) or 1.0) / limits.n_queries
    solved = relax(bounded, Weights(0.0, 1.0), start=start)
    x = _plan(bounded, solved, Weights(0.0, 1.0), Weights(per_accuracy, 1.0))
    cost = float(limits.cost[np.arange(len(x)), x].sum(dtype=float))
    return Certified(x, cost, min(cost, -solved.bound), solved.prices)


def _plan(limits: LinearLimits, solved: Relaxation, weights: Weights, goal: Weights) -> np.ndarray:
    """Make several whole plans from a relaxation and return the best."""
    starts = [solved.x, priced_plan(limits, weights, solved.prices)]
    plans = [mended(limits, start, weights, solved.prices, goal=goal, n_exchanges=N_EXCHANGES) for start in starts]
    found = [x for x in plans if x is not None]
    if not found:  # repairing the relaxation gave no plan: start from any plan that meets the limits
        x = feasible_plan(limits)
        better = mended(limits, x, weights, solved.prices, goal=goal)
        found = [x if better is None else better]
    return best_of(limits, found, goal)


def end_plans(limits: LinearLimits, path: PricePath, fallback: np.ndarray, /) -> np.ndarray:
    """Find the cheapest and the most accurate plan within limits by single moves.

    Args:
        limits: Tables and limits.
        path: Prices along the bound front of the limits.
        fallback: (N,) a plan that meets the limits.

    Returns:
        (2, N) plans that meet the limits.
    """
    ends = []
    for k in (0, -1):
        weights = Weights(float(path.per_accuracy[k]), float(path.per_usd[k]))
        solved = relax(limits, weights, start=path.prices[k])
        starts = [solved.x, fallback]
        plans = [mended(limits, start, weights, solved.prices) for start in starts]
        ends.append(best_of(limits, [x for x in (*plans, fallback) if x is not None], weights))
    return np.stack(ends)


def check_reachable(
    limits: LinearLimits, /, *, budget_usd: float | None = None, min_accuracy: float | None = None
) -> None:
    """Raise unless some plan meets the limits and one more.

    Args:
        limits: Tables and limits, which some plan meets.
        budget_usd: Total US$, or
        min_accuracy: Mean accuracy to reach.

    Raises:
        UserError: If there is no such plan, or none was found; the message has the nearest value with a known plan.
    """
    bounded = limits.within(budget_usd=budget_usd, min_accuracy=min_accuracy)
    nearest = cheapest_reaching(limits) if min_accuracy is None else best_within(limits)
    if bounded.are_met(nearest.x[None])[0]:
        return
    try:
        feasible_plan(bounded)
    except UserError as reason:
        # written in full: a rounded bound might lie on the wrong side of the plan found
        found = in_full(nearest.value)
        if min_accuracy is None:
            message = (
                f"budget {in_full(budget_usd)} US$ is below the cheapest plan found within the limits, {found} US$;"
            )
            message += f" none costs less than {in_full(min(nearest.bound, nearest.value))} US$"
        else:
            message = (
                f"accuracy {in_full(min_accuracy)} is above the most accurate plan found within the limits, {found};"
            )
            message += f" none reaches more than {in_full(max(nearest.bound, nearest.value))}"
        raise UserError(message) from reason


class PricedScalarisation:
    """Turns weights on three objectives into plans that meet the limits, by the relaxation's prices at those weights.

    It replaces `Scalarisation` if limits tie queries together: one relaxation for each weight vector, and a whole plan
    made from it.

    Args:
        limits: Tables and limits, the third objective's table among them.
        free: The same three objectives without the limits; their ranges define the scale of the weights.
        fallback: (N,) a plan that meets the limits.
        per: Divisor of the sum of the third table: N for a mean, else 1.

    Attributes:
        optima: (3, N) read-only: the cheapest, the most accurate and the best plan by the third objective that were
            found within the limits.
        optima_F: (3, 3) read-only objectives of these.
        ideal: (3,) best value of each objective among them.
        ranges: (3,) positive; 1 where all three agree.
    """

    def __init__(self, limits: LinearLimits, free: Scalarisation, fallback: np.ndarray, /, *, per: float) -> None:
        self.limits, self.free, self.fallback, self.per = limits, free, fallback, per
        self.optima = read_only(self.choose(np.eye(3)))
        self.optima_F = read_only(free.evaluate(self.optima))
        self.ideal, self.ranges = payoffs(self.optima_F)

    def choose(self, weights: np.ndarray, /) -> np.ndarray:
        """Return a plan within the limits for each of some weights.

        Args:
            weights: (n, 3), >= 0, one of each row > 0. Only their proportions matter.

        Returns:
            (n, N); the score of a row is close to the best within the limits.
        """
        limits, prices = self.limits, None
        X = np.empty((len(weights), limits.n_queries), dtype=self.free.dtype)
        # sums stand for means of accuracy and the third table; small weights in place of zeros break ties
        unit = self.free.ranges * (1.0, limits.n_queries, self.per)
        for x, row in zip(X, np.maximum(weights, TIE_BREAKER * weights.max(axis=1, keepdims=True)) / unit, strict=True):
            at = Weights(accuracy=row[1], usd=row[0], third=row[2])
            solved = relax(limits, at, start=prices)
            prices = solved.prices
            starts = (solved.x, priced_plan(limits, at, prices), self.fallback)
            plans = [mended(limits, start, at, prices) for start in starts]
            x[:] = best_of(limits, [*(plan for plan in plans if plan is not None), self.fallback], at)
        return X

    def normalise(self, F: np.ndarray, /) -> np.ndarray:
        """Scale objectives (n, 3) so that the individual optima lie between 0 and 1."""
        return np.asarray((F - self.ideal) / self.ranges)


N_SAMPLED: Final = 100_000
"""Number of queries, sampled from all parts, for the estimate of the first prices."""

N_OPEN: Final = 100_000
"""Number of queries whose LLMs are decided together, in memory: those with the smallest margins at the prices."""

WIDER: Final = 8
"""Factor by which the number of open queries grows after a core without a plan."""

ATTEMPTS: Final = 3


class _Core(NamedTuple):
    """A part at some prices: the use of limits by its decided queries, and the tables of the open ones."""

    used: np.ndarray
    """(K + 1,) of each limit, and of budget or target."""
    tables: Tables | None
    n_open: int


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Limits and objective of a plan for a batch in parts.

    Attributes:
        llms: M names.
        limits: Quotas with their LLMs, and floors of groups.
        groups: Names of the groups, by number.
        sizes: Queries of each group, in all parts.
        n_queries: N.
        budget_usd: Total US$, for the most accurate plan; or None
        target: for the cheapest plan of a mean accuracy.
    """

    llms: tuple[str, ...]
    limits: tuple[Quota | Floor, ...]
    groups: tuple[str, ...]
    sizes: tuple[int, ...]
    n_queries: int
    budget_usd: float | None = None
    target: float | None = None

    @property
    def weights(self) -> Weights:
        """Weights of accuracy and US$."""
        return Weights(1.0, 0.0) if self.target is None else Weights(0.0, 1.0)

    @property
    def bounds(self) -> np.ndarray:
        """(K + 1,) b_k of the limits, and last that of budget or target."""
        of = [
            limit.limit
            if isinstance(limit, Quota)
            else -float(limit.at_least) * self.sizes[self.groups.index(limit.of)]
            for limit in self.limits
        ]
        last = self.budget_usd if self.target is None else -self.target * self.n_queries
        return np.array([*of, np.inf if last is None else last])

    def linear(self, tables: Tables, /) -> tuple[LinearLimits, np.ndarray]:
        """Write the limits as rows of some queries.

        Returns:
            The rows with the bounds for these queries alone, budget or target last; and their indices among all limits:
            a floor has no row if its group is absent.
        """
        has_floors = any(isinstance(limit, Floor) for limit in self.limits)
        names = (
            None
            if tables.group is None or not has_floors
            else np.array([*self.groups, None], dtype=object)[tables.group]
        )
        there = set() if names is None else set(names.tolist())
        which = [k for k, limit in enumerate(self.limits) if isinstance(limit, Quota) or limit.of in there]
        asked = [self.limits[k] for k in which]
        linear = LinearLimits.of(tables.cost, tables.accuracy, tables.allowed, self.llms, limits=asked, groups=names)
        if self.target is None:
            linear = linear.within(budget_usd=self.budget_usd or float(tables.cost.max(axis=1).sum(dtype=float)))
        else:
            linear = linear.within(min_accuracy=self.target)
        return linear, np.array([*which, len(self.limits)])

    def core(self, prices: np.ndarray, reach: float, item: tuple[int, Part], /) -> _Core:
        """Decide a part's queries at some prices: those whose best LLM leads by more than ``reach``."""
        _, part = item
        tables, used = as_tables(part() if callable(part) else part), np.zeros(len(prices))
        if not len(tables.cost):
            return _Core(used, None, 0)
        linear, which = self.linear(tables)
        best, _, margin = price_queries(linear.cells, linear.coefficients(self.weights, prices[which]))
        decided, is_open = np.flatnonzero(margin > reach), np.flatnonzero(margin <= reach)
        used[which] = linear.weights(decided, best[decided]).sum(axis=1)
        return _Core(used, tables.taken(is_open) if len(is_open) else None, len(is_open))

    def decided(self, cores: Sequence[_Core]) -> tuple[np.ndarray, np.ndarray]:
        """Decide the open queries; return their LLMs, and prices of all limits."""
        left = self.bounds - np.sum([core.used for core in cores], axis=0)
        last = np.zeros(len(left))
        tables = [core.tables for core in cores if core.tables is not None]
        if not tables:
            if (left < 0).any():
                raise UserError("the decided queries exceed a limit")
            return np.empty(0, dtype=np.int8), last
        core = _joined(tables)
        linear, which = self.linear(core)
        absent = np.setdiff1d(np.arange(len(left)), which)
        if (left[absent] < 0).any() or (self.target is None and left[-1] < 0):
            raise UserError("the decided queries exceed a limit")
        linear = replace(linear, limit=left[which]).only(np.arange(len(which) - 1))
        if self.target is None:
            found = best_within(linear, None if np.isinf(left[-1]) else float(left[-1]))
        else:
            found = cheapest_reaching(linear, float(-left[-1]) / len(core.cost))
        last[which[: len(found.prices)]] = found.prices
        return found.x, last

    def uses(self, tables: Any, x: np.ndarray, /) -> np.ndarray:
        """Sum up what the plan of a part uses of each limit, (K + 1,) with the sign of `bounds`."""
        tables, used = as_tables(tables), np.zeros(len(self.bounds))
        if len(tables.cost):
            linear, which = self.linear(tables)
            used[which] = linear.uses(x[None])[0]
        return used


@dataclass(frozen=True, kw_only=True)
class PricedCut:
    """A plan of a batch in parts within limits.

    Attributes:
        asked: Its limits and objective.
        prices: (K + 1,) prices that decide all queries but the open ones.
        reach: Queries are open if their best LLM leads by no more than this at these prices.
        open: By part, the LLMs of its open queries.
        last: (K + 1,) final prices: the multipliers of the bound.
    """

    asked: Asked
    prices: np.ndarray
    reach: float
    open: dict[int, np.ndarray]
    last: np.ndarray

    def assign(self, tables: Tables, number: int, /) -> np.ndarray:
        """Decode the plan of one part, as `Cut.assign` does."""
        tables = as_tables(tables)
        if not len(tables.cost):
            return np.empty(0, dtype=np.int8)
        linear, which = self.asked.linear(tables)
        x, _, margin = price_queries(linear.cells, linear.coefficients(self.asked.weights, self.prices[which]))
        x[margin <= self.reach] = self.open[number]
        return x

    def dual(self, tables: Tables, /) -> float:
        """Return the contribution of one part to the Lagrangian bound at the final prices."""
        tables = as_tables(tables)
        if not len(tables.cost):
            return 0.0
        linear, which = self.asked.linear(tables)
        _, best, _ = price_queries(linear.cells, linear.coefficients(self.asked.weights, self.last[which]))
        return float(best.sum())

    def bound(self, duals: float, /) -> float:
        """Bound all plans within the limits: no plan has a higher mean accuracy, or with a target costs less.

        Args:
            duals: Sum of `dual` over all parts.
        """
        priced = self.last > 0
        total = duals + float(self.last[priced] @ self.asked.bounds[priced])
        return total / self.asked.n_queries if self.asked.target is None else -total


def plan_in_parts(parts: Sequence[Part], asked: Asked, /, *, spread: Spread = map) -> PricedCut:
    """Find a plan within limits, by prices of the limits and a core of queries that they leave open.

    First prices are those of a sample. At these prices, nearly all queries have a clearly best LLM. The other queries,
    the core, share the slack that is left of every limit: a batch that fits into memory, solved like any other. Its
    prices are also multipliers of the whole batch and give the bound. If the core has no plan because the sample was
    not representative, it is made larger.

    Args:
        parts: As `PartitionedFront` takes them, checked; with groups where there are floors.
        asked: Limits and objective.
        spread: As `PartitionedFront` takes it. Three passes, one more for each time the core is made larger.

    Returns:
        The plan. It meets all limits; `PricedCut.bound` certifies it.

    Raises:
        UserError: If no plan was found that meets all limits.
    """
    items = [*enumerate(parts)]
    share = min(1.0, N_SAMPLED / asked.n_queries)
    sample = _joined([found for found in spread(partial(sample_of, share), items) if len(found.cost)])
    linear, which = asked.linear(sample)
    bounds = asked.bounds[which] * (len(sample.cost) / asked.n_queries)
    per_group = linear.of_group >= 0
    linear = replace(linear, limit=np.where(per_group | ~np.isfinite(bounds), linear.limit, bounds))
    prices = np.zeros(len(asked.bounds))
    prices[which] = relax(linear, asked.weights).prices
    margin = price_queries(linear.cells, linear.coefficients(asked.weights, prices[which]))[2]
    n_open = N_OPEN
    for attempt in range(ATTEMPTS):
        wanted = min(1.0, n_open / asked.n_queries)
        reach = float(np.quantile(margin, wanted)) if wanted < 1 else np.inf
        cores = list(spread(partial(asked.core, prices, reach), items))
        try:
            x, last = asked.decided(cores)
        except UserError:
            if attempt == ATTEMPTS - 1 or reach == np.inf:
                raise UserError(
                    "no plan was found that meets all limits"
                    + (f" within {asked.budget_usd:g} US$" if asked.budget_usd is not None else "")
                    + (f" at a mean accuracy of {asked.target:g}" if asked.target is not None else "")
                    + "; loosen one of them"
                ) from None
            n_open *= WIDER
            continue
        break
    ends = np.cumsum([core.n_open for core in cores])[:-1]
    return PricedCut(asked=asked, prices=prices, reach=reach, open=dict(enumerate(np.split(x, ends))), last=last)


def _joined(parts: Sequence[Tables]) -> Tables:
    """Concatenate queries of several parts."""
    cost, accuracy = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    has_mask = any(part.allowed is not None for part in parts)
    masks = [np.ones(part.cost.shape, dtype=bool) if part.allowed is None else part.allowed for part in parts]
    group = None if parts[0].group is None else np.concatenate([part.group for part in parts])
    return as_tables((cost, accuracy, np.concatenate(masks) if has_mask else None, group))


def sample_of(share: float, item: tuple[int, Part], /) -> Tables:
    """Sample about a share of a part's queries."""
    number, part = item
    tables = as_tables(part() if callable(part) else part)
    return tables.taken(np.flatnonzero(np.random.default_rng(number).random(len(tables.cost)) < share))
