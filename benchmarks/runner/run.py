"""What a run did, and what it couldn't."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty
from typing import Protocol

from benchmarks.cells.cell import Cell
from benchmarks.runner.executor import InProcess, Pool, PoolBroken, Processes, quiet_pool
from benchmarks.runner.provenance import git_revision
from benchmarks.runner.schedule import Expectation, Schedule, closure, group_of
from benchmarks.runner.store import Provenance, Store, StoredWorkbench, record_of
from benchmarks.runner.worker import Measured, Task, pack, probe, unpack
from optllm_pymoo.data import Dataset


@dataclass(frozen=True)
class Failure:
    """A cell without an outcome.

    Attributes:
        cell: Which.
        text: The traceback; or why it was not run.
        was_run: False if something that it needs failed.
    """

    cell: Cell
    text: str
    was_run: bool = True

    @property
    def reason(self) -> str:
        """The last line of the text: the error itself."""
        return self.text.strip().splitlines()[-1]


@dataclass(frozen=True)
class RunReport:
    """The outcome of one run.

    Attributes:
        done: Cells measured in this run, in the order in which they ended.
        reused: Cells that were stored already.
        failed: Cells without an outcome.
        rubbish: What was wrong with files that couldn't be read, by path; their cells were measured anew.
        wall_seconds: From the first cell's start to the last one's end, the start of workers included.
        cell_seconds: Sum over what was run, each cell on one core.
        core_seconds: Wall seconds times the cores that the run had at the time.
    """

    done: Sequence[Cell]
    reused: Sequence[Cell]
    failed: Sequence[Failure]
    rubbish: Mapping[Path, str]
    wall_seconds: float
    cell_seconds: float
    core_seconds: float

    @classmethod
    def of_nothing(cls) -> RunReport:
        """Report that nothing was to be run."""
        return cls((), (), (), {}, 0.0, 0.0, 0.0)

    @property
    def overhead(self) -> float:
        """Time of cores that didn't go into cells, as a share of the time that did; NaN if nothing was run."""
        return (self.core_seconds - self.cell_seconds) / self.cell_seconds if self.cell_seconds else float("nan")


class Watcher(Protocol):
    """Is told what happens; may be called from several threads, one at a time."""

    def begin(self, cells: Sequence[Cell], seen: Sequence[tuple[Cell, float]]) -> None:
        """Start with the cells that are to be run, and the seconds of those that were stored."""

    def working(self, n_jobs: int) -> None:
        """From now on so many cells are measured at a time."""

    def started(self, cell: Cell) -> None:
        """A cell is on its way to a worker."""

    def ended(self, cell: Cell, seconds: float | None) -> None:
        """A cell is done after so many seconds; None if it failed or can't be run."""


class Silent:
    """Says nothing."""

    def begin(self, cells: Sequence[Cell], seen: Sequence[tuple[Cell, float]]) -> None:
        """Say nothing."""

    def working(self, n_jobs: int) -> None:
        """Say nothing."""

    def started(self, cell: Cell) -> None:
        """Say nothing."""

    def ended(self, cell: Cell, seconds: float | None) -> None:
        """Say nothing."""


LOST = "{}\nits worker ended in the midst of it, also when it ran alone: out of memory, or killed from outside?"


