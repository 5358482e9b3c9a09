"""The same numbers for the terminal, in 80 columns, and for a Markdown file, with all columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from rich import box
from rich.table import Table

from benchmarks.findings import OURS


class Column(NamedTuple):
    """One column of the comparison."""

    name: str
    """Column of the summary."""
    form: str
    """How a number is printed."""
    title: str
    short: str = ""
    """Title on the terminal; columns without one are left out there."""


COLUMNS = (
    Column("hypervolume_ratio", ".4f", "hypervolume ratio ↑", "HV\nratio"),
    Column("hypervolume_sd", ".4f", "± sd"),
    Column("additive_epsilon", ".4f", "ε+ ↓", "ε+"),
    Column("igd_plus", ".4f", "IGD+ ↓", "IGD+"),
    Column("spread", ".3f", "Δ ↓", "Δ"),
    Column("distinct_points", ",.0f", "points"),
    Column("result_hypervolume_ratio", ".4f", "own set: hypervolume ratio", "own\nHV"),
    Column("distinct_plans", ",.0f", "own set: distinct plans", "own\nplans"),
    Column("evaluations", ",.0f", "evaluations", "evalu-\nations"),
    Column("seconds", ".3f", "seconds", "sec-\nonds"),
    Column("peak_rss_mib", ",.0f", "peak memory so far, MiB", "peak\nMiB"),
    Column("n_seeds", ".0f", "seeds"),
)

LEGEND = (
    "HV: hypervolume, 1 is the exact front's. ε+, IGD+, Δ: smaller is better. Measured on all that was"
    " evaluated; own: on what the algorithm returned. Peak memory is the whole process's, so far."
)


def ranked(summary: pd.DataFrame, /) -> pd.DataFrame:
    """Sort the rows of one batch by falling hypervolume ratio; what failed comes last."""
    return summary.sort_values("hypervolume_ratio", ascending=False, kind="stable", na_position="last")


def rich_comparison(title: str, summary: pd.DataFrame, /) -> Table:
    """Lay out the rows of one batch for the terminal."""
    table = Table(
        title=title,
        caption=LEGEND,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
    )
    columns = [column for column in COLUMNS if column.short]
    table.add_column("algorithm", no_wrap=True)
    for column in columns:
        table.add_column(column.short, justify="right", no_wrap=True)
    for name, row in ranked(summary).iterrows():
        table.add_row(str(name), *_cells(row, columns), style="bold" if name == OURS else None)
    return table


def markdown_comparison(summary: pd.DataFrame, /) -> str:
    """Lay out the rows of one batch as a Markdown table."""
    rows = [(f"`{name}`", *_cells(row, COLUMNS)) for name, row in ranked(summary).iterrows()]
    return markdown_table(("algorithm", *(column.title for column in COLUMNS)), rows)


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]], /, *, n_left: int = 1) -> str:
    """Write a Markdown table; all but the first ``n_left`` columns are aligned right."""
    rule = ["---" if k < n_left else "---:" for k in range(len(titles))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rule, *rows))


def _cells(row: pd.Series, columns: Sequence[Column]) -> list[str]:
    if row["n_seeds"] == 0:
        return ["failed", *["–"] * (len(columns) - 1)]
    return [format(row[column.name], column.form) for column in columns]
