"""Features are computed of texts alone."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cells.table import FeatureCell
from optllm_pymoo.prediction import QueryFeatures
from tests.benchmarks.cells.bench import BENCH, QUESTIONS, TABLES


def test_features_are_those_of_the_texts() -> None:
    """One row per text, equal to what QueryFeatures gives with seed 0; only texts are handed over."""
    cell = FeatureCell(QUESTIONS.name, QUESTIONS.fingerprint)
    (texts,) = cell.inputs(BENCH)
    assert texts == BENCH.dataset(QUESTIONS.name).texts
    outcome = BENCH.outcome(cell)
    np.testing.assert_array_equal(outcome.arrays["features"], QueryFeatures(random_state=0).fit_transform(texts))
    assert outcome.measures == {"n_features": outcome.arrays["features"].shape[1]}
    assert outcome.timings["feature_seconds"] > 0


def test_no_texts() -> None:
    """A data set without texts is refused with its name."""
    with pytest.raises(ValueError, match="continuous-60x3 has no texts"):
        FeatureCell(TABLES.name, TABLES.fingerprint).inputs(BENCH)
