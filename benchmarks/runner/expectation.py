"""How long cells will take, from how long similar ones took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.experiment.cell import Cell

Group = tuple[str, str, str]
"""Kind with what is measured, algorithm and data set: cells of one group are expected to take equally long."""


def group_of(cell: Cell, /) -> Group:
    """Return the group of a cell; what its description doesn't have is empty."""
    description = cell.description()
    what = description.get("measurement", description.get("stage", ""))
    return f"{cell.kind} {what}".rstrip(), str(description.get("algorithm", "")), str(description.get("data", ""))


class Expectation:
    """Mean seconds of the cells seen so far, by group, and by wider groups where a group is new."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, ...], tuple[int, float]] = {}

    def learn(self, cell: Cell, seconds: float, /) -> None:
        """Take note of how long a cell took."""
        group = group_of(cell)
        for width in range(len(group) + 1):
            count, total = self._totals.get(group[:width], (0, 0.0))
            self._totals[group[:width]] = count + 1, total + seconds

    def seconds(self, group: Group, /) -> float | None:
        """Return how long a cell of a group will take; None if none of its kind was ever seen."""
        for width in range(len(group), 0, -1):
            if group[:width] in self._totals:
                count, total = self._totals[group[:width]]
                return total / count
        return None

    def any_seconds(self, group: Group, /) -> float:
        """Return how long a cell will take; the mean over all kinds where its own is new, a second if all are."""
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
