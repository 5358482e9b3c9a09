"""One table over all data sets: each algorithm with each yardstick."""

from __future__ import annotations

import pandas as pd

from benchmarks.reporting.document import Block, Text
from benchmarks.statistics.blocks import blocks_table
from benchmarks.suites.sections.quality import ranked_tables
from benchmarks.tables import Column

EXPLAINED = """\
**Hypervolume ratio**: how much of what the best possible plans for the searched table cover was found, 1 is all.
**Realised area**: what the plans returned are worth on true outcomes, averaged over all budgets, as a share of what the
best plans in hindsight have. ↑ says that larger is better, ↓ that smaller is. Algorithms that end by themselves may
have used fewer evaluations than they were given; the tables below tell how many. All means in a column are over the
same splits: an algorithm has none (–) where it lacks a split that another one has."""

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
        frame: A row per search: ``data``, ``split``, ``algorithm``, ``max_evaluations`` (NaN where seconds are equal),
            ``hypervolume_ratio``, ``seconds``, ``area``.

    Returns:
        Indexed by algorithm, best at equal evaluations first; an algorithm has no number where it lacks a split
        that another has.
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
    """Explain the table and show it."""
    table = overview_table(frame)
    shown = ranked_tables(table, COLUMNS, "Means over data sets and splits", table["at_evaluations"])
    return [Text(EXPLAINED), *shown]


def _mean(frame: pd.DataFrame, name: str) -> pd.Series:
    if frame.empty:
        return pd.Series(dtype=float)
    splits = blocks_table(frame, name, block=["data", "split"], algorithm="algorithm").dropna(how="all")
    means = splits.groupby(level="data", sort=False).mean().mean()
    return means.where(splits.notna().all())
