"""A workbench for tests, and small cells of every kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from benchmarks.cells.cell import Outcome, key_of, seed_of
from benchmarks.cells.scaling import ScalingCell
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import Source, synthetic_tables, synthetic_texts
from benchmarks.cells.split import Setting
from benchmarks.cells.table import FeatureCell, TableCell
from optllm_pymoo.data import Dataset


class Bench:
    """Reads data sets and measures what cells need, each once."""

    def __init__(self, *sources: Source) -> None:
        self.datasets = {source.name: source.read() for source in sources}
        self.outcomes: dict[str, Outcome] = {}

    def dataset(self, name: str, /) -> Dataset:
        """Return a data set by name."""
        return self.datasets[name]

    def outcome(self, cell: Any, /) -> Outcome:
        """Measure a cell, if that isn't done."""
        if key_of(cell) not in self.outcomes:
            self.outcomes[key_of(cell)] = cell.measure(*cell.inputs(self))
        return self.outcomes[key_of(cell)]


QUESTIONS = synthetic_texts(120, 3)
TABLES = synthetic_tables("continuous", 60, 3)
SETTING = Setting.of(QUESTIONS, "constants", 0.1, drawn="text")
LIMIT = Limit(evaluations=250)

BENCH = Bench(QUESTIONS, TABLES)
"""Shared, so that features are computed once."""

CELLS = (
    FeatureCell(QUESTIONS.name, QUESTIONS.fingerprint),
    TableCell(SETTING),
    SearchCell(SETTING, "optllm", LIMIT, n_grid=10),
    SearchCell(SETTING, "optllm:walks", LIMIT, n_grid=10, alpha=1.0),
    SearchCell(SETTING, "nsga2", LIMIT),
    SearchCell(Setting.of(TABLES), "mopso", LIMIT, repetition=1),
)
"""Reproducible ones."""

OTHERS = (SearchCell(SETTING, "nsga2", Limit(seconds=0.5)), ScalingCell("sort", 100, 3))


def digests(bench: Bench, cells: Iterable[Any], /) -> dict[str, list[Any]]:
    """Measure cells, one after another, and return what should be the same everywhere, by key."""
    return {key_of(cell): [seed_of(cell), _digest(bench.outcome(cell))] for cell in cells}


def _digest(outcome: Outcome) -> str:
    found = hashlib.sha256(json.dumps(outcome.measures, sort_keys=True).encode())
    for name, array in sorted(outcome.arrays.items()):
        found.update(name.encode() + (array[:, [0, 2]] if name == "trace" else array).tobytes())
    return found.hexdigest()
