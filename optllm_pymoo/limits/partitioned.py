"""Plans within limits of a batch that is larger than memory: prices of the limits, and what they leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from optllm_pymoo.exact.partitioned import Part, Spread, Tables, as_tables
from optllm_pymoo.kernels.limits import price_queries
from optllm_pymoo.limits.limit import Floor, Quota
from optllm_pymoo.limits.linear import LinearLimits, Weights
from optllm_pymoo.limits.plans import best_within, cheapest_reaching
from optllm_pymoo.limits.relaxation import relax
from optllm_pymoo.validation import UserError

N_SAMPLED: Final = 100_000
"""Queries, drawn from all parts, from which the first prices are guessed."""

N_OPEN: Final = 100_000
"""Queries whose LLM is decided together, in memory: those that the prices tell least about."""

WIDER: Final = 8
"""How many times more queries are left open where too few of them lead to no plan."""

ATTEMPTS: Final = 3


class _Core(NamedTuple):
    """A part at some prices: what its decided queries use, and the tables of the open ones."""

    used: np.ndarray
    """(K + 1,) of each limit, and of budget or target."""
    tables: Tables | None
    n_open: int


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a plan has to keep to, and what it is to be good in.

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
        """Of accuracy and US$."""
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
            The rows with the bounds that these queries alone would have, budget or target last; and which of all
            limits they are: a floor has none where its group is absent.
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
        """Decide a part's queries at some prices, as far as one LLM leads by more than ``reach``."""
        _, part = item
        tables, used = as_tables(part() if callable(part) else part), np.zeros(len(prices))
        if not len(tables.cost):
            return _Core(used, None, 0)
        linear, which = self.linear(tables)
        best, _, margin = price_queries(linear.cells, linear.coefficients(self.weights, prices[which]))
        decided, is_open = np.flatnonzero(margin > reach), np.flatnonzero(margin <= reach)
        used[which] = linear.weights(decided, best[decided]).sum(axis=1)
        return _Core(used, _taken(tables, is_open) if len(is_open) else None, len(is_open))

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
        asked: What it keeps to.
        prices: (K + 1,) at which the plan of all queries but the open ones is made.
        reach: Queries are open whose best LLM at these prices leads by no more.
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
        """Sum up what one part adds to the Lagrangian bound at the final prices."""
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

    First prices are those of a sample. At these, nearly all queries have one LLM that is clearly best. What the others
    have to keep to is what these leave of every limit: a batch that fits into memory, for which plan and prices are
    found as for any other. Its prices are multipliers of the whole batch too, and give the bound. Where the core has
    no plan, since the sample was too far off, it is made larger.

    Args:
        parts: As `PartitionedFront` takes them, checked; with groups where there are floors.
        asked: What the plan has to keep to.
        spread: As `PartitionedFront` takes it. Three passes, one more for each time the core is made larger.

    Returns:
        The plan. It meets all limits. How good it is shows `PricedCut.bound`.

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
    """Put queries of several parts together."""
    cost, accuracy = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    has_mask = any(part.allowed is not None for part in parts)
    masks = [np.ones(part.cost.shape, dtype=bool) if part.allowed is None else part.allowed for part in parts]
    group = None if parts[0].group is None else np.concatenate([part.group for part in parts])
    return as_tables((cost, accuracy, np.concatenate(masks) if has_mask else None, group))


def _taken(tables: Tables, rows: np.ndarray) -> Tables:
    """Keep some queries."""
    mask, group = (None if each is None else each[rows] for each in tables[2:])
    return Tables(tables.cost[rows], tables.accuracy[rows], mask, group)


def sample_of(share: float, item: tuple[int, Part], /) -> Tables:
    """Draw about a share of a part's queries."""
    number, part = item
    tables = as_tables(part() if callable(part) else part)
    return _taken(tables, np.flatnonzero(np.random.default_rng(number).random(len(tables.cost)) < share))
