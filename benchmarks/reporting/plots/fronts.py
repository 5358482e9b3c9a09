"""Fronts that were found, over the exact one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from benchmarks.reporting.document import FigureBlock
from benchmarks.reporting.plots.look import best_per_family, left_out, legend_below, looks_of, panels, shown_name
from optllm_pymoo import AllocationProblem
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.plotting.labels import label_points
from optllm_pymoo.plotting.style import dollars

POINTS_PER_FRONT = 40
CURVE_POINTS = 600
LABELS = 12
"""More single LLMs than this are drawn without their names."""


def fronts_figure(
    problem: AllocationProblem, fronts: Mapping[str, np.ndarray], /, *, name: str, title: str
) -> FigureBlock:
    """Draw fronts over the exact front; single LLMs are crosses.

    Args:
        problem: The batch.
        fronts: (n, 2) points by algorithm: total US$, negated mean accuracy. Where there are many, the best
            variants of the best families are drawn.
        name: Of the picture's file.
        title: What is drawn.
    """
    good = {algorithm: np.atleast_2d(F) for algorithm, F in fronts.items() if len(F)}
    ratios = pd.Series({a: hypervolume_ratio(F, problem.supported_front) for a, F in good.items()}, dtype=float)
    shown = best_per_family(ratios)
    figure, (axes,) = panels(height=5.2)
    looks = looks_of(shown)
    draw_fronts_panel(axes, problem, {a: (good[a], *looks[a]) for a in shown})
    label_single_llms(axes, problem)
    legend_below(figure, axes)
    return FigureBlock(name, figure, title, _sentence(problem, ratios) + left_out(shown, list(ratios.index)))


def draw_fronts_panel(
    axes: Axes, problem: AllocationProblem, fronts: Mapping[str, tuple[np.ndarray, str, str]], /
) -> None:
    """Draw the exact front, fronts that were found and single LLMs onto axes.

    Args:
        axes: Where to draw.
        problem: The batch.
        fronts: By name: (n, 2) points, colour, marker. They are thinned evenly.
    """
    exact = problem.supported_front.F[problem.supported_front.thin(CURVE_POINTS)]
    axes.plot(exact[:, 0], -exact[:, 1], color="black", linewidth=1.2, label="exact front", zorder=1)
    for name, (F, colour, marker) in fronts.items():
        shown = np.unique(np.linspace(0, len(F) - 1, min(len(F), POINTS_PER_FRONT)).round().astype(int))
        points = F[np.argsort(F[:, 0], kind="stable")][shown] * (1, -1)
        style = {"linestyle": "none", "markersize": 5.5, "markeredgecolor": "black", "markeredgewidth": 0.4}
        axes.plot(*points.T, marker=marker, markerfacecolor=colour, label=shown_name(name), zorder=3, **style)
    axes.plot(*single_llms(problem).T, "x", color="black", markersize=6, label="single LLMs", zorder=2)
    dollars(axes, axes.dataLim.intervalx)
    axes.margins(x=0.1)
    axes.set(xlabel="total cost, US$", ylabel="mean accuracy")


def single_llms(problem: AllocationProblem, /) -> np.ndarray:
    """Return total US$ and mean accuracy of every LLM, (M, 2)."""
    return np.stack([problem.cost.sum(axis=0, dtype=float), problem.accuracy.mean(axis=0, dtype=float)], axis=1)


def label_single_llms(axes: Axes, problem: AllocationProblem, /) -> None:
    """Write the names of the LLMs beside their crosses, where there are few enough to be read."""
    if problem.n_llms <= LABELS:
        names = [name if len(name) <= 24 else f"{name[:14]}…{name[-9:]}" for name in problem.llms]
        drawn = [np.column_stack(line.get_data()) for line in axes.lines]
        label_points(axes, single_llms(problem), names, avoid=np.concatenate(drawn), fontsize=9)


def _sentence(problem: AllocationProblem, ratios: pd.Series) -> str:
    front = problem.supported_front.F
    (low, worst), (high, best) = front[0], front[-1]
    span = f"The exact front leads from {low:.4g} US$ at accuracy {-worst:.4f} to {high:.4g} US$ at {-best:.4f}"
    if ratios.empty:
        return f"{span}; no algorithm found a plan."
    first = f"{span}; {ratios.idxmax()} comes closest to it with {ratios.max():.4f} of its hypervolume"
    if len(ratios) == 1:
        return f"{first}."
    return f"{first}, {ratios.idxmin()} stays furthest away with {ratios.min():.4f}."
