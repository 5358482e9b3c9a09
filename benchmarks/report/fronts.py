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
from benchmarks.runner.plan import Plan
from optllm_pymoo import AllocationProblem
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.plotting.mix import mix_along_front, mix_of_plans, plot_mix
from optllm_pymoo.plotting.style import dollars, label_points, shown_names

POINTS_PER_FRONT = 40
CURVE_POINTS = 600
# Above this number single LLMs are drawn without their names.
LABELS = 12

# Per cent of the runs.
LEVELS = (25, 50, 75)

# Algorithms whose attainment is drawn.
MOST = 4


def fronts_figure(
    problem: AllocationProblem, fronts: Mapping[str, np.ndarray], /, *, name: str, title: str
) -> FigureBlock:
    """Draw fronts over the exact front; single LLMs are crosses.

    Args:
        problem: The batch.
        fronts: (n, 2) points by algorithm: total US$, negated mean accuracy. They are thinned evenly. Where there are
            many, the best variants of the best families are drawn.
        name: Of the picture's file.
        title: What is drawn.
    """
    good = {algorithm: np.atleast_2d(F) for algorithm, F in fronts.items() if len(F)}
    ratios = pd.Series({a: hypervolume_ratio(F, problem.supported_front) for a, F in good.items()}, dtype=float)
    shown = best_per_family(ratios)
    figure, (axes,) = panels(height=5.2)
    axes.plot(*_exact_curve(problem).T, color="black", linewidth=1.2, label="exact front", zorder=1)
    for algorithm, (colour, marker) in looks_of(shown).items():
        F = good[algorithm]
        places = np.unique(np.linspace(0, len(F) - 1, min(len(F), POINTS_PER_FRONT)).round().astype(int))
        points = F[np.argsort(F[:, 0], kind="stable")][places] * (1, -1)
        style = {"linestyle": "none", "markersize": 5.5, "markeredgecolor": "black", "markeredgewidth": 0.4}
        axes.plot(*points.T, marker=marker, markerfacecolor=colour, label=shown_name(algorithm), zorder=3, **style)
    llms = np.stack([problem.cost.sum(axis=0, dtype=float), problem.accuracy.mean(axis=0, dtype=float)], axis=1)
    axes.plot(*llms.T, "x", color="black", markersize=6, label="single LLMs", zorder=2)
    dollars(axes, axes.dataLim.intervalx)
    axes.margins(x=0.1)
    axes.set(xlabel="total cost, US$", ylabel="mean accuracy")
    if problem.n_llms <= LABELS:
        drawn = np.concatenate([np.column_stack(line.get_data()) for line in axes.lines])
        label_points(axes, llms, shown_names(problem.llms), avoid=drawn, fontsize=9)
    legend_below(figure, axes)
    (low, worst), (high, best) = problem.supported_front.F[[0, -1]]
    sentence = f"The exact front leads from {low:.4g} US$ at accuracy {-worst:.4f} to {high:.4g} US$ at {-best:.4f}"
    sentence += f"; {ratios.idxmax()} comes closest to it with {ratios.max():.4f} of its hypervolume" if good else ""
    if len(ratios) > 1:
        sentence += f", {ratios.idxmin()} stays furthest away with {ratios.min():.4f}"
    sentence += "." if good else "; no algorithm found a plan."
    return FigureBlock(name, figure, title, sentence + left_out(shown, list(ratios.index)))


def _exact_curve(problem: AllocationProblem) -> np.ndarray:
    """Return cost and accuracy of points of the exact front, (n, 2)."""
    front = problem.supported_front
    return np.asarray(front.F[front.thin(CURVE_POINTS)] * (1, -1))


