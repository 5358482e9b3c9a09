"""One member: a base estimator on one resample."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from optllm_pymoo.prediction.members import check_estimator_suits, fit_member
from optllm_pymoo.validation import UserError

FEATURES = np.arange(6.0)[:, None]
GAPS = np.array([[1, np.nan], [1, 0], [0, 1], [np.nan, 1], [0, np.nan], [1, 1]])


@pytest.mark.parametrize("estimator", [RandomForestClassifier(5), LogisticRegression(), Ridge()])
def test_missing_labels_are_left_out_without_a_warning(estimator: Any) -> None:
    """Each LLM learns from the queries it was tried on: as if the others were not there."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit_member(estimator, FEATURES, GAPS, contrast=1.0, seed=0).predict(FEATURES)
    for j in range(2):
        known = ~np.isnan(GAPS[:, j])
        alone = fit_member(estimator, FEATURES[known], GAPS[known][:, [j]], contrast=1.0, seed=0)
        np.testing.assert_array_equal(found[:, [j]], alone.predict(FEATURES))


@pytest.mark.parametrize("wrong", ["forest", 7, Ridge])
def test_refuses_what_is_no_estimator(wrong: Any) -> None:
    """A name, a number, and a class that somebody forgot to call; the instance will do."""
    with pytest.raises(UserError, match="estimator must be a scikit-learn estimator"):
        check_estimator_suits(wrong, GAPS)
    check_estimator_suits(Ridge(), GAPS)
