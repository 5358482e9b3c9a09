"""A batch as three tables in a folder: queries, calls (a row per query and column) and llms."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo.data.atomic import foreign_entries, recover, replacing_folder
from optllm_pymoo.data.csv import write_csv
from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.estimates import estimated
from optllm_pymoo.data.formats import open_source
from optllm_pymoo.data.source import COST, LATENCY, NUMBER, SCORE, DataFileError, Measure, Source
from optllm_pymoo.validation import positions_of, shown

FILES: Final = ("queries.csv", "calls.csv", "llms.csv")
_MEASURES: Final[dict[str, Measure]] = {
    "score": SCORE,
    "input_tokens": NUMBER,
    "output_tokens": NUMBER,
    "cost_usd": COST,
    "latency_s": LATENCY,
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
    """What is known of queries, of calls and of LLMs, before anything is estimated."""

    queries: pd.DataFrame
    """`query_id`, and where known `text`, `group`, `system`."""
    calls: pd.DataFrame
    """The long table, with the columns `CALL_COLUMNS`."""
    llms: pd.DataFrame
    """A row per column, with the columns `LLM_COLUMNS`."""

    def dataset(self, llms: Sequence[str] | None = None, drop: Collection[str] = ()) -> Dataset:
        """The batch as two tables, with costs of calls that weren't made estimated.

        Args:
            llms: The columns wanted, in this order.
            drop: Columns to leave out.

        Returns:
            Its `about` has ``llms`` (name, provider), ``prices`` (file, sha256 and date), what is estimated (see
            `Dataset.from_long`), and ``too_long``: by LLM the ids of queries that are longer than it can read.

        Raises:
            UserError: A name is unknown, or no cost of an LLM is known.
        """
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
        data = Dataset.from_long(calls, queries=self.queries, about=about).with_llms(wanted)
        too_long = _too_long(data, calls, rows)
        return data.with_about({"too_long": too_long}) if too_long else data


def _too_long(data: Dataset, calls: pd.DataFrame, rows: pd.DataFrame) -> dict[str, list[str]]:
    """By LLM, the queries whose prompt has more tokens than it can read; tokens that aren't known are estimated."""
    context = pd.to_numeric(rows.set_index("llm")["context_tokens"], errors="coerce").dropna()
    ids = pd.Index(data.query_ids)
    lengths = np.array([float(len(text)) for text in data.texts or [""] * len(data)])
    found: dict[str, list[str]] = {}
    for llm, largest in context.items():
        own = calls[calls["llm"] == llm]
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
        FileExistsError: There is such a folder, and `overwrite` is false or it holds something else than a batch.
        OSError: The folder can't be written.
    """
    folder = Path(folder)
    if overwrite:
        recover(folder, ours=FILES)
        other = next(foreign_entries(folder, FILES), None) if folder.is_dir() else None
        if other is not None:
            raise FileExistsError(
                f"{folder} holds {shown(other)}, which is no part of a batch; write to another folder"
            )
    with replacing_folder(folder, overwrite=overwrite, ours=FILES) as temporary:
        for name, frame in zip(FILES, batch, strict=True):
            write_csv(frame, temporary / name)


def is_batch(folder: Path, /) -> bool:
    """Whether a folder is one that `save_batch` writes."""
    return (folder / "calls.csv").is_file()


def load_batch(folder: str | PathLike[str], /) -> Batch:
    """Read a batch that `save_batch` has written.

    Raises:
        FileNotFoundError: A file is missing.
        DataFileError: With file, line and column.
    """
    queries, calls, llms = (open_source(Path(folder, name)) for name in FILES)
    ids = _texts(queries, ("query_id", "text", "group", "system"))
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
    about = _texts(llms, LLM_COLUMNS).reindex(columns=list(LLM_COLUMNS), fill_value="")
    missing = sorted(set(frame["llm"]) - set(about["llm"]))
    if missing:
        raise DataFileError(llms.path, f"there is no row of {shown(missing[0])}, which calls.csv has", column="llm")
    return Batch(ids, frame, about)


def _texts(source: Source, names: Sequence[str]) -> pd.DataFrame:
    """The columns of texts that there are; the first has to be there."""
    source.require(names[:1])
    cells, _ = source.read(text=[name for name in names if name in source.names])
    return pd.DataFrame(cells)
