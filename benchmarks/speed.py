"""``python -m benchmarks speed``: what the package has to reach, measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from benchmarks.cells.rows import Row, rich_rows, verdict, write_rows
from benchmarks.cells.speed import (
    DATA_SETS,
    data_folders,
    evaluation_row,
    first_minimize_row,
    front_row,
    memory_row,
    minimize_row,
    quality_batches,
    quality_rows,
)

N_LLMS = 12


def run_speed(console: Console, out: Path, /, *, quick: bool) -> list[Row]:
    """Measure, print and write.

    Args:
        console: Where to print; which row is under way goes to standard error.
        out: Folder for speed.csv and speed.md; made before anything is measured.
        quick: Small sizes only, for which most targets are not set.

    Raises:
        AssertionError: If two things that are to be compared don't come to the same result.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    with Console(stderr=True).status("measuring") as status:
        for row in measurements(quick=quick):
            rows.append(row)
            status.update(f"measuring; {row.what}, {row.size}: {row.measured:.4g} {row.unit}")
    console.print(rich_rows(rows))
    console.print(verdict(rows))
    found = [] if quick else [folder.name for folder in data_folders()]
    if len(found) < len(DATA_SETS):
        left_out = ", ".join(name for name in DATA_SETS if name not in found)
        why = "with --quick" if quick else "which are looked for in $OPTLLM_SHARED/data"
        console.print(f"Search quality was not measured on {left_out}, {why}.")
    for path in write_rows(out, rows):
        console.print(f"wrote {path}", soft_wrap=True, highlight=False)
    return rows


def measurements(*, quick: bool) -> Iterator[Row]:
    """Yield the rows one after another: speed, memory, start, search quality."""
    small, middle, large = (300, 2_117, 10_000) if quick else (2_117, 100_000, 1_000_000)
    yield evaluation_row(small, N_LLMS, target=None if quick else 10.0)
    yield evaluation_row(middle, N_LLMS, target=None if quick else 20.0)
    yield minimize_row(large, N_LLMS, target=None if quick else 4.0)
    yield minimize_row(2_117, N_LLMS, target=20.0)
    yield memory_row(large, N_LLMS, target=None if quick else 2.0)
    yield front_row(large, N_LLMS, target=None if quick else 4.0)
    yield first_minimize_row(300, N_LLMS, target=3.0, repeats=1 if quick else 5)
    for name, problem in quality_batches(300 if quick else 2_000, with_data=not quick):
        yield from quality_rows(name, problem)
