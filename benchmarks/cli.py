"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.cells.algorithms import VARIANTS, parse_algorithms
from benchmarks.cells.predictors import ORACLE, PREDICTORS
from benchmarks.cells.split import Split
from benchmarks.keep import KEPT, RUN, keep
from benchmarks.runner.executor import WorkersLost
from benchmarks.runner.plan import Plan
from benchmarks.runner.progress import Tally, listing, outlook, shown
from benchmarks.runner.results import Results
from benchmarks.runner.run import RunReport, run_cells
from benchmarks.runner.store import Store
from benchmarks.suites.base import Options, Suite
from benchmarks.suites.registry import SUITES, find_suite
from optllm_pymoo import UserError
from optllm_pymoo.data import write_text_atomically
from optllm_pymoo.signals import exit_code

app = typer.Typer(add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False)

Data = Annotated[
    list[Path] | None,
    typer.Option(help="Data set (folder, or table in a file); may be repeated. Without it: synthetic ones."),
]
Algorithms = Annotated[
    str | None,
    typer.Option(
        help='Names with commas between them, or "all". Without it: those of the suite.'
        f" Known, beside those of other packages: {', '.join(VARIANTS)}."
    ),
]
Splits = Annotated[int | None, typer.Option("--splits", "--seeds", help="Splits per share: 0, 1, ...")]
Out = Annotated[Path, typer.Option("--out", help="Folder for stored cells and reports.")]
Jobs = Annotated[int, typer.Option("--jobs", "--n-jobs", help="Cells measured at a time, each on one core.")]
Dask = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS|local",
        help='Measure on a Dask cluster: address of its scheduler, or "local" to start one with --jobs workers.',
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Measure stored cells again.")]
Latex = Annotated[bool, typer.Option("--latex", help="Also write the report's tables to tables.tex.")]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer or smaller of everything.")]

OUT = Path("benchmark-results")


@app.callback(invoke_without_command=True)
def compare(
    context: typer.Context,
    data: Data = None,
    algorithms: Algorithms = None,
    seeds: Annotated[
        str | None,
        typer.Option(help='How many (1, 2, ...), or which, with commas: "3" is "1,2,3"; "3," is seed 3 alone.'),
    ] = None,
    n_grid: Annotated[int | None, typer.Option(help="Gaps of OptLLM's grid; 50 if not given.")] = None,
    evaluations: Annotated[
        int | None,
        typer.Option(
            "--evaluations", "--budget", help="Evaluations for each algorithm; 10000 if not given, 1000 with --quick."
        ),
    ] = None,
    quick: Quick = False,
    out: Out = OUT,
    jobs: Jobs = 1,
    dask: Dask = None,
    force: Force = False,
    latex: Latex = False,
) -> None:
    """Compare search algorithms with the exact front, at equal evaluations.

    True labels of --data are the accuracies. Prints a table and writes results.csv, report.md and report.html to
    OUT/compare. Exit code 1 if an algorithm failed.
    """
    if context.invoked_subcommand is not None:
        for parameter in context.command.params:
            source = context.get_parameter_source(parameter.name or "")
            if source is not None and source.name == "COMMANDLINE":
                command = context.invoked_subcommand
                raise typer.BadParameter(f"{parameter.opts[0]} stands before {command}; put it behind {command}")
        return
    with _refusals():
        options = Options(
            data=tuple(data or ()),
            algorithms=None if algorithms is None else parse_algorithms(algorithms),
            evaluations=evaluations,
            quick=quick,
            seeds=None if seeds is None else parse_seeds(seeds),
            n_grid=n_grid,
        )
    _Command("compare", options, out, jobs, dask, force, latex).carry_out()


app.command(name="compare", help=compare.__doc__)(compare)


@app.command()
def run(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE", help=f"What to run: {', '.join(SUITES)}.", show_default=False)
    ],
    data: Data = None,
    algorithms: Algorithms = None,
    splits: Annotated[int | None, typer.Option(help="Labelled parts drawn per data set, or repetitions.")] = None,
    evaluations: Annotated[int | None, typer.Option(help="Plans that each search may evaluate.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Time of each search where searches are compared at equal seconds.")
    ] = None,
    out: Out = OUT,
    jobs: Jobs = 1,
    dask: Dask = None,
    force: Force = False,
    latex: Latex = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be run.")] = False,
    list_cells: Annotated[bool, typer.Option("--list", help="Only list the cells: key, state, title.")] = False,
    only_report: Annotated[
        bool, typer.Option("--only-report", help="Only write table and report, from the stored cells.")
    ] = False,
) -> None:
    """Run a suite of comparisons, or continue it, and write its report.

    Each cell is stored in OUT/cells as soon as it is measured. Stored cells, of any suite, are not measured again. So
    a run may be stopped or killed at any time: the same command continues it. The table and the report go to
    OUT/SUITE. Exit code 1 if a cell failed, 130 after Ctrl-C, 143 after SIGTERM.
    """
    with _refusals():
        names = None if algorithms is None else parse_algorithms(algorithms)
        options = Options(tuple(data or ()), names, splits, evaluations, seconds)
    only = "list" if list_cells else "dry run" if dry_run else "report" if only_report else ""
    _Command(suite, options, out, jobs, dask, force, latex).carry_out(only)