class Attainment:
    """Attainment surfaces of a quarter, half and three quarters of an algorithm's runs, computed by moocore.

    Fonseca, Guerreiro, López-Ibáñez and Paquete (2011), "On the computation of the empirical attainment function".

    Args:
        fronts: (n, 2) minimised objectives, one array per run.

    Attributes:
        surfaces: By level in `LEVELS`: (k, 2) points sorted by the first objective; that share of the runs found
            something at least as good as each of them.
        n_runs: Number of runs.
    """

    def __init__(self, fronts: Sequence[np.ndarray], /) -> None:
        runs = [np.atleast_2d(F) for F in fronts]
        self.n_runs = len(runs)
        numbers = np.repeat(np.arange(len(runs)), [len(F) for F in runs])
        found = moocore.eaf(np.concatenate(runs), numbers, percentiles=LEVELS)
        levels = {level: found[found[:, 2] == level, :2] for level in LEVELS}
        self.surfaces = {level: points[np.argsort(points[:, 0], kind="stable")] for level, points in levels.items()}

    def accuracy(self, level: int, cost: np.ndarray, /) -> np.ndarray:
        """Return the accuracy that a surface reaches within costs.

        Args:
            level: One of `LEVELS`.
            cost: (n,) US$.

        Returns:
            (n,) accuracy, NaN below the first point.
        """
        surface = self.surfaces[level]
        last = np.searchsorted(surface[:, 0], cost, side="right") - 1
        return np.where(last >= 0, np.maximum.accumulate(-surface[:, 1])[last], np.nan)

    def draw(self, axes: Axes, exact: np.ndarray, colour: str, /) -> None:
        """Draw the surfaces over the exact front, (n, 2) cost and accuracy."""
        axes.plot(*exact.T, color="black", linewidth=1, zorder=1)
        end = max(exact[-1, 0], *(surface[-1, 0] for surface in self.surfaces.values()))
        costs = np.unique(np.concatenate([surface[:, 0] for surface in self.surfaces.values()] + [[end]]))
        best, median, worst = (self.accuracy(level, costs) for level in LEVELS)
        axes.fill_between(costs, worst, best, step="post", color=colour, alpha=0.35, linewidth=0)
        axes.step(costs, median, where="post", color=colour, linewidth=1.6, zorder=3)
        dollars(axes, [exact[0, 0], end])
        axes.set_xlabel("")
        # panels side by side have no room for 2 and 5 between the powers of ten
        axes.xaxis.set_minor_formatter(NullFormatter())

    def described(self, cost: float, /) -> str:
        """Return a text with the accuracy reached within a cost."""
        best, median, worst = (float(self.accuracy(level, np.array([cost]))[0]) for level in LEVELS)
        if np.isnan(median):
            return "has no plan in half of its runs"
        return f"{median:.4f} (quartiles {'nothing' if np.isnan(worst) else f'{worst:.4f}'} to {best:.4f})"


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
    runs = {a: [F for F in of if len(F)] for a, of in fronts.items()}
    reached = {a: Attainment(of) for a, of in runs.items() if of}
    exact = problem.supported_front
    ratios = pd.Series({a: hypervolume_ratio(at.surfaces[50], exact) for a, at in reached.items()}, dtype=float)
    shown = best_per_family(ratios, most=MOST)
    n_columns = 1 if len(shown) <= 1 else 2
    figure, grid = panels(max(1, len(shown)), n_columns=n_columns, height=3.4, sharex=True, sharey=True)
    curve = _exact_curve(problem)
    for axes, (algorithm, (colour, _)) in zip(grid, looks_of(shown).items(), strict=False):
        reached[algorithm].draw(axes, curve, colour)
        axes.set_title(f"{shown_name(algorithm)}, {reached[algorithm].n_runs} runs", fontsize=FONT)
    handles = [Line2D([], [], color="black"), Line2D([], [], color="#777777", linewidth=2), Patch(color="#cccccc")]
    names = ["exact front", "attained by half of the runs", "by 75 to 25 %"]
    figure.legend(handles, names, loc="outside upper center", ncols=3, fontsize=FONT - 1, frameon=False)
    figure.supxlabel("total cost, US$", fontsize=FONT)
    figure.supylabel("mean accuracy attained", fontsize=FONT)
    middle = exact.F[[0, -1], 0].mean()
    sentence = "No run found a plan."
    if len(ratios):
        summary = ", ".join(f"{a} {reached[a].described(middle)}" for a in shown)
        sentence = (
            f"Within {middle:.4g} US$, half-way along the budgets, the median run attains an accuracy of {summary};"
            f" the median surface of {ratios.idxmax()} covers the largest share of the exact front's hypervolume,"
            f" {ratios.max():.4f}."
        )
    return FigureBlock(name, figure, title, sentence + left_out(shown, list(ratios.index)))


def mix_figure(problem: AllocationProblem, /, *, name: str, title: str, found: Any = None) -> FigureBlock:
    """Draw the share of the queries of each LLM, from the cheapest to the most accurate plan.

    Args:
        problem: The batch.
        name: Of the picture's file.
        title: What is drawn.
        found: Anything with ``F`` and ``X``, such as pymoo's result, to draw instead of the exact front.
    """
    figure, (axes,) = panels(height=4.6)
    plot_mix(problem, found=found, ax=axes)
    axes.get_legend().remove()
    legend_below(figure, axes)
    axes.xaxis.label.set_size(FONT)
    axes.yaxis.label.set_size(FONT)
    front, llms = problem.supported_front, problem.llms
    _, counts = mix_along_front(front) if found is None else mix_of_plans(found.F, found.X, problem.n_llms)
    shares = counts / problem.n_queries
    used = f"{int((shares.max(axis=0) > 0).sum())} of {len(llms)} LLMs are used"
    ends = [f"{llms[row.argmax()]} with {100 * row.max():.0f} % of the queries" for row in (shares[0], shares[-1])]
    n_leaders = len(np.unique(shares.argmax(axis=1)))
    sentence = (
        f"{used} somewhere along the budget; the largest share belongs to {ends[0]} in the cheapest plan and to"
        f" {ends[1]} in the most accurate one, and {n_leaders} LLM{'s' * (n_leaders > 1)} in all lead somewhere."
    )
    if len(shares) == 1:
        sentence = f"One plan is best at every budget; most goes to {ends[0]}, and {used}."
    return FigureBlock(name, figure, title, sentence)


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
        first = {algorithm: runs[0] for algorithm, runs in fronts.items()}
        figures.append(fronts_figure(problem, first, name=f"fronts-{data}", title=title))
        title = f"{data}, first split: shares of the LLMs along the exact front"
        figures.append(mix_figure(problem, name=f"mix-{data}", title=title))
    return Section("Fronts", figures or [Text("No search is done, so there is no front to draw.")])


def attainment_section(found: Measured, plan: Plan, /) -> Section:
    """Draw the attainment surfaces of repeated searches of one table."""
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
    """Return the first split of a data set with a search that is done."""
    frame = found.frame
    done = frame.index[(frame["data"] == data) & ~frame["failed"]]
    return found.cells[done[0]].setting if len(done) else None


def fronts_of(found: Measured, setting: Setting, /) -> Mapping[str, list[np.ndarray]]:
    """Return the fronts that were found on one table, by algorithm, in the order of the plan.

    Searches at equal evaluations count; those at equal seconds count only if there are no others.
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
