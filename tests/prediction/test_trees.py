"""Extra trees for threads, and what fitting leaves alone."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from optllm_pymoo.prediction import SuccessPredictor
from optllm_pymoo.prediction.trees import Trees


@pytest.mark.parametrize("shape", [(60,), (60, 1), (60, 4)])
def test_equals_the_forest_of_scikit_learn(shape: tuple[int, ...]) -> None:
    """Same seed, same trees, same averages, to the last bit."""
    rng = np.random.default_rng(0)
    X, y, new = rng.normal(size=(60, 5)), rng.random(shape), rng.normal(size=(30, 5))
    options = {"min_samples_leaf": 3, "max_features": 1 / 3, "random_state": 7}
    expected = ExtraTreesRegressor(10, **options).fit(X, y.squeeze()).predict(new)
    np.testing.assert_array_equal(Trees(10, **options).fit(X, y.squeeze()).predict(new), expected)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("estimator", [None, RandomForestRegressor(3)])
def test_no_thread_of_ours_swaps_the_filters(
    estimator: RandomForestRegressor | None, missing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`catch_warnings` swaps the filters of the process: what threads do at once leaves them damaged."""
    threads = set()
    enter = warnings.catch_warnings.__enter__

    def watched(self: warnings.catch_warnings) -> object:
        threads.add(threading.get_ident())
        return enter(self)

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, (40, 3)).astype(float)
    if missing:
        y[::5, 1] = np.nan
    monkeypatch.setattr(warnings.catch_warnings, "__enter__", watched)
    before = list(warnings.filters)
    predictor = SuccessPredictor(estimator, random_state=0, n_jobs=2).fit(X, y)
    predictor.predict(np.tile(X, (500, 1)), return_std=True)
    assert threads <= {threading.get_ident()}
    assert warnings.filters == before
