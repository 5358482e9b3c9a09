"""Folders of tables: a data set has queries, correct and cost; a collected batch has queries, calls and llms."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo.data.atomic import foreign_entries, recover, replacing_folder
from optllm_pymoo.data.columns import Roles, roles_of, unused_note, warn
from optllm_pymoo.data.csv import write_csv
from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.estimates import estimated
from optllm_pymoo.data.formats import open_source, read_json_object
from optllm_pymoo.data.grid import Grid, as_dataset, chosen_llms, outcomes_frame, read_wide
from optllm_pymoo.data.prices import CSV_FIELDS, Price, PriceTable, price_columns
from optllm_pymoo.data.source import COST, LATENCY, NUMBER, SCORE, SUFFIXES, DataFileError, Measure, Source
from optllm_pymoo.validation import UserError, as_path, listed, positions_of, shown

ID = "query_id"
STEMS = ("queries", "cost", "correct")
FILES = ("about.json", *(f"{stem}{suffix}" for stem in STEMS for suffix in (".csv", ".csv.gz")))


def load_dataset(
    folder: str | PathLike[str],
    /,
    *,
    allow_missing: bool = False,
    llms: Sequence[str] | None = None,
    drop: Collection[str] = (),
    beside: Sequence[str] = (),
) -> Dataset:
    """Read a data set from a folder.

    The folder has `queries.csv.gz` (query_id, and where known text and group), `correct.csv.gz` and `cost.csv.gz`
    (query_id, then one column per LLM), with rows and LLMs in the same order in all of them, and optionally
    `about.json`. Other formats of tables and other usual names of these columns are read as well.

    Args:
        folder: The folder.
        allow_missing: Read an empty cell in `correct` as "this LLM was not tried on this query" (NaN), and estimate an
            empty one in `cost`, see `read_table`. Otherwise both are errors.
        llms: The LLMs wanted, in this order.
        drop: LLMs to leave out.
        beside: More columns of `queries`, see `read_table`.

    Raises:
        FileNotFoundError: The folder or one of its files is missing.
        UserError: `folder` is a file.
        DataFileError: A UserError with the file, and, where known, line and column.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> data = Dataset([[0.1, 2.0]], [[0, 1]], llms=["small", "large"], query_ids=["q1"])
        >>> with TemporaryDirectory() as folder:
        ...     save_dataset(data, f"{folder}/batch")
        ...     load_dataset(f"{folder}/batch")
        Dataset(1 queries x 2 LLMs: small, large)
    """
    folder = as_path(folder)
    if folder.is_file():
        raise UserError(f"{folder} is a file; load_dataset reads a folder, optllm_pymoo.data.read_table a table")
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    sources = {stem: open_source(find_file(folder, stem)) for stem in STEMS}
    queries = sources["queries"]
    roles = roles_of(queries, beside=beside)
    if roles.query_id is None:
        queries.require([ID])
    if note := unused_note(queries.names, (), roles):
        warn(queries, note)
    texts, _ = queries.read(text=roles.columns)
    ids = texts[roles.query_id or ""]
    queries.check_ids(ids, roles.query_id or "")
    cost, correct = _read_grid(sources["cost"], COST), _read_grid(sources["correct"], SCORE)
    path, other = correct.source.path, cost.source.path.name
    if len(correct.llms) != len(cost.llms):
        problem = f"there are {len(correct.llms)} LLM columns, but {len(cost.llms)} in {other}"
        differing = sorted(set(correct.llms).symmetric_difference(cost.llms))
        raise DataFileError(path, f"{problem}; not in both: {listed(differing)}", 1)
    for position, (found, wanted) in enumerate(zip(correct.llms, cost.llms, strict=True), start=1):
        if found != wanted:
            problem = f"LLM column {position} is {shown(wanted)} in {other}; all files need the same order"
            raise DataFileError(path, problem, 1, found)
    for grid in (cost, correct):
        column = grid.roles.query_id or ""
        there = grid.texts[column]
        for row, (found, wanted) in enumerate(zip(there, ids, strict=False)):
            if found != wanted:
                problem = (
                    f"found query {shown(found)} where {queries.path.name} has {shown(wanted)}; rows need the same"
                )
                raise grid.source.fault(f"{problem} order", row, column)
        if len(there) != len(ids):
            problem = f"there are {len(there)} queries, but {len(ids)} in {sources['queries'].path.name}"
            raise DataFileError(grid.source.path, problem)
    about = folder / "about.json"
    chosen = chosen_llms(cost.source, cost.llms, llms, drop)
    return as_dataset(
        cost.of(chosen),
        correct.of(chosen),
        query_ids=ids,
        roles=roles,
        texts=texts,
        about=read_json_object(about) if about.is_file() else {},
        allow_missing=allow_missing,
    )


def save_dataset(dataset: Dataset, folder: str | PathLike[str], /, *, overwrite: bool = False) -> None:
    """Write a data set as a folder that `load_dataset` reads, complete or not at all.

    Unknown outcomes become empty cells: read them with `allow_missing=True`. The same data set always gives the same
    bytes.

    Args:
        dataset: The data set.
        folder: The folder to write; its parent must exist.
        overwrite: Whether an existing data set may be replaced. It is kept until the new one is complete.

    Raises:
        FileExistsError: `folder` exists, and `overwrite` is false or it has files not of a data set.
        OSError: The folder can't be written.
        UserError: An LLM has the name of the column of ids, or `about` is not serialisable as JSON.
    """
    if overwrite:
        _check_ours(Path(folder), FILES, "a data set")
    try:
        about = json.dumps(dataset.about, indent=1, ensure_ascii=False) + "\n"
    except (TypeError, ValueError) as error:
        raise UserError(f"about can't be saved as JSON ({error}); keep only text, numbers, lists and dicts") from None
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


def _check_ours(folder: Path, files: Sequence[str], what: str) -> None:
    """Raise an error if a folder has files other than these: it must not be replaced."""
    recover(folder, ours=files)
    other = next(foreign_entries(folder, files), None) if folder.is_dir() else None
    if other is not None:
        raise FileExistsError(f"{folder} holds {shown(other)}, which is no part of {what}; write to another folder")


def find_file(folder: Path, stem: str, /) -> Path:
    """Return the table of a folder with this name before its suffix, such as `<stem>.csv.gz`.

    Raises:
        FileNotFoundError: There is no such table.
        DataFileError: There are several such tables.
    """
    found = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name.lower() in {f"{stem}{suffix}" for suffix in SUFFIXES}
    )
    if not found:
        raise FileNotFoundError(f"{folder} has neither {stem}.csv.gz nor {stem}.csv")
    if len(found) > 1:
        raise DataFileError(found[1], f"there is also {found[0].name}; remove the one that doesn't count")
    return found[0]


def _read_grid(source: Source, measure: Measure) -> Grid:
    """Read a table with a column of ids, and one column per LLM."""
    found = roles_of(source).query_id
    if found is None:
        source.require([ID])
    llms = [name for name in source.names if name and name != found]
    if not llms:
        raise DataFileError(source.path, f"there is no LLM column beside {found}", source.header_line)
    layout = {measure.name: (measure, {llm: (llm, 1.0) for llm in llms})}
    return read_wide(source, Roles(found, None, None), layout, llms)


BATCH_FILES: Final = ("queries.csv", "calls.csv", "llms.csv")
_MEASURES: Final[dict[str, Measure]] = {
    "score": SCORE,
    "input_tokens": NUMBER,
    "output_tokens": NUMBER,
    "cost_usd": COST,
    "latency_s": LATENCY,
    "billed_usd": COST,
}
CALL_COLUMNS: Final = ("query_id", "llm", *_MEASURES, "error")
LLM_COLUMNS: Final = (
    "llm",
    "model",
    "mode",
    "provider",
    "input_usd_per_million",
    "output_usd_per_million",
    "context_tokens",
    "valid_until",
    "price_key",
    "price_file",
    "price_sha256",
    "price_date",
)
_PROVENANCE: Final = {"file": "price_file", "sha256": "price_sha256", "date": "price_date"}


class Batch(NamedTuple):
    """The known data of queries, calls and LLMs, without any estimates."""

    queries: pd.DataFrame
    """`query_id`, and where known `text`, `group`, `system`."""
    calls: pd.DataFrame
    """The long table, with the columns `CALL_COLUMNS`: `cost_usd` is the cost of one answer, `billed_usd` the total
    paid, with repeats and errors."""
    llms: pd.DataFrame
    """One row per LLM (or LLM@mode): `LLM_COLUMNS`, and further columns of prices, see `PriceTable.from_csv`."""

    def prices(self) -> PriceTable | None:
        """Return the prices of its LLMs, with their provenance if all have the same; None if no LLM has a price."""
        priced = self.llms[(self.llms[list(CSV_FIELDS)] != "").all(axis=1)]
        cells = priced[price_columns(priced.columns)].to_dict("records")
        found = {
            str(llm): Price.of_cells({str(name): cell for name, cell in row.items()})
            for llm, row in zip(priced["llm"], cells, strict=True)
        }
        if not found:
            return None
        sources = priced[list(_PROVENANCE.values())].drop_duplicates().to_numpy().tolist()
        return PriceTable.of(found, dict(zip(_PROVENANCE, sources[0], strict=True)) if len(sources) == 1 else None)

    def dataset(
        self, llms: Sequence[str] | None = None, drop: Collection[str] = (), *, beside: Sequence[str] = ()
    ) -> Dataset:
        """Return the batch as a data set, in which the costs of calls that weren't made are estimated.

        Args:
            llms: The columns wanted, in this order.
            drop: Columns to leave out.
            beside: More columns of the queries, see `read_table`.

        Returns:
            A data set whose `about` has ``llms`` (name, provider), ``prices`` (file, sha256 and date), the entries
            about estimates (see `Dataset.from_long`), and ``too_long``: by LLM, the ids of queries that are longer
            than its context.

        Raises:
            UserError: A name is unknown, or no cost of an LLM is known.
        """
        positions_of(beside, [str(name) for name in self.queries.columns], kind="column of queries")
        there = self.calls["llm"].drop_duplicates().tolist()
        positions_of([*(llms or ()), *drop], there)
        wanted = [name for name in (there if llms is None else llms) if name not in set(drop)]
        calls = self.calls[self.calls["llm"].isin(wanted)]
        rows = self.llms[self.llms["llm"].isin(wanted)]
        listing = [
            {"name": name, "provider": provider}
            for name, provider in zip(rows["llm"], rows["provider"], strict=True)
            if provider
        ]
        about: dict[str, Any] = {"source": "collect", "llms": listing}
        sources = rows[rows["price_file"] != ""][list(_PROVENANCE.values())].drop_duplicates()
        if len(sources):
            about["prices"] = [dict(zip(_PROVENANCE, row, strict=True)) for row in sources.to_numpy().tolist()]
        data = Dataset.from_long(calls, prices=self.prices(), queries=self.queries, about=about).with_llms(wanted)
        ids, too_long = self.queries["query_id"], self._too_long(data)
        more = {"beside": {name: dict(zip(ids, self.queries[name], strict=True)) for name in beside}} if beside else {}
        return data.with_about({**more, **({"too_long": too_long} if too_long else {})})

    def _too_long(self, data: Dataset) -> dict[str, list[str]]:
        """Return, by LLM, the queries whose prompt has more tokens than its context; unknown tokens are estimated."""
        context = pd.to_numeric(
            self.llms.set_index("llm").reindex(data.llms)["context_tokens"], errors="coerce"
        ).dropna()
        ids = pd.Index(data.query_ids)
        lengths = np.array([float(len(text)) for text in data.texts or [""] * len(data)])
        found: dict[str, list[str]] = {}
        for llm, largest in context.items():
            own = self.calls[self.calls["llm"] == llm]
            tokens = pd.Series(own["input_tokens"].to_numpy(), own["query_id"]).reindex(ids).to_numpy(dtype=np.float64)
            if np.isnan(tokens).all():
                continue
            # an answer proves that the prompt was not too long
            answered = pd.Series(own["score"].to_numpy(), own["query_id"]).reindex(ids).notna().to_numpy()
            beyond = (estimated(tokens, lengths)[0] > largest) & ~answered
            if beyond.any():
                found[str(llm)] = ids[beyond].tolist()
        return found


def save_batch(batch: Batch, folder: str | PathLike[str], /, *, overwrite: bool = False) -> None:
    """Write a batch as a folder of three CSV files, complete or not at all.

    Raises:
        FileExistsError: `folder` exists, and `overwrite` is false or it has files not of a batch.
        OSError: The folder can't be written.
    """
    folder = as_path(folder)
    if overwrite:
        _check_ours(folder, BATCH_FILES, "a batch")
    with replacing_folder(folder, overwrite=overwrite, ours=BATCH_FILES) as temporary:
        for name, frame in zip(BATCH_FILES, batch, strict=True):
            write_csv(frame, temporary / name)


def is_batch(folder: Path, /) -> bool:
    """Return whether a folder has the `calls.csv` that `save_batch` writes."""
    return (folder / "calls.csv").is_file()


def load_batch(folder: str | PathLike[str], /) -> Batch:
    """Read a batch that `save_batch` has written.

    Raises:
        FileNotFoundError: A file is missing; for the folder of a data set, the message names the function to use.
        DataFileError: A value is wrong; the message shows file, line and column.
    """
    folder = Path(folder)
    if folder.is_dir() and not is_batch(folder):
        problem = f"there is no file {folder / 'calls.csv'}"
        raise FileNotFoundError(f"{problem}; load_dataset reads a folder of cost and correct, read_table either")
    queries, calls, llms = (open_source(folder / name) for name in BATCH_FILES)
    ids = _columns_of(queries, ("query_id", "text", "group", "system"))
    queries.check_ids(ids["query_id"].tolist(), "query_id")
    rows, numbers = calls.read(
        text=["query_id", "llm", *(["error"] if "error" in calls.names else [])],
        numbers={name: measure for name, measure in _MEASURES.items() if name in calls.names},
    )
    frame = pd.DataFrame({**rows, **numbers}).reindex(columns=list(CALL_COLUMNS))
    strange = ~frame["query_id"].isin(ids["query_id"])
    if strange.any():
        row = int(strange.to_numpy().argmax())
        raise calls.fault(f"queries.csv has no query {shown(frame['query_id'][row])}", row, "query_id")
    twice = frame.duplicated(["query_id", "llm"])
    if twice.any():
        row = int(twice.to_numpy().argmax())
        problem = f"query {shown(frame['query_id'][row])} has an earlier row of {shown(frame['llm'][row])}; keep one"
        raise calls.fault(problem, row, "llm")
    others = [name for name in price_columns(llms.names) if name not in LLM_COLUMNS]
    about = _columns_of(llms, [*LLM_COLUMNS, *others]).reindex(columns=[*LLM_COLUMNS, *others], fill_value="")
    llms.read(numbers={name: NUMBER for name in price_columns(llms.names) if name not in ("provider", "valid_until")})
    missing = sorted(set(frame["llm"]) - set(about["llm"]))
    if missing:
        raise DataFileError(llms.path, f"there is no row of {shown(missing[0])}, which calls.csv has", column="llm")
    return Batch(ids, frame, about)


def _columns_of(source: Source, names: Sequence[str]) -> pd.DataFrame:
    """Read those columns of text that exist; the first must exist."""
    source.require(names[:1])
    cells, _ = source.read(text=[name for name in names if name in source.names])
    return pd.DataFrame(cells)
