"""Data sets as one wide table: a row per query, two columns per LLM, in CSV or Parquet."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optllm_pymoo.data.atomic import replacing
from optllm_pymoo.data.checks import CORRECT_EXPECTED, COST_EXPECTED, correct_fault, cost_fault
from optllm_pymoo.data.csv_file import read_csv
from optllm_pymoo.data.csv_trace import read_header
from optllm_pymoo.data.csv_writer import outcomes_frame, write_csv
from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.errors import DataFileError
from optllm_pymoo.data.file_checks import check_cells, check_ids, is_parquet
from optllm_pymoo.data.parquet_file import read_parquet, read_schema, write_parquet
from optllm_pymoo.data.unused import UnusedColumnsWarning, unused_note
from optllm_pymoo.data.wide_layout import COST_SUFFIXES, USUAL_NAMES, WideLayout, wide_layout
from optllm_pymoo.validation import UserError


def read_wide(
    path: str | PathLike[str],
    /,
    *,
    allow_missing: bool = False,
    text: str | None = None,
    query_id: str | None = None,
    group: str | None = None,
) -> Dataset:
    """Read a data set from one wide CSV, gzipped CSV or Parquet file.

    Every LLM has a column `<llm>` with its outcomes in [0, 1] and a column `<llm>_cost` or `<llm>|total_cost`
    in US$ per call. Other columns are left alone, with an `UnusedColumnsWarning` that names them. Without a
    column of ids, queries are called "0", "1", ….

    Args:
        path: The file; what it is shows in its suffix.
        allow_missing: Take an empty outcome, or a missing column of outcomes, as "not tried" (NaN).
            Otherwise it is an error.
        text: Column of the query texts; "query", "text" or "prompt" if not given.
        query_id: Column of the ids; "query_id", "sample_id" or "id" if not given.
        group: Column of the groups; "group", "eval_name" or "task" if not given.

    Raises:
        FileNotFoundError: There is no such file.
        DataFileError: A ValueError that names the file, and where there is one line (row, in Parquet)
            and column.
        ImportError: A Parquet file is to be read, and pyarrow is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    parquet = is_parquet(path)
    columns = read_schema(path) if parquet else read_header(path)
    try:
        layout = wide_layout(columns, allow_missing=allow_missing, text=text, query_id=query_id, group=group)
    except ValueError as error:
        raise DataFileError(path, str(error)) from None
    note = unused_note(columns, layout)
    if note:
        warnings.warn(f"{path}: {note}", UnusedColumnsWarning, stacklevel=2)
    numbers = [*layout.outcome_columns, *layout.costs]
    gaps = layout.outcome_columns if allow_missing else []
    read = read_parquet if parquet else read_csv
    return _dataset(path, read(path, text=layout.texts, numbers=numbers, gaps=gaps), layout)


def write_wide(dataset: Dataset, path: str | PathLike[str], /, *, overwrite: bool = False) -> None:
    """Write a data set as one wide file that `read_wide` reads, complete or not at all.

    The columns are `query_id`, `query` and `group` as far as they are known, then `<llm>` and `<llm>_cost`
    for every LLM. What `about` holds has no place in such a table.

    Args:
        dataset: The data set.
        path: The file; its suffix says whether it becomes `.csv`, `.csv.gz` or `.parquet`.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        FileExistsError: There is such a file, and `overwrite` is false.
        OSError: The file can't be written.
        ValueError: The suffix is unknown, or an LLM has a name with another meaning there.
        ImportError: A Parquet file is to be written, and pyarrow is not installed.
    """
    write = write_parquet if is_parquet(Path(path)) else write_csv
    frame = wide_frame(dataset)
    with replacing(path, overwrite=overwrite) as temporary:
        write(frame, temporary)


def wide_frame(dataset: Dataset, /) -> pd.DataFrame:
    """A data set as one wide pandas frame, as `write_wide` writes it.

    Raises:
        ValueError: The name of an LLM would be taken for something else when it is read.

    Examples:
        >>> wide_frame(Dataset([[0.1, 2.0]], [[0, 1]], llms=["small", "large"], query_ids=["q1"]))
          query_id  small  small_cost  large  large_cost
        0       q1      0         0.1      1         2.0
    """
    known = {"query_id": dataset.query_ids, "query": dataset.texts, "group": dataset.groups}
    columns: dict[str, Any] = {name: values for name, values in known.items() if values is not None}
    outcomes = outcomes_frame(dataset.correct, dataset.llms)
    for j, llm in enumerate(dataset.llms):
        if llm in USUAL_NAMES or llm.endswith(COST_SUFFIXES):
            raise UserError(f"an LLM can't be called {llm!r} in a wide table: it means something else there")
        columns[llm] = outcomes.iloc[:, j]
        columns[f"{llm}_cost"] = dataset.cost[:, j]
    return pd.DataFrame(columns)


def _dataset(path: Path, frame: pd.DataFrame, layout: WideLayout) -> Dataset:
    ids = [str(row) for row in range(len(frame))]
    if layout.query_id is not None:
        ids = frame[layout.query_id].tolist()
        check_ids(path, ids, layout.query_id)
    correct = np.full((len(frame), len(layout.llms)), np.nan)
    for j, column in enumerate(layout.outcomes):
        if column is not None:
            correct[:, j] = frame[column].to_numpy(dtype=np.float64)
    cost = frame[layout.costs].to_numpy(dtype=np.float64)
    check_cells(path, cost, layout.costs, cost_fault, COST_EXPECTED)
    check_cells(path, correct, layout.llms, correct_fault, CORRECT_EXPECTED)
    return Dataset(
        cost,
        correct,
        llms=layout.llms,
        query_ids=ids,
        texts=None if layout.text is None else frame[layout.text].tolist(),
        groups=None if layout.group is None else frame[layout.group].tolist(),
        about={"source": path.name},
    )
