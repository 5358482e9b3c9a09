"""A Dask cluster as a pool, through joblib's Dask backend."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import Any

import joblib
from joblib._dask import DaskDistributedBackend

from benchmarks.runner.pools import as_they_come
from benchmarks.runner.worker import Measured, Task, leave_interrupts_to_parent
from optllm_pymoo.data.extras import import_extra

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
