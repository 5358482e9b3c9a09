"""Plans of batches that are larger than memory: from Parquet files to a plan in Parquet files, one by one, anywhere.

Every step is a function of one part that any process may do, twice too: in a loop, in processes of this machine, on a
Dask cluster. What it returns is kept in the folder ``<plan>.partial``, so that a run that was stopped goes on there.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo.data import Dataset
from optllm_pymoo.data.atomic import foreign_entries, link, only_run, replacing, replacing_folder
from optllm_pymoo.data.columns import Roles, is_long, llm_column, roles_of
from optllm_pymoo.data.csv import write_csv
from optllm_pymoo.data.formats import ParquetSource, open_source, parquet_files
from optllm_pymoo.data.grid import Columns, batch_layout, no_llm, read_long
from optllm_pymoo.data.source import COST, SCORE, DataFileError, Measure
from optllm_pymoo.decision import AtLeastAccuracy, Choice, Knee, WithinBudget, accuracy_interval
from optllm_pymoo.decision.confidence import CORRELATION, Moments
from optllm_pymoo.decision.text import PlanFacts, count
from optllm_pymoo.exact.partitioned import Cut, PartitionedFront, Sums, Tables, carried, changes_along
from optllm_pymoo.kernels.steps import add_exactly
from optllm_pymoo.limits import Floor
from optllm_pymoo.limits.partitioned import Asked, PricedCut, plan_in_parts, uses_of
from optllm_pymoo.planning.constraints import EVERYTHING, NO_CONSTRAINTS, Constraints
from optllm_pymoo.planning.files import OUTPUTS, check_writable, picture
from optllm_pymoo.planning.front import ALL, GroupTotal
from optllm_pymoo.planning.labels import draws, labels_of, silent, with_labels_from
from optllm_pymoo.planning.rounds import PLAN_FILES
from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor
from optllm_pymoo.validation import Notice, UserError, import_extra, shown, unknown_name

MAX_CELLS: Final = 1 << 23
"""Cells (query, LLM) that a task holds at the most, unless a single row group has more."""

N_SAMPLED: Final = 50_000
"""Texts, drawn from all, that the features are fitted on."""

N_HASHES: Final = 1 << 24
"""Hashes of ids that are compared at a time."""

PARTIAL: Final = ("run.json", "learnt.pickle", ".optllm*", "done/*", "ids/*", "expected/*", f"{PLAN_FILES}/*")
"""What a folder of intermediate results holds."""

LOCAL: Final = "local"
"""The address of a Dask cluster that is started on this machine."""

SMALL: Final = 20_000
"""Queries below which processes cost more than they save."""

MAX_GROUPS: Final = 200
"""Groups that are reported one by one at the most."""

CONNECT_SECONDS: Final = 30


class Piece(NamedTuple):
    """What one task reads: some row groups of a file, or all of it."""

    number: int
    file: str
    row_groups: tuple[int, ...] | None
    first_row: int
    """Of the file, for messages."""
    n_rows: int
    offset: int
    """Rows of the batch before this piece."""


@dataclass(frozen=True)
class Layout:
    """What the columns of a batch in parts mean.

    Attributes:
        llms: M names.
        roles: Columns of ids, texts and groups.
        columns: By measure, the columns of the LLMs; empty in a long table, with a row per query and LLM.
    """

    llms: tuple[str, ...]
    roles: Roles
    columns: Mapping[str, tuple[Measure, Columns]]

    def source(self, piece: Piece, /) -> ParquetSource:
        """Open a piece.

        Raises:
            FileNotFoundError: The file isn't there any more.
            DataFileError: It can't be read, or isn't the file it was.
        """
        source = ParquetSource(piece.file, [(piece.file, piece.row_groups)], first_row=piece.first_row)
        groups = source.row_groups[0]
        if piece.n_rows != sum(groups[g] for g in piece.row_groups or range(len(groups)) if g < len(groups)):
            raise DataFileError(piece.file, "this file has changed since the run began; run the command again")
        return source

    def cells(self, piece: Piece, /, *, complete: bool) -> tuple[np.ndarray, np.ndarray]:
        """Read costs and outcomes of a piece.

        Args:
            piece: The piece.
            complete: Whether an outcome must not be missing.

        Returns:
            (n, M) US$ per call and (n, M) outcomes, NaN where missing: float32 if all columns are, else float64.

        Raises:
            DataFileError: With file, row and column of the first value that is wrong, or missing and may not be.
        """
        source = self.source(piece)
        if not self.columns:
            grid = read_long(source, self.roles, (COST, SCORE), self.llms)
            for measure in (COST, SCORE) if complete else (COST,):
                grid.check_complete(measure)
            return grid.values[COST.name], grid.values[SCORE.name]
        places = {name: [columns.get(llm) for llm in self.llms] for name, (_, columns) in self.columns.items()}
        table = source.table([place[0] for of in places.values() for place in of if place is not None])
        is_single = {str(kind) for kind in table.schema.types} == {"float"}
        found = []
        for name, of in places.items():
            values = np.full((table.num_rows, len(of)), np.nan, dtype=np.float32 if is_single else np.float64)
            for j, place in enumerate(of):
                if place is not None and not _is_text(table.schema.field(place[0]).type):
                    values[:, j] = table.column(place[0]).to_numpy()
                    if place[1] != 1:
                        values[:, j] *= place[1]
            upper = self.columns[name][0].upper
            with np.errstate(invalid="ignore"):
                fine = (values >= 0) & (values <= min(upper, float(np.finfo(np.float32).max)))
            if name == SCORE.name and not complete:
                fine |= np.isnan(values)
            found.append(values if fine.all() else self._looked_at(source, name, complete))
        return found[0], found[1]

    def _looked_at(self, source: ParquetSource, name: str, complete: bool) -> np.ndarray:
        """Read a measure cell by cell, for what is wrong with it, or because it is text."""
        measure, columns = self.columns[name]
        _, numbers = source.read(numbers={column: measure for column, _ in columns.values()})
        if name == COST.name or complete:
            source.check_complete(numbers)
        n_rows = len(next(iter(numbers.values())))
        missing = np.full(n_rows, np.nan)
        return np.column_stack([
            numbers[columns[llm][0]] * columns[llm][1] if llm in columns else missing for llm in self.llms
        ])  # fmt: skip

    def said(self, piece: Piece, names: Sequence[str], /) -> dict[str, list[str]]:
        """Read ids, texts or groups of a piece's queries, by column."""
        source = self.source(piece)
        if not self.columns:
            return read_long(source, self.roles, (COST, SCORE), self.llms).texts
        return source.read(text=names)[0] if piece.n_rows else {name: [] for name in names}

    def ids(self, piece: Piece, /) -> Any:
        """Read the ids of a piece's queries as they are stored, an array of arrow's; row numbers if there are none."""
        column = self.roles.query_id
        arrow = import_extra("pyarrow", extra="parquet", purpose="reading Parquet")
        if column is None:
            return arrow.array(map(str, range(piece.offset, piece.offset + piece.n_rows)), arrow.string())
        if not self.columns:
            return arrow.array(self.said(piece, [column])[column], arrow.string())
        found = self.source(piece).table([column]).column(column).combine_chunks()
        blank = np.flatnonzero(found.is_null().to_numpy(zero_copy_only=False))
        if len(blank):
            raise self.source(piece).fault("this query has no id", int(blank[0]), column)
        return found.cast(found.type.value_type) if arrow.types.is_dictionary(found.type) else found

    def dataset(self, piece: Piece, cells: tuple[np.ndarray, np.ndarray], /) -> Dataset:
        """Make a batch of a piece, which must not be empty."""
        said = self.said(piece, self.roles.columns)
        text, group = (None if name is None else said[name] for name in self.roles[1:3])
        return Dataset(
            *cells,
            llms=self.llms,
            query_ids=[str(each) for each in self.ids(piece).to_pylist()],
            texts=text,
            groups=group,
        )


