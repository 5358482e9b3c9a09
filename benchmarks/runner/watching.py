"""What a run tells while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from benchmarks.experiment.cell import Cell


class Watcher(Protocol):
    """Is told what happens; may be called from several threads, one at a time."""

    def begin(self, cells: Sequence[Cell], seen: Sequence[tuple[Cell, float]]) -> None:
        """Start with the cells that are to be run, and the seconds of those that were stored."""

    def working(self, n_jobs: int) -> None:
        """From now on so many cells are measured at a time."""

    def started(self, cell: Cell) -> None:
        """A cell is on its way to a worker."""

    def ended(self, cell: Cell, seconds: float | None) -> None:
        """A cell is done after so many seconds; None if it failed or can't be run."""


class Silent:
    """Says nothing."""

    def begin(self, cells: Sequence[Cell], seen: Sequence[tuple[Cell, float]]) -> None:
        """Say nothing."""

    def working(self, n_jobs: int) -> None:
        """Say nothing."""

    def started(self, cell: Cell) -> None:
        """Say nothing."""

    def ended(self, cell: Cell, seconds: float | None) -> None:
        """Say nothing."""