class Run:
    """Hands tasks to pools and files what they send back.

    Args:
        cells: By key, needed ones first.
        datasets: How to read each data set by name.
        store: Where outcomes are kept.
        force: Whether to measure also what is stored.
        watcher: Is told what happens.
    """

    def __init__(
        self,
        cells: Mapping[str, Cell],
        datasets: Mapping[str, Callable[[], Dataset]],
        store: Store,
        watcher: Watcher,
        /,
        *,
        force: bool,
    ) -> None:
        self._cells, self._store, self._watcher = cells, store, watcher
        self._workbench = StoredWorkbench(datasets, store)
        self._revision = git_revision()
        self._in_flight: dict[str, Task] = {}
        self._done: list[Cell] = []
        self._failed: list[Failure] = []
        self._rubbish: dict[Path, str] = {}
        self._cell_seconds = self._core_seconds = self._wall_seconds = 0.0
        stored = self._stored_seconds()
        self._reused: dict[str, float] = {} if force else stored
        self.missing = [cell for key, cell in cells.items() if key not in self._reused]
        seen = [(cells[key], seconds) for key, seconds in stored.items()]
        expectation = Expectation.of(seen)
        self.schedule = Schedule(cells, self._reused, lambda cell: expectation.any_seconds(group_of(cell)))
        watcher.begin(self.missing, seen)

    def work(self, make_pool: Callable[[], Pool], /, *, exclusive: bool) -> None:
        """Measure in a pool until nothing more is ready for it.

        Raises:
            PoolBroken: The pool can't measure anything any more.
        """
        started, n_jobs = time.perf_counter(), 1
        try:
            with quiet_pool(), closing(make_pool()) as pool:
                n_jobs = pool.n_jobs
                self._watcher.working(n_jobs)
                while self.schedule.has_ready(exclusive=exclusive):
                    if self._broke(pool.results(self._tasks(exclusive=exclusive))):
                        self._retry_one_by_one(pool)
        finally:
            elapsed = time.perf_counter() - started
            self._wall_seconds += elapsed
            self._core_seconds += elapsed * n_jobs

    def report(self) -> RunReport:
        """Sum up."""
        return RunReport(
            self._done,
            [self._cells[key] for key in self._reused],
            self._failed,
            self._rubbish,
            self._wall_seconds,
            self._cell_seconds,
            self._core_seconds,
        )

    def _stored_seconds(self) -> dict[str, float]:
        """Read every file there is, and take note of those that are rubbish."""
        seconds = {}
        for key, cell in self._cells.items():
            look = self._store.look(cell)
            if look.record is not None:
                seconds[key] = look.record.seconds
            elif look.state == "rubbish":
                self._rubbish[self._store.path(cell)] = look.reason
        return seconds

    def _tasks(self, *, exclusive: bool) -> Iterator[Task]:
        """Gather inputs of whatever is ready; a pool may draw from it in a thread of its own."""
        while (cell := self.schedule.take(exclusive=exclusive)) is not None:
            try:
                task = pack(cell, cell.inputs(self._workbench))
            except Exception as error:
                self._lose(cell, _traceback_of(error))
                continue
            self._in_flight[task.key] = task
            self._watcher.started(cell)
            yield task

    def _broke(self, results: Generator[Measured, None, None]) -> str:
        """File what comes back, and return what broke the pool; nothing if it is whole."""
        try:
            # closed here, also when this is interrupted: joblib then stops its workers at once
            with closing(results):
                for measured in results:
                    self._receive(measured)
        except PoolBroken as error:
            return str(error)
        return ""

    def _receive(self, measured: Measured) -> None:
        del self._in_flight[measured.key]
        cell = self._cells[measured.key]
        if measured.outcome is None:
            self._lose(cell, measured.error)
        else:
            self._keep(cell, measured)

    def _keep(self, cell: Cell, measured: Measured) -> None:
        provenance = Provenance(measured.versions, measured.machine, self._revision)
        self._store.write(cell, record_of(cell, unpack(measured), provenance, measured.seconds))
        self._cell_seconds += measured.seconds
        self._done.append(cell)
        self.schedule.finish(cell)
        self._watcher.ended(cell, measured.seconds)

    def _lose(self, cell: Cell, text: str) -> None:
        self._failed.append(Failure(cell, text))
        self._watcher.ended(cell, None)
        for other in self.schedule.fail(cell):
            needed = f"not run: needs {cell.title()!r}, which failed"
            self._failed.append(Failure(other, needed, was_run=False))
            self._watcher.ended(other, None)

    def _retry_one_by_one(self, pool: Pool) -> None:
        """Find out which of the cells in flight took its worker down, and go on with the others."""
        for key, task in list(self._in_flight.items()):
            if broken := self._broke(pool.results([task])):
                del self._in_flight[key]
                self._lose(self._cells[key], LOST.format(broken))
                # raises if it is the pool that is ill, and not the cell
                list(pool.results([probe()]))


def _traceback_of(error: Exception) -> str:
    """Write a traceback, without joblib's empty queue, which it is dealing with when it draws tasks."""
    first: BaseException = error
    while first.__context__ is not None and not isinstance(first.__context__, Empty):
        first = first.__context__
    first.__context__ = None
    return "".join(traceback.format_exception(error))


def run_cells(
    cells: Iterable[Cell],
    /,
    *,
    datasets: Mapping[str, Callable[[], Dataset]],
    store: Store,
    jobs: int = 1,
    dask: str | None = None,
    force: bool = False,
    watcher: Watcher | None = None,
) -> RunReport:
    """Measure the cells that are not stored, and all that they need.

    Only this process writes files. A cell has one core, wherever it runs. Cells that are exclusive run in this
    process, one by one, when nothing else can be run, without workers beside them. A cell that fails takes down with
    it only those that need it, and is tried again at the next run.

    Args:
        cells: What is wanted.
        datasets: How to read each data set by name.
        store: Where outcomes are kept.
        jobs: How many cells are measured at a time; 1 is in this process.
        dask: Address of a Dask scheduler, or "local" for a cluster of `jobs` workers on this machine.
        force: Whether to measure also what is stored.
        watcher: Is told what happens.

    Raises:
        ValueError: Cells need one another in a circle.
        ImportError: Dask is not installed.
        OSError: A result can't be written, or no Dask cluster is at the address.
        PoolBroken: No worker can be started or reached any more; what is done is stored.
        KeyboardInterrupt: After Ctrl-C, when all workers have ended; what is done is stored.
    """
    run = Run(closure(cells), datasets, store, watcher or Silent(), force=force)
    if run.missing:
        store.sweep()
    while True:
        exclusive = not run.schedule.has_ready(exclusive=False)
        if exclusive and not run.schedule.has_ready(exclusive=True):
            return run.report()
        run.work(InProcess if exclusive else partial(make_pool, jobs, dask), exclusive=exclusive)


def make_pool(jobs: int, dask: str | None, /) -> Pool:
    """Return where cells are measured that may run beside others."""
    if dask is None:
        return Processes(jobs) if jobs > 1 else InProcess()
    from benchmarks.runner.executor import DaskCluster

    return DaskCluster(dask, n_workers=jobs)
