"""Keeping results in the repository: ``python -m benchmarks keep SUITE``."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from benchmarks.runner.results import load_results
from optllm_pymoo import UserError
from optllm_pymoo.data import replacing_folder

# Folder of results that are shipped.
KEPT = Path(__file__).parent / "results"

# Names of the synthetic batches, which may be shipped.
OURS = re.compile(r"(questions|continuous|tied|binary|dominated)-\d+x\d+")

# What a run writes beside its report: how many cells there are, and how many are missing.
RUN = "run.json"

FILES = ("results.csv", "report.md")
FIGURES = "figures"


def keep(folder: Path, target: Path, /) -> list[Path]:
    """Copy the files that a suite wrote, without the page, which has the same content.

    Args:
        folder: The suite's output.
        target: Results kept there before are replaced; other files stay.

    Returns:
        The files.

    Raises:
        OSError: A file is missing or can't be written.
        UserError: The results are incomplete or from data that can't be shipped, or the report has a path of this
            machine, as tracebacks do.
    """
    frames = load_results(folder).values()
    names = {str(name) for frame in frames if "data" in frame for name in frame["data"].dropna().unique()}
    foreign = sorted(name for name in names if not OURS.fullmatch(name))
    if foreign:
        raise UserError(
            f"{folder} has results on {', '.join(map(repr, foreign))}, which came from files; only results on the"
            " synthetic batches of the suites may be kept: run the suite without --data into a folder of its own"
        )
    run, command = json.loads((folder / RUN).read_text()), f"`python -m benchmarks run {folder.name}`"
    if run["missing"]:
        raise UserError(
            f"{folder}: {run['missing']:,} of {run['cells']:,} cells are missing, of which {run['failed']:,} failed"
            f" in the last run; repeat {command} with the same options until all are measured, then keep them"
        )
    n_cells = sum(frame.index.nunique() for frame in frames)
    if run["cells"] != n_cells:
        raise UserError(
            f"{folder}: {RUN} counts {run['cells']:,} cells, results.csv has {n_cells:,}; write both again with"
            f" {command}, the options of the run and --only-report"
        )
    report = (folder / "report.md").read_text(encoding="utf-8")
    for path in {str(Path.home()), str(Path.cwd()), str(folder.resolve())} - {"/"}:
        if path in report:
            raise UserError(f"{folder}: the report names {path}, as after failures; repeat the run until nothing fails")
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(target, overwrite=True, ours=(*FILES, f"{FIGURES}/*.svg")) as temporary:
        for name in FILES:
            shutil.copyfile(folder / name, temporary / name)
        shutil.copytree(folder / FIGURES, temporary / FIGURES)
    return sorted(path for path in target.rglob("*") if path.is_file())
