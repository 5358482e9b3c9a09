"""Sigma: as large as the errors that are made, where the true probabilities are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

from optllm_pymoo.prediction import SuccessPredictor
from optllm_pymoo.prediction.ensemble import Ensemble, most_sigma
from optllm_pymoo.prediction.heldout import AVERAGES, UNCHANGED, Shrinkage
from optllm_pymoo.prediction.members import Member, Resample, resamples

Floats = NDArray[np.float64]
Problem = Callable[[int, int], tuple[Floats, Floats]]


def sigmoid(x: Floats) -> Floats:
    """Logistic function."""
    return np.asarray(1 / (1 + np.exp(-x)))


def steep(n: int, seed: int) -> tuple[Floats, Floats]:
    """Each LLM depends sharply on a feature of its own, so timid trees are stretched."""
    X = np.random.default_rng(seed).normal(size=(n, 4))
    return X, sigmoid(6 * X[:, :3] - np.array([1.0, 0.0, -1.0]))


def gentle(n: int, seed: int) -> tuple[Floats, Floats]:
    """A common difficulty and a gentle slope for each LLM."""
    X = np.random.default_rng(seed).normal(size=(n, 4))
    return X, sigmoid(1.5 * X[:, :3] + X[:, 3:] - np.array([1.0, 0.0, -1.0]))


def kinds(n: int, seed: int) -> tuple[Floats, Floats]:
    """Four kinds of queries, each with its own probabilities."""
    random = np.random.default_rng(seed)
    kind = random.integers(4, size=n)
    truth = np.array([[0.9, 0.3, 0.5], [0.2, 0.8, 0.5], [0.6, 0.6, 0.9], [0.3, 0.1, 0.2]])
    return 2 * np.eye(4)[kind] + 0.5 * random.normal(size=(n, 4)), truth[kind]


def fitted(problem: Problem, n: int, seed: int) -> SuccessPredictor:
    """Learn from n labels drawn from the true probabilities."""
    X, truth = problem(n, seed)
    labels = (np.random.default_rng(9 + seed).random(truth.shape) < truth).astype(float)
    return SuccessPredictor(random_state=seed).fit(X, labels)


@pytest.mark.parametrize("n", [60, 300])
@pytest.mark.parametrize("problem", [steep, gentle, kinds])
def test_sigma_is_as_large_as_the_error(problem: Problem, n: int) -> None:
    """Per LLM, mean sigma over the true root mean squared error lies in [1/2, 2], averaged over three draws."""
    sigmas, errors, weights = [], [], []
    for seed in range(3):
        predictor = fitted(problem, n, seed)
        Z, truth = problem(2000, 1000 + seed)
        mean, sigma = predictor.predict(Z, return_std=True)
        sigmas.append(sigma.mean(axis=0))
        errors.append(np.sqrt(((mean - truth) ** 2).mean(axis=0)))
        weights.append(predictor.shrinkage_)
    ratio = np.mean(sigmas, axis=0) / np.mean(errors, axis=0)
    assert ((ratio > 0.5) & (ratio < 2)).all(), ratio
    assert np.mean(weights) > 1.5


def test_sigma_has_a_bound_far_away() -> None:
    """A thousand times further out than any label sigma stays at or below 1/2, and so does it everywhere."""
    predictor = fitted(steep, 30, 0)
    for scale in (1, 10, 1000):
        _, sigma = predictor.predict(scale * steep(500, 7)[0], return_std=True)
        assert sigma.max() <= 0.5
        assert sigma.min() > 0


@pytest.mark.parametrize("problem", [steep, gentle, kinds])
def test_sigma_falls_as_labels_grow(problem: Problem) -> None:
    """Four times as many labels, and mean sigma is clearly smaller, twice in a row."""
    Z, _ = problem(500, 1000)
    means = [fitted(problem, n, 1).predict(Z, return_std=True)[1].mean() for n in (40, 160, 640)]
    assert means[1] < 0.85 * means[0]
    assert means[2] < 0.85 * means[1]


def test_robust_values_are_no_certainties() -> None:
    """With alpha = 1 and -1 most values are neither 0 nor 1, on a problem with middling probabilities."""
    predictor, (Z, _) = fitted(kinds, 60, 0), kinds(500, 8)
    for alpha in (-1.0, 1.0):
        robust = predictor.predict_robust(Z, alpha=alpha)
        assert ((robust > 0) & (robust < 1)).mean() > 0.75


def factors(estimator: object, X: Floats, y: Floats, shrinkage: Shrinkage = UNCHANGED) -> Floats:
    """Standard error over scatter of forty members, from the parts."""
    samples = resamples("folds", np.arange(len(X)), 40, np.random.RandomState(0))
    seeds = list(range(0, 80, 2))
    known = X, y, np.ones(len(X))
    ensemble = Ensemble.fit(estimator, *known, samples, seeds=seeds, n_jobs=1)
    return ensemble.scatter_to_error(estimator, *known, seeds=seeds, shrinkage=shrinkage, n_jobs=1)


def test_scatter_to_error() -> None:
    """Without randomness that of the jackknife, the root of nine; less with fewer trees; a common stretch cancels."""
    X, truth = gentle(80, 0)
    y = (np.random.default_rng(0).random(truth.shape) < truth).astype(float)
    np.testing.assert_array_equal(factors(Ridge(), X, y), 3.0)
    np.testing.assert_array_equal(factors(DecisionTreeRegressor(), X, y, AVERAGES), 3.0)
    few, many = (factors(ExtraTreesRegressor(k, min_samples_leaf=3), X, y) for k in (2, 20))
    assert (few < many).all()
    assert ((few >= 1) & (many <= 3)).all()
    stretched = factors(ExtraTreesRegressor(20, min_samples_leaf=3), X, y, Shrinkage(4.0, 4.0))
    np.testing.assert_allclose(stretched, many, rtol=1e-9)


def test_scatter_inside_rounds_ignores_what_differs_between_them() -> None:
    """Values 0, 2 in one round and 10, 12 in the next: deviation 1 inside, sqrt(26) in all, mean 6."""
    X = np.zeros((5, 1))
    values = np.array([[0.0], [2.0], [10.0], [12.0]])
    for turns, deviation in (([0, 0, 1, 1], 1.0), ([0] * 4, np.sqrt(26))):
        samples = [Resample(np.array([k]), np.array([], dtype=int), turn) for k, turn in enumerate(turns)]
        ensemble = Ensemble.fit(Ridge(), X[:4], values, np.ones(4), samples, seeds=[0] * 4, n_jobs=1)
        members = [Member(value, []) for value in values]
        mean, std = ensemble._replace(members=members).predict(X, shrinkage=UNCHANGED, n_jobs=1)
        np.testing.assert_allclose(mean, 6.0)
        np.testing.assert_allclose(std, deviation)


def test_bound() -> None:
    """1/2 in the middle, the rule of succession at the ends: n = 3 gives sqrt(1/5 * 4/5) = 0.4."""
    np.testing.assert_allclose(most_sigma(np.array([[0.0, 0.5, 1.0, 0.2]]), 3), [[0.4, 0.5, 0.4, 0.4]])


def test_published_keeps_the_plain_standard_deviation() -> None:
    """Over equally judged bootstraps: the standard deviation over members, with their weights."""
    X, truth = kinds(60, 0)
    y = (truth > 0.5).astype(float)
    predictor = SuccessPredictor.published(random_state=0)
    predictor.set_params(estimator__n_estimators=3, n_resamples=6).fit(X, y)
    Z = kinds(50, 1)[0]
    members = np.array([member.predict(Z) for member in predictor.ensemble_.members])
    mean = np.average(members, axis=0, weights=predictor.ensemble_.weights)
    plain = np.sqrt(np.average((members - mean) ** 2, axis=0, weights=predictor.ensemble_.weights))
    np.testing.assert_allclose(predictor.predict(Z, return_std=True)[1], plain, atol=1e-12)
