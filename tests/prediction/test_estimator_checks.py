"""scikit-learn's own estimator checks, as far as they apply."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from optllm_pymoo.prediction import ConstantPredictor, QueryFeatures, SuccessPredictor


def squeezed(y: Any) -> Any:
    """Carry any numbers to [0, 1]: the checks draw labels that no success can have, such as 2 or -0.3."""
    if y is None:
        return y
    y = np.asarray(y).astype(float)
    return (y - y.min()) / max(np.ptp(y), 1)


class AnyLabels(SuccessPredictor):
    """SuccessPredictor but for the range of its labels."""

    def fit(self, X: Any, y: Any = None) -> AnyLabels:
        super().fit(X, squeezed(y))
        return self


class AnyLabelsConstant(ConstantPredictor):
    """ConstantPredictor but for the range of its labels."""

    def fit(self, X: Any, y: Any = None) -> AnyLabelsConstant:
        super().fit(X, squeezed(y))
        return self


@parametrize_with_checks(  # type: ignore[untyped-decorator]  # scikit-learn is untyped
    [AnyLabels(DecisionTreeRegressor(min_samples_leaf=5)), AnyLabelsConstant(), QueryFeatures()]
)
def test_estimator_checks(estimator: Any, check: Any) -> None:
    """Each of scikit-learn's checks holds; for transformers of nothing but texts it has none."""
    assert check(estimator) is None
