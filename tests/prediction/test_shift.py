"""Whether planned queries look like the labelled ones."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.prediction import SuccessPredictor
from optllm_pymoo.prediction.heldout import Shift


def measured(labelled: np.ndarray, planned: np.ndarray) -> tuple[float, float]:
    """With a seed."""
    return Shift.between(labelled, planned, np.random.RandomState(0))


def test_queries_of_one_kind() -> None:
    """Twenty draws from one distribution: told apart in half of the pairs, and never called unlike."""
    found = [measured(*np.random.default_rng(seed).normal(size=(2, 80, 3))) for seed in range(20)]
    assert np.mean([auc for auc, _ in found]) == pytest.approx(0.5, abs=0.03)
    assert max(unlikeness for _, unlikeness in found) == 0


def test_queries_of_two_kinds() -> None:
    """Nine deviations apart: told apart in all pairs; the surer the more queries there are."""
    here, there = np.random.default_rng(0).normal(size=(2, 200, 3))
    auc, unlikeness = measured(here, there + 9)
    assert auc == 1
    assert measured(here[:20], there[:20] + 9)[1] < unlikeness < 1


def test_repetitions_count_once() -> None:
    """A hundred copies of one text on either side, and as many others, are no difference between the sides."""
    here, there = np.random.default_rng(0).normal(size=(2, 80, 3))
    repeated = np.vstack([here, np.repeat(here[:1], 100, axis=0)])
    assert measured(repeated, there) == measured(here, there)


def test_too_few_to_compare() -> None:
    """One distinct query on a side shows nothing."""
    assert measured(np.ones((5, 2)), np.zeros((9, 2))) == (0.5, 0.0)


def test_weights_move_toward_the_averages() -> None:
    """By the unlikeness; by nothing where queries look alike, and whatever the order of the rows."""
    random = np.random.default_rng(0)
    X = random.normal(size=(80, 3))
    y = (random.random((80, 2)) < 1 / (1 + np.exp(-3 * X[:, :2]))).astype(float)
    plain = SuccessPredictor(random_state=0).fit(X, y)
    alike = SuccessPredictor(random_state=0).fit(X, y, planned=random.normal(size=(200, 3)))
    planned = random.normal(size=(200, 3)) + 9
    unlike = SuccessPredictor(random_state=0).fit(X, y, planned=planned)
    assert plain.shift_ is None
    assert alike.shrinkage_ == plain.shrinkage_
    left = 1 - unlike.shift_.unlikeness
    assert 0 < left < 0.5
    assert unlike.shrinkage_ == pytest.approx([left * weight for weight in plain.shrinkage_])
    turned = SuccessPredictor(random_state=0).fit(X[::-1], y[::-1], planned=planned[::-1])
    assert turned.shift_ == unlike.shift_
