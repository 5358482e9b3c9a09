"""Tables and pictures of measurements with targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.cells.rows import Row
from benchmarks.report.document import DASH, Block, Column, FigureBlock, TableBlock
from benchmarks.report.look import FONT, panels, shown_name
from benchmarks.report.text import escape

COLUMNS = tuple(
    Column(title, "", title, title if title != "details" else "")
    for title in ("what", "N × M", "measured", "target", "reached", "details")
)

# Times the target at which a picture is cut.
LARGEST = 1e3


def texts_of(row: Row, /) -> tuple[str, ...]:
    """Write a row for a table with `COLUMNS`."""
    target = DASH if row.required is None else f"{row.relation} {_number(row.required, row.unit)}"
    reached = {True: "yes", False: "NO", None: DASH}[row.reached]
    return row.what, row.size, _number(row.measured, row.unit), target, reached, row.details


def _number(value: float, unit: str) -> str:
    text = f"{value:.3g}" if unit or value < 1e-3 else f"{value:.6g}"
    return f"{text} {unit}".rstrip()


def verdict(rows: Sequence[Row], /) -> str:
    """Count the targets that are reached."""
    judged = [row.reached for row in rows if row.reached is not None]
    return f"{sum(judged)} of {len(judged)} targets reached"


def targets_table(rows: Sequence[Row], /) -> TableBlock:
    """Tabulate rows; those that miss their target are in bold."""
    table = pd.DataFrame([texts_of(row) for row in rows], columns=[column.name for column in COLUMNS])
    missed = [place for place, row in enumerate(rows) if row.reached is False]
    return TableBlock(table, COLUMNS, f"{verdict(rows)}.", missed, n_left=2)


def targets_sentences(rows: Sequence[Row], /) -> list[str]:
    """Count the targets that are reached, and name those that aren't."""
    missed = [texts_of(row)[:4] for row in rows if row.reached is False]
    named = [escape(f"NOT reached: {', '.join(filter(None, texts))}.") for texts in missed]
    return [f"{verdict(rows)}.", *named] if rows else []


def targets_figure(rows: Sequence[Row], /, *, name: str, title: str) -> list[Block]:
    """Draw the ratio of measurements to their targets; nothing if there is no target above 0.

    Args:
        rows: Those without a target are left out.
        name: Of the picture's file.
        title: What is drawn.
    """
    judged = [row for row in rows if row.required]
    if not judged:
        return []
    # times better than the target: 1 is just reached
    times = np.array([row.measured / row.required for row in judged])  # type: ignore[operator]
    upward = np.array([row.relation == "≥" for row in judged])
    shown = np.clip(np.where(upward, times, 1 / np.maximum(times, 1 / LARGEST)), 1 / LARGEST, LARGEST)
    figure, (axes,) = panels(height=1.0 + 0.2 * len(judged))
    colours = ["#0072B2" if row.reached else "#D55E00" for row in judged]
    y = np.arange(len(judged))
    axes.hlines(y, 1.0, shown, color=colours, linewidth=1.2)
    axes.scatter(shown, y, c=colours, s=22, zorder=3)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(y, [shown_name(row.what) for row in judged], fontsize=FONT - 1.5)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel(f"times better than the target (log scale, cut at {LARGEST:,.0f})", fontsize=FONT)
    worst = judged[int(shown.argmin())]
    sentence = f"{verdict(judged)}; closest to its target, or furthest behind it: {worst.what}, {worst.size}."
    return [FigureBlock(name, figure, title, sentence)]