def _is_text(kind: Any) -> bool:
    return str(kind) in ("string", "large_string") or str(kind).startswith("dictionary")


def open_parts(
    path: str | os.PathLike[str], /, llms: Sequence[str] | None = None, drop: Collection[str] = ()
) -> tuple[Layout, list[Piece]]:
    """Look at the files of a batch in parts: their columns and sizes, no values of a wide table.

    Args:
        path: A folder of Parquet files, a pattern, or an address, see `parquet_files`. Wide or long, as `read_table`
            says; in a long one all rows of a query are in one file.
        llms: The LLMs wanted, in this order; all if not given.
        drop: LLMs to leave out.

    Returns:
        What the columns mean, and the pieces in the order of the names of their files.

    Raises:
        DataFileError: A file can't be read, or differs from the first in its columns; no LLM is found.
    """
    files = parquet_files(path)
    if files is None:
        raise UserError(f"{path} is no folder of Parquet files, pattern or address; expected such as parts/*.parquet")
    source = ParquetSource(path, [(file, None) for file in files])
    roles = roles_of(source)
    found, columns = batch_layout(source, roles, llms, drop)
    if not found and not is_long(source, (COST, SCORE)):
        raise no_llm(source)
    if not found:
        name = [llm_column(source) or ""]
        there = dict.fromkeys(str(llm) for file in files for llm in ParquetSource(file).table(name).column(0).unique())
        found = [llm for llm in llms or there if llm not in set(drop)]
    pieces: list[Piece] = []
    offset = 0
    for file, sizes in zip(files, source.row_groups, strict=True):
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int).tolist()
        for groups in _bundled(sizes, MAX_CELLS // max(1, len(found)) if columns else None):
            n_rows = sum(sizes[g] for g in groups)
            first = starts[groups[0]] if groups else 0
            pieces.append(Piece(len(pieces), file, tuple(groups), first, n_rows, offset))
            offset += n_rows
    return Layout(tuple(found), roles, columns), pieces


def _bundled(sizes: Sequence[int], at_most: int | None) -> Iterator[list[int]]:
    """Bundle neighbouring row groups up to so many rows; a file without any is a piece too."""
    bundle: list[int] = []
    for group, size in enumerate(sizes):
        if bundle and at_most is not None and sum(sizes[g] for g in bundle) + size > at_most:
            yield bundle
            bundle = []
        bundle.append(group)
    yield bundle


@dataclass(frozen=True)
class Job:
    """What all tasks of a run need to know.

    Attributes:
        layout: What the columns mean.
        folder: Where intermediate results are, the same for all workers.
        labels: See `plan_parts`; of a file, the ids in it.
        constraints: Masks of what is allowed.
        seed: Of all draws.
        sampled: Share of the texts that the features are fitted on.
        groups: Names of the groups that are reported one by one.
    """

    layout: Layout
    folder: str
    labels: str | float | frozenset[str] | None
    constraints: Constraints = NO_CONSTRAINTS
    seed: int = 0
    sampled: float = 1.0
    groups: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether all outcomes are taken as known."""
        return self.labels == ALL

    def path(self, kind: str, piece: Piece, /) -> Path:
        """The file of a piece in the folder of intermediate results."""
        path = Path(self.folder, kind, f"part-{piece.number:05}.{'parquet' if kind == PLAN_FILES else 'npz'}")
        path.parent.mkdir(exist_ok=True)
        return path

    def labelled(self, dataset: Dataset, drawn: np.ndarray) -> np.ndarray:
        """Which queries are learnt from, (n,) bool."""
        if isinstance(self.labels, frozenset):
            return np.array([name.strip() in self.labels for name in dataset.query_ids], dtype=bool)
        tried = dataset.tried.any(axis=1)
        return np.asarray(tried if self.labels is None else tried & (drawn < float(self.labels) * 2.0**64))


class Scan(NamedTuple):
    """What a piece holds to learn from."""

    n_queries: int
    n_planned: int
    labelled: Dataset | None
    sample: list[tuple[int, str]]
    groups: Counter[str]


def scan(job: Job, piece: Piece, /) -> Scan:
    """Find a piece's labelled queries, a sample of its texts and its groups; keep hashes of its ids."""
    layout, n = job.layout, 0
    if layout.roles.query_id is not None:
        ids = layout.ids(piece).to_numpy(zero_copy_only=False)
        n = len(ids)
        hashes = pd.util.hash_array(ids.astype(object) if ids.dtype.kind not in "iu" else ids, categorize=False)
        with replacing(job.path("ids", piece)) as path, path.open("wb") as file:
            np.savez(file, hashes=np.sort(hashes))
    group = layout.roles.group
    groups: Counter[str] = Counter()
    if job.is_known:
        if group is not None:
            groups.update(layout.said(piece, [group])[group])
        return Scan(n or piece.n_rows, n or piece.n_rows, None, [], groups)
    if not piece.n_rows:
        return Scan(0, 0, None, [], groups)
    dataset = layout.dataset(piece, layout.cells(piece, complete=False))
    drawn = draws(dataset, job.seed)
    labelled = job.labelled(dataset, drawn)
    planned = np.flatnonzero(~labelled)
    if dataset.groups is not None:
        groups.update(dataset.groups[i] for i in planned)
    sample = planned[drawn[planned] < job.sampled * 2.0**64]
    texts = [(int(drawn[i]), dataset.texts[i]) for i in sample] if dataset.texts is not None else []
    chosen = dataset.select(labelled) if labelled.any() else None
    return Scan(len(dataset), len(planned), chosen, texts, groups)


@lru_cache(maxsize=1)
def _learnt(path: str, changed: int) -> tuple[QueryFeatures, SuccessPredictor]:
    """Load what was learnt, once per process."""
    with open(path, "rb") as file:
        learnt: tuple[QueryFeatures, SuccessPredictor] = pickle.load(file)
    return learnt


def predict(job: Job, piece: Piece, /) -> int:
    """Predict a piece's queries without labels, and keep what is expected; return how many there are."""
    rows, accuracy, sigma = np.empty(0, dtype=np.int64), *np.empty((2, 0, len(job.layout.llms)))
    if piece.n_rows:
        model = Path(job.folder, "learnt.pickle")
        features, predictor = _learnt(str(model), model.stat().st_mtime_ns)
        dataset = job.layout.dataset(piece, job.layout.cells(piece, complete=False))
        rows = np.flatnonzero(~job.labelled(dataset, draws(dataset, job.seed)))
        if len(rows) and dataset.texts is not None:
            asked = features.transform([dataset.texts[i] for i in rows])
            accuracy, sigma = predictor.set_params(n_jobs=1).predict(asked, return_std=True)
    with replacing(job.path("expected", piece)) as path, path.open("wb") as file:
        np.savez(file, rows=rows, accuracy=accuracy, sigma=sigma)
    return len(rows)


class Expected(NamedTuple):
    """A piece's queries to plan."""

    tables: Tables
    sigma: np.ndarray | None
    rows: np.ndarray | None
    """Which rows they are; None for all."""


def expected(job: Job, piece: Piece, /) -> Expected:
    """Read costs and expected accuracies of a piece's queries to plan, with their mask and groups."""
    cost, correct = job.layout.cells(piece, complete=job.is_known)
    accuracy, sigma, rows = correct, None, None
    if not job.is_known:
        kept = np.load(job.path("expected", piece))
        accuracy, sigma, rows = kept["accuracy"], kept["sigma"], kept["rows"]
        cost = cost[rows]
    if not len(cost):
        return Expected(Tables(cost, accuracy, None, np.empty(0, dtype=np.int64)), sigma, rows)
    mask = None
    if job.constraints.forbidden or job.constraints.allowed:
        mask = job.constraints.mask(job.layout.dataset(piece, (cost, np.full_like(cost, np.nan))))
    return Expected(Tables(cost, accuracy, mask, _groups(job, piece, rows)), sigma, rows)


def tables_of(job: Job, piece: Piece, /) -> Tables:
    """Read the tables of a piece for the front."""
    return expected(job, piece).tables


def _groups(job: Job, piece: Piece, rows: np.ndarray | None) -> np.ndarray | None:
    """Number the groups of a piece's queries; those of no group come last."""
    column = job.layout.roles.group
    if not job.groups:
        return None
    if column is None:  # all queries are one group, for a floor
        return np.zeros(piece.n_rows if rows is None else len(rows), dtype=np.int64)
    number = {name: k for k, name in enumerate(job.groups)}
    found = np.array([number.get(name, len(number)) for name in job.layout.said(piece, [column])[column]])
    return found if rows is None else found[rows]


class Written(NamedTuple):
    """What the plan of a piece comes to."""

    sums: np.ndarray
    """(M, 5) exact sums by LLM, see `add_exactly`."""
    moments: Moments
    groups: dict[int, tuple[float, Moments]]
    """By group: US$, and sums of what is expected."""
    changes: Sums
    """Along the front, see `changes_along`."""
    used: np.ndarray
    """(K + 1,) of each limit, see `uses_of`; empty without limits."""
    dual: float
    """Its part of the bound within limits."""


def write(
    job: Job, cut: Cut | PricedCut, constant: Mapping[str, float], edges: np.ndarray, n_groups: int, piece: Piece, /
) -> Written:
    """Write the plan of a piece: query_id, llm, cost_usd, accuracy and what an interval needs."""
    arrow = import_extra("pyarrow", extra="parquet", purpose="writing Parquet")
    found = expected(job, piece)
    tables, n = found.tables, len(found.tables.cost)
    x = cut.assign(tables, piece.number)
    rows = np.arange(n)
    cost, accuracy = (np.asarray(table)[rows, x] for table in tables[:2])
    ids = job.layout.ids(piece)
    columns = {
        "query_id": ids if found.rows is None else ids.take(arrow.array(found.rows)),
        "llm": arrow.DictionaryArray.from_arrays(arrow.array(x), arrow.array(job.layout.llms)),
        "cost_usd": cost,
        "accuracy": accuracy,
    }
    sigma = None if found.sigma is None else found.sigma[rows, x]
    if sigma is not None:
        columns["sigma"] = sigma
    columns |= {name: np.full(n, value) for name, value in constant.items()}
    with replacing(job.path(PLAN_FILES, piece)) as path:
        import_extra("pyarrow.parquet", extra="parquet", purpose="writing Parquet").write_table(
            arrow.table(columns), path, compression="zstd", use_dictionary=["llm", *constant]
        )
    cost, accuracy = cost.astype(float), accuracy.astype(float)
    sums = np.zeros((len(job.layout.llms), 5), dtype=np.int64)
    add_exactly(x.astype(np.int64), cost, accuracy, sums)
    of_group = {}
    for group in () if tables.group is None else np.unique(tables.group).tolist():
        mine = tables.group == group
        moments = Moments.of(accuracy[mine], None if sigma is None else sigma[mine])
        of_group[group] = float(cost[mine].sum()), moments
    used, dual = np.empty(0), 0.0
    if isinstance(cut, PricedCut):
        used, dual = uses_of(cut.asked, tables, x), cut.dual(tables)
    changes = changes_along(edges, n_groups, tables)
    return Written(carried(sums), Moments.of(accuracy, sigma), of_group, changes, used, dual)


STAGES: Final = {
    "scan": "Reading",
    "predict": "Predicting",
    "summary_of": "Front",
    "bucket_of": "Plan to the single step",
    "ties_of": "Plan to the single step",
    "_changes_of": "Mix along the front",
    "sample_of": "Prices of the limits",
    "core_of": "Queries that the limits leave open",
    "write": "Writing the plan",
}
"""What a task is called while it runs."""


class Engine:
    """Applies functions to the parts of a batch, here or elsewhere, and keeps every result on disk as it arrives.

    Calls are numbered: a run that asks the same in the same order finds what an earlier one has kept.

    Args:
        folder: Where results are kept.
        n_jobs: Processes of this machine, as joblib counts; 1 is a loop in this process.
        dask: Address of a Dask scheduler, or `LOCAL` to start a cluster of ``n_jobs`` workers; None for no Dask.
        report: Called with the stage, the parts done and the time left.

    Raises:
        OSError: Nothing answers at the address, or the cluster has no workers.
        UserError: A worker has another version of this package.
    """

    def __init__(
        self, folder: Path, /, *, n_jobs: int | None = None, dask: str | None = None, report: Callable[[str], None]
    ) -> None:
        from joblib import effective_n_jobs

        self._folder, self._report, self._calls = folder, report, 0
        self._n_jobs = effective_n_jobs(n_jobs)
        self._dask, self._address = None if dask is None else _connected(dask, self._n_jobs), dask
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *error: object) -> None:
        if self._dask is not None:
            cluster = self._dask.cluster
            self._dask.close()
            if cluster is not None:
                cluster.close()

    def __call__(self, function: Callable[[Any], Any], items: Sequence[Any], /) -> Iterator[Any]:
        """Do what `map` does; all is done when this returns."""
        kept = [self._folder / f"{self._calls:03}-{place:05}.pickle" for place in range(len(items))]
        self._calls += 1
        missing = [place for place, path in enumerate(kept) if not path.exists()]
        name = STAGES[function.func.__name__ if isinstance(function, partial) else function.__name__]
        began = time.monotonic()
        self._report(f"{name}: {count(len(items), 'part', 'parts')}")
        for done, (place, result) in enumerate(self._results(function, items, missing), start=1):
            with replacing(kept[place]) as path:
                path.write_bytes(pickle.dumps(result))
            left = (time.monotonic() - began) / done * (len(missing) - done)
            self._report(f"{name}: {len(items) - len(missing) + done:,} of {len(items):,} parts, {left:,.0f} s left")
        return (pickle.loads(path.read_bytes()) for path in kept)

    def _results(
        self, function: Callable[[Any], Any], items: Sequence[Any], missing: Sequence[int]
    ) -> Iterator[tuple[int, Any]]:
        """Do what is missing, in any order."""
        if self._dask is not None:
            yield from self._from_dask(function, items, missing)
        elif min(self._n_jobs, len(missing)) > 1:
            from joblib import Parallel, delayed

            tasks = (delayed(_numbered)(function, place, items[place]) for place in missing)
            yield from Parallel(self._n_jobs, return_as="generator_unordered", batch_size=1)(tasks)
        else:
            yield from (_numbered(function, place, items[place]) for place in missing)

    def _from_dask(
        self, function: Callable[[Any], Any], items: Sequence[Any], missing: Sequence[int]
    ) -> Iterator[tuple[int, Any]]:
        """Let workers do it; the scheduler gives what a dead one had in hand to another."""
        distributed = import_extra("distributed", extra="dask", purpose="--dask")
        assert self._dask is not None
        lost = distributed.client.FutureCancelledError, distributed.comm.CommClosedError
        try:
            task = partial(_at_worker, _VERSION, function)
            futures = self._dask.map(task, missing, [items[place] for place in missing], pure=False)
            with self._dask.as_current():
                for _, found in distributed.as_completed(futures, with_results=True):
                    if isinstance(found, BaseException):
                        raise found
                    yield found
        except distributed.scheduler.KilledWorker as error:
            raise OSError(f"a part took down several Dask workers, perhaps for lack of memory ({error})") from None
        except (*lost, TimeoutError) as error:
            again = "start it again and run the same command: it goes on where it was"
            raise OSError(f"the Dask scheduler at {self._address} is gone ({type(error).__name__}); {again}") from None


