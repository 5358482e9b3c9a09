"""By how much plans expect too much."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.prediction import SuccessPredictor
from optllm_pymoo.prediction.optimism import Optimism, fit_optimism
from optllm_pymoo.prediction.shrinkage import AVERAGES, UNCHANGED, HeldOut


def best_of_many(n: int, m: int, seed: int) -> tuple[float, Optimism]:
    """LLMs that are right with probability 1/2: what the best of m averages exceeds that by, and the estimate."""
    labels = (np.random.default_rng(seed).random((n, m)) < 0.5).astype(float)
    fold = np.arange(n) % 10
    centre = np.array([(labels[fold != k].sum(axis=0) + 1) / ((fold != k).sum() + 2) for k in fold])
    held = HeldOut(centre, centre, labels, np.arange(n))
    found = fit_optimism(held, AVERAGES, np.tile(np.arange(m) / m, (n, 1)), np.random.RandomState(seed))
    return float(labels.mean(axis=0).max() - 0.5), found


def test_the_best_of_many_averages_is_too_high() -> None:
    """Twenty equal LLMs, 40 labels: the estimate at the largest budget is between half of the truth and double."""
    found = [best_of_many(40, 20, seed) for seed in range(10)]
    truth = np.mean([excess for excess, _ in found])
    estimate = np.mean([optimism.excess[-1] for _, optimism in found])
    assert 0.5 * truth < estimate < 2 * truth


def test_more_labels_less_optimism() -> None:
    """A hundred times as many labels leave about a tenth."""
    few, many = (np.mean([best_of_many(n, 5, seed)[1].excess[-1] for seed in range(3)]) for n in (20, 2000))
    assert many < 0.3 * few


def test_one_llm_leaves_no_choice() -> None:
    """Nothing is chosen, so nothing is chosen for being overrated."""
    labels = np.resize([0.0, 1.0], (40, 1))
    held = HeldOut(np.full((40, 1), 0.5), np.full((40, 1), 0.5), labels, np.arange(40))
    found = fit_optimism(held, UNCHANGED, np.ones((40, 1)), np.random.RandomState(0))
    np.testing.assert_allclose(found.excess, 0, atol=1e-12)
    assert found.error.max() < 1e-6


def test_held_out_errors_are_heard_as_far_as_they_are_sure() -> None:
    """The dear LLM is predicted 1/2 above the other and is as good: 1/4 above both, found with 4,000 queries, not 8."""
    found = []
    for n in (8, 4000):
        labels = np.resize([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], (n, 2))
        held = HeldOut(np.tile([0.5, 1.0], (n, 1)), np.full((n, 2), 0.5), labels, np.arange(n))
        cost = np.tile([1.0, 2.0], (n, 1))
        found.append(fit_optimism(held, UNCHANGED, cost, np.random.RandomState(0)))
    assert found[0].excess[-1] < 0.1
    assert found[1].excess[-1] == pytest.approx(0.25, abs=0.05)
    assert (found[1].error < found[0].error).all()


def test_without_predictions_nothing_is_known() -> None:
    """No row was held out: no excess, with the error that is assumed before anything is seen."""
    held = HeldOut(np.full((3, 2), np.nan), np.full((3, 2), np.nan), np.ones((3, 2)), np.arange(3))
    found = fit_optimism(held, AVERAGES, np.ones((3, 2)), np.random.RandomState(0))
    assert not found.excess.any()
    assert (found.error == 0.02).all()


def test_of_a_predictor() -> None:
    """Known with costs, unknown without, and the same for any order of the rows."""
    random = np.random.default_rng(0)
    X, y, cost = random.normal(size=(40, 3)), random.integers(0, 2, (40, 4)).astype(float), random.random((40, 4))
    one = SuccessPredictor(random_state=0).fit(X, y, cost=cost).optimism_
    other = SuccessPredictor(random_state=0).fit(X[::-1], y[::-1], cost=cost[::-1]).optimism_
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert one.at(-1.0) == pytest.approx((one.excess[0], one.error[0]))
    assert SuccessPredictor(random_state=0).fit(X, y).optimism_ is None
