"""Reading and writing batches, latencies and outcomes in tables of any format and form."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from optllm_pymoo.data.atomic import replacing
from optllm_pymoo.data.collect import collect
from optllm_pymoo.data.columns import is_long, roles_of, usual, warn
from optllm_pymoo.data.csv import write_csv
from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.folder import STEMS, find_file, is_batch, load_batch, load_dataset, save_dataset
from optllm_pymoo.data.formats import open_source, parquet_files, write_parquet
from optllm_pymoo.data.grid import (
    Grid,
    as_dataset,
    batch_layout,
    check_near,
    has_llms,
    known_layout,
    no_llm,
    read_long,
    read_wide,
    wide_frame,
)
from optllm_pymoo.data.logs.log import Log
from optllm_pymoo.data.logs.readers import TABLES, reader_of
from optllm_pymoo.data.source import COST, LATENCY, SCORE, DataFileError, DataFileWarning, Measure, table_suffix
from optllm_pymoo.validation import FloatArray, UserError, as_path, first_place, listed, shown

_OTHER_SUFFIXES = (".txt", ".json", ".xls", ".xlsx", ".feather", ".gz", ".bz2", ".xz", ".zip", ".zst")
"""A user who gives a name with such a suffix expects a file, not a folder."""


def read_table(
    path: str | PathLike[str],
    /,
    *,
    allow_missing: bool = False,
    llms: Sequence[str] | None = None,
    drop: Collection[str] = (),
    text: str | None = None,
    query_id: str | None = None,
    group: str | None = None,
    beside: Sequence[str] = (),
) -> Dataset:
    """Read a batch from a folder, or from a table in a file: CSV, TSV, JSON lines or Parquet.

    A table is wide or long. Wide: a row per query; an LLM has a column `<llm>`, `<llm>_score` or `<llm>_correct` with
    its outcomes in [0, 1] and a column `<llm>_cost` or `<llm>|total_cost` in US$ per call. Long: a row per query and
    LLM, with the columns `llm` or `model`, `score` or `correct`, and `cost`. Without a column of ids, queries of a wide
    table are called "0", "1", …. Columns that are left out are named in a `DataFileWarning`.

    A folder of Parquet files, a pattern of names or an address that fsspec knows is one table in several files.

    The log of a harness, or a folder of logs, is read as by `collect`, and a folder that `collect` has written as by
    `load_batch`.

    Args:
        path: A folder that `load_dataset` can read, or a file; its suffix shows its format.
        allow_missing: Read a missing outcome as "this LLM was not tried on this query" (NaN), and replace a missing
            cost by the mean of the LLM's known costs, with a `DataFileWarning`; `about["estimated_costs"]` has the
            number of such costs by LLM. Otherwise both are errors.
        llms: The LLMs wanted, in this order; in a wide table, they may have no outcomes.
        drop: LLMs to leave out.
        text: Column of the query texts; "query", "text", "prompt" or "question" if not given.
        query_id: Column of the ids; "query_id", "sample_id" or "id" if not given.
        group: Column of the groups; "group", "eval_name" or "task" if not given.
        beside: More columns about the queries; `about["beside"]` has them by name and id.

    Raises:
        FileNotFoundError: `path` does not exist.
        DataFileError: A UserError with the file, and, where known, line (row, in Parquet) and column.
        ImportError: A Parquet file is to be read, and pyarrow is not installed.
    """
    path = as_path(path)
    is_in_parts = parquet_files(path) is not None
    if not (is_in_parts or path.exists()):
        raise FileNotFoundError(f"there is neither a folder nor a file {path}; check the path")
    if path.is_dir() and is_batch(path):
        return _known_or_gaps(load_batch(path).dataset(llms, drop, beside=beside), path, allow_missing)
    if not is_in_parts and _holds_logs(path):
        return _known_or_gaps(collect([path]).batch.dataset(llms, drop, beside=beside), path, allow_missing)
    if path.is_dir() and not is_in_parts:
        return load_dataset(path, allow_missing=allow_missing, llms=llms, drop=drop, beside=beside)
    source = open_source(path)
    roles = roles_of(source, text=text, query_id=query_id, group=group, beside=beside)
    long = is_long(source, (COST, SCORE))
    if long and not has_llms(source, roles):
        grid = read_long(source, roles, (COST, SCORE), llms, drop)
    else:
        found, layout = batch_layout(source, roles, llms, drop)
        if not found:
            raise no_llm(source)
        grid = read_wide(source, roles, layout, found)
    ids = [str(row) for row in range(len(grid.rows))]
    if roles.query_id is not None:
        ids = grid.texts[roles.query_id]
        source.check_ids(ids, roles.query_id)
    return as_dataset(
        grid,
        grid,
        query_ids=ids,
        roles=roles,
        texts=grid.texts,
        about={"source": path.name},
        allow_missing=allow_missing,
    )


def _holds_logs(path: Path) -> bool:
    """Return whether a file is a harness's log and not a table, or whether a folder contains such logs.

    A folder with at least one file of a data set counts as a data set, so that the error names its missing files.
    """
    endings = (".json", ".jsonl", ".eval")
    if path.is_dir():
        if any(each.name.lower().startswith(tuple(f"{stem}." for stem in STEMS)) for each in path.iterdir()):
            return False
        names = (each.name.lower().removesuffix(".gz") for each in path.rglob("*") if each.is_file())
        return any(name.endswith(endings) and name != "about.json" for name in names)
    may_be_log = path.name.lower().removesuffix(".gz").endswith(endings)
    return may_be_log and reader_of(Log(path)) not in (None, *TABLES)


def _known_or_gaps(dataset: Dataset, folder: Path, allow_missing: bool) -> Dataset:
    """Return the batch with a warning about estimates; raise an error if there are gaps that aren't allowed."""
    counts = dataset.about.get("estimated_costs")
    gaps = int((~dataset.tried).sum())
    if not allow_missing and (gaps or counts):
        problem = f"{gaps:,} outcomes and {sum((counts or {}).values()):,} costs are missing; pass allow_missing=True"
        raise DataFileError(
            folder / "calls.csv" if folder.is_dir() else folder, f"{problem} if not every LLM was tried on every query"
        )
    if counts:
        note = f"{sum(counts.values()):,} of {dataset.cost.size:,} costs are missing and estimated"
        worst = max((share for share in dataset.about["cost_errors"].values() if share is not None), default=None)
        off = "" if worst is None else f"; the total of an LLM may be off by up to {100 * worst:.1f} %"
        warnings.warn(f"{folder}: {note} from known calls{off}", DataFileWarning, stacklevel=3)
    return dataset


