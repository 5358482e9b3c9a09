"""Runs what is missing, and keeps each cell as soon as it is measured."""

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
        damaged: What was wrong with files that couldn't be read, by path; their cells were measured again.
        wall_seconds: From the first cell's start to the last one's end, the start of workers included.
        cell_seconds: Sum over what was run, each cell on one core.
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
        """Time of cores that didn't go into cells, as a share of the time that did; NaN if nothing was run."""
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
        tally: Counts what happens.

    Raises:
        ValueError: Cells need one another in a circle.
        UserError: The store is of another version of this program.
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
    """Hands tasks to workers and files what they send back: what is stored, what is in flight, what came back."""

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
        """Read every file there is, and take note of those that are damaged."""
        seconds = {}
        for key, cell in self._cells.items():
            look = self._store.look(cell)
            if look.record is not None:
                seconds[key] = look.record.seconds
            elif look.state == "damaged":
                self._damaged[self._store.path(cell)] = look.reason
        return seconds

    def _tasks(self, *, exclusive: bool) -> Iterator[Task]:
        """Gather inputs of whatever is ready."""
        while (cell := self.schedule.take(exclusive=exclusive)) is not None:
            try:
                task = Task.of(cell, cell.inputs(self._workbench))
            except Exception:  # cells are anybody's: whatever one raises is reported, and the others go on
                self._lose(cell, traceback.format_exc())
                continue
            self._tally.started(cell)
            yield task

    def _measured(self, executor: Executor, tasks: Iterator[Task], ahead: int) -> list[Task]:
        """Hand in tasks, a few ahead of those that run, and file what comes back.

        Returns:
            What was in flight when a worker was lost, and didn't come back.
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
        """Keep what a worker sent back."""
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
        """Take note that a cell failed, and those with it that need it."""
        self._failed.append(Failure(cell, text))
        self._tally.ended(cell, None)
        for other in self.schedule.fail(cell):
            self._failed.append(Failure(other, f"not run: needs {cell.title()!r}, which failed", was_run=False))
            self._tally.ended(other, None)

    def _retry_alone(self, workers: Workers, task: Task) -> None:
        """Find out whether it is this task that takes its worker down.

        Raises:
            WorkersLost: It is the workers that are ill.
        """
        error = _told(workers.executor().submit(measure, task), self._file)
        if error:
            workers.renew()
            self._lose(self._cells[task.key], LOST.format(error))
            error = _told(workers.executor().submit(measure, PROBE), lambda answer: None)
            if error:
                raise WorkersLost(error)


def _told(future: Future[Answer], receive: Callable[[Answer], None]) -> str:
    """Wait for a task and hand on what came back; otherwise return what kept it from coming."""
    wait([future])
    error = None if future.cancelled() else future.exception()
    if future.cancelled() or error is not None:
        return f"{type(error).__name__}: {error}" if error else "its worker can't be reached"
    receive(future.result())
    return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back warnings about what is dealt with here: tasks given up, large inputs."""
    with warnings.catch_warnings():
        for beginning in (".*tasks (have been|which were)", "Sending large graph"):
            warnings.filterwarnings("ignore", message=beginning)
        yield
