"""What a comparison leaves behind: a table on the terminal, and three files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.text import Text

from benchmarks.figure import draw_fronts
from benchmarks.findings import findings
from benchmarks.head_to_head import Run
from benchmarks.summary import summarise, to_frame
from benchmarks.tables import markdown_comparison, rich_comparison
from benchmarks.versions import versions_line
from optllm_pymoo import AllocationProblem
from optllm_pymoo.data import replacing, write_text_atomically

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
