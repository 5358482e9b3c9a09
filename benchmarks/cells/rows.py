"""One line of a table of measurements and targets."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich import box
from rich.table import Table

from benchmarks.report.document import markdown_table
from benchmarks.runner.provenance import versions_line
from optllm_pymoo.data import replacing, write_text_atomically

_HOLDS = {"≥": operator.ge, "≤": operator.le, ">": operator.gt}

METHOD = """\
Both sides of a ratio are checked for equal results and then timed in turns; ratios are of medians. \
`≥` and `≤` say on which side of the target the measurement has to lie; rows without a target are measured \
at another size than the one that the target is set for."""


@dataclass(frozen=True)
class Row:
    """A measurement, and what it should be."""

    what: str
    size: str
    measured: float
    unit: str
    """"×" for ratios, "s", or nothing."""
    relation: str
    """"≥", "≤" or ">"."""
    target: float | None
    """None where the target is set for another size."""
    details: str = ""
    """The medians, and what was checked."""

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        return None if self.target is None else bool(_HOLDS[self.relation](self.measured, self.target))

    def cells(self) -> tuple[str, ...]:
        """Texts for a table."""
        target = "–" if self.target is None else f"{self.relation} {_number(self.target, self.unit)}"
        verdict = {True: "yes", False: "NO", None: "–"}[self.reached]
        return self.what, self.size, _number(self.measured, self.unit), target, verdict, self.details


TITLES = ("what", "N × M", "measured", "target", "reached", "details")
TITLE = "Speed, memory and search quality"


def rich_rows(rows: list[Row], /) -> Table:
    """Lay measurements out for the terminal, without the details."""
    table = Table(title=TITLE, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column(TITLES[0])
    for title in TITLES[1:-1]:
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row.cells()[:-1], style="red" if row.reached is False else None)
    return table


def write_rows(folder: Path, rows: list[Row], /) -> list[Path]:
    """Write ``speed.csv`` and ``speed.md``, each complete or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    table, text = folder / "speed.csv", folder / "speed.md"
    frame = pd.DataFrame([{**row.__dict__, "reached": row.reached} for row in rows])
    with replacing(table) as temporary:
        frame.to_csv(temporary, index=False)
    body = markdown_table(TITLES, [row.cells() for row in rows], n_left=2)
    parts = [f"# {TITLE}", f"{versions_line()}.", METHOD, f"{verdict(rows)}.", body]
    write_text_atomically(text, "\n\n".join(parts) + "\n")
    return [table, text]


def verdict(rows: list[Row], /) -> str:
    """Count the targets that are reached."""
    judged = [row.reached for row in rows if row.reached is not None]
    return f"{sum(judged)} of {len(judged)} targets reached"


def _number(value: float, unit: str) -> str:
    text = f"{value:.3g}" if unit or value < 1e-3 else f"{value:.6g}"
    return f"{text} {unit}".rstrip()
