"""Data sets as a folder of four files: queries, correct and cost as CSV, about as JSON."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optllm_pymoo.data.atomic import foreign_entries, recover, replacing_folder
from optllm_pymoo.data.checks import CORRECT_EXPECTED, COST_EXPECTED, correct_fault, cost_fault
from optllm_pymoo.data.csv_file import read_csv, require_columns
from optllm_pymoo.data.csv_trace import read_header
from optllm_pymoo.data.csv_writer import outcomes_frame, write_csv
from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.errors import DataFileError
from optllm_pymoo.data.file_checks import check_cells, check_ids, fault_at
from optllm_pymoo.validation import UserError

ID = "query_id"
STEMS = ("queries", "cost", "correct")
FILES = ("about.json", *(f"{stem}{suffix}" for stem in STEMS for suffix in (".csv", ".csv.gz")))


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
    paths = {stem: find_file(folder, stem) for stem in STEMS}
    queries = _read_queries(paths["queries"])
    ids = queries[ID].tolist()
    cost, llms = _read_numbers(paths["cost"], gaps=False)
    correct, correct_llms = _read_numbers(paths["correct"], gaps=allow_missing)
    _same_llms(paths["correct"], correct_llms, paths["cost"], llms)
    for stem, table in (("cost", cost), ("correct", correct)):
        _same_ids(paths[stem], table[ID].tolist(), paths["queries"], ids)
    costs, outcomes = cost[llms].to_numpy(dtype=np.float64), correct[llms].to_numpy(dtype=np.float64)
    check_cells(paths["cost"], costs, llms, cost_fault, COST_EXPECTED)
    check_cells(paths["correct"], outcomes, llms, correct_fault, CORRECT_EXPECTED)
    return Dataset(
        costs,
        outcomes,
        llms=llms,
        query_ids=ids,
        texts=queries["text"].tolist() if "text" in queries else None,
        groups=queries["group"].tolist() if "group" in queries else None,
        about=_read_about(folder / "about.json"),
    )


def save_dataset(dataset: Dataset, folder: str | PathLike[str], /, *, overwrite: bool = False) -> None:
    """Write a data set as a folder that `load_dataset` reads, complete or not at all.

    Outcomes that are not known become empty cells: read them back with
    `allow_missing=True`. The same data set always gives the same bytes.

    Args:
        dataset: The data set.
        folder: Where to write it; the folder above must be there.
        overwrite: Whether a data set that is there may be replaced. It is kept until the new one is complete.

    Raises:
        FileExistsError: There is such a folder, and `overwrite` is false or it holds something else than a data set.
        OSError: The folder can't be written.
        ValueError: An LLM has the name of the column of ids.
        TypeError: `about` does not fit into JSON.
    """
    if overwrite:
        recover(folder, ours=FILES)
        _refuse_other_files(Path(folder))
    about = json.dumps(dataset.about, indent=1, ensure_ascii=False) + "\n"
    if ID in dataset.llms:
        raise UserError(f"an LLM can't be called {ID!r} in a folder, where that is the column of the ids")
    columns = {ID: dataset.query_ids, "text": dataset.texts, "group": dataset.groups}
    queries = pd.DataFrame({name: values for name, values in columns.items() if values is not None})
    cost = pd.DataFrame(dataset.cost, columns=list(dataset.llms))
    correct = outcomes_frame(dataset.correct, dataset.llms)
    with replacing_folder(folder, overwrite=overwrite, ours=FILES) as temporary:
        write_csv(queries, temporary / "queries.csv.gz")
        for stem, table in (("cost", cost), ("correct", correct)):
            table.insert(0, ID, dataset.query_ids)
            write_csv(table, temporary / f"{stem}.csv.gz")
        (temporary / "about.json").write_text(about, encoding="utf-8")


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


def _refuse_other_files(folder: Path) -> None:
    """A data set takes the place of another, not of anything else."""
    other = next(foreign_entries(folder, FILES), None) if folder.is_dir() else None
    if other is not None:
        raise FileExistsError(f"{folder} holds {other!r}, which is no part of a data set; write to another folder")


def _read_queries(path: Path) -> pd.DataFrame:
    header = read_header(path)
    require_columns(path, header, [ID])
    queries = read_csv(path, text=[ID, "text", "group"], numbers=[])
    check_ids(path, queries[ID].tolist(), ID)
    return queries


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
            problem = f"LLM column {position} is {wanted!r} in {other.name}; all files need the same order"
            raise DataFileError(path, problem, 1, found)


def _same_ids(path: Path, ids: list[str], other: Path, expected: list[str]) -> None:
    if ids == expected:
        return
    for row, (found, wanted) in enumerate(zip(ids, expected, strict=False)):
        if found != wanted:
            problem = f"found query {found!r} where {other.name} has {wanted!r}; rows need the same order"
            raise fault_at(path, problem, row, ID)
    raise DataFileError(path, f"there are {len(ids)} queries, but {len(expected)} in {other.name}")


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
