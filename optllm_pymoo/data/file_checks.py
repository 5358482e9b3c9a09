"""Checks of what was read from a file, which name the place in that file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from optllm_pymoo.data.checks import FloatArray
from optllm_pymoo.data.csv_trace import line_of_record
from optllm_pymoo.data.errors import DataFileError
from optllm_pymoo.validation import UserError, first_duplicate


def is_parquet(path: Path, /) -> bool:
    """Whether the suffix says Parquet rather than CSV.

    Raises:
        ValueError: It says neither.

    Examples:
        >>> is_parquet(Path("batch.csv.gz")), is_parquet(Path("batch.parquet"))
        (False, True)
    """
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return False
    if name.endswith((".parquet", ".pq")):
        return True
    raise UserError(f"{path}: can't tell the format; expected a name that ends in .csv, .csv.gz or .parquet")


def check_ids(path: Path, ids: Sequence[str], column: str, /) -> None:
    """Refuse ids that are empty or occur twice.

    Args:
        path: The file they come from.
        ids: N ids in the order of the file.
        column: Their column.

    Raises:
        DataFileError: With the place of the first such id; for a repeated one also that of the earlier.
    """
    if "" in ids:
        raise fault_at(path, "this query has no id", ids.index(""), column)
    duplicate = first_duplicate(ids)
    if duplicate is not None:
        earlier, later = duplicate
        raise fault_at(path, f"{ids[later]!r} is already {_place(path, earlier)}", later, column)


def check_cells(
    path: Path,
    values: FloatArray,
    columns: Sequence[str],
    fault: Callable[[FloatArray], tuple[int, ...] | None],
    expected: str,
    /,
) -> None:
    """Refuse a value outside its domain.

    Args:
        path: The file it comes from.
        values: (N, M), rows in the order of the file.
        columns: M column names.
        fault: Gives the place of the first value that won't do.
        expected: What was expected, for the message.

    Raises:
        DataFileError: With the place of the first such value.
    """
    place = fault(values)
    if place is not None:
        raise fault_at(path, f"{expected}; found {values[place]}", place[0], columns[place[1]])


def fault_at(path: Path, problem: str, row: int, column: str, /) -> DataFileError:
    """The error for a cell: with its line in a CSV file, with its row (from 0) in a Parquet file."""
    if is_parquet(path):
        return DataFileError(path, f"{problem} (row {row})", column=column)
    return DataFileError(path, problem, line_of_record(path, row), column)


def _place(path: Path, row: int) -> str:
    return f"in row {row}" if is_parquet(path) else f"on line {line_of_record(path, row)}"
