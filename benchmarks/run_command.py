"""The command ``python -m benchmarks run SUITE``."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.cells.algorithms import parse_algorithms
from benchmarks.runner.executor import PoolBroken
from benchmarks.runner.progress import Tally, listing, outlook, shown
from benchmarks.runner.results import Results
from benchmarks.runner.run import Failure, RunReport, run_cells
from benchmarks.runner.store import Store
from benchmarks.suites.base import Options, Plan, Suite
from benchmarks.suites.registry import SUITES
from optllm_pymoo.signals import exit_code
from optllm_pymoo.validation import unknown_name


def run_suite(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE", help=f"What to run: {', '.join(SUITES)}.", show_default=False)
    ],
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Data set (folder, or table in a file); may be repeated. Without it: synthetic ones."),
    ] = None,
    algorithms: Annotated[
        str | None, typer.Option(help='Names with commas between them, or "all". Without it: those of the suite.')
    ] = None,
    splits: Annotated[int | None, typer.Option(help="Labelled parts drawn per data set, or seeds.")] = None,
    evaluations: Annotated[int | None, typer.Option(help="Plans that each search may evaluate.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Time of each search where searches are compared at equal seconds.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for what is measured and for the reports.")] = Path(
        "benchmark-results"
    ),
    jobs: Annotated[int, typer.Option(help="Cells measured at a time, each on one core.")] = 1,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS|local",
            help='Measure on a Dask cluster: address of its scheduler, or "local" to start one with --jobs workers.',
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Measure also what is stored.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    list_cells: Annotated[bool, typer.Option("--list", help="Only list the cells: key, state, title.")] = False,
    only_report: Annotated[
        bool, typer.Option("--only-report", help="Only write table and report, from what is stored by now.")
    ] = False,
) -> None:
    """Run a suite of comparisons, or go on with it, and write its report.

    Each cell that is measured is stored at once in OUT/cells; what is stored is not measured again, whichever suite
    stored it. So a run may be stopped or killed at any time: the same command goes on. The table and the report go to
    OUT/SUITE. Exit code 1 if a cell failed, 130 after Ctrl-C, 143 after SIGTERM.
    """
    chosen = find_suite(suite)
    for name, number, least in (("jobs", jobs, 1), ("splits", splits, 1), ("evaluations", evaluations, 2)):
        if number is not None and number < least:
            raise typer.BadParameter(f"--{name} must be at least {least}; got {number}")
    if seconds is not None and not 0 < seconds < math.inf:
        raise typer.BadParameter(f"--seconds must be above 0 and finite; got {seconds}")
    store = Store(out / "cells")
    options = _options(data, algorithms, splits, evaluations, seconds)
    plan = make_plan(chosen, options if force else replace(options, is_stored=store.has))
    console = Console(soft_wrap=True, highlight=False)
    try:
        if list_cells:
            console.print("\n".join(listing(plan.cells, store)), markup=False)
            return
        if dry_run:
            console.print(outlook(plan.cells, store, n_jobs=jobs, force=force), markup=False)
            return
        _make_folder(out / chosen.name)
        report = RunReport.of_nothing() if only_report else _measured(plan, store, jobs, dask, force=force)
        if not only_report:
            tell(report, console)
        for path in write_results(chosen, plan, store, out / chosen.name, report, console):
            console.print(f"wrote {path}", markup=False)
    except OSError as error:
        errors = Console(stderr=True, soft_wrap=True, highlight=False)
        errors.print(f"What lies below {out} can't be read or written: {error}", markup=False)
        raise typer.Exit(code=1) from None
    raise typer.Exit(code=int(bool(report.failed)))


def find_suite(name: str, /) -> Suite:
    """Look a suite up.

    Raises:
        typer.BadParameter: There is none of that name; the message has the closest and the known ones.
    """
    if name not in SUITES:
        raise typer.BadParameter(unknown_name(name, list(SUITES), kind="suite"))
    return SUITES[name]


def make_plan(suite: Suite, options: Options, /) -> Plan:
    """Have a suite list its cells.

    Raises:
        typer.BadParameter: The suite can't do with the options.
    """
    try:
        return suite.plan(options)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None


def tell(report: RunReport, console: Console, /) -> None:
    """Print what was done, what was rubbish, what failed and why, and what the runner itself cost."""
    for path, reason in report.rubbish.items():
        console.print(f"{path} was rubbish ({reason}); its cell was to be measured anew", markup=False)
    for failure in report.failed:
        _tell_failure(failure, console)
    console.print(
        f"{len(report.done)} cells measured, {len(report.reused)} were stored, {len(report.failed)} failed",
        markup=False,
    )
    if report.done:
        console.print(
            f"{report.cell_seconds:.1f} s of measurements in {report.wall_seconds:.1f} s,"
            f" {report.overhead:.1%} of the cores' time on top",
            markup=False,
        )


def write_results(
    suite: Suite, plan: Plan, store: Store, folder: Path, report: RunReport, console: Console, /
) -> list[Path]:
    """Write the table, and the suite's report on it.

    Returns:
        The files.
    """
    from benchmarks.report.writer import write_report

    results = Results(plan.cells, store, failed=report.failed)
    for warning in results.warnings():
        console.print(warning, markup=False)
    table = folder / "results.csv"
    results.write_csv(table)
    return [table, *write_report(suite.report(results, plan), folder)]


def _options(
    data: list[Path] | None,
    algorithms: str | None,
    splits: int | None,
    evaluations: int | None,
    seconds: float | None,
) -> Options:
    for path in data or ():
        if not path.exists():
            raise typer.BadParameter(f"--data {path}: there is neither a folder nor a file of that name")
    try:
        names = None if algorithms is None else parse_algorithms(algorithms)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return Options(tuple(data or ()), names, splits, evaluations, seconds)


def _measured(plan: Plan, store: Store, jobs: int, dask: str | None, *, force: bool) -> RunReport:
    """Run the cells behind a progress bar; what ends the run as a whole is told in one sentence."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    tally = Tally()
    try:
        with shown(tally, errors):
            return run_cells(
                plan.cells, datasets=plan.datasets, store=store, jobs=jobs, dask=dask, force=force, watcher=tally
            )
    except KeyboardInterrupt as end:
        errors.print(f"Stopped; {_how_to_go_on(force=force)}")
        raise typer.Exit(code=exit_code(end)) from None
    except (ImportError, OSError, PoolBroken) as error:
        errors.print(f"The run had to stop: {error}", markup=False)
        errors.print(f"Stopped; {_how_to_go_on(force=force)}")
        raise typer.Exit(code=1) from None


def _how_to_go_on(*, force: bool) -> str:
    if force:
        return "what is done is stored; the other cells keep what was stored before, and --force begins anew."
    return "what is done is stored, and the same command goes on from there."


def _make_folder(folder: Path) -> None:
    from benchmarks.cli import made_folder

    made_folder(folder)


def _tell_failure(failure: Failure, console: Console) -> None:
    if failure.was_run:
        console.print(f"{failure.cell.title()} failed:\n{failure.text.rstrip()}", style="red", markup=False)
    else:
        console.print(f"{failure.cell.title()}: {failure.text}", markup=False)
