"""The plan of a run: its cells and data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from benchmarks.cells.cell import Cell
from benchmarks.cells.sources import Source
from optllm_pymoo import UserError
from optllm_pymoo.data import Dataset


@dataclass(frozen=True)
class Plan:
    """The cells of one run.

    Attributes:
        cells: The cells to measure, each once. Cells that they need are found through `Cell.needs`.
        datasets: How to read each data set by name; read at first use.
        notes: Sentences in Markdown for the report on omissions, such as baselines whose extra is missing.
        parts: The cells by the part of the report that shows them; a cell may be in several.
    """

    cells: Sequence[Cell]
    datasets: Mapping[str, Callable[[], Dataset]]
    notes: Sequence[str] = ()
    parts: Mapping[str, Sequence[Cell]] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Mapping[str, Iterable[Cell]], sources: Sequence[Source] = (), notes: Sequence[str] = ()) -> Plan:
        """Make a plan, with each cell once.

        Raises:
            UserError: If two data sets that differ have one name.
        """
        by_name: dict[str, Source] = {}
        for source in sources:
            if by_name.setdefault(source.name, source).fingerprint != source.fingerprint:
                raise UserError(f"two different data sets are named {source.name!r}; results are kept by name")
        listed = {name: tuple(dict.fromkeys(cells)) for name, cells in parts.items()}
        together = tuple(dict.fromkeys(chain.from_iterable(listed.values())))
        return cls(together, {name: source.read for name, source in by_name.items()}, notes, listed)