@app.command()
def predict(
    data: Data = None,
    shares: Annotated[str | None, typer.Option(help="Labelled shares, commas between; 0.02,0.05,0.2.")] = None,
    splits: Splits = None,
    predictors: Annotated[
        str | None,
        typer.Option(
            help=f"Of {', '.join((*PREDICTORS, ORACLE))}; with +MODULE:NAME behind it a function's view of the texts is"
            " beside the built-in one."
        ),
    ] = None,
    forecasts: Annotated[
        bool, typer.Option("--forecasts", help="Hold forecasts of more labels against what these bring, instead.")
    ] = False,
    split: Annotated[Split | None, typer.Option(help="What the labelled share is drawn from.")] = None,
    out: Out = OUT,
    jobs: Jobs = 1,
    dask: Dask = None,
    force: Force = False,
    latex: Latex = False,
) -> None:
    """Compare predictors by the true accuracy along the fronts of their predictions.

    The table and the report go to OUT/predict.
    """
    with _refusals():
        options = Options(
            data=tuple(data or ()),
            splits=splits,
            shares=None if shares is None else parse_shares(shares),
            predictors=None if predictors is None else tuple(part.strip() for part in predictors.split(",")),
            drawn=split and split.value,
            forecasts=forecasts,
        )
    _Command("predict", options, out, jobs, dask, force, latex).carry_out()


@app.command()
def speed(quick: Quick = False, out: Out = OUT, force: Force = False, latex: Latex = False) -> None:
    """Measure speed, memory and search quality of the package against its targets.

    Every pair is checked for equal results before it is timed. The table and the report go to OUT/speed. Exit code 1
    if a target was missed.
    """
    _Command("speed", Options(quick=quick), out, 1, None, force, latex).carry_out()


@app.command(name="keep")
def keep_results(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="Suite that was run.", show_default=False)],
    out: Out = OUT,
    to: Annotated[Path, typer.Option(help="Folder for kept results.")] = KEPT,
) -> None:
    """Copy table, report and figures of a complete run on synthetic data to the repository's folder of results."""
    with _refusals():
        files = keep(out / suite, to / suite)
    typer.echo("\n".join(f"wrote {path}" for path in files))


