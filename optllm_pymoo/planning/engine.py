"""Execution of tasks on the parts of a batch: in a loop, in processes of this machine, on a Dask cluster."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from optllm_pymoo.data.atomic import replacing
from optllm_pymoo.decision.text import count
from optllm_pymoo.validation import UserError, import_extra

LOCAL: Final = "local"
"""The address of a Dask cluster that is started on this machine."""

CONNECT_SECONDS: Final = 30

_VERSION: Final = version("optllm-pymoo")

STAGES: Final = {
    "scan": "Reading",
    "hashes": "Comparing ids",
    "predict": "Predicting",
    "summary_of": "Front",
    "bucket_of": "Plan to the single step",
    "ties_of": "Plan to the single step",
    "sample_of": "Prices of the limits",
    "core": "Queries that the limits leave open",
    "write": "Writing the plan",
}
"""Names of the tasks, for progress reports."""


class Engine:
    """Applies functions to the parts of a batch, here or elsewhere, and keeps every result on disk as it arrives.

    Calls are numbered: a run with the same calls in the same order reuses the results of an earlier one.

    Args:
        folder: Where results are kept.
        n_jobs: Processes of this machine, as joblib counts; 1 is a loop in this process.
        in_threads: Threads do instead of processes: for tasks that hardly ever hold the interpreter's lock.
        dask: Address of a Dask scheduler, or `LOCAL` to start a cluster of ``n_jobs`` workers; None for no Dask.
        report: Called with the stage, the parts done and the time left.

    Raises:
        OSError: There is no scheduler at the address, or the cluster has no workers.
        UserError: A worker has another version of this package.
    """

    def __init__(
        self,
        folder: Path,
        /,
        *,
        n_jobs: int | None = None,
        in_threads: bool = False,
        dask: str | None = None,
        report: Callable[[str], None],
    ) -> None:
        from joblib import effective_n_jobs

        self._folder, self._report, self._calls = folder, report, 0
        self._n_jobs, self._backend = effective_n_jobs(n_jobs), "threading" if in_threads else "loky"
        self._dask, self._address = None if dask is None else self._connected(dask), dask
        folder.mkdir(parents=True, exist_ok=True)

    def _connected(self, address: str) -> Any:
        """Connect to a Dask cluster, or start one here."""
        distributed = import_extra("distributed", extra="dask", purpose="--dask")
        given: Any = address
        if address == LOCAL:
            given = distributed.LocalCluster(n_workers=self._n_jobs, threads_per_worker=1, dashboard_address=None)
        try:
            client = distributed.Client(given, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError, ImportError) as error:  # by scheme and network
            raise OSError(f"no Dask cluster at {address} ({type(error).__name__}: {error})") from None
        try:  # those that are being started
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError:
            client.close()
            raise OSError(
                f"the Dask cluster at {address} has no workers; start some with: dask worker {address}"
            ) from None
        _check_versions(client.run(version, "optllm-pymoo", on_error="return"), _VERSION)
        return client

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *error: object) -> None:
        if self._dask is not None:
            cluster = self._dask.cluster
            self._dask.close()
            if cluster is not None:
                cluster.close()

    def __call__(self, function: Callable[[Any], Any], items: Sequence[Any], /) -> Iterator[Any]:
        """Apply a function to items, like `map`; all results are complete on return."""
        kept = [self._folder / f"{self._calls:03}-{place:05}.pickle" for place in range(len(items))]
        self._calls += 1
        missing = [place for place, path in enumerate(kept) if not path.exists()]
        name = STAGES[function.func.__name__ if isinstance(function, partial) else function.__name__]
        began = time.monotonic()
        self._report(f"{name}: {count(len(items), 'part', 'parts')}")
        for done, (place, result) in enumerate(self._results(function, items, missing), start=1):
            with replacing(kept[place]) as path:
                path.write_bytes(pickle.dumps(result))
            left = (time.monotonic() - began) / done * (len(missing) - done)
            self._report(f"{name}: {len(items) - len(missing) + done:,} of {len(items):,} parts, {left:,.0f} s left")
        return (pickle.loads(path.read_bytes()) for path in kept)

    def _results(
        self, function: Callable[[Any], Any], items: Sequence[Any], missing: Sequence[int]
    ) -> Iterator[tuple[int, Any]]:
        """Run the missing tasks, in any order."""
        if self._dask is not None:
            yield from self._from_dask(function, items, missing)
        elif min(self._n_jobs, len(missing)) > 1:
            from joblib import Parallel, delayed

            tasks = (delayed(_numbered)(function, place, items[place]) for place in missing)
            unordered: Any = {"return_as": "generator_unordered", "batch_size": 1, "pre_dispatch": "n_jobs"}
            yield from Parallel(self._n_jobs, backend=self._backend, **unordered)(tasks)
        else:
            yield from (_numbered(function, place, items[place]) for place in missing)

    def _from_dask(
        self, function: Callable[[Any], Any], items: Sequence[Any], missing: Sequence[int]
    ) -> Iterator[tuple[int, Any]]:
        """Run tasks on Dask workers; the scheduler repeats the tasks of a dead worker on another."""
        distributed = import_extra("distributed", extra="dask", purpose="--dask")
        assert self._dask is not None
        lost = distributed.client.FutureCancelledError, distributed.comm.CommClosedError
        try:
            task = partial(_at_worker, _VERSION, function)
            futures = self._dask.map(task, missing, [items[place] for place in missing], pure=False)
            with self._dask.as_current():
                for _, found in distributed.as_completed(futures, with_results=True):
                    if isinstance(found, BaseException):
                        raise found
                    yield found
        except distributed.scheduler.KilledWorker as error:
            raise OSError(f"a part took down several Dask workers, perhaps for lack of memory ({error})") from None
        except (*lost, TimeoutError) as error:
            again = "start it again and run the same command: it goes on where it was"
            raise OSError(f"the Dask scheduler at {self._address} is gone ({type(error).__name__}); {again}") from None


def _numbered(function: Callable[[Any], Any], place: int, item: Any) -> tuple[int, Any]:
    return place, function(item)


def _at_worker(expected_version: str, function: Callable[[Any], Any], place: int, item: Any) -> tuple[int, Any]:
    """Run a task on a worker, which may have joined after the check of versions."""
    _check_versions({"this one": _VERSION}, expected_version)
    return _numbered(function, place, item)


def _check_versions(by_worker: Mapping[str, Any], own: str) -> None:
    """Refuse workers that have another version of this package, or none."""
    for worker, found in by_worker.items():
        if found != own:
            has = f"has optllm-pymoo {found}" if isinstance(found, str) else "has no optllm-pymoo"
            raise UserError(f"the Dask worker {worker} {has}, and this command is {own}; install the same everywhere")
