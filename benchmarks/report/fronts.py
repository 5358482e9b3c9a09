"""Fronts that were found, over the exact one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import moocore
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

from benchmarks.cells.split import Setting
from benchmarks.cells.table import TableCell
from benchmarks.report.document import FigureBlock, Section, Text
from benchmarks.report.look import FONT, best_per_family, left_out, legend_below, looks_of, panels, shown_name
from benchmarks.report.measured import Measured, datasets_in
from benchmarks.suites.base import Plan
from optllm_pymoo import AllocationProblem
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.plotting.mix import mix_along_front, mix_of_plans, plot_mix
from optllm_pymoo.plotting.style import dollars, label_points, shown_names

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
        drawn = [np.column_stack(line.get_data()) for line in axes.lines]
        label_points(axes, single_llms(problem), shown_names(problem.llms), avoid=np.concatenate(drawn), fontsize=9)


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
    sentence = _attainment_sentence(problem, {a: surfaces[a] for a in shown}, ratios)
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


def _attainment_sentence(
    problem: AllocationProblem, surfaces: Mapping[str, Mapping[int, np.ndarray]], ratios: pd.Series
) -> str:
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


def mix_figure(problem: AllocationProblem, /, *, name: str, title: str, found: Any = None) -> FigureBlock:
    """Draw which share of the queries each LLM gets, from the cheapest to the most accurate plan.

    Args:
        problem: The batch.
        name: Of the picture's file.
        title: What is drawn.
        found: Anything with ``F`` and ``X``, such as pymoo's result, to draw instead of the exact front.
    """
    figure, (axes,) = panels(height=4.6)
    plot_mix(problem, found=found, ax=axes)
    shares = _shares(problem, found)
    axes.get_legend().remove()
    legend_below(figure, axes)
    axes.xaxis.label.set_size(FONT)
    axes.yaxis.label.set_size(FONT)
    return FigureBlock(name, figure, title, _mix_sentence(shares, problem.llms))


def _shares(problem: AllocationProblem, found: Any) -> np.ndarray:
    front = problem.supported_front
    _, counts = mix_along_front(front) if found is None else mix_of_plans(found.F, found.X, problem.n_llms)
    return counts / problem.n_queries


def _mix_sentence(shares: np.ndarray, llms: tuple[str, ...]) -> str:
    used = int((shares.max(axis=0) > 0).sum())
    ends = [f"{llms[row.argmax()]} with {100 * row.max():.0f} % of the queries" for row in (shares[0], shares[-1])]
    if len(shares) == 1:
        return f"One plan is best at every budget; most goes to {ends[0]}, and {used} of {len(llms)} LLMs are used."
    lead = shares.argmax(axis=1)
    n_leaders = len(np.unique(lead))
    return (
        f"{used} of {len(llms)} LLMs are used somewhere along the budget; the largest share belongs to {ends[0]} in the"
        f" cheapest plan and to {ends[1]} in the most accurate one, and {n_leaders} LLM{'s' * (n_leaders > 1)} in all"
        " lead somewhere."
    )


def fronts_section(found: Measured, plan: Plan, /) -> Section:
    """Draw the fronts found and the mix of LLMs along the budget, for the first split done of each data set."""
    figures: list[FigureBlock] = []
    for data in datasets_in(found.frame):
        setting = first_setting(found, data)
        if setting is None:
            continue
        problem = problem_of(found, plan, setting)
        fronts = fronts_of(found, setting)
        title = f"{data}, first split: fronts found, over the exact front of the searched table"
        figures.append(
            fronts_figure(problem, {a: runs[0] for a, runs in fronts.items()}, name=f"fronts-{data}", title=title)
        )
        title = f"{data}, first split: who gets the queries along the exact front"
        figures.append(mix_figure(problem, name=f"mix-{data}", title=title))
    return Section("Fronts", figures or [Text("No search is done whose front could be drawn.")])


def attainment_section(found: Measured, plan: Plan, /) -> Section:
    """Draw what shares of the repeated searches of one table attain."""
    figures = []
    for data in datasets_in(found.frame):
        setting = first_setting(found, data)
        fronts = {} if setting is None else fronts_of(found, setting)
        several = {a: runs for a, runs in fronts.items() if len(runs) > 1}
        if setting is not None and several:
            title = f"{data}, first split: empirical attainment"
            problem = problem_of(found, plan, setting)
            figures.append(attainment_figure(problem, several, name=f"attainment-{data}", title=title))
    return Section("Attainment", figures or [Text("No algorithm searched one table more than once.")])


def first_setting(found: Measured, data: str, /) -> Setting | None:
    """Return the first split of a data set of which a search is done."""
    frame = found.frame
    done = frame.index[(frame["data"] == data) & ~frame["failed"]]
    return found.cells[done[0]].setting if len(done) else None


def fronts_of(found: Measured, setting: Setting, /) -> Mapping[str, list[np.ndarray]]:
    """Return the fronts that were found on one table, by algorithm, in the order of the plan.

    Searches at equal evaluations count; those at equal seconds do only where there are no others.
    """
    here = found.frame["split"].eq(setting.split) & found.frame["data"].eq(setting.data)
    by_evaluations = here & found.frame["max_evaluations"].notna()
    chosen = found.where(by_evaluations if by_evaluations.any() else here)
    fronts: dict[str, list[np.ndarray]] = {}
    for key, front in chosen.arrays("front"):
        fronts.setdefault(found.frame.loc[key, "algorithm"], []).append(front)
    return fronts


def problem_of(found: Measured, plan: Plan, setting: Setting, /) -> AllocationProblem:
    """Build the problem that was searched, from the data set and the stored predictions."""
    dataset = plan.datasets[setting.data]()
    if setting.is_known:
        return AllocationProblem(dataset.cost, dataset.correct, llms=dataset.llms)
    accuracy = found.results.outcome(TableCell(setting)).arrays["accuracy"]
    return AllocationProblem(dataset.cost[~setting.labelled(dataset)], accuracy, llms=dataset.llms)
