"""Runs the missing cells, and stores each as soon as it is measured."""

from __future__ import annotations

import pickle
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cells.cell import Cell
from benchmarks.runner.executor import DaskWorkers, InProcess, Processes, Workers, WorkersLost
from benchmarks.runner.progress import Tally
from benchmarks.runner.provenance import git_revision
from benchmarks.runner.schedule import Expectation, Schedule, closure, group_of
from benchmarks.runner.store import Provenance, Store, StoredWorkbench
from benchmarks.runner.worker import PROBE, Answer, Task, measure
from optllm_pymoo.data import Dataset

LOST = "{}\nits worker ended in the midst of it, also when it ran alone: out of memory, or killed from outside?"


@dataclass(frozen=True)
class Failure:
    """A cell without an outcome.

    Attributes:
        cell: The cell.
        text: The traceback, or the reason why it was not run.
        was_run: False if a cell that it needs failed.
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
        damaged: The fault of each file that couldn't be read, by path; their cells were measured again.
        wall_seconds: From the first cell's start to the last one's end, including the start of workers.
        cell_seconds: Sum over the cells that were run, each on one core.
        core_seconds: Wall seconds times the cores that the run had at the time.
    """

    done: Sequence[Cell] = ()
    reused: Sequence[Cell] = ()
    failed: Sequence[Failure] = ()
    damaged: Mapping[Path, str] = field(default_factory=dict)
    wall_seconds: float = 0.0
    cell_seconds: float = 0.0
    core_seconds: float = 0.0

    @property
    def overhead(self) -> float:
        """Core time outside cells, as a share of the time in cells; NaN if nothing was run."""
        return (self.core_seconds - self.cell_seconds) / self.cell_seconds if self.cell_seconds else float("nan")


def run_cells(
    cells: Iterable[Cell],
    /,
    *,
    datasets: Mapping[str, Callable[[], Dataset]],
    store: Store,
    jobs: int = 1,
    dask: str | None = None,
    force: bool = False,
    tally: Tally | None = None,
) -> RunReport:
    """Measure the cells that are not stored, and all that they need.

    Only this process writes files. A cell has one core in any process. Exclusive cells run in this process, one by
    one, when no other cell can run, without workers at the same time. If a cell fails, only the cells that need it are
    not run; the next run tries it again.

    Args:
        cells: The cells to measure.
        datasets: How to read each data set by name.
        store: Where outcomes are stored.
        jobs: How many cells are measured at a time; 1 is in this process.
        dask: Address of a Dask scheduler, or "local" for a cluster of `jobs` workers on this machine.
        force: Whether to measure stored cells again.
        tally: Records the progress.

    Raises:
        ValueError: Cells need one another in a cycle.
        UserError: Another version of this program wrote the store.
        ImportError: Dask is not installed.
        OSError: A result can't be written, or no Dask cluster is at the address.
        WorkersLost: No worker can be started or reached any more; what is done is stored.
        KeyboardInterrupt: After Ctrl-C, when all workers have ended; what is done is stored.
    """
    store.check()
    run = _Run(closure(cells), datasets, store, tally or Tally(), force=force)
    if run.missing:
        store.sweep()
    while True:
        exclusive = not run.schedule.has_ready(exclusive=False)
        if exclusive and not run.schedule.has_ready(exclusive=True):
            return run.report()
        run.work(jobs, dask, exclusive=exclusive)


