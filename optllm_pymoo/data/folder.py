"""Data sets as a folder of four files: queries, correct and cost as CSV, about as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optllm_pymoo.data.checks import FloatArray, correct_fault, cost_fault
from optllm_pymoo.data.csv_file import read_csv, require_columns
from optllm_pymoo.data.csv_trace import line_of_record, read_header
from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.errors import DataFileError
from optllm_pymoo.data.names import first_duplicate

ID = "query_id"


def load_dataset(folder: str | PathLike[str], /, *, allow_missing: bool = False) -> Dataset:
    """Read a data set from a folder.

    The folder holds `queries.csv.gz` (query_id, and where known text and group), `correct.csv.gz` and
    `cost.csv.gz` (query_id, then one column per LLM), the rows and the LLMs of all of them in the same order,
    and where wanted `about.json`. Plain `.csv` will do as well.

    Args:
        folder: The folder.
        allow_missing: Take an empty cell in `correct` as "this LLM was not tried on this query" (NaN).
            Otherwise it is an error.

    Raises:
        FileNotFoundError: The folder or one of its files is missing.
        DataFileError: A ValueError that names the file, and line and column where there is one.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> data = Dataset([[0.1, 2.0]], [[0, 1]], llms=["small", "large"], query_ids=["q1"])
        >>> with TemporaryDirectory() as folder:
        ...     save_dataset(data, f"{folder}/batch")
        ...     load_dataset(f"{folder}/batch")
        Dataset(1 queries x 2 LLMs: small, large)
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    paths = {stem: find_file(folder, stem) for stem in ("queries", "cost", "correct")}
    queries = _read_queries(paths["queries"])
    ids = queries[ID].tolist()
    cost, llms = _read_numbers(paths["cost"], gaps=False)
    correct, correct_llms = _read_numbers(paths["correct"], gaps=allow_missing)
    _same_llms(paths["correct"], correct_llms, paths["cost"], llms)
    for stem, table in (("cost", cost), ("correct", correct)):
        _same_ids(paths[stem], table[ID].tolist(), paths["queries"], ids)
    return Dataset(
        _checked(paths["cost"], cost, llms, cost_fault, "expected US$ per call, finite and >= 0"),
        _checked(paths["correct"], correct, llms, correct_fault, "expected a value in [0, 1]"),
        llms=llms,
        query_ids=ids,
        texts=queries["text"].tolist() if "text" in queries else None,
        groups=queries["group"].tolist() if "group" in queries else None,
        about=_read_about(folder / "about.json"),
    )


def find_file(folder: Path, stem: str, /) -> Path:
    """The file `<stem>.csv.gz` or `<stem>.csv` of a folder.

    Raises:
        FileNotFoundError: There is neither.
        ValueError: There are both.
    """
    found = [path for path in (folder / f"{stem}.csv.gz", folder / f"{stem}.csv") if path.is_file()]
    if not found:
        raise FileNotFoundError(f"{folder} has neither {stem}.csv.gz nor {stem}.csv")
    if len(found) == 2:
        raise DataFileError(found[0], f"there is also {found[1].name}; remove the one that doesn't count")
    return found[0]


def _read_queries(path: Path) -> pd.DataFrame:
    header = read_header(path)
    require_columns(path, header, [ID])
    queries = read_csv(path, text=[ID, "text", "group"], numbers=[])
    check_ids(path, queries[ID].tolist(), ID)
    return queries


def check_ids(path: Path, ids: list[str], column: str, /) -> None:
    """Refuse ids that are empty or occur twice.

    Raises:
        DataFileError: With the line of the first such id, and for a repeated one the line where it was before.
    """
    if "" in ids:
        raise DataFileError(path, "this query has no id", line_of_record(path, ids.index("")), column)
    duplicate = first_duplicate(ids)
    if duplicate is not None:
        earlier, later = (line_of_record(path, row) for row in duplicate)
        raise DataFileError(path, f"{ids[duplicate[1]]!r} is already on line {earlier}", later, column)


def _read_numbers(path: Path, *, gaps: bool) -> tuple[pd.DataFrame, list[str]]:
    header = read_header(path)
    require_columns(path, header, [ID])
    llms = [name for name in header if name != ID]
    if not llms:
        raise DataFileError(path, "there is no LLM column beside query_id", 1)
    return read_csv(path, text=[ID], numbers=llms, gaps=llms if gaps else ()), llms


def _same_llms(path: Path, llms: list[str], other: Path, expected: list[str]) -> None:
    if len(llms) != len(expected):
        problem = f"there are {len(llms)} LLM columns, but {len(expected)} in {other.name}"
        differing = sorted(set(llms).symmetric_difference(expected))
        raise DataFileError(path, f"{problem}; not in both: {', '.join(map(repr, differing))}", 1)
    for position, (found, wanted) in enumerate(zip(llms, expected, strict=True), start=1):
        if found != wanted:
            problem = f"LLM column {position} is {wanted!r} in {other.name}; all files need the same LLMs in one order"
            raise DataFileError(path, problem, 1, found)


def _same_ids(path: Path, ids: list[str], other: Path, expected: list[str]) -> None:
    if ids == expected:
        return
    for row, (found, wanted) in enumerate(zip(ids, expected, strict=False)):
        if found != wanted:
            problem = f"found query {found!r} where {other.name} has {wanted!r}; all files need the same rows in one order"
            raise DataFileError(path, problem, line_of_record(path, row), ID)
    raise DataFileError(path, f"there are {len(ids)} queries, but {len(expected)} in {other.name}")


def _checked(
    path: Path,
    frame: pd.DataFrame,
    llms: list[str],
    fault: Callable[[FloatArray], tuple[int, ...] | None],
    expected: str,
) -> FloatArray:
    values = frame[llms].to_numpy(dtype=np.float64)
    place = fault(values)
    if place is not None:
        row, column = place
        raise DataFileError(
            path, f"{expected}; found {values[place]}", line_of_record(path, row), llms[column]
        )
    return values


def _read_about(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataFileError(path, f"expected JSON ({error.msg})", error.lineno) from None
    except UnicodeDecodeError as error:
        raise DataFileError(path, f"expected UTF-8 text ({error})") from None
    if not isinstance(about, dict):
        raise DataFileError(path, f"expected a JSON object, found {type(about).__name__}")
    return about
