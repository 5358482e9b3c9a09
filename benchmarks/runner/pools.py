"""Where cells are measured: in this process, in worker processes, on a Dask cluster."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Protocol

import joblib
from joblib.externals.loky import get_reusable_executor

from benchmarks.runner.worker import Measured, Task, measure, prepare_worker

_AS_THEY_COME: dict[str, Any] = {
    "return_as": "generator_unordered",
    "batch_size": 1,
    "pre_dispatch": "2*n_jobs",
    "max_nbytes": None,
}
"""A task waits behind each that runs, so that no worker waits; no file in shared memory outlives a killed run."""


class PoolBroken(Exception):
    """A worker ended without a word, or can't be reached: what was being measured is lost."""


class Pool(Protocol):
    """Measures tasks."""

    n_jobs: int
    """How many are measured at the same time."""

    def results(self, tasks: Iterable[Task], /) -> Generator[Measured, None, None]:
        """Measure tasks, and return each as soon as it is ready.

        Args:
            tasks: Drawn a few ahead, maybe in another thread.

        Raises:
            PoolBroken: Tasks that were drawn and didn't come back are lost; the pool can be used again.
        """

    def close(self) -> None:
        """End all workers, also in the midst of a task."""


class InProcess:
    """One task after the other in this process."""

    n_jobs = 1

    def results(self, tasks: Iterable[Task], /) -> Generator[Measured, None, None]:
        """Measure tasks in the order given."""
        return (measure(task) for task in tasks)

    def close(self) -> None:
        """Nothing is left behind."""


class Processes:
    """joblib's worker processes on this machine.

    Args:
        n_jobs: How many, at least 2: joblib doesn't start a process for one.
    """

    def __init__(self, n_jobs: int, /) -> None:
        self.n_jobs = n_jobs

    def results(self, tasks: Iterable[Task], /) -> Generator[Measured, None, None]:
        """Measure tasks in worker processes, which stay for the next call."""
        with joblib.parallel_config(
            backend="loky", inner_max_num_threads=1, initializer=prepare_worker, initargs=(os.getpid(),)
        ):
            parallel = joblib.Parallel(n_jobs=self.n_jobs, **_AS_THEY_COME)
        return as_they_come(parallel, tasks)

    def close(self) -> None:
        """Kill the workers."""
        get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def as_they_come(parallel: joblib.Parallel, tasks: Iterable[Task], /) -> Generator[Measured, None, None]:
    """Run tasks, and turn whatever joblib raises about its workers into `PoolBroken`."""
    try:
        with closing(parallel(joblib.delayed(measure)(task) for task in tasks)) as results:
            yield from results
    except Exception as error:
        raise PoolBroken(f"{type(error).__name__}: {error}") from error


@contextmanager
def quiet_pool() -> Iterator[None]:
    """Hold back warnings about what is dealt with here: lost workers, tasks given up, large inputs."""
    with warnings.catch_warnings():
        for beginning in ("A worker stopped while some jobs", ".*tasks (have been|which were)", "Sending large graph"):
            warnings.filterwarnings("ignore", message=beginning)
        yield
