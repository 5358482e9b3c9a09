"""Calibration of predictions."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.plotting import calibration, plot_calibration


def test_by_hand() -> None:
    """0.1 (wrong, wrong) and 0.9 (right, wrong): off by 0.1 and 0.4."""
    found = calibration([[0.1, 0.1], [0.9, 0.9]], [[0, 0], [1, 0]], n_groups=2)
    assert found.realised.tolist() == [0.0, 0.5]
    assert found.error == pytest.approx(0.25)


def test_true_probabilities_are_calibrated() -> None:
    """Outcomes drawn with the predicted probabilities: the error is sampling noise, and squared ones are not."""
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p).astype(float)
    assert calibration(p, y).error < 0.02
    assert calibration(p**2, y).error > 0.1


def test_groups_cover_all_known_outcomes() -> None:
    """Groups are about equal; unknown outcomes are left out; equal predictions stay together."""
    rng = np.random.default_rng(0)
    p, y = rng.random(1000), rng.integers(0, 2, 1000).astype(float)
    y[:100] = np.nan
    found = calibration(p, y, n_groups=9)
    assert found.n_predictions.tolist() == [100] * 9
    assert calibration(np.full(50, 0.5), np.ones(50)).n_predictions.tolist() == [50]


def test_refuses() -> None:
    """Shapes that differ, and nothing known; one known outcome is enough."""
    with pytest.raises(ValueError, match=r"predicted has shape \(2,\) and outcome \(3,\)"):
        calibration([0.1, 0.2], [0, 1, 1])
    with pytest.raises(ValueError, match="no outcome is known"):
        calibration([0.1, 0.2], [np.nan, np.nan])
    assert calibration([0.1, 0.2], [np.nan, 0]).n_predictions.tolist() == [1]


def test_picture_shows_the_groups() -> None:
    """The points drawn are the groups."""
    rng = np.random.default_rng(0)
    p = rng.random((300, 3))
    y = (rng.random((300, 3)) < p).astype(float)
    ax = plot_calibration(p, y, title="Held out")
    found = calibration(p, y)
    points = next(line for line in ax.lines if line.get_marker() == "o")
    np.testing.assert_allclose(points.get_xydata(), np.stack([found.predicted, found.realised], axis=1))
    assert ax.get_title() == "Held out"
