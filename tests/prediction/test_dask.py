"""joblib's backends reach a Dask cluster."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from optllm_pymoo.prediction import SuccessPredictor

distributed = pytest.importorskip("distributed", reason="needs dask and distributed (extra: dask)")


class Located(Ridge):  # type: ignore[misc]  # scikit-learn is untyped
    """A base estimator that remembers the Dask worker on which it was fitted."""

    def fit(self, X: Any, y: Any) -> Located:
        """Fit, and ask where; outside of a worker there is none."""
        try:
            self.worker_ = distributed.get_worker().address
        except ValueError:
            self.worker_ = None
        super().fit(X, y)
        return self


def test_same_numbers_on_a_local_cluster() -> None:
    """Two Dask workers fit the members, and give the very numbers that are fitted here."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(40, 3)), random.integers(0, 2, (40, 2)).astype(float)
    here = SuccessPredictor(Located(), random_state=0).fit(X, y)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = SuccessPredictor(Located(), random_state=0).fit(X, y)
        predicted = there.predict(X)
    np.testing.assert_array_equal(here.predict(X), predicted)
    assert {member.models[0][0].worker_ for member in here.ensemble_.members} == {None}
    workers = {member.models[0][0].worker_ for member in there.ensemble_.members}
    assert workers
    assert None not in workers