_VERSION: Final = version("optllm-pymoo")


def _numbered(function: Callable[[Any], Any], place: int, item: Any) -> tuple[int, Any]:
    return place, function(item)


def _at_worker(expected_version: str, function: Callable[[Any], Any], place: int, item: Any) -> tuple[int, Any]:
    """Do a task on a worker, which may have joined after the others were asked for their versions."""
    _check_versions({"this one": _VERSION}, expected_version)
    return _numbered(function, place, item)


def _check_versions(by_worker: Mapping[str, Any], own: str) -> None:
    """Refuse workers that have another version of this package, or none."""
    for worker, found in by_worker.items():
        if found != own:
            has = f"has optllm-pymoo {found}" if isinstance(found, str) else "has no optllm-pymoo"
            raise UserError(f"the Dask worker {worker} {has}, and this command is {own}; install the same everywhere")


def _connected(address: str, n_workers: int) -> Any:
    """Connect to a Dask cluster, or start one here."""
    distributed = import_extra("distributed", extra="dask", purpose="--dask")
    given: Any = address
    if address == LOCAL:
        given = distributed.LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=None)
    try:
        client = distributed.Client(given, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, ImportError) as error:  # by scheme and network
        raise OSError(f"no Dask cluster at {address} ({type(error).__name__}: {error})") from None
    if not client.nthreads():
        client.close()
        raise OSError(f"the Dask cluster at {address} has no workers; start some with: dask worker {address}")
    _check_versions(client.run(version, "optllm-pymoo", on_error="return"), _VERSION)
    return client


