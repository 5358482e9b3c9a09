"""The fronts that were found, drawn over the exact one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.head_to_head import Run
from optllm_pymoo import AllocationProblem

OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#F0E442")
"""Colours for any kind of colour vision (Okabe and Ito 2008); black is the exact front."""

MARKERS = "osD^vP*"
POINTS_PER_FRONT = 40
LOG_FROM = 20.0
"""Costs that span more than this factor are drawn on a logarithmic axis."""


def draw_fronts(problems: dict[str, AllocationProblem], runs: Sequence[Run], path: Path, /) -> None:
    """Draw one panel per batch: the exact front, what each algorithm's first good run found, single LLMs.

    Args:
        problems: The batches by name.
        runs: What was run on them.
        path: PNG to write.
    """
    figure = Figure(figsize=(9.0, 5.0 * len(problems)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = np.atleast_1d(figure.subplots(len(problems), 1))
    algorithms = list(dict.fromkeys(run.algorithm for run in runs))
    for axes, (name, problem) in zip(panels, problems.items(), strict=True):
        _draw_batch(axes, name, problem, [run for run in runs if run.data == name], algorithms)
    figure.savefig(path, dpi=150, format="png")


def look(k: int, /) -> tuple[str, str]:
    """Return colour and marker of algorithm ``k``: colours change first, and no pair comes twice in 49."""
    turn = k // len(OKABE_ITO)
    return OKABE_ITO[k % len(OKABE_ITO)], MARKERS[(k + turn) % len(MARKERS)]


def _draw_batch(
    axes: Axes, name: str, problem: AllocationProblem, runs: Sequence[Run], algorithms: Sequence[str]
) -> None:
    exact = problem.pareto_front()
    axes.plot(exact[:, 0], -exact[:, 1], color="black", linewidth=1.2, label="exact front", zorder=1)
    first = {run.algorithm: run.F for run in reversed(runs) if len(run.F)}
    for k, algorithm in enumerate(algorithms):
        if algorithm in first and algorithm != "single-llms":
            _draw_points(axes, algorithm, first[algorithm], k)
    _draw_single_llms(axes, problem)
    low, high = axes.dataLim.x0, axes.dataLim.x1
    if low > 0 and high > LOG_FROM * low:
        axes.set_xscale("log")
    axes.margins(x=0.1)
    axes.set(title=name, xlabel="total cost, US$", ylabel="mean accuracy")
    axes.grid(alpha=0.25)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)


def _draw_points(axes: Axes, algorithm: str, F: np.ndarray, k: int) -> None:
    """Draw the points of a front, thinned evenly; colour and marker together are the algorithm's own."""
    colour, marker = look(k)
    shown = np.unique(np.linspace(0, len(F) - 1, min(len(F), POINTS_PER_FRONT)).round().astype(int))
    axes.plot(
        F[shown, 0],
        -F[shown, 1],
        linestyle="none",
        marker=marker,
        markersize=5,
        markerfacecolor=colour,
        markeredgecolor="black",
        markeredgewidth=0.4,
        label=algorithm,
        zorder=3,
    )


def _draw_single_llms(axes: Axes, problem: AllocationProblem) -> None:
    cost, accuracy = problem.cost.sum(axis=0), problem.accuracy.mean(axis=0)
    axes.plot(cost, accuracy, "x", color="black", markersize=6, label="single LLMs", zorder=2)
    for llm, x, y in zip(problem.llms, cost, accuracy, strict=True):
        # away from the LLM of the nearest price: labels would write over each other
        distance = np.where(cost == x, np.inf, np.abs(cost - x))
        up = 4 if y >= accuracy[distance.argmin()] else -9
        right, side = (-5, "right") if x > axes.dataLim.x1 / 2 else (5, "left")
        style = {"textcoords": "offset points", "fontsize": 7, "color": "#444444", "ha": side}
        axes.annotate(llm, (x, y), xytext=(right, up), **style)
