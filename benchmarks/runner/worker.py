"""What happens to one cell, in whichever process it is measured."""

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

# How often a worker looks whether the process that runs the suite is still there.
ORPHAN_CHECK_SECONDS = 1.0


@dataclass(frozen=True)
class Task:
    """A cell with its inputs, pickled: in the same form for every process, so that none can change another's data."""

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
    """What a worker sends back.

    Attributes:
        key: Of the cell.
        outcome: Pickled; None if the cell failed.
        error: The traceback, if the cell failed.
        seconds: How long `Cell.measure` took.
        versions: Version by library in the worker.
        machine: Where the worker ran.
    """

    key: str
    outcome: bytes | None
    error: str
    seconds: float
    versions: dict[str, str]
    machine: str


# A task that any worker can do, to find out whether one can be reached.
PROBE = Task("probe", pickle.dumps(None))


def measure(task: Task, /) -> Answer:
    """Measure a cell, on one core unless it has all; whatever it raises comes back as text."""
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
    """Keep everything in the block to one thread: our kernels, BLAS and OpenMP, and joblib's calls inside cells.

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
    """Start a worker process: leave Ctrl-C to the parent, and end when the parent is gone, however it ended.

    Args:
        parent: Process that runs the suite, of which this one is a child.
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
