"""From a few labelled queries to the expected accuracy of every LLM on the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from optllm_pymoo.data import Dataset
from optllm_pymoo.decision.text import count
from optllm_pymoo.planning.labels import Split
from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor
from optllm_pymoo.validation import UserError


class Prediction(NamedTuple):
    """Expected accuracies of the planned queries."""

    accuracy: np.ndarray
    """(N, M) probability that an LLM answers a query correctly."""
    sigma: np.ndarray
    """(N, M) standard deviation of it."""


def silent(message: str, /) -> None:
    """Report nothing; the default of all functions that report their stages."""


def predict_accuracy(
    split: Split,
    /,
    *,
    random_state: int = 0,
    n_jobs: int | None = None,
    report: Callable[[str], None] = silent,
) -> Prediction:
    """Learn from the labelled part of a batch and predict the other.

    Features are fitted on the texts of both parts, which needs no outcomes; the predictor sees the labelled part
    only.

    Args:
        split: The two parts of the batch, with texts.
        random_state: Seed; same seed, same prediction, whatever ``n_jobs``.
        n_jobs: Ensemble members fitted at a time, as joblib counts.
        report: Called with the name of each stage as it begins.

    Raises:
        ValueError: If there are no texts, or an LLM has no label at all.
    """
    labelled, planned = split
    if labelled.texts is None or planned.texts is None:
        raise UserError(
            "the batch has no texts, so nothing can be predicted; give queries a column 'text' (folder)"
            " or 'query', 'text' or 'prompt' (wide file)"
        )
    report(f"Features of {len(labelled) + len(planned):,} texts")
    features = QueryFeatures(random_state=random_state).fit_transform(labelled.texts + planned.texts)
    report(f"Learning from {count(len(labelled), 'labelled query', 'labelled queries')}")
    predictor = SuccessPredictor(random_state=random_state, n_jobs=n_jobs)
    predictor.fit(features[: len(labelled)], _labels(labelled), cost=labelled.cost)
    report(f"Predicting {len(planned):,} queries on {planned.n_llms} LLMs")
    accuracy, sigma = predictor.predict(features[len(labelled) :], return_std=True)
    return Prediction(accuracy, sigma)


def _labels(labelled: Dataset) -> np.ndarray:
    unlabelled = np.flatnonzero(~labelled.tried.any(axis=0))
    if len(unlabelled):
        names = ", ".join(repr(labelled.llms[j]) for j in unlabelled)
        raise UserError(f"no labelled query tells anything about {names}; label some, or leave the LLM out")
    return labelled.correct