class LimitUse(NamedTuple):
    """What a plan uses of a limit."""

    name: str
    used: float
    """As people know it: calls, US$, or the mean accuracy of a group."""
    limit: float
    price: float
    """Expected correct answers, or US$ at a target, that one unit more of it is worth (of a floor: of its sum)."""


@dataclass(frozen=True, kw_only=True)
class PartsPlan:
    """A front of a batch in parts, the plan chosen from it, and the files they were written to.

    Attributes:
        front: The front.
        n_labelled: Queries that were learnt from.
        n_parts: Parts of the batch.
        is_known: Whether all outcomes were taken as known.
        cut: The plan; within limits the plan of the front that would be chosen without them. None for a front alone.
        facts: What there is to say about the plan.
        groups: What it comes to in each group, the largest first.
        limits: What it uses of each limit.
        files: What was written.
    """

    front: PartitionedFront
    n_labelled: int
    n_parts: int
    is_known: bool
    cut: Cut | None = None
    facts: PlanFacts | None = None
    groups: list[GroupTotal] = field(default_factory=list)
    limits: list[LimitUse] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def plan_parts(
    path: str | os.PathLike[str],
    labels: float | str | Path | None = None,
    /,
    *,
    out: str | Path,
    choice: Choice | None = None,
    llms: Sequence[str] | None = None,
    drop: Collection[str] = (),
    constraints: Constraints = NO_CONSTRAINTS,
    seed: int = 0,
    n_jobs: int | None = None,
    dask: str | None = None,
    report: Callable[[str], None] = silent,
) -> PartsPlan:
    """Plan a batch in parts: learn from its labelled queries, stream all others, write the plan part by part.

    Until it is complete, everything is in the folder ``<out>.partial`` beside ``out``. A run that was stopped, in
    whatever way, goes on from there when it is started again with the same data and options. Memory is that of a few
    parts; the same files give the same plan in any order of work, on any number of processes and machines.

    Args:
        path: A folder of Parquet files, a pattern, or an address, see `open_parts`.
        labels: What is learnt from, as `plan_front` says; of a share, about so many.
        out: Folder to write: plan.parquet/ (a file per part), front.csv, front.png, mix.png and plan.html.
        choice: How to choose the plan; None writes the front alone.
        llms: The LLMs wanted, in this order; all if not given.
        drop: LLMs to leave out.
        constraints: Quotas and floors, for a budget or a target; masks of what is allowed. The front is that without
            quotas and floors.
        seed: Of everything.
        n_jobs: Processes, see `Engine`.
        dask: Address of a Dask scheduler, see `Engine`; workers must see the data and ``out`` under the same names.
        report: Called with what is being done.

    Raises:
        FileNotFoundError: A file isn't there, or not any more.
        DataFileError: A file is damaged, differs from the first, or holds a value that is wrong; an id is there twice.
        UserError: There is nothing to learn from or to plan; no plan meets the choice; or something is asked for that
            takes the whole batch in memory.
        OSError: Something can't be written, or the cluster is gone.
    """
    _refuse_whole(choice, constraints)
    check_writable(out)
    layout, pieces = open_parts(path, llms, drop)
    target = Path(os.path.realpath(out))
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(f"{target.name}.partial")
    job = Job(layout, str(folder), _named_in(labels), constraints, seed)
    with only_run(folder, folder):
        bound = [getattr(choice, name, None) for name in ("budget_usd", "target")]
        asked = [str(labels), type(choice).__name__, bound, str(constraints), seed]
        _begin(folder, {"version": _VERSION, "files": _states(pieces), "llms": layout.llms, "asked": asked})
        n_jobs = 1 if dask is None and sum(piece.n_rows for piece in pieces) < SMALL else n_jobs
        with Engine(folder / "done", n_jobs=n_jobs, dask=dask, report=report) as engine:
            job, sizes, n_labelled, optimism = _learn(engine, job, pieces, labels, report)
            parts = [partial(tables_of, job, piece) for piece in pieces]
            front = PartitionedFront(parts, spread=engine, n_groups=len(job.groups) + 1 if job.groups else 0)
            found = PartsPlan(front=front, n_labelled=n_labelled, n_parts=len(pieces), is_known=job.is_known)
            if choice is not None:
                free = _chosen(front, choice)
                excess = None if optimism is None else optimism.at(_place(front, free.cost_usd))
                cut: Cut | PricedCut = free
                if constraints:
                    cut = plan_in_parts(parts, _asked(job, sizes, front.n_queries, choice), spread=engine)
                constant = {} if job.is_known else {"n_labelled": n_labelled}
                constant |= {} if excess is None else dict(zip(("excess", "excess_error"), excess, strict=True))
                written = list(engine(partial(write, job, cut, constant, front.edges, front.n_groups), pieces))
                front.along = front.join(each.changes for each in written)
                known = {"n_labelled": None if job.is_known else n_labelled, "excess": excess or (0.0, 0.0)}
                found = _told(found, job, choice, cut, written, known)
            report(f"Writing {out}")
            files = _publish(Path(out), folder, found, layout.llms, job.groups)
        _remove(folder)
    return replace(found, files=files)


