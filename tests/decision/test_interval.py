"""The interval of realised accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.decision import accuracy_deviation, accuracy_interval


def test_by_hand() -> None:
    """P = (0.5, 0.8), sigma = (0.1, 0.3): chance (0.25 + 0.16)/4, independent (0.01 + 0.09)/4, common 0.2 squared."""
    p, sigma = np.array([0.5, 0.8]), np.array([0.1, 0.3])
    assert accuracy_deviation(p) ** 2 == pytest.approx(0.41 / 4)
    assert accuracy_deviation(p, sigma, correlation=0) ** 2 == pytest.approx(0.41 / 4 + 0.1 / 4)
    assert accuracy_deviation(p, sigma, correlation=1) ** 2 == pytest.approx(0.41 / 4 + 0.04)
    assert accuracy_deviation(p, sigma, correlation=0.5) ** 2 == pytest.approx(0.41 / 4 + 0.05 / 4 + 0.02)


def test_few_labels_by_hand() -> None:
    """P = (0.5, 0.8), mean 0.65: ten labels add 0.65 · 0.35/10 to whatever else there is."""
    p, sigma = np.array([0.5, 0.8]), np.array([0.1, 0.3])
    assert accuracy_deviation(p, n_labelled=10) ** 2 == pytest.approx(0.41 / 4 + 0.02275)
    with_sigma = accuracy_deviation(p, sigma, correlation=1, n_labelled=10) ** 2
    assert with_sigma == pytest.approx(0.41 / 4 + 0.04 + 0.02275)
    widths = [np.diff(accuracy_interval(np.full(900, 0.5), n_labelled=n))[0] for n in (10, 30, 100, None)]
    assert widths == sorted(widths, reverse=True)
    # half widths 1.96 · sqrt(0.25/900 + 0.25/100)
    assert widths[2] / 2 == pytest.approx(1.959964 * np.sqrt(0.25 / 900 + 0.25 / 100))


@pytest.mark.parametrize("n_labelled", [0, -3])
def test_refuses_no_labels(n_labelled: int) -> None:
    """Learnt from nothing is refused; from one query is not."""
    with pytest.raises(ValueError, match=f"n_labelled must be at least 1 query; got {n_labelled}"):
        accuracy_interval(np.array([0.5]), n_labelled=n_labelled)
    assert accuracy_deviation(np.array([1.0]), n_labelled=1) == 0.0


@pytest.mark.parametrize("correlation", [0.0, 0.2])
def test_covers_as_often_as_it_says(correlation: float) -> None:
    """Where the model holds, 90 % intervals hold 90 % of simulated accuracies: 4,000 batches, four standard errors."""
    rng = np.random.default_rng(1)
    n, repeats = 60, 4000
    p, sigma = rng.uniform(0.4, 0.6, n), np.full(n, 0.08)
    common, own = rng.normal(size=(repeats, 1)), rng.normal(size=(repeats, n))
    true = p + sigma * (np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)
    realised = (rng.random((repeats, n)) < true).mean(axis=1)
    low, high = accuracy_interval(p, sigma, level=0.9, correlation=correlation)
    # the chance part counts the spread of the own errors too, so the interval is a little wide
    covered = np.mean((realised >= low) & (realised <= high))
    assert 0.9 - 4 * np.sqrt(0.09 / repeats) <= covered <= 0.95


def test_independent_errors_average_out() -> None:
    """Four times the queries halve the independent part; the common part stays."""
    few, many = np.ones(25), np.ones(100)  # p = 1: no chance
    assert accuracy_deviation(many, 0.2 * many, correlation=0) == pytest.approx(0.02)
    assert accuracy_deviation(few, 0.2 * few, correlation=0) == pytest.approx(0.04)
    assert accuracy_deviation(many, 0.2 * many, correlation=1) == pytest.approx(0.2)


def test_stays_in_unit_interval() -> None:
    """Known outcomes have no width; ends never leave [0, 1]."""
    assert accuracy_interval(np.array([1.0, 0.0])) == (0.5, 0.5)
    low, high = accuracy_interval(np.array([0.9]), np.array([0.5]), correlation=1)
    assert (low, high) == (0.0, 1.0)


@pytest.mark.parametrize("correlation", [-0.01, 1.01, float("nan")])
def test_refuses_correlation(correlation: float) -> None:
    """ρ outside [0, 1] is refused; 0 and 1 are not."""
    with pytest.raises(ValueError, match=r"correlation must lie in \[0, 1\]; got"):
        accuracy_deviation(np.array([0.5]), correlation=correlation)
    assert accuracy_deviation(np.array([0.5]), correlation=0) == accuracy_deviation(np.array([0.5]), correlation=1)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_refuses_level(level: float) -> None:
    """A level outside (0, 1) is refused; 0.999 is not."""
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\); got .* For 95 % write 0.95"):
        accuracy_interval(np.array([0.5]), level=level)
    assert accuracy_interval(np.full(9, 0.5), level=0.999)[0] < 0.5