def write_table(
    dataset: Dataset,
    path: str | PathLike[str],
    /,
    *,
    overwrite: bool = False,
    for_spreadsheet: bool = False,
) -> None:
    """Write a batch, complete or not at all: as a wide table if `path` has the suffix of a table, else as a folder.

    The columns of a wide table are `query_id`, `query` and `group` if known, then `<llm>` and `<llm>_cost` for every
    LLM. `about` is not written to a wide table. The same data always give the same bytes.

    Args:
        dataset: The batch.
        path: The file or folder: `.csv`, `.tsv` (also with `.gz`) or `.parquet` for a wide table, else a folder.
        overwrite: Whether an existing file or folder may be replaced.
        for_spreadsheet: Put an apostrophe before text in a CSV or TSV table that begins with `=`, `+`, `-` or `@`,
            which a spreadsheet would run as a formula. Reading the table again does not remove the apostrophe.

    Raises:
        FileExistsError: `path` exists, and `overwrite` is false or it is a folder with other files than a data set's.
        OSError: `path` can't be written.
        UserError: The name has the suffix of another format, or an LLM's name has another meaning in a table.
        ImportError: A Parquet file is to be written, and pyarrow is not installed.
    """
    path = as_path(path)
    suffix = table_suffix(path) or path.suffix.lower()
    if suffix.startswith(".jsonl") or suffix in _OTHER_SUFFIXES:
        raise UserError(f"{path}: can't write that format; take a name in .csv, .tsv, .csv.gz or .parquet, or a folder")
    if table_suffix(path) is None:
        if for_spreadsheet:
            raise UserError(f"{path}: only a table in CSV or TSV is written for spreadsheets, not a folder")
        save_dataset(dataset, path, overwrite=overwrite)
        return
    if for_spreadsheet and suffix in (".parquet", ".pq"):
        raise UserError(f"{path}: only a table in CSV or TSV is written for spreadsheets")
    frame = wide_frame(dataset)
    with replacing(path, overwrite=overwrite) as temporary:
        if suffix in (".parquet", ".pq"):
            write_parquet(frame, temporary)
        else:
            write_csv(frame, temporary, for_spreadsheet=for_spreadsheet)


def convert(
    source: str | PathLike[str],
    target: str | PathLike[str],
    /,
    *,
    overwrite: bool = False,
    allow_missing: bool = True,
    llms: Sequence[str] | None = None,
    drop: Collection[str] = (),
    for_spreadsheet: bool = False,
) -> Dataset:
    """Read a batch in one format and write it in another.

    Args:
        source: A folder or a table; see `read_table`.
        target: A folder or a table; see `write_table`.
        overwrite: Whether an existing `target` may be replaced.
        allow_missing: Write unknown outcomes as empty cells, and estimate missing costs.
        llms: See `read_table`.
        drop: See `read_table`.
        for_spreadsheet: See `write_table`.

    Returns:
        The batch.

    Raises:
        FileNotFoundError: `source` does not exist.
        FileExistsError: `target` exists, and `overwrite` is false.
        DataFileError: A UserError with the file and the place.
    """
    dataset = read_table(source, allow_missing=allow_missing, llms=llms, drop=drop)
    write_table(dataset, target, overwrite=overwrite, for_spreadsheet=for_spreadsheet)
    return dataset


