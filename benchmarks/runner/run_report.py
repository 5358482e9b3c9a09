"""What a run did, and what it couldn't."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.experiment.cell import Cell


@dataclass(frozen=True)
class Failure:
    """A cell without an outcome.

    Attributes:
        cell: Which.
        text: The traceback; or why it was not run.
        was_run: False if something that it needs failed.
    """

    cell: Cell
    text: str
    was_run: bool = True

    @property
    def reason(self) -> str:
        """The last line of the text: the error itself."""
        return self.text.strip().splitlines()[-1]


@dataclass(frozen=True)
class RunReport:
    """The outcome of one run.

    Attributes:
        done: Cells measured in this run, in the order in which they ended.
        reused: Cells that were stored already.
        failed: Cells without an outcome.
        rubbish: What was wrong with files that couldn't be read, by path; their cells were measured anew.
        wall_seconds: From the first cell's start to the last one's end, the start of workers included.
        cell_seconds: Sum over what was run, each cell on one core.
        core_seconds: Wall seconds times the cores that the run had at the time.
    """

    done: Sequence[Cell]
    reused: Sequence[Cell]
    failed: Sequence[Failure]
    rubbish: Mapping[Path, str]
    wall_seconds: float
    cell_seconds: float
    core_seconds: float

    @classmethod
    def of_nothing(cls) -> RunReport:
        """Report that nothing was to be run."""
        return cls((), (), (), {}, 0.0, 0.0, 0.0)

    @property
    def overhead(self) -> float:
        """Time of cores that didn't go into cells, as a share of the time that did; NaN if nothing was run."""
        return (self.core_seconds - self.cell_seconds) / self.cell_seconds if self.cell_seconds else float("nan")