class _Run:
    """Sends tasks to workers and stores their answers."""

    def __init__(
        self,
        cells: Mapping[str, Cell],
        datasets: Mapping[str, Callable[[], Dataset]],
        store: Store,
        tally: Tally,
        /,
        *,
        force: bool,
    ) -> None:
        self._cells, self._store, self._tally = cells, store, tally
        self._workbench = StoredWorkbench(datasets, store)
        self._revision = git_revision()
        self._done: list[Cell] = []
        self._failed: list[Failure] = []
        self._damaged: dict[Path, str] = {}
        self._cell_seconds = self._core_seconds = self._wall_seconds = 0.0
        stored = self._stored_seconds()
        self._reused: dict[str, float] = {} if force else stored
        self.missing = [cell for key, cell in cells.items() if key not in self._reused]
        seen = [(cells[key], seconds) for key, seconds in stored.items()]
        expectation = Expectation.of(seen)
        self.schedule = Schedule(cells, self._reused, lambda cell: expectation.any_seconds(group_of(cell)))
        tally.begin(self.missing, seen)

    def work(self, jobs: int, dask: str | None, /, *, exclusive: bool) -> None:
        """Measure until nothing more is ready, exclusive cells in this process.

        Raises:
            WorkersLost: Nothing can be measured any more.
        """
        started, n_jobs = time.perf_counter(), 1
        try:
            with _quiet(), closing(self._workers(jobs, dask, exclusive=exclusive)) as workers:
                n_jobs = workers.n_jobs
                self._tally.working(n_jobs)
                while self.schedule.has_ready(exclusive=exclusive):
                    executor, tasks = workers.executor(), self._tasks(exclusive=exclusive)
                    lost = self._measured(executor, tasks, 2 * n_jobs if n_jobs > 1 else 1)
                    if lost:
                        workers.renew()
                    for task in lost:
                        self._retry_alone(workers, task)
        finally:
            elapsed = time.perf_counter() - started
            self._wall_seconds += elapsed
            self._core_seconds += elapsed * n_jobs

    def report(self) -> RunReport:
        """Sum up."""
        reused = [self._cells[key] for key in self._reused]
        seconds = self._wall_seconds, self._cell_seconds, self._core_seconds
        return RunReport(self._done, reused, self._failed, self._damaged, *seconds)

    @staticmethod
    def _workers(jobs: int, dask: str | None, *, exclusive: bool) -> Workers:
        if exclusive or (dask is None and jobs == 1):
            return InProcess()
        return Processes(jobs) if dask is None else DaskWorkers(dask, n_workers=jobs)

    def _stored_seconds(self) -> dict[str, float]:
        """Read every stored file, and record the damaged ones."""
        seconds = {}
        for key, cell in self._cells.items():
            look = self._store.look(cell)
            if look.record is not None:
                seconds[key] = look.record.seconds
            elif look.state == "damaged":
                self._damaged[self._store.path(cell)] = look.reason
        return seconds

    def _tasks(self, *, exclusive: bool) -> Iterator[Task]:
        """Collect the inputs of all cells that are ready."""
        while (cell := self.schedule.take(exclusive=exclusive)) is not None:
            try:
                task = Task.of(cell, cell.inputs(self._workbench))
            except Exception:  # cells are anybody's: whatever one raises is reported, and the others go on
                self._lose(cell, traceback.format_exc())
                continue
            self._tally.started(cell)
            yield task

    def _measured(self, executor: Executor, tasks: Iterator[Task], ahead: int) -> list[Task]:
        """Submit tasks, a few ahead of those that run, and store the answers.

        Returns:
            Tasks that were running when a worker was lost, and have no answer.
        """
        flying: dict[Future[Answer], Task] = {}
        lost: list[Task] = []
        while True:
            try:
                while len(flying) < ahead and not lost and (task := next(tasks, None)) is not None:
                    flying[executor.submit(measure, task)] = task
            except BrokenExecutor:
                lost.append(task)
            if not flying:
                return lost
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                task = flying.pop(future)
                if future.cancelled() or future.exception() is not None:
                    lost.append(task)
                else:
                    self._file(future.result())

    def _file(self, answer: Answer) -> None:
        """Store an answer of a worker."""
        cell = self._cells[answer.key]
        if answer.outcome is None:
            self._lose(cell, answer.error)
            return
        provenance = Provenance(answer.versions, answer.machine, self._revision)
        self._store.keep(cell, pickle.loads(answer.outcome), provenance, answer.seconds)
        self._cell_seconds += answer.seconds
        self._done.append(cell)
        self.schedule.finish(cell)
        self._tally.ended(cell, answer.seconds)

    def _lose(self, cell: Cell, text: str) -> None:
        """Record that a cell failed, and with it the cells that need it."""
        self._failed.append(Failure(cell, text))
        self._tally.ended(cell, None)
        for other in self.schedule.fail(cell):
            self._failed.append(Failure(other, f"not run: needs {cell.title()!r}, which failed", was_run=False))
            self._tally.ended(other, None)

    def _retry_alone(self, workers: Workers, task: Task) -> None:
        """Run a task alone, to find out whether it crashes its worker.

        Raises:
            WorkersLost: Workers crash without a task, too.
        """
        error = _told(workers.executor().submit(measure, task), self._file)
        if error:
            workers.renew()
            self._lose(self._cells[task.key], LOST.format(error))
            error = _told(workers.executor().submit(measure, PROBE), lambda answer: None)
            if error:
                raise WorkersLost(error)


def _told(future: Future[Answer], receive: Callable[[Answer], None]) -> str:
    """Wait for a task and return its answer, or the reason why there is none."""
    wait([future])
    error = None if future.cancelled() else future.exception()
    if future.cancelled() or error is not None:
        return f"{type(error).__name__}: {error}" if error else "its worker can't be reached"
    receive(future.result())
    return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide warnings about cases that are handled here: cancelled tasks, large inputs."""
    with warnings.catch_warnings():
        for beginning in (".*tasks (have been|which were)", "Sending large graph"):
            warnings.filterwarnings("ignore", message=beginning)
        yield
