"""The front: what every dollar buys."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from optllm_pymoo.decision import Plan
from optllm_pymoo.plotting.labels import label_points
from optllm_pymoo.plotting.style import BLACK, GREY, axes, dollars, look_of, percent
from optllm_pymoo.problems import AllocationProblem

CURVE_POINTS = 600
"""Points of the exact front that are drawn; more can't be told apart."""


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

    Args:
        problem: The batch; the curve is its supported front, above which no plan can be.
        plan: The chosen plan, if any; with the 95 % interval of its accuracy.
        F: (n, 2) objectives of plans that a search found, if any: total US$, negated mean accuracy; further columns
            (latency, see `plot_latency`) are not shown.
        ax: Where to draw; None for a new figure.
        title: Title of the axes.

    Returns:
        The axes.
    """
    ax = axes(ax)
    curve = problem.bounding_front.F[problem.bounding_front.thin(CURVE_POINTS)] * (1, -1)
    singles, names, looks = _single_llms(problem)
    ax.plot(
        *curve.T,
        color=BLACK,
        linewidth=1.6,
        label="bound within the limits" if problem.has_limits else "exact front (bound)",
        zorder=2,
    )
    found = np.empty((0, 2)) if F is None else np.atleast_2d(F)[:, :2] * (1, -1)
    if len(found):
        ax.plot(*found.T, ".", color="#0072B2", markersize=4, label="plans found", zorder=3)
    for (cost, accuracy), look in zip(singles, looks, strict=True):
        ax.plot(cost, accuracy, look.marker, color=look.colour, markeredgecolor=BLACK, markeredgewidth=0.5, zorder=4)
    ends = np.concatenate([curve[[0, -1]], singles, *([[[plan.cost_usd, plan.accuracy]]] if plan else [])])
    dollars(ax, ends[:, 0])
    ax.set_ylabel("Expected mean accuracy")
    if plan is not None:
        _draw_plan(ax, plan)
    ax.margins(0.08, 0.1)
    ax.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none", fontsize=8)
    percent(ax)
    if title:
        ax.set_title(title, fontsize=10)
    star = np.empty((0, 2)) if plan is None else np.array([[plan.cost_usd, plan.accuracy]])
    clear = [_evenly(ax, curve), found, star]
    label_points(ax, singles, names, avoid=np.concatenate(clear))
    return ax


def _single_llms(problem: AllocationProblem) -> tuple[np.ndarray, list[str], list[Any]]:
    """Cost and accuracy of every LLM that is allowed for all queries, with names and looks."""
    usable = np.arange(problem.n_llms)
    if problem.allowed is not None:
        usable = usable[problem.allowed.all(axis=0)]
    cost = problem.cost.sum(axis=0, dtype=float)[usable]
    accuracy = problem.accuracy.mean(axis=0, dtype=float)[usable]
    points = np.stack([cost, accuracy], axis=1)
    return points, [problem.llms[j] for j in usable], [look_of(int(j)) for j in usable]


def _draw_plan(ax: Axes, plan: Plan) -> None:
    low, high = plan.interval()
    error = [[max(0.0, plan.accuracy - low)], [max(0.0, high - plan.accuracy)]]
    ax.errorbar(
        plan.cost_usd,
        plan.accuracy,
        yerror := None if error == [[0.0], [0.0]] else error,
        fmt="*",
        color="#D55E00",
        markeredgecolor=BLACK,
        markersize=15,
        capsize=3,
        ecolor=GREY,
        label="chosen plan" if yerror is None else "chosen plan, 95 % interval",
        zorder=5,
    )


def _evenly(ax: Axes, points: np.ndarray) -> np.ndarray:
    """Add points between neighbours that are far apart on the screen, so that a label can't cross a line unseen."""
    inside = points[(points[:, 0] > 0) | (ax.get_xscale() != "log")]
    if len(inside) < 2:
        return inside
    share = np.linspace(0, 1, 8)[:, None, None]
    return np.asarray((inside[:-1] * (1 - share) + inside[1:] * share).reshape(-1, 2))
