"""Where cells are measured: in this process, in worker processes, on a Dask cluster."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import Any, Protocol

import joblib
from joblib._dask import DaskDistributedBackend
from joblib.externals.loky import get_reusable_executor

from benchmarks.runner.worker import Measured, Task, leave_interrupts_to_parent, measure, prepare_worker
from optllm_pymoo.data.extras import import_extra

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


LOCAL = "local"
CONNECT_SECONDS = 10
RESTART_SECONDS = 60
"""How long a cluster without workers is waited for: those that died are started anew."""


class DaskCluster:
    """Workers of a Dask cluster; `benchmarks` and `optllm_pymoo` must be importable there.

    Args:
        address: Of the scheduler, as "tcp://10.0.0.1:8786", or "local" to start a cluster on this machine.
        n_workers: Worker processes of a local cluster.

    Raises:
        ImportError: dask and distributed are not installed.
        OSError: Nothing answers at the address, or the cluster has no workers.
    """

    def __init__(self, address: str, /, *, n_workers: int) -> None:
        distributed = import_extra("distributed", extra="dask", purpose="--dask")
        self._cluster = _local_cluster(distributed, n_workers) if address == LOCAL else None
        try:
            self._client = distributed.Client(self._cluster or address, timeout=CONNECT_SECONDS, set_as_default=False)
        except Exception as error:  # of many types, by scheme and network
            raise OSError(f"no Dask cluster at {address} ({type(error).__name__}: {error})") from error
        threads = self._client.nthreads()
        self.n_jobs = sum(threads.values())
        if not self.n_jobs:
            self.close()
            raise OSError(f"the Dask cluster at {address} has no workers; start some with: dask worker {address}")
        if max(threads.values()) > 1:
            warnings.warn(
                "Dask workers with several threads measure several cells in one process, where each waits for the"
                " others; start them with: dask worker --nthreads 1",
                stacklevel=2,
            )
        if address == LOCAL:
            self._client.run(leave_interrupts_to_parent)

    def results(self, tasks: Iterable[Task], /) -> Generator[Measured, None, None]:
        """Measure tasks on the cluster."""
        backend = TellingDaskBackend(client=self._client, wait_for_workers_timeout=RESTART_SECONDS)
        parallel = joblib.Parallel(
            backend=backend, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs"
        )
        return as_they_come(parallel, tasks)

    def close(self) -> None:
        """Let go of all tasks; a local cluster ends."""
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


def _local_cluster(distributed: Any, n_workers: int) -> Any:
    import dask

    # a cell that takes its worker down shall not be sent to the others as well
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        return distributed.LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        )


class TellingDaskBackend(DaskDistributedBackend):
    """joblib's Dask backend, which also tells when a task is lost with its worker.

    joblib's own calls back only for tasks that came back, and would wait for the others for ever.
    """

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> Future[Any]:
        """Send a task, and call back however it ends."""
        future: Future[Any] = super().submit(func, callback)

        def tell(done: Future[Any]) -> None:
            error = done.exception()
            if error is not None and callback is not None:
                callback(error)

        future.add_done_callback(tell)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Return what came back, or raise what kept it from coming."""
        if isinstance(out, BaseException):
            raise out
        return super().retrieve_result_callback(out)

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Count cores, but never one, for which joblib would run everything in this process."""
        return max(2, int(super().effective_n_jobs(n_jobs)))