def load_latency(path: str | PathLike[str], dataset: Dataset, /) -> FloatArray:
    r"""Read the latencies of a data set's queries.

    Args:
        path: A folder of a batch or with `latency.csv.gz`, or a table. Wide: a column per LLM, called `<llm>`,
            `<llm>_latency` or `<llm>_latency_ms`. Long: the columns `llm` and `latency_s` or `latency_ms`. Other
            columns, other queries and the order of the rows don't matter.
        dataset: The data set that defines the queries and LLMs wanted, and their order.

    Returns:
        (N, M) mean seconds per call, for `AllocationProblem(..., latency=...)`.

    Raises:
        FileNotFoundError: There is no such folder or file.
        DataFileError: A UserError with the file and the place: a column or a query is missing, an id occurs twice, or
            a value is not a number of seconds.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> data = Dataset([[0.1, 2.0]], [[0, 1]], llms=["small", "large"], query_ids=["q1"])
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "latency.csv")
        ...     _ = file.write_text("query_id,large,small\nq0,9,9\nq1,3.5,0.4\n")
        ...     load_latency(folder, data)
        array([[0.4, 3.5]])
    """
    path = as_path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is neither a folder nor a file {path}; check the path")
    grid, rows = _known_queries(path, dataset, LATENCY, "latency")
    missing = [query for query, row in zip(dataset.query_ids, rows, strict=True) if row < 0]
    if missing:
        others = f" ({len(missing)} such queries)" if len(missing) > 1 else ""
        problem = f"there is no latency of query {shown(missing[0])}{others}"
        raise DataFileError(grid.source.path, problem, column=grid.roles.query_id)
    values = grid.values[LATENCY.name]
    for j, llm in enumerate(dataset.llms):
        if not grid.columns[LATENCY.name][j] or (values.shape[1] and np.isnan(values[:, j]).all()):
            grid.source.require([llm])
    place = first_place(np.isnan(values[rows]))
    if place is not None:
        problem = "expected a number, found an empty cell or NA; fill it in"
        raise grid.fault(problem, LATENCY, (int(rows[place[0]]), place[1]))
    return np.asarray(values[rows])


def read_outcomes(path: str | PathLike[str], dataset: Dataset, /) -> FloatArray:
    """Read labels: outcomes of some queries of a data set.

    Args:
        path: A table. Wide: a column of outcomes per LLM, called `<llm>`, `<llm>_score` or `<llm>_correct`. Long: the
            columns `llm` and `score`. Queries and LLMs may be missing; there may be texts, groups and costs, too.
            Or a folder: `calls.csv` is read of a batch that `collect` has written, `correct.csv` of a data set.
        dataset: The data set that defines the queries and LLMs.

    Returns:
        (N, M) in [0, 1], NaN where the file has no outcome.

    Raises:
        FileNotFoundError: There is no such file.
        DataFileError: A UserError with file, line and column: an id is unknown or occurs twice, no LLM has a column, a
            column has nearly the name of an LLM, or a value is not an outcome.
    """
    path = as_path(path)
    grid, rows = _known_queries(path, dataset, SCORE, "correct")
    if not any(grid.columns[SCORE.name]):
        problem = f"there is no column of any LLM of the batch, {listed(dataset.llms)}; there are"
        problem = f"{problem} {listed(grid.source.names)}"
        raise DataFileError(grid.source.path, problem, grid.source.header_line)
    column, known = grid.roles.query_id or "", {query.strip() for query in dataset.query_ids}
    stranger = next((i for i, query in enumerate(grid.texts[column]) if query.strip() not in known), None)
    if stranger is not None:
        rows = grid.rows[stranger][grid.rows[stranger] >= 0]
        problem = f"the batch has no query {shown(grid.texts[column][stranger])}"
        raise grid.source.fault(problem, int(rows.min()) if len(rows) else 0, column)
    values = grid.values[SCORE.name]
    return np.where((rows >= 0)[:, np.newaxis], values[rows], np.nan)


def _known_queries(path: Path, dataset: Dataset, measure: Measure, stem: str) -> tuple[Grid, np.ndarray]:
    """Read one measure of a data set's LLMs; return the grid, and for each query its row there, -1 if there is none."""
    if path.is_dir():
        path = path / "calls.csv" if is_batch(path) else find_file(path, stem)
    source = open_source(path)
    roles = roles_of(source)
    if roles.query_id is None:
        source.require(["query_id"])
    if is_long(source, (measure,)):
        long = read_long(source, roles, (measure,))
        strangers = [name for name in long.llms if name not in dataset.llms]
        absent = [llm for llm in dataset.llms if llm not in long.llms]
        check_near(source, {usual(name): name for name in strangers}, absent)
        if strangers:
            warn(source, f"rows of {listed(strangers)} are left out: the batch has no such LLM")
        grid = long.of(dataset.llms)
    else:
        layout = known_layout(source, roles, measure, dataset.llms)
        grid = read_wide(source, roles, layout, dataset.llms)
        source.check_ids(grid.texts[roles.query_id or ""], roles.query_id or "")
    row_of = {query: row for row, query in enumerate(grid.texts[roles.query_id or ""])}
    for query, row in list(row_of.items()):
        row_of.setdefault(query.strip(), row)
    rows = [row_of.get(query, row_of.get(query.strip(), -1)) for query in dataset.query_ids]
    return grid, np.array(rows)