def _refuse_whole(choice: Choice | None, constraints: Constraints) -> None:
    """Refuse what needs the whole batch at once."""
    asked = {
        "a promised accuracy": getattr(choice, "promise", None) is not None,
        "latency": constraints.latency is not None,
    }
    for what, is_asked in asked.items():
        if is_asked:
            raise UserError(
                f"{what} needs the batch in memory, and this one is in parts; join the files, or leave it out"
            )
    if constraints and not isinstance(choice, WithinBudget | AtLeastAccuracy):
        raise UserError("quotas and floors of a batch in parts need a budget or a target beside them")


def _asked(job: Job, sizes: Sequence[int], n_queries: int, choice: Choice) -> Asked:
    """Resolve what the plan has to keep to."""
    llms, floors = job.layout.llms, job.constraints.floors
    one = Dataset(np.zeros((1, len(llms))), np.zeros((1, len(llms))), llms=llms)
    quotas = replace(job.constraints, floors={}, forbidden=(), allowed=()).options(one).get("limits", [])
    for group in floors:
        if group is not None and group not in job.groups:
            raise UserError(unknown_name(group, job.groups, kind="group"))
    least = {group: floors.get(group, floors.get(None)) for group in job.groups}
    return Asked(
        llms=llms,
        limits=(*quotas, *(Floor(group, floor) for group, floor in least.items() if floor is not None)),
        groups=job.groups,
        sizes=tuple(sizes),
        n_queries=n_queries,
        budget_usd=getattr(choice, "budget_usd", None),
        target=getattr(choice, "target", None),
    )


