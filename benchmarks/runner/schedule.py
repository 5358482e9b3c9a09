"""The cells of a plan with those that they need, needed ones first."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from benchmarks.cells.cell import Cell, canonical, key_of


def closure(cells: Iterable[Cell], /) -> dict[str, Cell]:
    """Add what is needed, directly or through others; every cell once.

    Returns:
        The cells by key; each after all that it needs, otherwise in the given order.

    Raises:
        ValueError: A cell needs itself, directly or through others.
    """
    found: dict[str, Cell] = {}
    seen: set[str] = set()

    def add(cell: Cell, path: tuple[str, ...]) -> None:
        # by descriptions: the key of a cell that needs itself can't be had
        name = canonical(cell)
        if name in path:
            raise ValueError(f"cell {cell.title()!r} needs itself")
        if name not in seen:
            seen.add(name)
            for needed in cell.needs:
                add(needed, (*path, name))
            found[key_of(cell)] = cell

    for cell in cells:
        add(cell, ())
    return found


# Kind with what is measured, algorithm and data set: cells of one group are expected to take equally long.
Group = tuple[str, str, str]


def group_of(cell: Cell, /) -> Group:
    """Return the group of a cell; entries that its description doesn't have are empty."""
    description = cell.description()
    what = description.get("measurement", description.get("stage", ""))
    return f"{cell.kind} {what}".rstrip(), str(description.get("algorithm", "")), str(description.get("data", ""))


class Expectation:
    """Mean seconds of the cells seen so far, by group, and by wider groups where a group is new."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, ...], tuple[int, float]] = {}

    def learn(self, cell: Cell, seconds: float, /) -> None:
        """Record the seconds of a cell."""
        group = group_of(cell)
        for width in range(len(group) + 1):
            count, total = self._totals.get(group[:width], (0, 0.0))
            self._totals[group[:width]] = count + 1, total + seconds

    def seconds(self, group: Group, /) -> float | None:
        """Return the expected seconds of a cell of a group; None if none of its kind was ever measured."""
        for width in range(len(group), 0, -1):
            if group[:width] in self._totals:
                count, total = self._totals[group[:width]]
                return total / count
        return None

    def any_seconds(self, group: Group, /) -> float:
        """Return the expected seconds of a cell; the mean over all kinds if its own is new, one second if all are."""
        count, total = self._totals.get((), (1, 1.0))
        known = self.seconds(group)
        return total / count if known is None else known

    def total(self, counts: Mapping[Group, int], /) -> tuple[float, int]:
        """Add up over groups.

        Returns:
            Seconds of the cells whose kind is known, and how many cells are of unknown kinds.
        """
        known = {group: self.seconds(group) for group in counts}
        seconds = sum(counts[group] * each for group, each in known.items() if each is not None)
        return seconds, sum(counts[group] for group, each in known.items() if each is None)

    @classmethod
    def of(cls, seen: Iterable[tuple[Cell, float]], /) -> Expectation:
        """Learn from cells and their seconds."""
        expectation = cls()
        for cell, seconds in seen:
            expectation.learn(cell, seconds)
        return expectation


class Schedule:
    """Returns cells, each once, as soon as all that they need is done.

    Cells that run alone are returned separately. Among the ready ones, those with the longest chain of dependent cells
    come first, which keeps all workers busy for longest. The order never changes results.

    Args:
        cells: By key, needed ones first; see `benchmarks.runner.order.closure`.
        done: Keys of those that need not be run.
        expected_seconds: Returns the expected seconds of a cell.
    """

    def __init__(
        self, cells: Mapping[str, Cell], done: Collection[str], expected_seconds: Callable[[Cell], float], /
    ) -> None:
        self._cells = cells
        self._places = {key: place for place, key in enumerate(cells)}
        self._waits: dict[str, set[str]] = {}
        self._dependents: dict[str, list[str]] = defaultdict(list)
        self._lost: set[str] = set()
        self._ready: dict[bool, list[tuple[float, int, str]]] = {False: [], True: []}
        for key in (key for key in cells if key not in done):
            self._waits[key] = {needed for needed in map(key_of, cells[key].needs) if needed not in done}
            for needed in self._waits[key]:
                self._dependents[needed].append(key)
        self._seconds_to_end = self._longest_chains(expected_seconds)
        for key in [key for key, needed in self._waits.items() if not needed]:
            self._make_ready(key)

    def take(self, *, exclusive: bool) -> Cell | None:
        """Return the next ready cell; None if there is none at present.

        Args:
            exclusive: Whether to return one of the cells that run alone, or one of the others.
        """
        ready = self._ready[exclusive]
        return self._cells[heapq.heappop(ready)[-1]] if ready else None

    def has_ready(self, *, exclusive: bool) -> bool:
        """Whether `take` would return a cell."""
        return bool(self._ready[exclusive])

    def finish(self, cell: Cell, /) -> None:
        """Record that a cell is done: others may become ready."""
        finished = key_of(cell)
        for key in self._dependents.pop(finished, ()):
            self._waits[key].discard(finished)
            if not self._waits[key]:
                self._make_ready(key)

    def fail(self, cell: Cell, /) -> list[Cell]:
        """Record that a cell failed.

        Returns:
            The cells that can't be run because they need it, directly or indirectly; each is returned only once.
        """
        lost: set[str] = set()
        stack = [key_of(cell)]
        while stack:
            new = set(self._dependents.pop(stack.pop(), ())) - self._lost
            self._lost |= new
            lost |= new
            stack.extend(new)
        return [self._cells[key] for key in sorted(lost, key=self._places.__getitem__)]

    def _make_ready(self, key: str) -> None:
        entry = (-self._seconds_to_end[key], self._places[key], key)
        heapq.heappush(self._ready[bool(self._cells[key].is_exclusive)], entry)

    def _longest_chains(self, expected_seconds: Callable[[Cell], float]) -> dict[str, float]:
        """Add up, from the last cell to the first, the seconds of the longest chain of dependent cells of each."""
        chains: dict[str, float] = {}
        for key in reversed(list(self._waits)):
            beyond = max((chains[dependent] for dependent in self._dependents.get(key, ())), default=0.0)
            chains[key] = expected_seconds(self._cells[key]) + beyond
        return chains
