"""The state of one run: what is stored, what is in flight, what came back."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from queue import Empty

from benchmarks.experiment.cell import Cell
from benchmarks.revision import git_revision
from benchmarks.runner.expectation import Expectation, group_of
from benchmarks.runner.pools import Pool, PoolBroken, quiet_pool
from benchmarks.runner.record import Provenance, record_of
from benchmarks.runner.run_report import Failure, RunReport
from benchmarks.runner.schedule import Schedule
from benchmarks.runner.store import Store
from benchmarks.runner.watching import Watcher
from benchmarks.runner.workbench import StoredWorkbench
from benchmarks.runner.worker import Measured, Task, pack, probe, unpack
from optllm_pymoo.data import Dataset

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