def _named_in(labels: float | str | Path | None) -> str | float | frozenset[str] | None:
    """Read which queries a file of labels has; what else says what to learn from stays."""
    if isinstance(labels, Path):
        source = open_source(labels)
        column = roles_of(source).query_id
        source.require(["query_id"] if column is None else [column])
        return frozenset(name.strip() for name in source.read(text=[column or "query_id"])[0][column or "query_id"])
    return labels


def _states(pieces: Iterable[Piece]) -> list[tuple[str, Any, Any]]:
    """Tell the states of files apart: by size and time of the last change, where they are on a disk of ours."""
    files = dict.fromkeys(piece.file for piece in pieces)
    return [
        (file, 0, 0) if "://" in file else (file, os.stat(file).st_size, os.stat(file).st_mtime_ns) for file in files
    ]


def _begin(folder: Path, facts: dict[str, Any]) -> None:
    """Make the folder of intermediate results, or find it again; what is of other data or options goes."""
    manifest, said = folder / "run.json", json.dumps(facts, indent=1)
    if folder.exists() and not (manifest.exists() and manifest.read_text(encoding="utf-8") == said):
        for name in foreign_entries(folder, PARTIAL):
            raise FileExistsError(f"{folder} is in the way, it holds {name}; move it away")
        if manifest.exists():
            warnings.warn(f"{folder} is of other data or options; it starts from the beginning", Notice, stacklevel=3)
        _remove(folder)
    folder.mkdir(exist_ok=True)
    with replacing(manifest) as path:
        path.write_text(said, encoding="utf-8")


def _remove(folder: Path) -> None:
    """Remove intermediate results: what says that they are whole goes first."""
    (folder / "run.json").unlink(missing_ok=True)
    shutil.rmtree(folder)


