"""Parquet files through pyarrow, an optional package, with errors that name row and column."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optllm_pymoo.data.checks import first_place
from optllm_pymoo.data.errors import DataFileError
from optllm_pymoo.data.extras import import_extra


def read_schema(path: Path, /) -> list[str]:
    """The column names of a Parquet file.

    Raises:
        DataFileError: It is no Parquet file, or a name occurs twice.
        ImportError: pyarrow is not installed.
    """
    parquet = _pyarrow("pyarrow.parquet")
    try:
        names: list[str] = parquet.read_schema(path).names
    except (ValueError, OSError) as error:
        raise DataFileError(path, f"can't be read as Parquet ({error})") from None
    for position, name in enumerate(names):
        if name in names[:position]:
            raise DataFileError(path, "this column name occurs twice", column=name)
    return names


def read_parquet(
    path: Path, /, *, text: Sequence[str], numbers: Sequence[str], gaps: Iterable[str] = ()
) -> pd.DataFrame:
    """Some columns of a Parquet file; see `csv_file.read_csv` for what they become.

    Raises:
        DataFileError: With row (from 0) and column of the first cell that is no number, or for the whole
            file if it is damaged.
        ImportError: pyarrow is not installed.
    """
    parquet = _pyarrow("pyarrow.parquet")
    try:
        table = parquet.read_table(path, columns=[*text, *numbers])
    except (ValueError, OSError) as error:
        raise DataFileError(path, f"can't be read as Parquet ({error})") from None
    if table.num_rows == 0:
        raise DataFileError(path, "there is no row; at least one query is needed")
    columns: dict[str, Any] = {name: _texts(path, table.column(name), name) for name in text}
    may_be_missing = set(gaps)
    for name in numbers:
        columns[name] = _numbers(path, table.column(name).to_pandas(), name, name in may_be_missing)
    return pd.DataFrame(columns)


def write_parquet(frame: pd.DataFrame, path: Path, /) -> None:
    """Write a frame without its index.

    Raises:
        ImportError: pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow("pyarrow"), _pyarrow("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pandas(frame, preserve_index=False), path)


def _pyarrow(module: str) -> Any:
    return import_extra(module, extra="parquet", purpose="reading and writing Parquet")


def _texts(path: Path, column: Any, name: str) -> Collection[str]:
    try:
        values: list[str | None] = column.cast(_pyarrow("pyarrow").string()).to_pylist()
    except (ValueError, NotImplementedError):
        raise DataFileError(path, f"expected text, found {column.type}", column=name) from None
    return ["" if value is None else value for value in values]


def _numbers(path: Path, column: pd.Series[Any], name: str, may_be_missing: bool) -> pd.Series[float]:
    values: pd.Series[float] = pd.to_numeric(column, errors="coerce").astype(np.float64)
    fault = values.isna() & ~(column.isna() & may_be_missing)
    place = first_place(fault.to_numpy(dtype=bool))
    if place is not None:
        found = column.iloc[place[0]]
        found = repr(found) if isinstance(found, str) else found
        problem = f"expected a number in row {place[0]}, found {found}"
        raise DataFileError(path, problem, column=name)
    return values
