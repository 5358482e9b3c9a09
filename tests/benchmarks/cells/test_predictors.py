"""Predictors by name: asked with and without sigma, they say the same."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cells import predictors
from benchmarks.cells.predictors import PREDICTORS, predict_with_sigma, run_predictor
from optllm_pymoo.prediction import SuccessPredictor

RNG = np.random.default_rng(0)
FEATURES, TARGETS = RNG.normal(size=(40, 3)), RNG.normal(size=(15, 3))
LABELS = (FEATURES[:, :2] + RNG.normal(size=(40, 2)) > 0).astype(float)


@pytest.fixture
def quick_robust(monkeypatch: pytest.MonkeyPatch) -> str:
    """The published predictor with few bootstraps, asked for robust accuracies."""
    ask = PREDICTORS["published-robust"][1]

    def build(seed: int, jobs: int) -> SuccessPredictor:
        return SuccessPredictor.published(random_state=seed, n_jobs=jobs).set_params(n_resamples=3)

    monkeypatch.setitem(predictors.PREDICTORS, "quick-robust", (build, ask))
    return "quick-robust"


@pytest.mark.parametrize("name", ["ours", "unshrunk", "constants"])
def test_means_are_the_same_with_sigma(name: str) -> None:
    """Accuracies are those without sigma, and sigma is a standard deviation."""
    plain = run_predictor(name, FEATURES, LABELS, TARGETS, seed=1, n_jobs=1)
    found = predict_with_sigma(name, FEATURES, LABELS, TARGETS, seed=1)
    np.testing.assert_array_equal(found.accuracy, plain.accuracy)
    assert found.accuracy.shape == found.sigma.shape == (15, 2)
    assert (found.sigma >= 0).all()
    assert found.fit_seconds > 0


def test_robust_stays_robust(quick_robust: str) -> None:
    """A predictor that is asked for robust accuracies gives them here too: its mean and one sigma more."""
    plain = run_predictor(quick_robust, FEATURES, LABELS, TARGETS, seed=1, n_jobs=1)
    found = predict_with_sigma(quick_robust, FEATURES, LABELS, TARGETS, seed=1)
    np.testing.assert_array_equal(found.accuracy, plain.accuracy)
    mean = SuccessPredictor.published(random_state=1).set_params(n_resamples=3).fit(FEATURES, LABELS).predict(TARGETS)
    np.testing.assert_allclose(found.accuracy, np.clip(mean + found.sigma, 0, 1))
    assert (found.accuracy != mean).any()


def test_unshrunk_is_ours_without_shrinkage() -> None:
    """Without shrinkage predictions on noise spread wider."""
    noise = RNG.normal(size=LABELS.shape) > 0
    ours, unshrunk = (
        run_predictor(name, FEATURES, noise.astype(float), TARGETS, seed=1, n_jobs=1).accuracy
        for name in ("ours", "unshrunk")
    )
    assert unshrunk.std(axis=0).mean() > ours.std(axis=0).mean()
