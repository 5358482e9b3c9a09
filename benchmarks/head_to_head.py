"""One algorithm after another on the same batch, with the same number of evaluations."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from benchmarks.cells.algorithms import Settings, find_variant
from benchmarks.cells.probe import peak_rss_bytes
from benchmarks.cells.recording import Recorder
from benchmarks.cells.search import run_search, search_measures, warm_up
from benchmarks.report.document import markdown_comparison, rich_comparison
from benchmarks.report.fronts import draw_fronts_panel, label_single_llms
from benchmarks.report.look import FONT, look, panels
from benchmarks.report.quality import averages, findings
from benchmarks.runner.provenance import versions_line
from optllm_pymoo import AllocationProblem
from optllm_pymoo.data import replacing, write_text_atomically


class Cell(NamedTuple):
    """What is run: everything that decides the outcome besides the tables."""

    data: str
    """Name of the batch."""
    algorithm: str
    """Name in `benchmarks.algorithms.VARIANTS`."""
    seed: int
    settings: Settings


@dataclass(frozen=True)
class Run:
    """What came of one cell. Numbers of a run that failed are NaN or 0."""

    data: str
    algorithm: str
    seed: int
    n_grid: int
    budget: int
    evaluations: int = 0
    """Plans scored, beyond the budget too if the algorithm overshot it."""
    distinct_plans: int = 0
    """Different allocations in the algorithm's own result set."""
    distinct_points: int = 0
    """Distinct non-dominated points among all it evaluated within the budget, which are measured."""
    hypervolume_ratio: float = np.nan
    additive_epsilon: float = np.nan
    igd_plus: float = np.nan
    spread: float = np.nan
    result_hypervolume_ratio: float = np.nan
    """Hypervolume ratio of the algorithm's own result set."""
    seconds: float = np.nan
    """Wall-clock time of ``minimize``, after a run on a few queries that compiled what it needs."""
    peak_rss_mib: float = np.nan
    """Highest resident memory of the process up to the end of this run; it never falls."""
    error: str = ""
    """Kind and message of the exception that ended the run."""
    trace: str = field(default="", repr=False)
    F: np.ndarray = field(default_factory=lambda: np.empty((0, 2)), repr=False, compare=False)
    """(n, 2) the points that were measured."""


def head_to_head(
    problems: dict[str, AllocationProblem],
    cells: Iterable[Cell],
    /,
    *,
    on_evaluation: Callable[[Cell, int], None] = lambda cell, n_evaluations: None,
) -> Iterator[Run]:
    """Run cells one after another.

    Args:
        problems: The batches by name.
        cells: What to run; an algorithm that fails is reported in its `Run`, and the next cell goes on.
        on_evaluation: Called after each batch of evaluations.

    Yields:
        One `Run` per cell, in their order.
    """
    warm: set[tuple[str, str]] = set()
    for cell in cells:
        problem = problems[cell.data]
        if (cell.data, cell.algorithm) not in warm:
            warm.add((cell.data, cell.algorithm))
            warm_up(problem, cell.algorithm, budget=cell.settings.budget)
        yield run_cell(problem, cell, on_evaluation=partial(on_evaluation, cell))


def plan_cells(
    data: Iterable[str], algorithms: Sequence[str], seeds: Sequence[int], settings: Settings, /
) -> list[Cell]:
    """List every algorithm with every seed on every batch; algorithms without chance run with one seed."""
    return [
        Cell(name, algorithm, seed, settings)
        for name in data
        for algorithm in algorithms
        for seed in (seeds if find_variant(algorithm).is_random else seeds[:1])
    ]


def run_cell(problem: AllocationProblem, cell: Cell, /, *, on_evaluation: Callable[[int], None] | None = None) -> Run:
    """Run one algorithm with one seed and measure it against the exact front, as `benchmarks.searching` does.

    Args:
        problem: The batch, whose exact front is the yardstick.
        cell: Algorithm, seed and settings.
        on_evaluation: Called with the number of evaluations so far.
    """
    try:
        outcome = _measured(problem, cell, on_evaluation)
    except Exception as error:  # algorithms are anybody's: whatever one raises is told, and the others go on
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        outcome = {"error": message, "trace": traceback.format_exc()}
    given = cell.settings
    return Run(cell.data, cell.algorithm, cell.seed, n_grid=given.n_grid, budget=given.budget, **outcome)


def _measured(problem: AllocationProblem, cell: Cell, on_evaluation: Callable[[int], None] | None) -> dict[str, Any]:
    recorder = Recorder(cell.settings.budget, on_evaluation=on_evaluation)
    ends = ("n_eval", cell.settings.budget)
    result, seconds = run_search(problem, cell.algorithm, cell.settings, recorder, termination=ends, seed=cell.seed)
    return {
        "evaluations": recorder.n_eval,
        **search_measures(problem, result, recorder),
        "seconds": seconds,
        "peak_rss_mib": peak_rss_bytes() / 2**20,
        "F": recorder.F,
    }


