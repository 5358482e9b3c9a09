"""The predictors that are compared, by name."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optllm_pymoo.prediction import ConstantPredictor, SuccessPredictor

Floats = NDArray[np.float64]


class Predicted(NamedTuple):
    """What a predictor says about the queries that are to be planned, and how long it took."""

    accuracy: Floats
    fit_seconds: float
    predict_seconds: float


def _robust(predictor: Any, features: Floats) -> Floats:
    return np.asarray(predictor.predict_robust(features))


def _mean(predictor: Any, features: Floats) -> Floats:
    return np.asarray(predictor.predict(features))


VALIDATING_ONE_OF: Final = (6, 11, 21)
"""With 6, 11 and 21 % labelled, one such part is the 1 % of the queries that the paper validates with."""


def _published(seed: int, jobs: int) -> SuccessPredictor:
    return SuccessPredictor.published(random_state=seed, n_jobs=jobs)


Recipe = tuple[Callable[[int, int], Any], Callable[[Any, Floats], Floats]]

PREDICTORS: Final[dict[str, Recipe]] = {
    "ours": (lambda seed, jobs: SuccessPredictor(random_state=seed, n_jobs=jobs), _mean),
    "published": (_published, _mean),
    "published-robust": (_published, _robust),
    "unshrunk": (lambda seed, jobs: SuccessPredictor(objective=None, random_state=seed, n_jobs=jobs), _mean),
    "published-10": (lambda seed, jobs: _published(seed, jobs).set_params(n_resamples=10), _mean),
    "constants": (lambda seed, jobs: ConstantPredictor(), _mean),
}
"""Name -> how to build it from a seed and a number of jobs, and what to ask it.

`published` grows 10,000 trees per split, which takes a minute; `published-10` has 10 bootstraps, not 100.
With `:1/6` (or `/11`, `/21`) behind its name it validates with that part of the labels, else with half.
`unshrunk` is `ours` without shrinking what differs between queries.
"""


def _validating_one_of(n_parts: int, recipe: Recipe) -> Recipe:
    """Let a predictor validate with one of so many parts of the labels, not with half of them."""
    build, ask = recipe
    return lambda seed, jobs: build(seed, jobs).set_params(validation_share=1 / n_parts), ask


PREDICTORS |= {
    f"{name}:1/{n_parts}": _validating_one_of(n_parts, PREDICTORS[name])
    for name in ("published", "published-10")
    for n_parts in VALIDATING_ONE_OF
}

ORACLE: Final = "oracle"
NAMES: Final = (*PREDICTORS, ORACLE)


def run_predictor(
    name: str, features: Floats, labels: Floats, targets: Floats, /, *, seed: int, n_jobs: int
) -> Predicted:
    """Fit one predictor and ask it.

    Args:
        name: A key of `PREDICTORS`.
        features: Of the labelled queries, (n, D).
        labels: Of the labelled queries, (n, M).
        targets: Features of the queries to plan, (N, D).
        seed: Its random state.
        n_jobs: Its jobs.

    Returns:
        Predictions (N, M) and seconds.
    """
    predictor, fit_seconds = _fitted(name, features, labels, seed, n_jobs)
    started = perf_counter()
    accuracy = PREDICTORS[name][1](predictor, targets)
    return Predicted(accuracy, fit_seconds, perf_counter() - started)


class PredictedWithSigma(NamedTuple):
    """What a predictor says about the queries that are to be planned, how far it may be off, and how long it took."""

    accuracy: Floats
    sigma: Floats
    fit_seconds: float
    predict_seconds: float


def predict_with_sigma(
    name: str, features: Floats, labels: Floats, targets: Floats, /, *, seed: int
) -> PredictedWithSigma:
    """Fit one predictor, with one job, and ask it for accuracies and how far they may be off.

    Args:
        name: A key of `PREDICTORS`.
        features: Of the labelled queries, (n, D).
        labels: Of the labelled queries, (n, M).
        targets: Features of the queries to plan, (N, D).
        seed: Its random state.

    Returns:
        Predictions, the same as `run_predictor` gives, and their standard deviations, (N, M) each, and seconds.
    """
    predictor, fit_seconds = _fitted(name, features, labels, seed, 1)
    ask = PREDICTORS[name][1]
    started = perf_counter()
    accuracy, sigma = predictor.predict(targets, return_std=True)
    if ask is not _mean:
        accuracy = ask(predictor, targets)
    return PredictedWithSigma(accuracy, sigma, fit_seconds, perf_counter() - started)


def _fitted(name: str, features: Floats, labels: Floats, seed: int, n_jobs: int) -> tuple[Any, float]:
    started = perf_counter()
    predictor = PREDICTORS[name][0](seed, n_jobs).fit(features, labels)
    return predictor, perf_counter() - started