@app.command(name="table")
def draw_table(
    results: Annotated[
        list[Path] | None,
        typer.Option(
            help="results.csv of predict or routers, may be repeated; or of fair, which is the default, as it is kept."
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(help="Markdown file whose table of this kind, between two marks, is replaced; such as README.md."),
    ] = None,
) -> None:
    """Make the table of algorithms, predictors, embeddings, forecasts or routers from results; print or write it."""
    from benchmarks.table import drawn_table, with_table

    with _refusals():
        table = drawn_table(results or [KEPT / "fair" / "results.csv"])
        if write is not None:
            write_text_atomically(write, with_table(write.read_text(encoding="utf-8"), table))
    typer.echo(table.markdown if write is None else f"wrote the table into {write}")


@contextmanager
def _refusals() -> Iterator[None]:
    """Report errors that the user can correct in the way of wrong usage."""
    try:
        yield
    except (OSError, UserError) as error:
        raise typer.BadParameter(str(error)) from None


@dataclass(frozen=True)
class _Command:
    """A suite with its options, and where and how it is run."""

    name: str
    options: Options
    out: Path
    jobs: int
    dask: str | None
    force: bool
    latex: bool

    def carry_out(self, only: str = "") -> None:
        """Run the suite, or the requested part of it, and end with its exit code."""
        store, console = Store(self.out / "cells"), Console(soft_wrap=True, highlight=False)
        with _refusals():
            if self.jobs < 1:
                raise UserError(f"--jobs must be at least 1; got {self.jobs}")
            suite = find_suite(self.name)
            store.check()
            options = self.options
            if not self.force:
                options = replace(options, is_stored=lambda cell: store.look(cell).state == "done")
            plan = suite.planned(options)
        try:
            if only == "list":
                console.print("\n".join(listing(plan.cells, store)), markup=False)
                return
            if only == "dry run":
                console.print(f"{suite.name}: {suite.what}", markup=False)
                console.print(outlook(plan.cells, store, n_jobs=self.jobs, force=self.force), markup=False)
                return
            self._make_folder(self.out / suite.name)
            report = RunReport() if only else self._measured(plan, store)
            if not only:
                self._tell(report, console)
            missed = self._write(suite, plan, Results(plan.cells, store, failed=report.failed), console)
        except OSError as error:
            errors = Console(stderr=True, soft_wrap=True, highlight=False)
            errors.print(f"What lies below {self.out} can't be read or written: {error}", markup=False)
            raise typer.Exit(code=1) from None
        raise typer.Exit(code=int(bool(report.failed) or (missed and suite.has_targets)))

    @staticmethod
    def _make_folder(folder: Path) -> None:
        """Make a folder before anything runs, and refuse a path that can't be a folder."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise typer.BadParameter(f"--out: {folder} can't be a folder: {error.strerror}") from None

    def _measured(self, plan: Plan, store: Store) -> RunReport:
        """Run the cells with a progress bar; an error that ends the whole run is reported in one sentence."""
        errors, tally = Console(stderr=True, soft_wrap=True, highlight=False), Tally()
        where = {"jobs": self.jobs, "dask": self.dask, "force": self.force, "tally": tally}
        goes_on = "what is done is stored, and the same command goes on from there."
        if self.force:
            goes_on = "what is done is stored; the other cells keep what was stored before, and --force begins again."
        try:
            with shown(tally, errors):
                return run_cells(plan.cells, datasets=plan.datasets, store=store, **where)
        except KeyboardInterrupt as end:
            errors.print(f"Stopped; {goes_on}")
            raise typer.Exit(code=exit_code(end)) from None
        except (ImportError, OSError, WorkersLost) as error:
            errors.print(f"The run had to stop: {error}", markup=False)
            errors.print(f"Stopped; {goes_on}")
            raise typer.Exit(code=1) from None

    @staticmethod
    def _tell(report: RunReport, console: Console) -> None:
        """Print counts of cells, damaged files, failures with their reasons, and the runner's own time."""
        for path, reason in report.damaged.items():
            console.print(f"{path} was damaged ({reason}); its cell was to be measured again", markup=False)
        for failure in report.failed:
            title, text = failure.cell.title(), failure.text.rstrip()
            summary = f"{title} failed:\n{text}" if failure.was_run else f"{title}: {text}"
            console.print(summary, style="red" if failure.was_run else None, markup=False)
        done, reused, failed = len(report.done), len(report.reused), len(report.failed)
        console.print(f"{done} cells measured, {reused} were stored, {failed} failed", markup=False)
        if report.done:
            spent = f"{report.cell_seconds:.1f} s of measurements in {report.wall_seconds:.1f} s"
            console.print(f"{spent}, {report.overhead:.1%} of the cores' time on top", markup=False)

    def _write(self, suite: Suite, plan: Plan, results: Results, console: Console) -> bool:
        """Write the table and the suite's report, print its summary, and return whether a target is missed."""
        from benchmarks.report.writer import print_document, write_report

        for warning in results.warnings():
            console.print(warning, markup=False)
        folder, missing = self.out / suite.name, results.missing()
        results.write_csv(folder / "results.csv")
        summary = {"suite": suite.name, "cells": len(results.cells()) + len(missing), "missing": len(missing)}
        summary["failed"] = sum(failure.was_run for failure in results.failed)
        write_text_atomically(folder / RUN, json.dumps(summary) + "\n")
        document = suite.report(results, plan)
        files = write_report(document, folder, latex=self.latex)
        print_document(document, console)
        for path in (folder / "results.csv", *(file for file in files if file.suffix != ".svg")):
            console.print(f"wrote {path}", markup=False)
        return any(row.reached is False for row in results.rows(plan.cells))


def parse_shares(text: str, /) -> tuple[float, ...]:
    """Read shares.

    Raises:
        UserError: One isn't a number.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--shares: expected numbers with commas between them, got {text!r}") from None


def parse_seeds(text: str, /) -> tuple[int, ...]:
    """Read seeds: a single number is their count, from 1 on; with a comma they are the seeds themselves.

    Raises:
        UserError: It is neither, or there is no seed.
    """
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        numbers = []
    if "," not in text and len(numbers) == 1:
        numbers = list(range(1, numbers[0] + 1))
    if not numbers or min(numbers) < 0:
        raise UserError(f"seeds are a number of seeds, or seeds with commas between them; got {text!r}")
    return tuple(dict.fromkeys(numbers))