def _learn(
    engine: Engine,
    job: Job,
    pieces: Sequence[Piece],
    labels: float | str | Path | None,
    report: Callable[[str], None],
) -> tuple[Job, list[int], int, Any]:
    """Learn from the labelled queries and predict all others; return what tasks need to know from here on."""
    n_rows = sum(piece.n_rows for piece in pieces)
    per_query = 1 if job.layout.columns else len(job.layout.llms)
    job = replace(job, sampled=min(1.0, N_SAMPLED * per_query / max(1, n_rows)))
    found = list(engine(partial(scan, job), pieces))
    n_queries, n_planned = (sum(each[k] for each in found) for k in (0, 1))
    if not n_queries:
        raise UserError(f"no file of {Path(pieces[0].file).parent} has a query")
    _refuse_repeated(job, pieces)
    sizes: Counter[str] = sum((each.groups for each in found), Counter())
    del sizes[""]
    names = sorted(sizes, key=lambda name: (-sizes[name], name))
    if job.constraints.floors:
        if job.layout.roles.group is None:
            names, sizes = [EVERYTHING], Counter({EVERYTHING: n_planned})
        elif len(names) > MAX_GROUPS:
            raise UserError(
                f"floors of a batch in parts go with {MAX_GROUPS} groups at the most; it has {len(names):,}"
            )
    known = replace(job, groups=tuple(names) if len(names) <= MAX_GROUPS else ())
    counts = [sizes[name] for name in known.groups]
    if job.is_known:
        return known, counts, 0, None
    parts = [each.labelled for each in found if each.labelled is not None]
    if not parts:
        raise UserError("no outcome is known of any query; label a few queries, or pass a file of labels")
    if not n_planned:
        raise UserError(
            f"all {n_queries:,} queries have labels already, so there is nothing to plan; say which share of them to"
            " learn from, for example 0.05, or plan on them with all (--labels all)"
        )
    labelled = _joined(parts)
    if isinstance(labels, Path):
        labelled = with_labels_from(labelled, labels)
    model = Path(job.folder, "learnt.pickle")
    if not model.exists():
        texts = [text for _, text in sorted(pair for each in found for pair in each.sample)]
        if labelled.texts is None or not texts:
            raise UserError("the batch has no texts, so nothing can be predicted; give it a column 'query' or 'text'")
        report(f"Features of {len(labelled) + len(texts):,} texts")
        features = QueryFeatures(random_state=job.seed).fit([*labelled.texts, *texts])
        report(f"Learning from {count(len(labelled), 'labelled query', 'labelled queries')}")
        predictor = SuccessPredictor(random_state=job.seed).fit(
            features.transform(labelled.texts),
            labels_of(labelled),
            cost=labelled.cost,
            planned=features.transform(texts),
        )
        with replacing(model) as path:
            path.write_bytes(pickle.dumps((features, predictor)))
    list(engine(partial(predict, job), pieces))
    return known, counts, len(labelled), _learnt(str(model), model.stat().st_mtime_ns)[1].optimism_


def _joined(parts: Sequence[Dataset]) -> Dataset:
    """Put labelled queries of all parts together, in an order of their own: that of their ids."""
    texts, groups = (
        None if getattr(parts[0], name) is None else [each for part in parts for each in getattr(part, name)]
        for name in ("texts", "groups")
    )
    ids = [name for part in parts for name in part.query_ids]
    cost, correct = (np.concatenate([getattr(part, name) for part in parts]) for name in ("cost", "correct"))
    whole = Dataset(cost, correct, llms=parts[0].llms, query_ids=ids, texts=texts, groups=groups)
    return whole.select(np.argsort(np.array(ids, dtype=object), kind="stable"))


