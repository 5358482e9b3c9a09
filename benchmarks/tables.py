"""The same table for the terminal and for a Markdown file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from rich.table import Table

from benchmarks.findings import OURS


class Column(NamedTuple):
    """One column of the comparison."""

    title: str
    name: str
    """Column of the summary."""
    form: str
    """How a number is printed."""


COLUMNS = (
    Column("hypervolume ratio ↑", "hypervolume_ratio", ".4f"),
    Column("± sd", "hypervolume_sd", ".4f"),
    Column("ε+ ↓", "additive_epsilon", ".4f"),
    Column("IGD+ ↓", "igd_plus", ".4f"),
    Column("Δ ↓", "spread", ".3f"),
    Column("points", "distinct_points", ",.0f"),
    Column("own set: hv ratio", "result_hypervolume_ratio", ".4f"),
    Column("own set: plans", "distinct_plans", ",.0f"),
    Column("evaluations", "evaluations", ",.0f"),
    Column("seconds", "seconds", ".3g"),
    Column("seeds", "n_seeds", ".0f"),
)


def ranked(summary: pd.DataFrame, /) -> pd.DataFrame:
    """Sort the rows of one batch by falling hypervolume ratio; what failed comes last."""
    return summary.sort_values("hypervolume_ratio", ascending=False, kind="stable", na_position="last")


def rich_comparison(title: str, summary: pd.DataFrame, /) -> Table:
    """Lay out the rows of one batch for the terminal."""
    table = Table("algorithm", title=title, title_justify="left")
    for column in COLUMNS:
        table.add_column(column.title, justify="right")
    for name, row in ranked(summary).iterrows():
        table.add_row(str(name), *_cells(row), style="bold" if name == OURS else None)
    return table


def markdown_comparison(summary: pd.DataFrame, /) -> str:
    """Lay out the rows of one batch as a Markdown table."""
    rows = [(f"`{name}`", *_cells(row)) for name, row in ranked(summary).iterrows()]
    return markdown_table(("algorithm", *(column.title for column in COLUMNS)), rows)


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]], /, *, n_left: int = 1) -> str:
    """Write a Markdown table; all but the first ``n_left`` columns are aligned right."""
    rule = ["---" if k < n_left else "---:" for k in range(len(titles))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rule, *rows))


def _cells(row: pd.Series) -> list[str]:
    if row["n_seeds"] == 0:
        return ["failed", *["–"] * (len(COLUMNS) - 2), "0"]
    return [format(row[column.name], column.form) for column in COLUMNS]
