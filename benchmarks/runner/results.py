"""All stored outcomes of a plan, as tables and cell by cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.cells.cell import Cell, Outcome, key_of
from benchmarks.cells.rows import Row
from benchmarks.runner.provenance import git_revision
from benchmarks.runner.run import Failure
from benchmarks.runner.schedule import closure
from benchmarks.runner.store import Record, Store
from optllm_pymoo import UserError
from optllm_pymoo.data import replacing

# Column with the seconds of the whole measurement; the last one.
CELL_SECONDS = "cell_seconds"


class Results:
    """Stored outcomes of a plan's cells and of those that they need.

    Tables have a row per cell that is done, named by its key, in the order of the plan, needed cells first. Their
    columns are ``kind``, the descriptions of the cells, ``seed``, the measures, and last the timings;
    ``cell_seconds`` is the time of the whole measurement. Where a description has its own ``seed``, the one derived
    from the description is called ``derived_seed``. Values that a cell doesn't have are missing.

    Args:
        cells: Cells of the plan.
        store: Where outcomes are stored; all but the arrays are read at once.
        failed: Cells that failed in the last run.

    Raises:
        UserError: Another version of this program wrote the store.
    """

    def __init__(self, cells: Iterable[Cell], store: Store, /, *, failed: Sequence[Failure] = ()) -> None:
        store.check()
        self._store = store
        self._cells = closure(cells)
        self._records: dict[str, Record] = {}
        self.failed = tuple(failed)
        for key, cell in self._cells.items():
            record = store.read(cell)
            if record is not None:
                self._records[key] = replace(record, outcome=replace(record.outcome, arrays={}))

    def cells(self, kind: str | None = None, /) -> list[Cell]:
        """Return the cells that are done, all or of one kind, in the order of the table's rows."""
        done = [self._cells[key] for key in self._records]
        return [cell for cell in done if kind in (None, cell.kind)]

    def missing(self) -> list[Cell]:
        """Return the cells that are not done."""
        return [cell for key, cell in self._cells.items() if key not in self._records]

    def outcome(self, cell: Cell, /) -> Outcome:
        """Return the outcome of a cell from its file, including arrays.

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
        """Return the measures that must be equal in every run, by key: without timings and runs with a time limit."""
        rows = self._rows(None)
        for key, row in rows.items():
            if not self._cells[key].is_reproducible:
                row["measures"] = {}
        return self._table(dict(sorted(rows.items())), timings=False)

    def rows(self, cells: Iterable[Cell], /) -> list[Row]:
        """Return the measurements with targets of those cells that are done, in their order."""
        records = (self._records.get(key_of(cell)) for cell in cells)
        return [Row(**row) for record in records if record is not None for row in record.outcome.rows]  # type: ignore[arg-type]

    def write_csv(self, path: Path, /) -> None:
        """Write the whole table, complete or not at all; a cell of several rows has as many lines."""
        table = self.frame()
        lists = {key: record.outcome.rows for key, record in self._records.items() if record.outcome.rows}
        if lists:
            lines = [{"cell": key, **row, "reached": Row(**row).reached} for key, of in lists.items() for row in of]  # type: ignore[arg-type]
            table = table.join(pd.DataFrame(lines).set_index("cell"))
        with replacing(path) as temporary:
            table.to_csv(temporary)

    def provenance(self) -> dict[str, list[str]]:
        """Return revisions, machines and sets of versions of the stored cells, each once."""
        all_of = [record.provenance for record in self._records.values()]
        lines = (", ".join(f"{name} {number}" for name, number in each.versions.items()) for each in all_of)
        revisions, machines = (each.revision for each in all_of), (each.machine for each in all_of)
        return {"revisions": _distinct(revisions), "machines": _distinct(machines), "versions": _distinct(lines)}

    def warnings(self) -> list[str]:
        """Return warnings about stored cells that may differ from cells measured now."""
        present, total = git_revision(), len(self._records)
        counts = Counter(record.provenance.revision for record in self._records.values())
        return [
            f"{count} of {total} stored cells come from revision {revision}, not from {present};"
            " --force measures them again"
            for revision, count in counts.items()
            if revision != present
        ]

    def _rows(self, kind: str | None) -> dict[str, dict[str, dict[str, Any]]]:
        chosen = {key: record for key, record in self._records.items() if kind in (None, self._cells[key].kind)}
        name = "derived_seed" if any("seed" in record.description for record in chosen.values()) else "seed"
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


# Columns of results.csv that hold text.
TEXTS = (
    *("cell", "kind", "definition", "data", "fingerprint", "reader", "predictor", "drawn", "algorithm"),
    *("stage", "dtype"),
    *("measurement", "limit", "family", "what", "size", "unit", "relation", "details"),
)

# Columns of integers. All others hold numbers, except `FLAGS`.
COUNTS = (
    *("split", "max_evaluations", "n_grid", "repetition", "seed", "derived_seed", "max_queries", "n_queries", "n_llms"),
    *("n_features", "n_labelled", "n_planned", "best_llm", "evaluations", "distinct_plans", "distinct_points"),
    *("n_unproved", "n_limits", "n_seeds", "repeats"),
)

FLAGS = ("is_blurred", "reached")


def load_results(path: Path | str, /) -> dict[str, pd.DataFrame]:
    """Read a ``results.csv``, with a type for each column.

    Args:
        path: The file, or the folder that it is in.

    Returns:
        A frame for each kind of cell, in the order of the file, indexed by cell, with only those columns in which
        the kind has values. Texts are pandas' ``string``, integers ``Int64``, flags ``boolean``, other numbers
        ``float64``; columns of suites of other packages have the type that pandas infers.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: It was written by another program, or by an older version of this one.

    Example:
        >>> from pathlib import Path
        >>> import benchmarks
        >>> kept = load_results(Path(benchmarks.__file__).parent / "results" / "fair")
        >>> kept["search"].groupby("algorithm")["hypervolume_ratio"].mean().idxmax()
        'exact'
    """
    path = Path(path) / "results.csv" if Path(path).is_dir() else Path(path)
    with path.open(encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    if not {"cell", "kind", "definition"} <= set(names):
        raise UserError(
            f"{path} has no columns cell, kind and definition: another program wrote it, or an older version of this"
            " one; run the suite again with this version"
        )
    types = {**dict.fromkeys(TEXTS, "string"), **dict.fromkeys(COUNTS, "Int64"), **dict.fromkeys(FLAGS, "boolean")}
    frame = pd.read_csv(path, dtype={name: kind for name, kind in types.items() if name in names}, index_col="cell")
    return {str(kind): of.dropna(axis=1, how="all") for kind, of in frame.groupby("kind", sort=False)}
