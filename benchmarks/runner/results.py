"""All that is stored of a plan, as tables and cell by cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.cells.cell import Cell, Outcome
from benchmarks.runner.provenance import git_revision
from benchmarks.runner.run import Failure
from benchmarks.runner.schedule import closure
from benchmarks.runner.store import Record, Store, without_arrays
from optllm_pymoo.data import replacing

CELL_SECONDS = "cell_seconds"
"""Column of how long a measurement took as a whole; the last one."""


class Results:
    """What is stored of a plan's cells and of those that they need.

    Tables have a row per cell that is done, named by its key, in the order of the plan, needed cells first. Their
    columns are ``kind``, what describes the cells, ``seed``, the measures, and last the timings, of which
    ``cell_seconds`` is the whole measurement's. Where a description has a ``seed`` of its own, the one that is derived
    from the description is called ``derived_seed``. What a cell doesn't have is missing.

    Args:
        cells: Of the plan.
        store: Where outcomes are kept; read at once but for the arrays.
        failed: Cells that failed in the last run.
    """

    def __init__(self, cells: Iterable[Cell], store: Store, /, *, failed: Sequence[Failure] = ()) -> None:
        self._store = store
        self._cells = closure(cells)
        self._records: dict[str, Record] = {}
        self.failed = tuple(failed)
        for key, cell in self._cells.items():
            record = store.read(cell)
            if record is not None:
                self._records[key] = without_arrays(record)

    def cells(self, kind: str | None = None, /) -> list[Cell]:
        """Return the cells that are done, all or of one kind, in the order of the table's rows."""
        done = [self._cells[key] for key in self._records]
        return [cell for cell in done if kind in (None, cell.kind)]

    def missing(self) -> list[Cell]:
        """Return the cells that are not done."""
        return [cell for key, cell in self._cells.items() if key not in self._records]

    def outcome(self, cell: Cell, /) -> Outcome:
        """Return what came of a cell, arrays and all, from its file.

        Raises:
            LookupError: It isn't done.
        """
        record = self._store.read(cell)
        if record is None:
            raise LookupError(f"{cell.title()!r} is not done")
        return record.outcome

    def frame(self, kind: str | None = None, /) -> pd.DataFrame:
        """Return the table, of all cells or of one kind."""
        return self._table(self._rows(kind), timings=True)

    def reproducible(self) -> pd.DataFrame:
        """Return what must be equal in every run: without timings, without measures against the clock, by key."""
        rows = self._rows(None)
        for key, row in rows.items():
            if not self._cells[key].is_reproducible:
                row["measures"] = {}
        return self._table(dict(sorted(rows.items())), timings=False)

    def write_csv(self, path: Path, /) -> None:
        """Write the whole table, complete or not at all."""
        with replacing(path) as temporary:
            self.frame().to_csv(temporary)

    def provenance(self) -> dict[str, list[str]]:
        """Return what the stored cells were measured with: revisions, machines and sets of versions, each once."""
        all_of = [record.provenance for record in self._records.values()]
        lines = (", ".join(f"{name} {number}" for name, number in each.versions.items()) for each in all_of)
        return {
            "revisions": _distinct(each.revision for each in all_of),
            "machines": _distinct(each.machine for each in all_of),
            "versions": _distinct(lines),
        }

    def warnings(self) -> list[str]:
        """Say what makes the stored cells differ from those that would be measured now."""
        present, total = git_revision(), len(self._records)
        counts = Counter(record.provenance.revision for record in self._records.values())
        return [
            f"{count} of {total} stored cells come from revision {revision}, not from {present};"
            " --force measures them anew"
            for revision, count in counts.items()
            if revision != present
        ]

    def _rows(self, kind: str | None) -> dict[str, dict[str, dict[str, Any]]]:
        chosen = {key: record for key, record in self._records.items() if kind in (None, self._cells[key].kind)}
        has_seed = any("seed" in record.description for record in chosen.values())
        name = "derived_seed" if has_seed else "seed"
        return {
            key: {
                "description": dict(record.description),
                "seed": {name: record.seed},
                "measures": dict(record.outcome.measures),
                "timings": {**record.outcome.timings, CELL_SECONDS: record.seconds},
            }
            for key, record in chosen.items()
        }

    @staticmethod
    def _table(rows: dict[str, dict[str, dict[str, Any]]], *, timings: bool) -> pd.DataFrame:
        """Lay out rows; the columns of each part stand together."""
        parts = ("description", "seed", "measures", "timings")[: 4 if timings else 3]
        owners: dict[str, str] = {}
        for part in parts:
            for column in dict.fromkeys(column for row in rows.values() for column in row[part]):
                if owners.setdefault(column, part) != part:
                    raise ValueError(f"column {column!r} is in {owners[column]} and in {part}; give one another name")
        if timings:
            # the whole measurement's comes last, whatever other timings later rows have
            owners.pop(CELL_SECONDS, None)
            owners[CELL_SECONDS] = "timings"
        merged = [{column: value for part in parts for column, value in row[part].items()} for row in rows.values()]
        return pd.DataFrame(merged, index=pd.Index(list(rows), name="cell", dtype=object), columns=list(owners))


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
