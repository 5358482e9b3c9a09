"""Plots that compare predictions, and the front planned on them, with true outcomes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from optllm_pymoo.decision import Plan
from optllm_pymoo.measures import Path, calibration
from optllm_pymoo.measures.realised import prefix_totals
from optllm_pymoo.plotting.front import CURVE_POINTS, draw_llms
from optllm_pymoo.plotting.style import BLACK, GREY, OKABE_ITO, STAR, axes, dollars, percent_axis
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError


def realised_accuracy(problem: AllocationProblem, correct: Any, /) -> np.ndarray:
    """Return the true mean accuracy of every plan of the exact front, which was planned on expected accuracies.

    Args:
        problem: The batch with expected accuracies.
        correct: (N, M) true outcomes, all known.

    Returns:
        (S + 1,) in the order of ``problem.supported_front.F``. O(N + S log S).

    Raises:
        UserError: If ``correct`` has another shape or contains NaN.

    Example:
        >>> from optllm_pymoo import AllocationProblem
        >>> problem = AllocationProblem([[1, 2], [1, 4]], [[0.5, 0.9], [0.5, 0.8]])
        >>> realised_accuracy(problem, [[0, 1], [0, 1]]).tolist()  # cheapest, one upgrade, both
        [0.0, 0.5, 1.0]
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
        UserError: As `realised_accuracy`.
    """
    realised, outcomes = realised_accuracy(problem, correct), np.asarray(correct, dtype=float)
    ax, front = axes(ax), problem.supported_front
    chosen = front.thin(CURVE_POINTS)
    cost, expected = front.F[chosen].T * np.array([[1], [-1]])
    ax.plot(cost, expected, color=GREY, linestyle="--", linewidth=1.4, label="expected")
    ax.plot(cost, realised[chosen], color="#0072B2", linewidth=2, label="realised")
    singles = np.stack([problem.cost.sum(axis=0), outcomes.mean(axis=0)], axis=1)
    dollars(ax, np.concatenate([cost[[0, -1]], singles[:, 0]]))
    if plan is not None:
        true = outcomes[np.arange(len(plan.x)), plan.x].mean()
        ax.plot([plan.cost_usd] * 2, [plan.accuracy, true], color=BLACK, linewidth=0.8, zorder=4)
        ax.plot(plan.cost_usd, plan.accuracy, color="white", label="chosen plan, expected", zorder=5, **STAR)
        ax.plot(plan.cost_usd, true, color="#D55E00", label="chosen plan, realised", zorder=5, **STAR)
    ax.set_ylabel("Mean accuracy")
    lines = np.stack([cost, realised[chosen]], axis=1)
    avoid = np.stack([cost, expected], axis=1)
    llms = np.arange(problem.n_llms)
    draw_llms(ax, problem, llms, singles, plan=plan, curve=lines, avoid=avoid, title=title)
    return ax


def plot_calibration(
    predicted: Any, outcome: Any, /, *, n_groups: int = 10, ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Draw realised against predicted probability, with 95 % intervals and the frequency of each prediction.

    Args:
        predicted: Probabilities, any shape.
        outcome: In [0, 1], NaN where unknown; same shape.
        n_groups: Largest number of groups.
        ax: Where to draw; None for a new figure.
        title: Title of the axes.

    Returns:
        The axes.

    Raises:
        UserError: As `optllm_pymoo.measures.calibration`.
    """
    found = calibration(predicted, outcome, n_groups=n_groups)
    ax = axes(ax, size=(5.0, 5.0))
    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="as predicted")
    # 95 % interval of a share (Wilson 1927)
    z, share, count = 1.959964, found.realised, found.n_predictions
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    errors = np.maximum([share - middle + half, middle + half - share], 0)
    label = f"realised (mean error {found.error:.3f})"
    ax.errorbar(
        found.predicted, found.realised, errors, fmt="o-", color=OKABE_ITO[0], ecolor=BLACK, elinewidth=1, capsize=3,
        markersize=6, linewidth=1.2, label=label,
    )  # fmt: skip
    share, edges = np.histogram(np.asarray(predicted)[~np.isnan(np.asarray(outcome, dtype=float))], 25, (0, 1))
    ax.bar(edges[:-1], share / share.max() * 0.12, width=np.diff(edges), align="edge", color="#cccccc", zorder=0,
           label="how often predicted")  # fmt: skip
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="Predicted probability of a correct answer", ylabel="Answered correctly")
    ax.set_aspect("equal")
    for axis in "xy":
        percent_axis(ax, axis=axis)
    ax.legend(loc="upper left", frameon=False, fontsize=8)
    if title:
        ax.set_title(title, fontsize=10)
    return ax
