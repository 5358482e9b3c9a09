"""Averages of labels by hand, and the yardstick."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.prediction import ConstantPredictor
from optllm_pymoo.prediction.averages import laplace_means, laplace_variance, repeats_as_roots

NAN = float("nan")


def test_rule_of_succession() -> None:
    """Two right of three: 3/5. One right of one tried: 2/3. Never tried: 1/2."""
    labels = np.array([[1.0, NAN, NAN], [1.0, 1.0, NAN], [0.0, NAN, NAN]])
    assert laplace_means(labels) == pytest.approx([3 / 5, 2 / 3, 1 / 2])


def test_variance_is_that_of_the_beta_posterior() -> None:
    """Two right of three is Beta(3, 2), whose variance is 3 * 2 / (5^2 * 6)."""
    assert laplace_variance(np.array([[1.0], [1.0], [0.0]])) == pytest.approx([6 / 150])


def test_a_text_repeated_four_times_counts_as_two() -> None:
    """Right four times in one text, once wrong in another, which the second LLM missed: Beta(3, 2) and Beta(3, 1)."""
    labels, weight = np.array([[1.0, 1.0]] * 4 + [[0.0, NAN]]), repeats_as_roots(np.array([0, 0, 0, 0, 1]))
    assert laplace_means(labels, weight) == pytest.approx([3 / 5, 3 / 4])
    assert laplace_variance(labels, weight) == pytest.approx([6 / 150, 3 / 80])


def test_by_hand() -> None:
    """Whatever the query: (2 + 1) / (3 + 2), and (1 + 1) / (2 + 2) where one label is missing."""
    labels = [[1, 0], [1, np.nan], [0, 1]]
    mean, sigma = ConstantPredictor().fit(np.zeros((3, 1)), labels).predict([[5.0], [6.0]], return_std=True)
    assert mean.tolist() == [[0.6, 0.5]] * 2
    assert sigma[0] == pytest.approx([np.sqrt(0.04), np.sqrt(0.05)])


def test_refuses_wrong_labels() -> None:
    """The same door as the predictor's."""
    with pytest.raises(ValueError, match=r"labels\[0, 0\] = 2.0"):
        ConstantPredictor().fit([[0.0]], [[2.0]])
    assert ConstantPredictor().fit([[0.0]], [[1.0]]).predict([[0.0]])[0, 0] == pytest.approx(2 / 3)
