"""Plans of three objectives: cost and accuracy as axes, the third as colour."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from optllm_pymoo.decision import Plan
from optllm_pymoo.plotting.front import CURVE_POINTS
from optllm_pymoo.plotting.style import BLACK, GREY, STAR, axes, dollars, figure_of, percent
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError

COLOURS: Final = "cividis"
"""Rises evenly in lightness, also for the colour-blind and in print."""


def plot_third(
    problem: AllocationProblem,
    /,
    *,
    F: Any = None,
    plan: Plan | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw plans by cost and accuracy, coloured by the third objective, below the front of any amount of it.

    How far a point lies below the curve is what its third objective costs. Plans that are worst in it are drawn
    first, so that the best are seen where both are to be had.

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
    _draw_plan(ax, plan)
    dollars(ax, np.concatenate([cost, curve[[0, -1], 0]]))
    ax.set_ylabel("Expected mean accuracy")
    ax.margins(0.05, 0.08)
    ax.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none", fontsize=8)
    percent(ax)
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def _draw_plan(ax: Axes, plan: Plan | None) -> None:
    """Draw the chosen plan as a star; the legend has its third objective."""
    if plan is None:
        return
    third = "" if plan.problem.third is None else f", {plan.third:.3g} {plan.problem.third.unit}"
    ax.plot(plan.cost_usd, plan.accuracy, color="#D55E00", label=f"chosen plan{third}", zorder=5, **STAR)
