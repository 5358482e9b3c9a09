"""A head-to-head comparison from start to end, with progress while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmarks.algorithms import Settings
from benchmarks.head_to_head import Cell, Run, head_to_head, plan_cells
from benchmarks.report import print_comparison, write_report
from optllm_pymoo import AllocationProblem


def run_comparison(
    problems: dict[str, AllocationProblem],
    algorithms: Sequence[str],
    seeds: Sequence[int],
    settings: Settings,
    out: Path,
    console: Console,
    /,
) -> bool:
    """Run, print and write a comparison.

    Args:
        problems: The batches by name.
        algorithms: Names in `benchmarks.algorithms.VARIANTS`.
        seeds: Seeds of the algorithms that depend on chance.
        settings: The same for all algorithms.
        out: Folder for the report; made before anything runs, so that a long run isn't lost to a bad path.
        console: Where to print; progress goes to standard error.

    Returns:
        Whether any run failed.

    Raises:
        OSError: If the folder can't be made or written to.
    """
    out.mkdir(parents=True, exist_ok=True)
    runs = run_with_progress(problems, plan_cells(problems, algorithms, seeds, settings))
    print_comparison(console, problems, runs)
    for path in write_report(out, problems, runs):
        console.print(f"wrote {path}", soft_wrap=True, highlight=False)
    return any(run.error for run in runs)


def run_with_progress(problems: dict[str, AllocationProblem], cells: Sequence[Cell], /) -> list[Run]:
    """Run all cells behind a progress bar on standard error."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("preparing", total=len(cells))

        def show(cell: Cell, n_evaluations: int) -> None:
            place = f"{cell.data}: {cell.algorithm}, seed {cell.seed}"
            bar.update(task, description=f"{place}, {n_evaluations:,} evaluations")

        runs = []
        for run in head_to_head(problems, cells, on_evaluation=show):
            runs.append(run)
            bar.advance(task)
    return runs
