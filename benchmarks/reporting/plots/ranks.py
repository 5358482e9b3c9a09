"""Mean ranks: a critical-difference diagram, or dots where there is no test."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.reporting.document import FigureBlock
from benchmarks.reporting.plots.look import FONT, panels, shown_name
from benchmarks.statistics.ranks import Ranking

ROW = 0.27
"""Inches per algorithm."""


def ranks_figure(ranking: Ranking, /, *, name: str, title: str) -> FigureBlock:
    """Draw mean ranks.

    With Nemenyi's p-values this is Demšar's critical-difference diagram, by scikit-posthocs: bars join the
    algorithms that don't differ significantly. Without them it is a plot of dots.

    Args:
        ranking: From `benchmarks.statistics.ranks.rank_algorithms`.
        name: Of the picture's file.
        title: What is drawn.
    """
    figure = _dots(ranking) if ranking.nemenyi is None else _diagram(ranking)
    return FigureBlock(name, figure, title, _sentence(ranking))


def _diagram(ranking: Ranking) -> Figure:
    from scikit_posthocs import critical_difference_diagram

    figure, (axes,) = panels(height=1.8 + ROW * len(ranking.mean_ranks))
    names = {name: shown_name(name) for name in ranking.mean_ranks.index}
    critical_difference_diagram(
        ranking.mean_ranks.rename(names),
        ranking.nemenyi.rename(index=names, columns=names),
        alpha=ranking.alpha,
        ax=axes,
        left_only=True,
        label_fmt_left="{label}  {rank:.2f}",
        label_props={"fontsize": FONT - 0.5},
        elbow_props={"color": "#444444", "linewidth": 0.8},
        marker_props={"color": "#0072B2", "s": 24},
        crossbar_props={"color": "#D55E00", "linewidth": 3, "solid_capstyle": "round"},
        text_h_margin=0.03 * max(1.0, float(np.ptp(ranking.mean_ranks))),
    )
    _mark_difference(axes, ranking)
    axes.grid(visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


def _mark_difference(axes: Axes, ranking: Ranking) -> None:
    """Draw the critical difference to scale, above the axis, where no label is."""
    best, width = ranking.mean_ranks.iloc[0], ranking.critical_difference
    axes.plot([best, best + width], [2.2, 2.2], color="#D55E00", linewidth=3, solid_capstyle="round")
    axes.text(best, 2.5, f"critical difference {width:.2f}", fontsize=FONT - 1)
    axes.text(axes.dataLim.x0, 0.3, "mean rank, 1 is best ", ha="right", fontsize=FONT - 0.5)
    axes.set_ylim(top=3.4)


def _dots(ranking: Ranking) -> Figure:
    ranks = ranking.mean_ranks.dropna()
    figure, (axes,) = panels(height=1.2 + ROW * max(2, len(ranks)))
    y = np.arange(len(ranks))
    axes.plot(ranks, y, "o", color="#0072B2", markersize=6)
    if np.isfinite(ranking.critical_difference):
        axes.axvspan(ranks.iloc[0], ranks.iloc[0] + ranking.critical_difference, color="#D55E00", alpha=0.15)
    axes.set_yticks(y, [shown_name(str(name)) for name in ranks.index])
    axes.invert_yaxis()
    axes.set_xlabel("mean rank, 1 is best")
    return figure


def _sentence(ranking: Ranking) -> str:
    ranks = ranking.mean_ranks.dropna()
    if ranks.empty:
        return "There is no block in which every algorithm was measured, so there are no ranks."
    blocks = f"{ranking.n_blocks} block{'s' * (ranking.n_blocks != 1)}"
    first = f"{ranks.index[0]} has the best mean rank over {blocks}, {ranks.iloc[0]:.2f}"
    if len(ranks) > 1:
        first += f", followed by {ranks.index[1]} with {ranks.iloc[1]:.2f}"
    if np.isnan(ranking.critical_difference):
        return f"{first}; no test says whether that is more than chance."
    close = len(ranking.indistinct_from_best())
    n_rivals = len(ranks) - 1
    told = f"{n_rivals - close} of {n_rivals} rivals are further behind than the critical difference"
    shade = " (shaded)" if ranking.nemenyi is None else ""
    return f"{first}; {told} of {ranking.critical_difference:.2f}{shade}."
