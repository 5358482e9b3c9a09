"""Measures all rows on constraints, prints and writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from benchmarks.constraints.single import single_rows
from benchmarks.rows import Row, rich_rows, verdict, write_rows
from benchmarks.search_quality import DATA_SETS, data_folders

TITLE = "Budgets, targets and other constraints"

PARTS: tuple[Callable[..., Iterator[Row]], ...] = (single_rows,)
"""Each yields rows when called with ``quick``."""


def run_constraints(console: Console, out: Path, /, *, quick: bool) -> list[Row]:
    """Measure, print and write.

    Args:
        console: Where to print; which row is under way goes to standard error.
        out: Folder for constraints.csv and constraints.md.
        quick: Small sizes and synthetic batches only, for which some targets are not set.

    Raises:
        AssertionError: If a plan breaks its limit, or isn't proved optimal where it has to be.
    """
    rows = []
    with Console(stderr=True).status("measuring") as status:
        for part in PARTS:
            for row in part(quick=quick):
                rows.append(row)
                status.update(f"measuring; {row.what}, {row.size}: {row.measured:.4g} {row.unit}")
    console.print(rich_rows(rows, title=TITLE))
    console.print(verdict(rows))
    found = [] if quick else [folder.name for folder in data_folders()]
    if left_out := [name for name in DATA_SETS if name not in found]:
        console.print(f"Left out: {', '.join(left_out)}; looked for in $OPTLLM_SHARED/data, without --quick.")
    for path in write_rows(out, rows, name="constraints", title=TITLE):
        console.print(f"wrote {path}", soft_wrap=True, highlight=False)
    return rows
