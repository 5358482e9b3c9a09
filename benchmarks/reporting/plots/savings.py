"""Savings, or any other share, per data set and algorithm, with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from benchmarks.reporting.document import FigureBlock
from benchmarks.reporting.plots.look import FONT, best_per_family, left_out, looks_of, panels, shown_name

ROW = 0.24
"""Inches per algorithm."""

MOST = 12


def savings_figure(
    savings: pd.DataFrame, /, *, name: str, title: str, measure: str = "saving against the best single LLM"
) -> FigureBlock:
    """Draw one dot with its interval per data set and algorithm; names are on the axis.

    Args:
        savings: Columns ``data``, ``algorithm``, ``value`` as a share (0.3 is 30 %; NaN where the accuracy is never
            reached), ``low`` and ``high`` of an interval, NaN where there is none. One row per pair. Where there
            are many algorithms, the best variants of the best families are drawn.
        name: Of the picture's file.
        title: What is drawn.
        measure: What the values are; larger is better.
    """
    means = savings.groupby("algorithm", sort=False)["value"].mean()
    shown = best_per_family(means, most=MOST)
    data = list(dict.fromkeys(savings["data"]))
    height = 0.75 + ROW * max(2, len(shown))
    figure, grid = panels(max(1, len(data)), height=height, sharex=True)
    drawn = savings[savings["algorithm"].isin(shown)]
    for axes, label in zip(grid, data, strict=False):
        _draw(axes, drawn[drawn["data"] == label], shown)
        axes.set_title(shown_name(str(label)), fontsize=FONT, loc="left")
    grid[-1].set_xlabel(measure, fontsize=FONT)
    return FigureBlock(name, figure, title, _sentence(savings, measure) + left_out(shown, list(means.index)))


def _draw(axes: Axes, rows: pd.DataFrame, algorithms: list[str]) -> None:
    looks = looks_of(algorithms)
    for y, algorithm in enumerate(algorithms):
        for _, row in rows[rows["algorithm"] == algorithm].iterrows():
            colour, marker = looks[algorithm]
            axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=2.5, solid_capstyle="butt")
            style = {"markerfacecolor": colour, "markeredgecolor": "black", "markersize": 6.5, "markeredgewidth": 0.6}
            axes.plot(row["value"], y, marker, **style)
    axes.axvline(0, color="black", linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(algorithms)), [shown_name(algorithm) for algorithm in algorithms])
    axes.set_ylim(max(1, len(algorithms)) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g}%"))


def _sentence(savings: pd.DataFrame, measure: str) -> str:
    reached = savings.dropna(subset=["value"])
    if reached.empty:
        return f"There is no {measure} on any data set: no algorithm reaches the accuracy asked for."
    told = []
    for data, rows in reached.groupby("data", sort=False):
        best = rows.loc[rows["value"].idxmax()]
        interval = ""
        if np.isfinite(best["low"]):
            interval = f" (range {100 * best['low']:.1f} to {100 * best['high']:.1f} %)"
        told.append(f"{best['algorithm']} on {data} with {100 * best['value']:.1f} %{interval}")
    missing = len(savings) - len(reached)
    never = f" {missing} of {len(savings)} pairs of data set and algorithm have none." if missing else ""
    return f"Highest {measure}: {'; '.join(told)}.{never}"
