"""The exact supported front of a batch that is larger than memory, in parts that are read one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from optllm_pymoo.exact.front import check_budget_usd, check_target, thinned
from optllm_pymoo.kernels.steps import (
    LOW_BITS,
    clear_choices,
    hull_rows,
    steps_within,
    sum_columns,
    sum_steps,
    take_above,
)
from optllm_pymoo.tolerances import SAME_TOTAL
from optllm_pymoo.validation import UserError, as_mask, as_table, as_whole, check_shape, read_only

BLOCK: Final = 1 << 18
"""Queries whose hulls are held at a time."""

RADIX: Final = (44, 22, 0)
"""Bits of an efficiency (seen as an integer) that a histogram leaves out: 256 buckets per factor of two, then finer."""

COARSE: Final = 47
"""Bits left out where LLMs and groups are summed up: 32 plans per factor of two."""

ALL: Final = int(np.iinfo(np.int64).max)
"""A number above every efficiency and every number of ties."""

MAX_EXACT: Final = 1 << 22
"""Steps of one bucket up to which the last level follows upon the first."""

SHOWN: Final = 500
"""Largest number of plans along a front whose mixes are kept."""

LARGEST_TOTAL: Final = float(1 << 42)
"""Largest total, in US$, that exact sums can hold."""


class Tables(NamedTuple):
    """The tables of one part of a batch.

    Attributes:
        cost: (n, M) US$ per call, finite, >= 0; n may be 0.
        accuracy: (n, M) in [0, 1].
        allowed: (n, M) True where a query may go to an LLM; None allows all.
        group: (n,) number of each query's group, in 0 ... G-1; None without groups.
    """

    cost: Any
    accuracy: Any
    allowed: Any = None
    group: Any = None

    def taken(self, rows: Any, /) -> Tables:
        """Keep some queries."""
        return Tables(*(None if each is None else each[rows] for each in self))


Part = Callable[[], Tables] | Tables | tuple[Any, ...]
"""A part, or what reads it: any number of times, the same each time, and picklable where processes are to read it."""

Spread = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
"""Like `map`, with results in the same order; possibly in other processes or on other machines."""


class Sums(NamedTuple):
    """Exact sums by key: of steps by efficiency, of cells by point and LLM."""

    keys: np.ndarray
    """(n,) int64, rising."""
    values: np.ndarray
    """(n, …, 5) int64: how many, and both sums, see `add_exactly`."""

    def __add__(self, other: Sums) -> Sums:  # type: ignore[override]
        """Join two, exactly: any order of additions gives the same."""
        keys, place = np.unique(np.concatenate([self.keys, other.keys]), return_inverse=True)
        values = np.zeros((len(keys), *self.values.shape[1:]), dtype=np.int64)
        np.add.at(values, place, np.concatenate([self.values, other.values]))
        return Sums(keys, carried(values))


NOTHING: Final = Sums(np.empty(0, dtype=np.int64), np.empty((0, 5), dtype=np.int64))


class Along(NamedTuple):
    """Mixes of plans along a front."""

    rows: np.ndarray
    """(n,) rising rows of `PartitionedFront.F`, both ends among them."""
    by_llm: np.ndarray
    """(n, M, 3) queries, US$ and expected correct answers of each LLM."""
    by_group: np.ndarray
    """(n, G, 3) the same of each group of queries."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """One plan of a `PartitionedFront`: which steps are taken, without their queries.

    Attributes:
        index: How many steps are taken: the number of the same point of a `SupportedFront`.
        cost_usd: Total US$.
        accuracy: Mean accuracy.
        next_usd: Δcost of the next step, US$; 0 at the end of the front.
        next_accuracy: Δaccuracy of its query; no plan at the same cost is better by this, divided by N.
        key: Efficiency of the next step, as an integer: all steps above it are taken.
        part: Steps of just this efficiency are taken in the parts before this one,
        n_ties: and so many in it.
    """

    index: int
    cost_usd: float
    accuracy: float
    next_usd: float
    next_accuracy: float
    key: int
    part: int
    n_ties: int

    @property
    def usd_per_correct(self) -> float:
        """Price of the next step: US$ per expected correct answer; NaN at the end of the front."""
        return self.next_usd / self.next_accuracy if self.next_accuracy else float("nan")

    def assign(self, tables: Tables, number: int, /) -> np.ndarray:
        """Decode the plan of one part.

        Args:
            tables: The part.
            number: Which it is, from 0.

        Returns:
            (n,) LLM per query, int8 up to 127 LLMs and int32 beyond. O(n M).
        """
        # ties are taken in the order of parts and rows, as `SupportedFront` takes them
        left = ALL if number < self.part else self.n_ties if number == self.part else 0
        chosen = []
        for x, rows, *hulls in hulls_within(as_tables(tables), self.key, self.key):
            taken = np.empty(len(rows), dtype=x.dtype)
            left = max(0, left - take_above(*hulls, self.key, left, taken))
            x[rows] = taken
            chosen.append(x)
        return np.concatenate(chosen) if chosen else np.empty(0, dtype=np.int8)


class PartitionedFront:
    """The exact supported front of a batch in parts, with certificates: `SupportedFront` without its memory.

    A positive float64 seen as an integer keeps its order. So one pass over the parts sums up all upgrade steps in a
    histogram of their efficiencies, the upper bits of that integer; cumulated from the most efficient bucket on, it
    holds the exact cost and accuracy of the plan at every edge. A second pass over the one bucket in which a budget
    ends finds the plan to the single step, the same that `SupportedFront` finds; steps of equal efficiency are taken in
    the order of the parts and their rows. All sums are integers, so any cut and any order give the same ones.

    Passes are made when they are needed, and what they find is kept: one for the front, one for each bucket that is
    asked into (two, if it holds more than 2**22 steps), which finds the hulls of only those queries that have steps
    about there. Each takes O(N M) and memory for one part at a time.

    Args:
        parts: Each a `Tables`, a tuple ``(cost, accuracy)`` or ``(cost, accuracy, allowed)``, or a function without
            arguments that returns one. Parts may be empty; all have the same LLMs.
        spread: How a function is applied to all parts: `map`, the ``map`` of an executor, or any function like it.
        n_groups: G, if the parts name their queries' groups; for `along`.

    Attributes:
        F: (points, 2) read-only points, cheapest first: total US$ and negated mean accuracy. 256 per factor of two in
            efficiency.
        index: (points,) number of steps that each of them has taken: its place on a `SupportedFront`.
        singles: (M, 3) queries that an LLM may get, and what it comes to if all of those go to it: total US$ and
            summed accuracy.
        n_queries: N.
        n_llms: M.

    Raises:
        UserError: If a table is refused, the message says of which part; if no part has a query.

    Example:
        >>> parts = [([[1, 2, 5]], [[0.2, 0.6, 0.7]]), ([[1, 3, 4]], [[0.5, 0.4, 0.9]])]
        >>> front = PartitionedFront(parts)
        >>> front.F.round(3).tolist()
        [[2.0, -0.35], [3.0, -0.55], [6.0, -0.75], [9.0, -0.8]]
        >>> cut = front.within_budget(6.5)
        >>> cut.index, cut.cost_usd, front.assignment(cut, 1).tolist()
        (2, 6.0, [2])
        >>> float(front.bound(7.5).round(3))
        0.775
    """

    def __init__(self, parts: Sequence[Part], /, *, spread: Spread = map, n_groups: int = 0) -> None:
        self.n_groups = n_groups
        self._parts = [*enumerate(parts)]
        self._spread = spread
        self._levels: dict[tuple[int, int], list[Sums]] = {}
        total: Summary | None = None
        for number, found in enumerate(spread(partial(summary_of, n_groups), self._parts)):
            if found is None:
                continue
            if total is not None and len(found.singles) != len(total.singles):
                of = f"{len(found.singles)} LLMs, and those before it {len(total.singles)}"
                raise UserError(f"part {number} has {of}")
            total = found if total is None else total + found
            _check_total(float(_floats(total.start)[1].sum() + _floats(total.steps.values)[1].sum()))
        if total is None:
            raise UserError("no part has a query; at least one is needed")
        self._total, self.n_llms = total, len(total.singles)
        self.singles = read_only(np.stack(_floats(total.singles), axis=-1))
        start, steps = carried(total.start[: self.n_llms].sum(axis=0)), total.steps
        self.n_queries, start[0] = int(start[0]), 0
        self._start, self._steps = start, steps
        along = carried(np.concatenate([start[None], steps.values[::-1]]).cumsum(axis=0))
        self.index, cost, accuracy = _floats(along)
        self.F = read_only(np.column_stack([cost, -accuracy / self.n_queries]))

    def __len__(self) -> int:
        """Count the points of the whole front: one more than there are steps."""
        return int(self.index[-1]) + 1

    def __repr__(self) -> str:
        (low, worst), (high, best) = self.F[0], self.F[-1]
        return (
            f"PartitionedFront({len(self)} plans for {self.n_queries} queries on {self.n_llms} LLMs in"
            f" {len(self._parts)} parts, {low:.6g} to {high:.6g} US$, accuracy {-worst:.4f} to {-best:.4f})"
        )

    def cut(self, index: int, /) -> Cut:
        """Find the plan with so many steps taken.

        Args:
            index: 0 (cheapest) ... len(self) - 1 (most accurate); negative from the end.

        Raises:
            UserError: If there is no such point.
        """
        index = as_whole("the index of a point", index)
        if not -len(self) <= index < len(self):
            raise UserError(f"point {index} is not on this front; it has points 0 to {len(self) - 1}")
        return self._before(lambda count, cost, accuracy: count > index % len(self))

    def within_budget(self, budget_usd: float, /) -> Cut:
        """Find the most accurate plan of the front that a budget pays for, see `SupportedFront.within_budget`.

        Args:
            budget_usd: Total US$ for the batch.

        Raises:
            UserError: If not even the cheapest plan fits, or the budget is no number.
        """
        check_budget_usd(self.F, budget_usd)
        return self._before(lambda count, cost, accuracy: cost > budget_usd * (1 + SAME_TOTAL))

    def at_least_accuracy(self, target: float, /) -> Cut:
        """Find the cheapest plan of the front that reaches a mean accuracy, see `SupportedFront.at_least_accuracy`.

        Args:
            target: Mean accuracy in [0, 1].

        Raises:
            UserError: If not even the most accurate plan reaches it, or the target is no number.
        """
        check_target(self.F, target)
        if -self.F[0, 1] >= target - SAME_TOTAL:
            return self.cut(0)
        # the step that reaches it is taken too
        reached = self._before(lambda count, cost, accuracy: accuracy / self.n_queries >= target - SAME_TOTAL)
        return self.cut(reached.index + 1)

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
        bounds = np.empty(costs.shape)
        for place, budget in np.ndenumerate(costs):
            cut = self.within_budget(budget.item())
            share = (budget - cut.cost_usd) / cut.next_usd if cut.next_usd else 0.0
            bounds[place] = cut.accuracy + max(0.0, share) * cut.next_accuracy / self.n_queries
        return bounds

    def thin(self, n_points: int, /) -> np.ndarray:
        """Choose rows of `F` that follow the front evenly, see `SupportedFront.thin`.

        Args:
            n_points: How many at the most, at least 2.
        """
        return thinned(self.F, n_points)

    def assignment(self, cut: Cut, number: int, /) -> np.ndarray:
        """Decode the plan of one part.

        Args:
            cut: A plan.
            number: Which part, from 0.

        Returns:
            (n,) LLM per query of that part.
        """
        return cut.assign(_read(self._parts[number]), number)

    @property
    def along(self) -> Along:
        """What each LLM, and each group of queries, gets along the front: by 32 plans per factor of two, or fewer."""
        keys, changes = self._total.along
        totals = carried(np.concatenate([self._total.start[None], changes[::-1]]).cumsum(axis=0))
        above = np.searchsorted(self._steps.keys, keys[::-1] << (COARSE - RADIX[0]))
        rows = np.append(0, len(self._steps.keys) - above)
        shown = thinned(self.F[rows], SHOWN)
        of = np.stack(_floats(totals[shown]), axis=-1)
        return Along(rows[shown], of[:, : self.n_llms], of[:, self.n_llms :])

    def _before(self, reached: Callable[[Any, Any, Any], Any]) -> Cut:
        """Find the plan before the first step after which a total is reached: of steps, US$ or accuracy."""
        base, level, found = self._start, 0, [self._steps]
        while True:
            joined = found[0] if len(found) == 1 else sum(found[1:], found[0])
            after = carried(np.concatenate([base[None], joined.values[::-1]]).cumsum(axis=0))[1:]
            hits = np.flatnonzero(reached(*_floats(after)))
            if not len(hits):  # only at the first level: those below end where their bucket does
                return self._cut(after[-1] if len(after) else base, np.zeros(5, dtype=np.int64), -1, 0, 0)
            hit = int(hits[0])
            base = after[hit - 1] if hit else base
            key, n_steps = int(joined.keys[-1 - hit]), int(joined.values[-1 - hit, 0])
            if level == len(RADIX) - 1:
                break
            below = len(RADIX) - 1 if n_steps <= MAX_EXACT else level + 1
            found = self._refined(key, level, below)
            level = below
        for number, one in enumerate(found):  # whose step it is
            for step in one.values[one.keys == key]:
                after = carried(base + step)
                if not reached(*_floats(after)):
                    base = after
                    continue
                if step[0] == 1:
                    return self._cut(base, step, key, number, 0)
                (ties,) = self._spread(partial(ties_of, key), [self._parts[number]])
                along = carried(np.concatenate([base[None], ties]).cumsum(axis=0))
                n_ties = int(np.flatnonzero(reached(*_floats(along[1:])))[0])
                return self._cut(along[n_ties], ties[n_ties], key, number, n_ties)
        raise AssertionError("a bucket ends where its steps do")

    def _refined(self, key: int, level: int, below: int) -> list[Sums]:
        """Sum up the steps of one bucket at a finer level, part by part; one pass."""
        place = level, key
        if place not in self._levels:
            task = partial(bucket_of, key, RADIX[level], RADIX[below])
            self._levels[place] = list(self._spread(task, self._parts))
        return self._levels[place]

    def _cut(self, at: np.ndarray, step: np.ndarray, key: int, part: int, n_ties: int) -> Cut:
        (index, cost, accuracy), (_, next_usd, next_accuracy) = _floats(at), _floats(step)
        return Cut(
            index=int(index),
            cost_usd=float(cost),
            accuracy=float(accuracy) / self.n_queries,
            next_usd=float(next_usd),
            next_accuracy=float(next_accuracy),
            key=key,
            part=part,
            n_ties=n_ties,
        )


class Summary(NamedTuple):
    """What some parts add to the front."""

    singles: np.ndarray
    """(M, 5) of what each LLM may get, see `Sums`."""
    start: np.ndarray
    """(M + G, 5) of the cheapest plan, by LLM and by group."""
    steps: Sums
    """Of the steps by the upper bits of their efficiencies."""
    along: Sums
    """(…, M + G, 5) of what LLMs and groups gain by them."""

    def __add__(self, other: Summary) -> Summary:  # type: ignore[override]
        """Join two."""
        singles, start = (carried(mine + more) for mine, more in zip(self[:2], other[:2], strict=True))
        return Summary(singles, start, self.steps + other.steps, self.along + other.along)


def as_tables(given: Any, /) -> Tables:
    """Turn what stands for the tables of a part into arrays as `checked` does, without a look at their values."""
    cost, accuracy, allowed, group = Tables(*given)
    is_single = getattr(cost, "dtype", None) == getattr(accuracy, "dtype", None) == np.float32
    cost, accuracy = (np.ascontiguousarray(table, np.float32 if is_single else float) for table in (cost, accuracy))
    if accuracy.size and accuracy.max() > 1:  # means of ones may be rounded to a little more
        accuracy = np.minimum(accuracy, accuracy.dtype.type(1))
    mask = None if allowed is None else np.ascontiguousarray(allowed, dtype=bool)
    return Tables(read_only(cost), read_only(accuracy), mask, group)


def checked(given: Any, number: int, /) -> Tables:
    """Check the tables of a part, as `SupportedFront` does; in an empty part there is nothing to check.

    Raises:
        UserError: If a table is refused, with the number of the part.
    """
    tables = Tables(*given)
    if not len(tables.cost):
        return as_tables(tables)
    try:
        cost = as_table("cost", tables.cost, lower=0.0)
        accuracy = as_table("accuracy", tables.accuracy, lower=0.0, upper=1.0)
        check_shape("accuracy", accuracy, cost.shape)
        allowed = None if tables.allowed is None else as_mask("allowed", tables.allowed, cost.shape)
    except UserError as error:
        raise UserError(f"part {number}: {error}") from None
    _check_total(float(cost.max()) * len(cost))
    return as_tables((cost, accuracy, allowed, tables.group))


def summary_of(n_groups: int, item: tuple[int, Part], /) -> Summary | None:
    """Sum up the cheapest plan of a part, its columns, and its steps by efficiency; None of an empty part."""
    number, part = item
    tables = checked(part() if callable(part) else part, number)
    if not len(tables.cost):
        return None
    if tables.group is not None and n_groups:
        group = np.asarray(tables.group)
        if group.shape != (len(tables.cost),) or group.min() < 0 or group.max() >= n_groups:
            expected = f"for each of {len(tables.cost):,} queries a number from 0 to {n_groups - 1:,}"
            raise UserError(f"part {number}: group must have {expected}")
    size = tables.cost.shape[1] + n_groups
    singles, start = (np.zeros((n, 5), dtype=np.int64) for n in (tables.cost.shape[1], size))
    # of these large arrays only pages in which a step falls take memory, where the system gives memory on first use
    steps, along = np.zeros((1 << (63 - RADIX[0]), 5), np.int64), np.zeros((size << (63 - COARSE), 5), np.int64)
    for first in range(0, len(tables.cost), BLOCK):
        cost, accuracy, allowed, group = tables.taken(slice(first, first + BLOCK))
        group = np.empty(0, np.int64) if group is None or not n_groups else np.asarray(group, dtype=np.int64)
        hulls = hull_rows(cost, accuracy, allowed)
        sum_steps(cost, accuracy, group, *hulls, RADIX[0], COARSE, start, steps, along)
        sum_columns(cost, accuracy, allowed, singles)
    keys = np.flatnonzero(steps[:, 0])
    coarse = np.unique(keys >> (COARSE - RADIX[0]))
    return Summary(singles, start, Sums(keys, steps[keys]), Sums(coarse, along.reshape(-1, size, 5)[coarse]))


def hulls_within(tables: Tables, lowest: int, highest: int, /) -> Iterator[tuple[np.ndarray, ...]]:
    """Choose the LLMs of checked tables at a range of efficiencies, and find hulls where that isn't clear.

    Args:
        tables: Of a part.
        lowest: Efficiency, as an integer.
        highest: Likewise.

    Yields:
        For some queries at a time: the LLM of each, or -1, the rows of the latter, and their ``cost``, ``accuracy``,
        ``hulls`` and ``n_steps``.
    """
    low, high = (float(np.int64(max(0, key)).view(np.float64)) for key in (lowest, highest))
    for first in range(0, len(tables.cost), BLOCK):
        block = tables.taken(slice(first, first + BLOCK))
        x = clear_choices(*block[:3], low, high)
        rows = np.flatnonzero(x < 0)
        cost, accuracy, allowed, _ = block.taken(rows)
        yield x, rows, cost, accuracy, *hull_rows(cost, accuracy, allowed)


def bucket_of(key: int, shift: int, finer: int, item: tuple[int, Part], /) -> Sums:
    """Sum up the steps of one bucket of a part by more bits of their efficiencies."""
    found, lowest, highest = NOTHING, key << shift, ((key + 1) << shift) - 1
    for _, _, *hulls in hulls_within(_read(item), lowest, highest):
        keys, gains = steps_within(lowest, highest, *hulls)
        found = found + Sums(keys >> finer, gains)
    return found


def ties_of(key: int, item: tuple[int, Part], /) -> np.ndarray:
    """List the steps of just one efficiency in a part, (n, 5) as in `Sums`."""
    return np.concatenate([steps_within(key, key, *of[2:])[1] for of in hulls_within(_read(item), key, key)])


def carried(values: np.ndarray, /) -> np.ndarray:
    """Move into the high parts, in place, what the low parts of sums (…, 5) hold too much."""
    for high in (1, 3):
        values[..., high] += values[..., high + 1] >> LOW_BITS
        values[..., high + 1] &= (1 << LOW_BITS) - 1
    return values


def _floats(values: np.ndarray) -> tuple[Any, Any, Any]:
    """Turn sums (…, 5) into counts (…), US$ and summed accuracy."""
    cost, accuracy = (values[..., k] * 2.0**-20 + values[..., k + 1] * 2.0 ** -(20 + LOW_BITS) for k in (1, 3))
    return values[..., 0], cost, accuracy


def _read(item: tuple[int, Part]) -> Tables:
    _, part = item
    return as_tables(part() if callable(part) else part)


def _check_total(total_usd: float) -> None:
    if not total_usd < LARGEST_TOTAL:
        raise UserError(
            f"costs of {total_usd:.3g} US$ in total are beyond what is summed exactly, {LARGEST_TOTAL:.3g} US$;"
            " give costs in a larger unit"
        )
