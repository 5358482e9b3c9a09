"""What a front that was planned on predictions is worth on true outcomes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from optllm_pymoo.decision import Plan
from optllm_pymoo.measures.realised import Path, prefix_totals
from optllm_pymoo.plotting.front import CURVE_POINTS
from optllm_pymoo.plotting.labels import label_points
from optllm_pymoo.plotting.style import BLACK, GREY, axes, dollars, look_of, percent
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError


def realised_accuracy(problem: AllocationProblem, correct: Any, /) -> np.ndarray:
    """True mean accuracy of every plan of the exact front that was planned on expected accuracies.

    Args:
        problem: The batch with expected accuracies.
        correct: (N, M) true outcomes, all known.

    Returns:
        (S + 1,) in the order of ``problem.supported_front.F``. O(N + S log S).

    Raises:
        ValueError: If ``correct`` has another shape or holds NaN.
    """
    outcomes = np.asarray(correct, dtype=float)
    if outcomes.shape != problem.cost.shape:
        raise UserError(f"correct has shape {outcomes.shape}; expected {problem.cost.shape}")
    if np.isnan(outcomes).any():
        i, j = np.argwhere(np.isnan(outcomes))[0].tolist()
        raise UserError(f"correct[{i}, {j}] is not known; leave such queries out")
    return prefix_totals(outcomes, Path.along(problem.supported_front)) / len(outcomes)


def plot_realised(
    problem: AllocationProblem,
    correct: Any,
    /,
    *,
    plan: Plan | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the expected and the true accuracy of every plan of the front, with single LLMs at their true accuracy.

    Args:
        problem: The batch with expected accuracies.
        correct: (N, M) true outcomes, all known.
        plan: The chosen plan: expected (open star) and true (filled star).
        ax: Where to draw; None for a new figure.
        title: Title of the axes.

    Returns:
        The axes.

    Raises:
        ValueError: As `realised_accuracy`.
    """
    realised, outcomes = realised_accuracy(problem, correct), np.asarray(correct, dtype=float)
    ax, front = axes(ax), problem.supported_front
    chosen = front.thin(CURVE_POINTS)
    cost, expected = front.F[chosen].T * np.array([[1], [-1]])
    ax.plot(cost, expected, color=GREY, linestyle="--", linewidth=1.4, label="expected")
    ax.plot(cost, realised[chosen], color="#0072B2", linewidth=2, label="realised")
    singles = np.stack([problem.cost.sum(axis=0), outcomes.mean(axis=0)], axis=1)
    for j, point in enumerate(singles):
        look = look_of(j)
        ax.plot(*point, look.marker, color=look.colour, markeredgecolor=BLACK, markeredgewidth=0.5, zorder=4)
    dollars(ax, np.concatenate([cost[[0, -1]], singles[:, 0]]))
    if plan is not None:
        _draw_plan(ax, plan, outcomes)
    ax.set_ylabel("Mean accuracy")
    ax.margins(0.08, 0.1)
    ax.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none", fontsize=8)
    percent(ax)
    if title:
        ax.set_title(title, fontsize=10)
    curves = np.concatenate([np.stack([cost, line], axis=1) for line in (expected, realised[chosen])])
    label_points(ax, singles, problem.llms, avoid=curves)
    return ax


def _draw_plan(ax: Axes, plan: Plan, outcomes: np.ndarray) -> None:
    true = outcomes[np.arange(len(plan.x)), plan.x].mean()
    ax.plot([plan.cost_usd] * 2, [plan.accuracy, true], color=BLACK, linewidth=0.8, zorder=4)
    star: dict[str, Any] = {"linestyle": "none", "marker": "*", "markersize": 15, "markeredgecolor": BLACK, "zorder": 5}
    ax.plot(plan.cost_usd, plan.accuracy, color="white", label="chosen plan, expected", **star)
    ax.plot(plan.cost_usd, true, color="#D55E00", label="chosen plan, realised", **star)
