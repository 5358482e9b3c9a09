"""The measurement of one cell, in any process."""

from __future__ import annotations

import os
import pickle
import platform
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import joblib
import numba
from threadpoolctl import ThreadpoolController

from benchmarks.cells.cell import Cell, key_of
from benchmarks.runner.provenance import machine, versions
from benchmarks.runner.store import plain_outcome

# Seconds between a worker's checks that the process that runs the suite still exists.
ORPHAN_CHECK_SECONDS = 1.0


@dataclass(frozen=True)
class Task:
    """A cell with its inputs, pickled for every kind of process, so that no cell can change another's data."""

    key: str
    content: bytes

    @classmethod
    def of(cls, cell: Cell, inputs: tuple[Any, ...], /) -> Task:
        """Make a task. The cell's class must be importable wherever it is measured.

        Raises:
            Exception: The inputs can't be pickled.
        """
        return cls(key_of(cell), pickle.dumps((cell, inputs)))


@dataclass(frozen=True)
class Answer:
    """The answer of a worker.

    Attributes:
        key: Key of the cell.
        outcome: The outcome, pickled; None if the cell failed.
        error: The traceback, if the cell failed.
        seconds: Time of `Cell.measure`.
        versions: Version by library in the worker.
        machine: Machine of the worker.
    """

    key: str
    outcome: bytes | None
    error: str
    seconds: float
    versions: dict[str, str]
    machine: str


# A task that any worker can do, to check whether one can be reached.
PROBE = Task("probe", pickle.dumps(None))


def measure(task: Task, /) -> Answer:
    """Measure a cell, on one core unless it has all cores; an exception is returned as text."""
    started, seconds = time.perf_counter(), 0.0
    content, error = None, ""
    try:
        packed = pickle.loads(task.content)
        if packed is not None:
            cell, inputs = packed
            with nullcontext() if cell.has_all_cores else one_core():
                started = time.perf_counter()
                outcome = cell.measure(*inputs)
                seconds = time.perf_counter() - started
            content = pickle.dumps(plain_outcome(outcome))
    except (Exception, SystemExit):  # cells are anybody's: whatever one raises is reported, and the others go on
        content, error, seconds = None, traceback.format_exc(), time.perf_counter() - started
    return Answer(task.key, content, error, seconds, versions(), machine())


@contextmanager
def one_core() -> Iterator[None]:
    """Limit everything in the block to one thread: our kernels, BLAS and OpenMP, and joblib's calls inside cells.

    A cell has one core on any number of jobs, so that timings can be compared, and numbers don't depend on jobs.
    """
    n_threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with _thread_pools(len(sys.modules)).limit(limits=1), joblib.parallel_config(backend="sequential", n_jobs=1):
            yield
    finally:
        numba.set_num_threads(n_threads)


def prepare_worker(parent: int, /) -> None:
    """Prepare a worker process: leave Ctrl-C to the parent, and end when the parent has ended for any reason.

    Args:
        parent: Id of the parent process, which runs the suite.
    """
    leave_interrupts_to_parent()
    if platform.system() == "Windows":
        return

    def end_with_parent() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_CHECK_SECONDS)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True, name="orphan check").start()


def leave_interrupts_to_parent() -> None:
    """Ignore Ctrl-C, which a terminal sends to all processes: the one that runs the suite ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@lru_cache(maxsize=1)
def _thread_pools(n_modules: int) -> ThreadpoolController:
    """Find the thread pools of the libraries loaded so far; again only after imports, since it takes 2 ms."""
    return ThreadpoolController()
