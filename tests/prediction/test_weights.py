"""The two weights of the deviations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optllm_pymoo.prediction.weights import CONSTANTS, UNCHANGED, Shrinkage, fit_shrinkage


def parts(n: int, m: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random deviations, their difficulty part and the rest, (n, m) each."""
    deviation = np.random.default_rng(seed).normal(0, 0.2, (n, m))
    difficulty = np.repeat(deviation.mean(axis=1, keepdims=True), m, axis=1)
    return deviation, difficulty, deviation - difficulty


def test_recovers_known_weights() -> None:
    """If the truth deviates by 1.5 times the difficulty and half of the rest, these are the weights."""
    deviation, difficulty, rest = parts(200, 4)
    found = fit_shrinkage(1.5 * difficulty + 0.5 * rest, deviation, np.arange(200))
    assert found == pytest.approx((1.5, 0.5))


def test_recovers_known_weights_with_holes() -> None:
    """Missing labels leave fewer equations for the same weights."""
    deviation, difficulty, rest = parts(200, 4)
    residual = 0.8 * difficulty + 0.6 * rest
    residual[np.random.default_rng(1).random((200, 4)) < 0.6] = np.nan
    assert fit_shrinkage(residual, deviation, np.arange(200)) == pytest.approx((0.8, 0.6))


def test_harmful_deviations_get_no_weight() -> None:
    """Predictions that point the wrong way are not turned around: constants remain."""
    deviation, _, _ = parts(50, 3)
    assert fit_shrinkage(-deviation, deviation, np.arange(50)) == CONSTANTS


def test_noise_gets_hardly_any_weight() -> None:
    """Residuals that have nothing to do with the deviations: the mean weight over 50 draws is small."""
    weights = []
    for seed in range(50):
        residual = np.random.default_rng(1000 + seed).normal(0, 0.5, (40, 3))
        weights.append(fit_shrinkage(residual, parts(40, 3, seed)[0], np.arange(40)).specific)
    assert np.mean(weights) < 0.1


def test_one_llm_has_no_specific_part() -> None:
    """With M = 1 all deviation is difficulty; the singular equations are no trouble."""
    deviation = parts(50, 1)[0]
    assert fit_shrinkage(deviation, deviation, np.arange(50)) == pytest.approx((1.0, 0.0))


def test_repetitions_are_no_evidence() -> None:
    """Forty copies of two queries say no more than two queries: too few groups for any skill."""
    deviation = np.repeat(parts(2, 3)[0], 40, axis=0)
    assert fit_shrinkage(deviation, deviation, np.repeat([0, 1], 40)) == CONSTANTS
    three = np.repeat(parts(3, 3)[0], 40, axis=0)
    assert fit_shrinkage(three, three, np.repeat([0, 1, 2], 40)) == pytest.approx((1.0, 1.0))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 2), st.floats(0, 1))
def test_apply_keeps_choices_up_to_the_specific_weight(seed: int, common: float, specific: float) -> None:
    """Differences between LLMs only scale by `specific`; the mean over LLMs only by `common`."""
    deviation = parts(5, 3, seed)[0]
    weighted = Shrinkage(common, specific).apply(deviation)
    np.testing.assert_allclose(weighted.mean(axis=1), common * deviation.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(np.diff(weighted, axis=1), specific * np.diff(deviation, axis=1), atol=1e-12)
    np.testing.assert_allclose(UNCHANGED.apply(deviation), deviation, atol=1e-12)
