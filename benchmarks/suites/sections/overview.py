"""One table over all data sets: each algorithm with each yardstick."""

from __future__ import annotations

import pandas as pd

from benchmarks.reporting.document import Block
from benchmarks.suites.sections.quality import ranked_tables
from benchmarks.tables import Column

COLUMNS = (
    Column("algorithm", "code", "algorithm"),
    Column("at_evaluations", ".4f", "hypervolume ratio at equal evaluations ↑"),
    Column("at_seconds", ".4f", "hypervolume ratio at equal seconds ↑"),
    Column("seconds", ".3g", "seconds for those evaluations ↓"),
    Column("area", ".4f", "realised area ↑"),
)


def overview_table(frame: pd.DataFrame, /) -> pd.DataFrame:
    """Average each algorithm over data sets, all of which count the same, and their splits.

    Args:
        frame: A row per search: ``data``, ``algorithm``, ``max_evaluations`` (NaN where seconds are equal),
            ``hypervolume_ratio``, ``seconds``, ``area``.

    Returns:
        Indexed by algorithm, best at equal evaluations first; an algorithm has no number where it lacks a data set.
    """
    by_evaluations = frame["max_evaluations"].notna()
    table = pd.DataFrame(
        {
            "at_evaluations": _mean(frame[by_evaluations], "hypervolume_ratio"),
            "at_seconds": _mean(frame[~by_evaluations], "hypervolume_ratio"),
            "seconds": _mean(frame[by_evaluations], "seconds"),
            "area": _mean(frame[by_evaluations], "area"),
        }
    )
    table = table.reindex(dict.fromkeys(frame["algorithm"])).rename_axis("algorithm")
    return table.sort_values(["at_evaluations", "at_seconds"], ascending=False, kind="stable")


def overview_blocks(frame: pd.DataFrame, /) -> list[Block]:
    """Show the table."""
    table = overview_table(frame)
    return ranked_tables(table, COLUMNS, "Means over data sets and splits", table["at_evaluations"])


def _mean(frame: pd.DataFrame, name: str) -> pd.Series:
    if frame.empty:
        return pd.Series(dtype=float)
    per_data = frame.groupby(["algorithm", "data"], sort=False)[name].mean().unstack("data")
    return per_data.mean(axis=1, skipna=False).astype(float)