def draw_fronts(problems: dict[str, AllocationProblem], runs: Sequence[Run], path: Path, /) -> None:
    """Draw one panel per batch: the exact front, what each algorithm's first good run found, single LLMs.

    Args:
        problems: The batches by name.
        runs: What was run on them.
        path: PNG to write.
    """
    figure, axes_of = panels(len(problems), height=5.0)
    figure.set_size_inches(9.0, 5.0 * len(problems))
    looks = {name: look(k) for k, name in enumerate(dict.fromkeys(run.algorithm for run in runs))}
    for axes, (name, problem) in zip(axes_of, problems.items(), strict=True):
        found = {run.algorithm: run.F for run in reversed(runs) if run.data == name and len(run.F)}
        shown = {a: (found[a], *looks[a]) for a in looks if a in found and a != "single-llms"}
        draw_fronts_panel(axes, problem, shown)
        axes.set_title(name, fontsize=FONT)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)
    for axes, problem in zip(axes_of, problems.values(), strict=True):
        label_single_llms(axes, problem)
    figure.savefig(path, dpi=150, format="png")


NOT_REPRODUCIBLE = ("seconds", "peak_rss_mib")
"""Columns that differ from run to run; all others are the same wherever the same cells are run."""


def to_frame(runs: Iterable[Run], /) -> pd.DataFrame:
    """Put runs into a table, one row each, with the columns that vary at the end."""
    columns = [field.name for field in fields(Run) if field.name not in ("trace", "F", *NOT_REPRODUCIBLE)]
    columns += NOT_REPRODUCIBLE
    return pd.DataFrame([{name: getattr(run, name) for name in columns} for run in runs], columns=columns)


def summarise(runs: Sequence[Run], /) -> pd.DataFrame:
    """Average over the seeds that succeeded.

    Returns:
        Indexed by data and algorithm, in the order in which they were run: means of `MEASURES`, `COUNTS` and
        seconds, ``peak_rss_mib`` the maximum, ``hypervolume_sd`` the standard deviation over seeds (0 for
        one), ``n_seeds`` how many succeeded, ``n_failed`` how many didn't. NaN where all failed.
    """
    frame = to_frame(runs)
    summary = averages(frame.assign(failed=frame["error"] != ""), ["data", "algorithm"])
    return summary.fillna({"hypervolume_sd": 0.0})


METHOD = """\
Measures are taken on objectives scaled to the range of the exact front, on the accuracy table that was \
optimised. They judge the non-dominated set of everything an algorithm evaluated within the budget, not only \
what it returned in the end; "own set" columns are about what it returned. Hypervolume: share of the exact \
front's, reference point (1, 1). ε+: additive epsilon to the exact front. IGD+: mean shortfall from it. Δ: \
Deb's spread along the front. Means over seeds. Seconds include building the exact front for the algorithms \
that use it, and leave out compilation. Peak memory is the highest resident memory of the whole process so \
far, in the order of results.csv: it never falls."""


def print_comparison(console: Console, problems: dict[str, AllocationProblem], runs: Sequence[Run], /) -> None:
    """Print one table per batch, what it says, and what failed."""
    for data, rows in _batches(runs):
        console.print(rich_comparison(f"{data}: {describe(problems[data])}", rows))
        for sentence in findings(rows):
            console.print(Text.from_markup(f"• {sentence}".replace("[", r"\[").replace("`", "")))
    for run in runs:
        if run.error:
            console.print(Text(f"{_place(run)} failed: {run.error}\n{run.trace}", style="red"))


def write_report(folder: Path, problems: dict[str, AllocationProblem], runs: Sequence[Run], /) -> list[Path]:
    """Write the three files, each complete or not at all.

    Args:
        folder: Made if it isn't there.
        problems: The batches by name.
        runs: What was run on them.

    Returns:
        The files.

    Raises:
        OSError: If the folder can't be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table, picture, text = folder / "results.csv", folder / "front.png", folder / "report.md"
    with replacing(table) as temporary:
        to_frame(runs).to_csv(temporary, index=False)
    with replacing(picture) as temporary:
        draw_fronts(problems, runs, temporary)
    write_text_atomically(text, report_text(problems, runs, picture.name))
    return [table, picture, text]


def report_text(problems: dict[str, AllocationProblem], runs: Sequence[Run], picture: str, /) -> str:
    """Write the report in Markdown."""
    seeds = sorted({run.seed for run in runs})
    parts = [
        "# Head to head",
        f"{runs[0].budget:,} evaluations for each algorithm, n_grid {runs[0].n_grid},"
        f" seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}. {versions_line()}.",
        METHOD,
        f"![Fronts found, over the exact front; single LLMs are crosses]({picture})",
    ]
    for data, rows in _batches(runs):
        parts += [f"## {data}", f"{describe(problems[data])}."]
        parts += ["\n".join(f"* {sentence}" for sentence in findings(rows)), markdown_comparison(rows)]
    failed = [f"* {_place(run)}: {run.error}" for run in runs if run.error]
    if failed:
        parts += ["## Failed", "\n".join(failed)]
    return "\n\n".join(parts) + "\n"


def describe(problem: AllocationProblem, /) -> str:
    """Say how large a batch is and what its exact front spans."""
    front = problem.supported_front
    (low, worst), (high, best) = front.F[0], front.F[-1]
    return (
        f"{problem.n_queries:,} queries × {problem.n_llms} LLMs, exact front of {len(front):,} plans"
        f" from {low:.6g} US$ at accuracy {-worst:.4f} to {high:.6g} US$ at {-best:.4f}"
    )


def _batches(runs: Sequence[Run]) -> list[tuple[str, pd.DataFrame]]:
    summary = summarise(runs)
    return [(str(data), rows.droplevel("data")) for data, rows in summary.groupby("data", sort=False)]


def _place(run: Run) -> str:
    return f"{run.algorithm} on {run.data} with seed {run.seed}"


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
