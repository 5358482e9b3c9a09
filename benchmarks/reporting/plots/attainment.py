"""Empirical attainment: what a quarter, half and three quarters of an algorithm's runs reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import moocore
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

from benchmarks.reporting.document import FigureBlock
from benchmarks.reporting.plots.fronts import CURVE_POINTS
from benchmarks.reporting.plots.look import FONT, best_per_family, left_out, looks_of, panels, shown_name
from optllm_pymoo import AllocationProblem
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.plotting.style import dollars

LEVELS = (25, 50, 75)
"""Per cent of the runs."""

MOST = 4


def attainment_surfaces(fronts: Sequence[np.ndarray], /) -> dict[int, np.ndarray]:
    """Return the points of the attainment surfaces, computed by moocore.

    Fonseca, Guerreiro, López-Ibáñez and Paquete (2011), "On the computation of the empirical attainment function".

    Args:
        fronts: (n, 2) minimised objectives, one array per run.

    Returns:
        By level in `LEVELS`: (k, 2) points sorted by the first objective; that share of the runs found something
        at least as good as each of them.
    """
    points = np.concatenate([np.atleast_2d(F) for F in fronts])
    runs = np.repeat(np.arange(len(fronts)), [len(np.atleast_2d(F)) for F in fronts])
    found = moocore.eaf(points, runs, percentiles=LEVELS)
    surfaces = {level: found[found[:, 2] == level, :2] for level in LEVELS}
    return {level: surface[np.argsort(surface[:, 0], kind="stable")] for level, surface in surfaces.items()}


def attained(surface: np.ndarray, cost: np.ndarray, /) -> np.ndarray:
    """Return the accuracy that a surface reaches within costs.

    Args:
        surface: (k, 2) points sorted by cost.
        cost: (n,) US$.

    Returns:
        (n,) accuracy, NaN below the first point.
    """
    last = np.searchsorted(surface[:, 0], cost, side="right") - 1
    accuracy = np.maximum.accumulate(-surface[:, 1])
    return np.where(last >= 0, accuracy[last], np.nan)


def attainment_figure(
    problem: AllocationProblem, fronts: Mapping[str, Sequence[np.ndarray]], /, *, name: str, title: str
) -> FigureBlock:
    """Draw the median and quartile attainment surfaces of up to four algorithms, a panel each.

    Args:
        problem: The batch.
        fronts: Per algorithm one (n, 2) array per run: total US$, negated mean accuracy. Where there are more than
            four algorithms, the best variants of the best families are drawn.
        name: Of the picture's file.
        title: What is drawn.
    """
    runs = {a: [np.atleast_2d(F) for F in of if len(F)] for a, of in fronts.items()}
    surfaces = {a: attainment_surfaces(of) for a, of in runs.items() if of}
    exact = problem.supported_front
    ratios = pd.Series({a: hypervolume_ratio(s[50], exact) for a, s in surfaces.items()}, dtype=float)
    shown = best_per_family(ratios, most=MOST)
    n_columns = 1 if len(shown) <= 1 else 2
    figure, grid = panels(max(1, len(shown)), n_columns=n_columns, height=3.4, sharex=True, sharey=True)
    for axes, (algorithm, (colour, _)) in zip(grid, looks_of(shown).items(), strict=False):
        _draw(axes, problem, surfaces[algorithm], colour)
        axes.set_title(f"{shown_name(algorithm)}, {len(runs[algorithm])} runs", fontsize=FONT)
    handles = [Line2D([], [], color="black"), Line2D([], [], color="#777777", linewidth=2), Patch(color="#cccccc")]
    names = ["exact front", "attained by half of the runs", "by 75 to 25 %"]
    figure.legend(handles, names, loc="outside upper center", ncols=3, fontsize=FONT - 1, frameon=False)
    figure.supxlabel("total cost, US$", fontsize=FONT)
    figure.supylabel("mean accuracy attained", fontsize=FONT)
    sentence = _sentence(problem, {a: surfaces[a] for a in shown}, ratios)
    return FigureBlock(name, figure, title, sentence + left_out(shown, list(ratios.index)))


def _draw(axes: Axes, problem: AllocationProblem, surfaces: Mapping[int, np.ndarray], colour: str) -> None:
    exact = problem.supported_front.F[problem.supported_front.thin(CURVE_POINTS)]
    axes.plot(exact[:, 0], -exact[:, 1], color="black", linewidth=1, zorder=1)
    end = max(exact[-1, 0], *(surface[-1, 0] for surface in surfaces.values()))
    costs = np.unique(np.concatenate([surface[:, 0] for surface in surfaces.values()] + [[end]]))
    best, median, worst = (attained(surfaces[level], costs) for level in LEVELS)
    axes.fill_between(costs, worst, best, step="post", color=colour, alpha=0.35, linewidth=0)
    axes.step(costs, median, where="post", color=colour, linewidth=1.6, zorder=3)
    dollars(axes, [exact[0, 0], end])
    axes.set_xlabel("")
    # two in a row have no room for 2 and 5 between the powers of ten
    axes.xaxis.set_minor_formatter(NullFormatter())


def _sentence(problem: AllocationProblem, surfaces: Mapping[str, Mapping[int, np.ndarray]], ratios: pd.Series) -> str:
    if ratios.empty:
        return "No run found a plan."
    F = problem.supported_front.F
    middle = (F[0, 0] + F[-1, 0]) / 2
    told = []
    for algorithm, levels in surfaces.items():
        best, median, worst = (float(attained(levels[level], np.array([middle]))[0]) for level in LEVELS)
        if np.isnan(median):
            told.append(f"{algorithm} has no plan in half of its runs")
        else:
            low = "nothing" if np.isnan(worst) else f"{worst:.4f}"
            told.append(f"{algorithm} {median:.4f} (quartiles {low} to {best:.4f})")
    return (
        f"Within {middle:.4g} US$, half-way along the budgets, the median run attains an accuracy of {', '.join(told)};"
        f" the median surface of {ratios.idxmax()} covers the largest share of the exact front's hypervolume,"
        f" {ratios.max():.4f}."
    )
