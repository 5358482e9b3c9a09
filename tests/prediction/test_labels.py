"""Means of labels by hand."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.prediction.labels import laplace_means, laplace_variance

NAN = float("nan")


def test_rule_of_succession() -> None:
    """Two right of three: 3/5. One right of one tried: 2/3. Never tried: 1/2."""
    labels = np.array([[1.0, NAN, NAN], [1.0, 1.0, NAN], [0.0, NAN, NAN]])
    assert laplace_means(labels) == pytest.approx([3 / 5, 2 / 3, 1 / 2])


def test_variance_is_that_of_the_beta_posterior() -> None:
    """Two right of three is Beta(3, 2), whose variance is 3 * 2 / (5^2 * 6)."""
    assert laplace_variance(np.array([[1.0], [1.0], [0.0]])) == pytest.approx([6 / 150])
