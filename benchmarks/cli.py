"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.cells.algorithms import DEFAULT, QUICK, VARIANTS, Settings, parse_algorithms
from benchmarks.keep import keep_results
from benchmarks.predict import run_predict
from benchmarks.run_command import run_suite
from benchmarks.table import draw_table

app = typer.Typer(add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False)

SYNTHETIC_QUERIES = 2000
QUICK_QUERIES = 500
KNOWN = f'Names with commas between them, or "all". Known: {", ".join(VARIANTS)}.'

Out = Annotated[Path, typer.Option("--out", help="Folder for the files that are written.")]


@app.callback(invoke_without_command=True)
def compare(
    context: typer.Context,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="Data set (folder, or table in a file), whose true labels are the accuracies; may be repeated."
            f" Without it: an embedded synthetic batch of {SYNTHETIC_QUERIES} queries."
        ),
    ] = None,
    algorithms: Annotated[
        str | None,
        typer.Option(help=KNOWN),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help='How many (1, 2, ...), or which, with commas: "3" is "1,2,3"; "3," is seed 3 alone.'),
    ] = None,
    n_grid: Annotated[int, typer.Option(help="Gaps of OptLLM's grid.")] = 50,
    budget: Annotated[
        int | None, typer.Option(help="Evaluations for each algorithm; 10000 if not given, 1000 with --quick.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer of everything: ends within 30 s on two cores.")] = False,
    out: Out = Path("benchmark-results"),
) -> None:
    """Compare search algorithms head to head, with equal evaluations, against the exact front.

    Prints a table and writes results.csv, front.png and report.md. Exit code 1 if an algorithm failed.
    """
    if context.invoked_subcommand is not None:
        _refuse_misplaced(context)
        return
    from benchmarks.cells.sources import load_problems, synthetic_problem
    from benchmarks.head_to_head import run_comparison
    from benchmarks.suites.base import available

    try:
        names = parse_algorithms(algorithms) if algorithms is not None else QUICK if quick else DEFAULT
        settings = checked_settings(n_grid, (1_000 if quick else 10_000) if budget is None else budget)
        chosen_seeds = parse_seeds(seeds or ("1" if quick else "3"))
        problems = load_problems(data) if data else synthetic_problem(QUICK_QUERIES if quick else SYNTHETIC_QUERIES)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    console = Console()
    there = available(names)
    for note in there.notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    if not there.algorithms:
        raise typer.BadParameter("none of the algorithms can run here; see above for what has to be installed")
    any_failed = run_comparison(problems, there.algorithms, chosen_seeds, settings, made_folder(out), console)
    raise typer.Exit(code=int(any_failed))


def _refuse_misplaced(context: typer.Context) -> None:
    """Refuse options in front of a subcommand, which would be swallowed without a word."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            command = context.invoked_subcommand
            raise typer.BadParameter(f"{parameter.opts[0]} stands before {command}; put it behind {command}")


@app.command()
def speed(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes only.")] = False,
    out: Out = Path("benchmark-results"),
) -> None:
    """Measure speed, memory and search quality of the package against its targets.

    Every pair is checked for equal results before it is timed. Prints a table and writes speed.csv and
    speed.md. Exit code 1 if a target was missed.
    """
    from benchmarks.speed import run_speed

    rows = run_speed(Console(), made_folder(out), quick=quick)
    raise typer.Exit(code=int(any(row.reached is False for row in rows)))


app.command(name="predict")(run_predict)
app.command(name="run")(run_suite)
app.command(name="table")(draw_table)
app.command(name="keep")(keep_results)


def made_folder(out: Path, /) -> Path:
    """Make the folder for the files, before anything runs, and refuse a path where there can't be one."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"--out {out} can't be a folder: {error.strerror}") from None
    return out


def checked_settings(n_grid: int, budget: int, /) -> Settings:
    """Put the settings together.

    Raises:
        ValueError: If a number is too small to mean anything.
    """
    for name, value, least in (("n-grid", n_grid, 1), ("budget", budget, 2)):
        if value < least:
            raise ValueError(f"--{name} must be at least {least}; got {value}")
    return Settings(n_grid=n_grid, budget=budget)


def parse_seeds(text: str, /) -> tuple[int, ...]:
    """Read seeds: a single number says how many, from 1 on; with a comma they are the seeds themselves.

    Raises:
        ValueError: If it is neither, or there is none.
    """
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        numbers = []
    if "," not in text and len(numbers) == 1:
        numbers = list(range(1, numbers[0] + 1))
    if not numbers or min(numbers) < 0:
        raise ValueError(f"seeds are a number of seeds, or seeds with commas between them; got {text!r}")
    return tuple(dict.fromkeys(numbers))
