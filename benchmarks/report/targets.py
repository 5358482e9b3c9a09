"""Tables of measurements with targets."""

from __future__ import annotations

import pandas as pd

from benchmarks.cells.cell import Cell, key_of
from benchmarks.cells.measurements import ROWS, rows_in
from benchmarks.cells.rows import TITLES, Row, verdict
from benchmarks.report.document import Column, Section, TableBlock, Text
from benchmarks.report.text import escape
from benchmarks.runner.results import Results
from benchmarks.suites.base import Plan

COLUMNS = tuple(Column(title, "", title) for title in TITLES)

CONSTRAINTS = {
    "single": (
        "One budget or one target",
        "Optima are compared with those of HiGHS, which solves the whole problem as an integer programme. Limits are"
        " spread over the steps of the exact front. Blurred outcomes are averages of labels and random numbers, which"
        " don't tie. Targets on gaps are for 2,000 queries and more.",
    ),
    "quotas": (
        "Quotas",
        "Each LLM may get a fifth of the queries; where there are few LLMs, as much as leaves room for a fifth more"
        " than the batch. The budget is halfway between the ends of the bound front. NSGA-II starts from the extreme"
        " plans, has operators for categories, and gets many times the seconds that OptLLM took.",
    ),
    "latency": (
        "Three objectives",
        "Hypervolume ratios to the supported surface of 528 directions, which is a sample: a search that finds more"
        " plans passes 1. NSGA-III stands beside it for information.",
    ),
    "promises": (
        "Promises",
        "How often the accuracy that was promised at 95 % came true on the outcomes of the planned queries, which"
        " nobody had seen. The expected plan is the most accurate one within a budget halfway between the cheapest and"
        " the dearest plan, the promised plan the one that promises most there.",
    ),
}
"""Title and explanation of each part of the suite `constraints`."""


def rows_of(results: Results, cells: tuple[Cell, ...], /) -> list[Row]:
    """Return what was measured of some cells, in their order."""
    texts = results.frame("rows").get(ROWS, pd.Series(dtype=object))
    return [row for cell in cells if key_of(cell) in texts.index for row in rows_in(texts[key_of(cell)])]


def rows_section(title: str, explained: str, part: str, results: Results, plan: Plan, /) -> Section:
    """Tabulate the rows of one part of a plan; those that miss their target stand out."""
    rows = rows_of(results, tuple(plan.parts[part]))
    if not rows:
        return Section(title, [Text(f"{explained} Nothing of it is measured yet.")])
    table = pd.DataFrame([row.cells() for row in rows], columns=list(TITLES))
    missed = [place for place, row in enumerate(rows) if row.reached is False]
    return Section(title, [Text(explained), TableBlock(table, COLUMNS, f"{verdict(rows)}.", missed, n_left=2)])


def rows_headlines(rows: list[Row], /) -> list[str]:
    """Count the targets that are reached, and name those that aren't."""
    if not rows:
        return []
    missed = [row for row in rows if row.reached is False]
    named = [escape(f"NOT reached: {', '.join(filter(None, row.cells()[:4]))}.") for row in missed]
    return [f"{verdict(rows)}.", *named]
