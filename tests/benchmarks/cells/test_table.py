"""Predicted tables and what they are worth, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cells.split import Setting
from benchmarks.cells.table import TableCell, kept_promises, label_vectors_right
from optllm_pymoo.prediction.heldout import Optimism

FEATURES = np.zeros((4, 1))
LABELS = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
COST = np.array([[1.0, 3.0], [1.0, 3.0]])
CORRECT = np.array([[1.0, 0.0], [0.0, 1.0]])
PAID = np.ones((4, 2))
CELL = TableCell(Setting("d", "0", "constants", 0.5))


def test_label_vectors_right() -> None:
    """The first row is right, the second wrong on its second LLM, the third right, since one half isn't above it."""
    accuracy = np.array([[0.6, 0.4], [0.6, 0.6], [0.5, -1.0]])
    assert label_vectors_right(accuracy, np.array([[1, 0], [1, 0], [0, 0]])) == 2 / 3
    assert label_vectors_right(accuracy[:1], np.array([[0, 1]])) == 0.0
    assert label_vectors_right(np.array([[2.0]]), np.array([[1]])) == 1.0


def test_measures_by_hand() -> None:
    """Three and one of four labels are right: means 4/6 and 2/6, so every query is predicted (1, 0).

    The first LLM is thought cheaper and better, so the front is one plan: 2 US$, half right. That is the best single
    LLM too. The oracle moves the second query: half right within 4 US$, all right at 4; between 2 and 6 on average 3/4.
    """
    outcome = CELL.measure(FEATURES, LABELS, PAID, np.zeros((2, 1)), COST, CORRECT)
    np.testing.assert_allclose(outcome.arrays["accuracy"], [[2 / 3, 1 / 3]] * 2)
    sigma = outcome.arrays["sigma"]
    assert sigma.shape == (2, 2)
    assert (sigma[0] > 1 / 6).all()  # so that α of 1 and -1 push both across one half
    found = outcome.measures
    assert (found["n_labelled"], found["n_planned"]) == (4, 2)
    assert found["brier"] == pytest.approx((2 * (1 / 3) ** 2 + 2 * (2 / 3) ** 2) / 4)
    assert found["labels_right_+0"] == 0.5
    assert found["oracle_area"] == pytest.approx(0.75)
    assert found["area"] == pytest.approx(0.5 / 0.75)
    assert (found["saving"], found["highest_accuracy"], found["best_llm"]) == (0.0, 0.5, 0)
    assert set(outcome.timings) == {"fit_seconds", "predict_seconds", "front_seconds"}


def test_robust_label_vectors() -> None:
    """α of 1 makes all probabilities above one half, α of -1 none: all right or all wrong here."""
    all_right, none_right = np.ones((2, 2)), np.zeros((2, 2))
    hopeful = CELL.measure(FEATURES, LABELS, PAID, np.zeros((2, 1)), COST, all_right).measures
    doubtful = CELL.measure(FEATURES, LABELS, PAID, np.zeros((2, 1)), COST, none_right).measures
    names = [f"labels_right_{alpha}" for alpha in ("-1", "+0", "+1")]
    assert [hopeful[name] for name in names] == [0.0, 0.0, 1.0]
    assert [doubtful[name] for name in names] == [1.0, 0.0, 0.0]
    assert np.isnan(doubtful["area"])


def test_promises_by_hand() -> None:
    """One LLM of 1/2, and 400 queries of which a quarter is right: 1/4 too much, 0.2 after a correction by 0.05.

    By chance alone the interval is 0.45 ± 0.049, so the truth lies below it, at all three budgets.
    """
    cost, accuracy, correct = (
        np.ones((400, 1)),
        np.full((400, 1), 0.5),
        np.resize([[1.0], [0.0], [0.0], [0.0]], (400, 1)),
    )
    optimism = Optimism(np.array([1.0]), np.array([0.05]), np.array([0.0]))
    found = kept_promises(cost, accuracy, np.zeros((400, 1)), correct, optimism, 10**9)
    assert [found[f"too_much_{place}%"] for place in (25, 50, 75)] == pytest.approx([0.25] * 3)
    assert [found[f"corrected_{place}%"] for place in (25, 50, 75)] == pytest.approx([0.2] * 3)
    assert (found["below_95"], found["above_95"]) == (1.0, 0.0)
