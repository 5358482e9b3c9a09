"""The command ``python -m benchmarks keep SUITE``."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from benchmarks.report.setup import completeness_in
from optllm_pymoo.data import replacing_folder

KEPT = Path(__file__).parent / "results"
"""Where results are kept that may be shipped."""

OURS = r"(questions|continuous|tied|binary|dominated)-\d+x\d+"
"""Names of the synthetic batches, which may be shipped."""

FILES = ("results.csv", "report.md")
FIGURES = "figures"


def keep_results(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="Suite that was run.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder that the suite was run into.")] = Path("benchmark-results"),
    to: Annotated[Path, typer.Option(help="Folder for kept results.")] = KEPT,
) -> None:
    """Copy table, report and figures of a complete run on synthetic data to where they are kept in the repository."""
    try:
        files = keep(out / suite, to / suite)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo("\n".join(f"wrote {path}" for path in files))


def keep(folder: Path, target: Path, /) -> list[Path]:
    """Copy what a suite wrote, but for the page, which holds the same once more.

    Args:
        folder: Of the suite.
        target: What was kept there before is replaced; files of others stay.

    Returns:
        The files.

    Raises:
        OSError: A file is missing or can't be written.
        ValueError: The results are of data that can't be shipped or incomplete, or the report names a place on this
            machine.
    """
    frame = pd.read_csv(folder / "results.csv", dtype={"data": str})
    refuse_foreign_data(frame["data"].dropna().unique() if "data" in frame else [], folder)
    report = (folder / "report.md").read_text(encoding="utf-8")
    refuse_incomplete(report, len(frame), folder)
    refuse_paths(report, folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(target, overwrite=True, ours=(*FILES, f"{FIGURES}/*.svg")) as temporary:
        for name in FILES:
            shutil.copyfile(folder / name, temporary / name)
        shutil.copytree(folder / FIGURES, temporary / FIGURES)
    return sorted(path for path in target.rglob("*") if path.is_file())


def refuse_foreign_data(names: Sequence[str], folder: Path, /) -> None:
    """Refuse results on data sets that came from files.

    Raises:
        ValueError: There are some.
    """
    foreign = [name for name in names if not pd.Series([name]).str.fullmatch(OURS).item()]
    if foreign:
        raise ValueError(
            f"{folder} has results on {', '.join(map(repr, foreign))}, which came from files; only results on the"
            " synthetic batches of the suites may be kept: run the suite without --data into a folder of its own"
        )


def refuse_incomplete(report: str, n_rows: int, folder: Path, /) -> None:
    """Refuse results of which cells are missing, because they failed or were never measured.

    Args:
        report: In Markdown, which says how many cells are missing.
        n_rows: Of the table of results.
        folder: Of the suite.

    Raises:
        ValueError: Cells are missing, or the report doesn't say that none is, or tells of another table.
    """
    command = f"`python -m benchmarks run {folder.name}`"
    told = completeness_in(report)
    if told is None:
        raise ValueError(
            f"{folder}: the report doesn't say whether all cells are measured; write it anew with {command},"
            " the options of the run and --only-report"
        )
    if told.missing:
        raise ValueError(
            f"{folder}: {told.missing:,} of {told.total:,} cells are missing, of which {told.failed:,} failed in the"
            f" last run; repeat {command} with the same options until all are measured, then keep them"
        )
    if told.total != n_rows:
        raise ValueError(
            f"{folder}: the report tells of {told.total:,} cells, results.csv has {n_rows:,}; write both anew with"
            f" {command}, the options of the run and --only-report"
        )


def refuse_paths(text: str, folder: Path, /) -> None:
    """Refuse a report that names a place on this machine, as tracebacks do.

    Raises:
        ValueError: It does.
    """
    for place in {str(Path.home()), str(Path.cwd()), str(folder.resolve())} - {"/"}:
        if place in text:
            raise ValueError(
                f"{folder}: the report names {place}, as after failures; repeat the run until nothing fails"
            )
