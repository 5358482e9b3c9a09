"""Whether predicted probabilities come true."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from optllm_pymoo.plotting.style import BLACK, GREY, OKABE_ITO, axes, percent
from optllm_pymoo.validation import UserError


class Calibration(NamedTuple):
    """Predictions in groups of about equal size, by rising prediction."""

    predicted: np.ndarray
    """(B,) mean prediction."""
    realised: np.ndarray
    """(B,) share that came true."""
    n_predictions: np.ndarray
    """(B,) predictions."""
    error: float
    """Expected calibration error: mean of |realised - predicted|, weighted by their number."""


def calibration(predicted: Any, outcome: Any, /, *, n_groups: int = 10) -> Calibration:
    """Compare predictions with outcomes in groups.

    Equal predictions share a group, so there may be fewer groups than asked for.

    Args:
        predicted: Probabilities, any shape.
        outcome: In [0, 1], NaN where unknown; same shape.
        n_groups: Groups at the most.

    Raises:
        ValueError: If shapes differ, or no outcome is known.

    Example:
        >>> calibration([0.25, 0.25, 0.75, 0.75], [0, 1, 1, 1], n_groups=2)
        Calibration(predicted=array([0.25, 0.75]), realised=array([0.5, 1. ]), n_predictions=array([2, 2]), error=0.25)
    """
    p, y = np.asarray(predicted, dtype=float), np.asarray(outcome, dtype=float)
    if p.shape != y.shape:
        raise UserError(f"predicted has shape {p.shape} and outcome {y.shape}; expected the same")
    known = ~np.isnan(y)
    p, y = p[known], y[known]
    if not len(p):
        raise UserError("no outcome is known; there is nothing to compare predictions with")
    edges = np.unique(np.quantile(p, np.linspace(0, 1, n_groups + 1)[1:-1]))
    group = np.unique(np.searchsorted(edges, p, side="left"), return_inverse=True)[1]
    count = np.bincount(group)
    mean, share = np.bincount(group, p) / count, np.bincount(group, y) / count
    return Calibration(mean, share, count, float(np.sum(np.abs(share - mean) * count) / len(p)))


def plot_calibration(
    predicted: Any, outcome: Any, /, *, n_groups: int = 10, ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Draw realised against predicted probability, with 95 % intervals and how often each is predicted.

    Args:
        predicted: Probabilities, any shape.
        outcome: In [0, 1], NaN where unknown; same shape.
        n_groups: Groups at the most.
        ax: Where to draw; None for a new figure.
        title: Title of the axes.

    Returns:
        The axes.

    Raises:
        ValueError: As `calibration`.
    """
    found = calibration(predicted, outcome, n_groups=n_groups)
    ax = axes(ax, size=(5.0, 5.0))
    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="as predicted")
    low, high = _wilson(found.realised, found.n_predictions)
    errors = np.maximum([found.realised - low, high - found.realised], 0)
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
        percent(ax, axis=axis)
    ax.legend(loc="upper left", frameon=False, fontsize=8)
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def _wilson(share: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a share (Wilson 1927)."""
    z = 1.959964
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return middle - half, middle + half
