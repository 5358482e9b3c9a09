"""Where cells are measured: in this process, in worker processes, on a Dask cluster; all are `concurrent.futures`."""

from __future__ import annotations

import logging
import multiprocessing
import os
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any, Protocol

from benchmarks.runner.worker import leave_interrupts_to_parent, prepare_worker
from optllm_pymoo.signals import held_back
from optllm_pymoo.validation import import_extra

LOCAL = "local"
CONNECT_SECONDS = 10
# How long to wait for a cluster without workers: crashed ones are started again.
RESTART_SECONDS = 60


class WorkersLost(Exception):
    """No worker can be started or reached any more: the cells that were running are lost."""


class Workers(Protocol):
    """Processes that measure.

    Attributes:
        n_jobs: How many cells are measured at the same time.
    """

    n_jobs: int

    def executor(self) -> Executor:
        """Return a working executor: the last one, unless it was lost since."""

    def renew(self) -> None:
        """Record that a worker was lost, and perhaps the executor with it."""

    def close(self) -> None:
        """End all workers, also during a task."""


class InProcess(Executor):
    """Runs each task in this process as soon as it is submitted."""

    n_jobs = 1

    def executor(self) -> Executor:
        """Return itself."""
        return self

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do the task."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future

    def renew(self) -> None:
        """Nothing breaks."""

    def close(self) -> None:
        """Nothing is left behind."""


class _Spawning(ProcessPoolExecutor):
    """Starts workers when tasks are submitted; an interrupt never leaves a worker that nobody would end."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with held_back():
            return super().submit(fn, *args, **kwargs)


class Processes:
    """Worker processes on this machine, spawned: a fork of a process with threads may hang.

    Args:
        n_jobs: Number of processes.
    """

    def __init__(self, n_jobs: int, /) -> None:
        self.n_jobs = n_jobs
        self._others = set(multiprocessing.active_children())
        self._executor: ProcessPoolExecutor | None = None

    def executor(self) -> Executor:
        """Start workers, if there are none."""
        if self._executor is None:
            spawning = multiprocessing.get_context("spawn")
            self._executor = _Spawning(self.n_jobs, spawning, prepare_worker, (os.getpid(),))
        return self._executor

    def renew(self) -> None:
        """End the remaining workers; the next call of `executor` starts workers again."""
        self.close()

    def close(self) -> None:
        """Kill the workers."""
        if self._executor is not None:
            for worker in set(multiprocessing.active_children()) - self._others:
                worker.kill()
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


class DaskWorkers:
    """Workers of a Dask cluster; `benchmarks` and `optllm_pymoo` must be importable there.

    Args:
        address: Address of the scheduler, such as "tcp://10.0.0.1:8786", or "local" to start a cluster on this machine.
        n_workers: Worker processes of a local cluster.

    Raises:
        ImportError: dask and distributed are not installed.
        OSError: Nothing answers at the address, or the cluster has no workers.
    """

    def __init__(self, address: str, /, *, n_workers: int) -> None:
        distributed = import_extra("distributed", extra="dask", purpose="--dask")
        self._cluster = self._started(distributed, n_workers) if address == LOCAL else None
        try:
            self._client = distributed.Client(self._cluster or address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError, ImportError) as error:  # by scheme and network
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

    @staticmethod
    def _started(distributed: Any, n_workers: int) -> Any:
        """Start a cluster in which a cell that crashes its worker isn't sent to other workers."""
        import dask

        with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
            return distributed.LocalCluster(
                n_workers=n_workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
            )

    def executor(self) -> Executor:
        """Wait until there is a worker.

        Raises:
            WorkersLost: There is none.
        """
        try:
            self._client.wait_for_workers(1, timeout=RESTART_SECONDS)
        except TimeoutError as error:
            raise WorkersLost(f"the Dask cluster has had no worker for {RESTART_SECONDS} s") from error
        executor: Executor = self._client.get_executor(pure=False)
        return executor

    def renew(self) -> None:
        """The cluster starts workers again by itself."""

    def close(self) -> None:
        """Release all tasks; a local cluster ends."""
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()
