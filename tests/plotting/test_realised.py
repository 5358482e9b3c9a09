"""Realised against expected accuracy, and whether predictions come true."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo import make_problem
from optllm_pymoo.decision import Knee
from optllm_pymoo.measures import calibration
from optllm_pymoo.plotting import plot_calibration, plot_realised, realised_accuracy


def test_is_the_true_accuracy_of_every_plan() -> None:
    """The running sum gives what decoding and scoring every plan gives."""
    problem = make_problem(30, 4)
    correct = np.random.default_rng(0).integers(0, 2, (30, 4)).astype(float)
    front = problem.supported_front
    expected = [correct[np.arange(30), front.assignment(k)].mean() for k in range(len(front))]
    np.testing.assert_allclose(realised_accuracy(problem, correct), expected, atol=1e-12)


def test_known_outcomes_are_realised_as_expected() -> None:
    """If the accuracies were the outcomes, both curves are one."""
    problem = make_problem(30, 4)
    np.testing.assert_allclose(
        realised_accuracy(problem, problem.accuracy), -problem.supported_front.F[:, 1], atol=1e-12
    )


def test_picture_has_both_curves_and_both_stars() -> None:
    """Expected dashed, realised solid, the plan at both of its accuracies."""
    problem = make_problem(30, 4)
    correct = np.random.default_rng(0).integers(0, 2, (30, 4)).astype(float)
    plan = Knee().plan(problem)
    ax = plot_realised(problem, correct, plan=plan, title="True")
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(lines["realised"].get_ydata(), realised_accuracy(problem, correct))
    assert lines["chosen plan, expected"].get_ydata().tolist() == [plan.accuracy]
    assert lines["chosen plan, realised"].get_ydata().tolist() == [plan.evaluate(correct).accuracy]


def test_refuses() -> None:
    """Another shape, or an outcome that isn't known."""
    problem = make_problem(3, 2)
    with pytest.raises(ValueError, match=r"correct has shape \(2, 2\); expected \(3, 2\)"):
        plot_realised(problem, np.ones((2, 2)))
    correct = np.ones((3, 2))
    correct[1, 0] = np.nan
    with pytest.raises(ValueError, match=r"correct\[1, 0\] is not known"):
        realised_accuracy(problem, correct)


def test_calibration_shows_the_groups() -> None:
    """The points drawn are the groups."""
    rng = np.random.default_rng(0)
    p = rng.random((300, 3))
    y = (rng.random((300, 3)) < p).astype(float)
    ax = plot_calibration(p, y, title="Held out")
    found = calibration(p, y)
    points = next(line for line in ax.lines if line.get_marker() == "o")
    np.testing.assert_allclose(points.get_xydata(), np.stack([found.predicted, found.realised], axis=1))
    assert ax.get_title() == "Held out"
