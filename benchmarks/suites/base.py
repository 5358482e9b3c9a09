"""What a suite is: a list of cells, the data sets they are about, and a report on their outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.experiment.cell import Cell
from optllm_pymoo.data import Dataset

if TYPE_CHECKING:
    from benchmarks.reporting.document import Document
    from benchmarks.runner.results import Results


def nothing_stored(cell: Cell, /) -> bool:
    """Say of every cell that it is yet to be measured."""
    return False


@dataclass(frozen=True)
class Options:
    """What the command line lets a user set; None leaves it to the suite.

    Attributes:
        data: Folders or wide files; empty for the suite's synthetic batches.
        algorithms: Names in `benchmarks.algorithms.VARIANTS`.
        splits: Labelled parts drawn per data set, or seeds where nothing is predicted.
        evaluations: Plans that each search may evaluate.
        seconds: Time that each search has where searches are compared at equal seconds.
        is_stored: Whether a cell need not be measured, so that what it would need of the machine doesn't matter.
    """

    data: tuple[Path, ...] = ()
    algorithms: tuple[str, ...] | None = None
    splits: int | None = None
    evaluations: int | None = None
    seconds: float | None = None
    is_stored: Callable[[Cell], bool] = field(default=nothing_stored, compare=False)


@dataclass(frozen=True)
class Plan:
    """The cells of one run.

    Attributes:
        cells: What is to be measured, each once. Cells that they need are found through `Cell.needs`.
        datasets: How to read each data set by name; read when first asked for.
        notes: Sentences for the report on what was left out, such as baselines whose extra is missing.
        parts: The cells by the part of the report that tells about them; a cell may be in several.
    """

    cells: Sequence[Cell]
    datasets: Mapping[str, Callable[[], Dataset]]
    notes: Sequence[str] = ()
    parts: Mapping[str, Sequence[Cell]] = field(default_factory=dict)


@dataclass(frozen=True)
class Suite:
    """One kind of comparison.

    Attributes:
        name: As on the command line.
        what: One line for ``--help``.
        plan: Lists the cells for the options given.
        report: Tells the outcome. Called with all that is stored, also when some cells failed.
    """

    name: str
    what: str
    plan: Callable[[Options], Plan]
    report: Callable[[Results, Plan], Document]