def _refuse_repeated(job: Job, pieces: Sequence[Piece]) -> None:
    """Refuse an id that is there twice; hashes are compared, a range of them at a time, then the ids themselves."""
    column = job.layout.roles.query_id
    if column is None:
        return
    found = [np.load(job.path("ids", piece), mmap_mode="r")["hashes"] for piece in pieces]
    n_ranges = math.ceil(sum(map(len, found)) / N_HASHES) or 1
    edges = [np.uint64(k * 2**64 // n_ranges) for k in range(1, n_ranges)]
    cuts = [[0, *np.searchsorted(hashes, np.array(edges, dtype=np.uint64)).tolist(), len(hashes)] for hashes in found]
    for k in range(n_ranges):
        near = np.sort(np.concatenate([hashes[at[k] : at[k + 1]] for hashes, at in zip(found, cuts, strict=True)]))
        for twice in near[1:][near[1:] == near[:-1]]:
            seen: dict[Any, tuple[Piece, int]] = {}
            for piece, hashes in zip(pieces, found, strict=True):
                if twice not in hashes:
                    continue
                for row, name in enumerate(job.layout.ids(piece).to_pylist()):
                    earlier = seen.setdefault(name, (piece, row))
                    if earlier != (piece, row):
                        where = f"in row {earlier[0].first_row + earlier[1]} of {earlier[0].file}"
                        raise job.layout.source(piece).fault(f"{shown(name)} is already {where}; keep one", row, column)


def _chosen(front: PartitionedFront, choice: Choice) -> Cut:
    """Choose a plan."""
    if isinstance(choice, WithinBudget):
        return front.within_budget(choice.budget_usd)
    if isinstance(choice, AtLeastAccuracy):
        return front.at_least_accuracy(choice.target)
    assert isinstance(choice, Knee)
    return front.cut(int(front.index[choice.do(front.F)]))


def _place(front: PartitionedFront, cost_usd: float) -> float:
    """The place of a plan in the budget range, as a share."""
    low, high = front.F[0, 0], front.singles[:, 1].max()
    return float((cost_usd - low) / (high - low)) if high > low else 1.0


def _total(moments: Sequence[Moments]) -> Moments:
    """Add up the sums of parts."""
    n, accuracy, chance, sigma, squared = zip(*moments, strict=True)
    known = [each for each in sigma if each is not None]
    return Moments(
        sum(n), math.fsum(accuracy), math.fsum(chance), math.fsum(known) if known else None, math.fsum(squared)
    )


def _mix(written: Sequence[Written], llms: Sequence[str]) -> pd.DataFrame:
    """Tabulate the mix of LLMs, as `Plan.mix` does."""
    sums = carried(np.sum([each.sums for each in written], axis=0))
    queries, (cost, correct) = sums[:, 0], (sums[:, k] * 2.0**-20 + sums[:, k + 1] * 2.0**-60 for k in (1, 3))
    with np.errstate(invalid="ignore"):
        accuracy = correct / queries
    columns = {"queries": queries, "share": queries / queries.sum(), "cost_usd": cost, "accuracy": accuracy}
    return pd.DataFrame(columns, index=pd.Index(list(llms), name="llm"))


def _told(
    found: PartsPlan,
    job: Job,
    choice: Choice,
    chosen: Cut | PricedCut,
    written: Sequence[Written],
    known: Mapping[str, Any],
) -> PartsPlan:
    """Add what there is to say about the plan."""
    front, mix, moments = found.front, _mix(written, job.layout.llms), _total([each.moments for each in written])
    cost, accuracy = float(mix["cost_usd"].sum()), moments.accuracy / moments.n_queries
    budget, target = getattr(choice, "budget_usd", None), getattr(choice, "target", None)
    limits, gap_usd = [], 0.0
    if isinstance(chosen, PricedCut):
        cut = front.within_budget(max(cost, front.F[0, 0]))
        of, bound = chosen.asked, chosen.bound(math.fsum(each.dual for each in written))
        used = np.sum([each.used for each in written], axis=0)
        for limit, used_k, price in zip(of.limits, used.tolist(), chosen.last.tolist(), strict=False):
            if isinstance(limit, Floor):
                name, size = f"floor of group {limit.of!r}", of.sizes[of.groups.index(str(limit.of))]
                limits.append(LimitUse(name, -used_k / size, float(limit.at_least), price))
            else:
                limits.append(LimitUse(f"{limit.kind.unit} for {limit.name}", used_k, limit.limit, price))
        if target is not None:
            gap_usd, bound = max(0.0, cost - bound), accuracy
    else:
        cut, cost, accuracy = chosen, chosen.cost_usd, chosen.accuracy
        bound = float(front.bound(max(cost, min(budget or 0.0, front.F[-1, 0]))))
    before = front.cut(cut.index - 1) if cut.index else None
    if not limits and before is not None and target is not None:  # as far back along the last step as the target allows
        share = (accuracy - min(target, accuracy)) * front.n_queries / before.next_accuracy
        gap_usd = max(0.0, share * before.next_usd)
    excess = known["excess"]
    facts = PlanFacts(
        n_queries=front.n_queries,
        n_llms=front.n_llms,
        cost_usd=cost,
        budget_usd=budget,
        expected_accuracy=accuracy,
        corrected_accuracy=None if excess == (0.0, 0.0) else min(1.0, max(0.0, accuracy - excess[0])),
        target_accuracy=target,
        interval_95=accuracy_interval(moments, **known),
        has_sigma=moments.sigma is not None,
        n_labelled=known["n_labelled"],
        accuracy_bound=bound,
        gap=max(0.0, bound - accuracy),
        gap_usd=gap_usd,
        promise=None,
        promised_accuracy=None,
        promised_range=None,
        correlation=CORRELATION,
        stability=None,
        unstable_usd=None,
        third=None,
        usd_per_next_correct=cut.usd_per_correct,
        usd_saved_per_lost_correct=math.nan if before is None else before.usd_per_correct,
        has_limits=bool(limits),
        mix=mix,
    )
    return replace(found, cut=cut, facts=facts, groups=_by_group(job.groups, written, known), limits=limits)


def _by_group(names: Sequence[str], written: Sequence[Written], given: Mapping[str, Any]) -> list[GroupTotal]:
    """What the plan comes to in each group, the largest first."""
    found = []
    for group, name in enumerate(names):
        mine = [each.groups[group] for each in written if group in each.groups]
        moments = _total([each for _, each in mine])
        cost, interval = math.fsum(usd for usd, _ in mine), accuracy_interval(moments, **given)
        found.append(GroupTotal(name, moments.n_queries, cost, moments.accuracy / moments.n_queries, interval))
    return found


def _publish(out: Path, folder: Path, found: PartsPlan, llms: Sequence[str], groups: Sequence[str]) -> list[Path]:
    """Draw and tabulate the front, and let the complete folder take its place."""
    from optllm_pymoo.plotting import plot_front, plot_mix
    from optllm_pymoo.plotting.page import page_html

    front, facts = found.front, found.facts
    # what pictures ask of a problem and a plan: the batch as a single row of totals
    queries, cost, correct = front.singles.T
    batch: Any = SimpleNamespace(
        llms=tuple(llms),
        n_llms=len(llms),
        n_queries=front.n_queries,
        cost=cost[None],
        accuracy=correct[None] / front.n_queries,
        allowed=(queries == front.n_queries)[None],
        bounding_front=front,
        supported_front=front,
        limits_bind=False,
    )
    plan: Any = None
    if facts is not None:
        corrected = facts.expected_accuracy if facts.corrected_accuracy is None else facts.corrected_accuracy
        plan = SimpleNamespace(
            cost_usd=facts.cost_usd,
            accuracy=facts.expected_accuracy,
            corrected_accuracy=corrected,
            interval=lambda: facts.interval_95,
            mix=lambda: facts.mix,
        )
    steps = front.F[1:] - front.F[:-1]
    price = -steps[:, 0] / (steps[:, 1] * front.n_queries)
    table = {"cost_usd": front.F[:, 0], "accuracy": -front.F[:, 1], "n_steps": front.index}
    frame = pd.DataFrame({**table, "usd_per_correct": np.concatenate([[np.nan], price])})
    names = ["front.csv", "front.png", "mix.png", "plan.html"]
    with replacing_folder(out, overwrite=True, ours=OUTPUTS) as new:
        if found.cut is not None:
            (new / PLAN_FILES).mkdir()
            for file in sorted((folder / PLAN_FILES).glob("part-*.parquet")):
                link(file, new / PLAN_FILES / file.name)
            names = [PLAN_FILES, *names]
        write_csv(frame, new / "front.csv")
        picture(lambda: plot_front(batch, plan=plan))(new / "front.png")
        picture(lambda: plot_mix(batch, plan=plan))(new / "mix.png")
        page = page_html(batch, found=front, plan=plan, groups=groups)
        (new / "plan.html").write_text(page, encoding="utf-8")
    return [out / name for name in names]
