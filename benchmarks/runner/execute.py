"""Runs what is missing, and keeps each cell as soon as it is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from benchmarks.experiment.cell import Cell
from benchmarks.runner.order import closure
from benchmarks.runner.pools import InProcess, Pool, Processes
from benchmarks.runner.run import Run
from benchmarks.runner.run_report import RunReport
from benchmarks.runner.store import Store
from benchmarks.runner.watching import Silent, Watcher
from optllm_pymoo.data import Dataset


def run_cells(
    cells: Iterable[Cell],
    /,
    *,
    datasets: Mapping[str, Callable[[], Dataset]],
    store: Store,
    jobs: int = 1,
    dask: str | None = None,
    force: bool = False,
    watcher: Watcher | None = None,
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
        watcher: Is told what happens.

    Raises:
        ValueError: Cells need one another in a circle.
        ImportError: Dask is not installed.
        OSError: A result can't be written, or no Dask cluster is at the address.
        PoolBroken: No worker can be started or reached any more; what is done is stored.
        KeyboardInterrupt: After Ctrl-C, when all workers have ended; what is done is stored.
    """
    run = Run(closure(cells), datasets, store, watcher or Silent(), force=force)
    if run.missing:
        store.sweep()
    while True:
        exclusive = not run.schedule.has_ready(exclusive=False)
        if exclusive and not run.schedule.has_ready(exclusive=True):
            return run.report()
        run.work(InProcess if exclusive else partial(make_pool, jobs, dask), exclusive=exclusive)


def make_pool(jobs: int, dask: str | None, /) -> Pool:
    """Return where cells are measured that may run beside others."""
    if dask is None:
        return Processes(jobs) if jobs > 1 else InProcess()
    from benchmarks.runner.dask_pool import DaskCluster

    return DaskCluster(dask, n_workers=jobs)
