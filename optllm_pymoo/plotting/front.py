"""Plots of the front: accuracy over cost, and a third objective as colour."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from optllm_pymoo.decision import Plan
from optllm_pymoo.plotting.style import (
    BLACK,
    GREY,
    STAR,
    axes,
    dollars,
    figure_of,
    label_points,
    looks_of,
    percent_axis,
    shown_names,
)
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError

CURVE_POINTS: Final = 600
"""Number of points of the exact front that are drawn; more can't be distinguished."""

NAMED: Final = 12
"""Largest number of LLMs with a name; the others are grey dots."""

COLOURS: Final = "cividis"
"""Colour map of a third objective: its lightness rises evenly, also for the colour-blind and in print."""


def plot_front(
    problem: AllocationProblem,
    /,
    *,
    plan: Plan | None = None,
    F: Any = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the exact front, single LLMs as labelled points, and the chosen plan.

    If there are more than `NAMED` LLMs, the names of these are drawn first: the most accurate LLM, those in the plan,
    those nearest to the front.

    Args:
        problem: The batch; the curve is its supported front; no plan can be above it.
        plan: The chosen plan, if any; drawn with the 95 % interval of its accuracy.
        F: (n, 2) objectives of plans that a search found, if any: total US$, negated mean accuracy; further columns
            (latency, see `plot_third`) are not shown.
        ax: Where to draw; None for a new figure.
        title: Title of the axes.

    Returns:
        The axes.
    """
    ax = axes(ax)
    curve = problem.bounding_front.F[problem.bounding_front.thin(CURVE_POINTS)] * (1, -1)
    llms, singles = single_totals(problem)
    name = "bound within the limits" if problem.limits_bind else "exact front (bound)"
    ax.plot(*curve.T, color=BLACK, linewidth=1.6, label=name, zorder=2)
    found = np.empty((0, 2)) if F is None else np.atleast_2d(F)[:, :2] * (1, -1)
    if len(found):
        ax.plot(*found.T, ".", color="#0072B2", markersize=4, label="plans found", zorder=3)
    star = np.empty((0, 2)) if plan is None else np.array([[plan.cost_usd, plan.accuracy]])
    dollars(ax, np.concatenate([curve[[0, -1]], singles, star])[:, 0])
    ax.set_ylabel("Expected mean accuracy")
    if plan is not None:
        low, high = plan.interval()
        centre = plan.corrected_accuracy
        error = [[max(0.0, centre - low)], [max(0.0, high - centre)]]
        name = "chosen plan"
        if error != [[0.0], [0.0]]:
            name += ", 95 % interval"
            mark = "_" if centre < plan.accuracy else ""  # if the centre of the interval is below the expected accuracy
            look: dict[str, Any] = {"color": GREY, "ecolor": GREY, "capsize": 3, "markersize": 9, "zorder": 5}
            ax.errorbar(plan.cost_usd, centre, error, fmt=mark, **look)
        ax.plot(plan.cost_usd, plan.accuracy, color="#D55E00", label=name, zorder=5, **STAR)
    draw_llms(ax, problem, llms, singles, plan=plan, curve=curve, avoid=np.concatenate([found, star]), title=title)
    return ax


def plot_third(
    problem: AllocationProblem,
    /,
    *,
    F: Any = None,
    plan: Plan | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw plans by cost and accuracy, coloured by the third objective, below the front without a limit on it.

    The distance of a point below the curve is the accuracy lost for its third objective. Plans with the worst values
    are drawn first, so that the best plans are visible where points overlap.

    Args:
        problem: The batch, with a third objective.
        F: (n, 3) objectives of plans that a search found; None for the supported surface.
        plan: The chosen plan, if any.
        ax: Where to draw; None for a new figure.
        title: Title of the axes.

    Returns:
        The axes.

    Raises:
        UserError: If the problem has no third objective, or F has not three columns.
    """
    third = problem.third
    if third is None:
        raise UserError("this problem has no third objective; plot_front shows cost and accuracy")
    points = problem.supported_surface.F if F is None else np.atleast_2d(np.asarray(F, dtype=float))
    if points.shape[1] != 3:
        raise UserError(f"F must have shape (n, 3), the third column {third.label}; got {np.shape(F)}")
    ax = axes(ax, size=(7.6, 4.6))
    front = problem.bounding_front
    curve = front.F[front.thin(CURVE_POINTS)] * (1, -1)
    ax.plot(*curve.T, color=GREY, linewidth=1.4, label=f"bound of any {third.name}", zorder=2)
    points = points[np.argsort(-points[:, 2], kind="stable")]
    name = "supported surface" if F is None else "plans found"
    cost, accuracy = points[:, 0], -points[:, 1]
    drawn = ax.scatter(
        cost,
        accuracy,
        c=third.amount(points[:, 2]),
        cmap=COLOURS,
        s=20,
        linewidths=0.3,
        edgecolors=BLACK,
        label=name,
        zorder=3,
    )
    bar = figure_of(ax).colorbar(drawn, ax=ax, pad=0.02)
    bar.set_label(f"{third.label[0].upper()}{third.label[1:]} ({third.unit})")
    bar.locator = MaxNLocator(6)
    bar.update_ticks()
    if plan is not None:
        label = f"chosen plan, {plan.third:.3g} {third.unit}"
        ax.plot(plan.cost_usd, plan.accuracy, color="#D55E00", label=label, zorder=5, **STAR)
    dollars(ax, np.concatenate([cost, curve[[0, -1], 0]]))
    ax.set_ylabel("Expected mean accuracy")
    ax.margins(0.05, 0.08)
    ax.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none", fontsize=8)
    percent_axis(ax)
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def draw_llms(
    ax: Axes,
    problem: AllocationProblem,
    llms: np.ndarray,
    singles: np.ndarray,
    /,
    *,
    plan: Plan | None,
    curve: np.ndarray,
    avoid: np.ndarray,
    title: str | None,
) -> None:
    """Finish a picture of curves: single LLMs with their names, the legend and the title.

    Args:
        ax: Axes on which everything else has been drawn.
        problem: The batch.
        llms: (n,) numbers of the LLMs.
        singles: (n, 2) their total US$ and accuracy.
        plan: The chosen plan, if any: its LLMs are named first.
        curve: (k, 2) the front.
        avoid: (m, 2) further points that names must not cover.
        title: Title of the axes.
    """
    if len(llms) > NAMED:
        ax.plot(*singles.T, ".", color="#999999", markersize=4, label="other LLMs", zorder=1)
    else:
        ax.plot(*singles.T, linestyle="none")  # the limits of the axes must include them before names are placed
    ax.margins(0.08, 0.1)
    ax.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none", fontsize=8)
    percent_axis(ax)
    if title:
        ax.set_title(title, fontsize=10)
    ax.autoscale_view()
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())
    # by importance: the most accurate (of several, the cheapest), those in the plan by share, the nearest to the front
    share = np.zeros(problem.n_llms) if plan is None else plan.mix()["queries"].to_numpy()
    order = np.lexsort([np.interp(singles[:, 0], *curve.T) - singles[:, 1], -share[llms]])
    best = np.lexsort([singles[:, 0], -singles[:, 1]])[:1]
    order = np.concatenate([best, order[order != best]])[:NAMED]
    inside = curve[(curve[:, 0] > 0) | (ax.get_xscale() != "log")]
    if len(inside) > 1:
        # also points between neighbours, so that no name covers a line
        share = np.linspace(0, 1, 8)[:, None, None]
        inside = (inside[:-1] * (1 - share) + inside[1:] * share).reshape(-1, 2)
    clear = np.concatenate([inside, avoid, singles])
    names = shown_names(problem.llms)
    chosen = names._replace(texts=[names.texts[j] for j in llms[order]])
    notes = label_points(ax, singles[order], chosen, avoid=clear)
    drawn = order if len(llms) <= NAMED else order[[note is not None for note in notes]]
    for (cost, accuracy), look in zip(singles[drawn], looks_of(llms[drawn].tolist()), strict=True):
        ax.plot(cost, accuracy, look.marker, color=look.colour, markeredgecolor=BLACK, markeredgewidth=0.5, zorder=4)


def single_totals(problem: AllocationProblem, /) -> tuple[np.ndarray, np.ndarray]:
    """Find the LLMs that are allowed for all queries.

    Args:
        problem: The batch.

    Returns:
        Numbers of these LLMs (n,), and (n, 2) their total US$ and accuracy.
    """
    usable = np.arange(problem.n_llms)
    if problem.allowed is not None:
        usable = usable[problem.allowed.all(axis=0)]
    cost = problem.cost.sum(axis=0, dtype=float)[usable]
    accuracy = problem.accuracy.mean(axis=0, dtype=float)[usable]
    return usable, np.stack([cost, accuracy], axis=1)
