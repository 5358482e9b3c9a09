"""Extra trees that may be fitted and asked in threads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.tree import ExtraTreeRegressor
from sklearn.utils import check_random_state

from optllm_pymoo.prediction.averages import Floats


class Trees(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Average extra trees: `sklearn.ensemble.ExtraTreesRegressor` to the last bit, without its side effects.

    scikit-learn's forests, and its checks of input, enter `warnings.catch_warnings`. Before Python 3.14 that swaps the
    filters of the whole process, so threads that do so at once lose them for good and print thousands of lines.
    Trees that skip the checks don't: the input was checked by `SuccessPredictor`.

    Args:
        n_estimators: Trees.
        min_samples_leaf: Queries per leaf at the least.
        max_features: Share of the features that are tried per split.
        random_state: Seed or numpy `RandomState`.

    Examples:
        >>> X, y = np.arange(8.0)[:, None], np.repeat([0.0, 1.0], 4)
        >>> Trees(5, random_state=0).fit(X, y).predict(np.array([[0.0], [7.0]])).tolist()
        [0.0, 1.0]
    """

    def __init__(
        self,
        n_estimators: int = 50,
        *,
        min_samples_leaf: int = 1,
        max_features: float = 1.0,
        random_state: Any = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Trees:
        """Grow the trees.

        Args:
            X: Finite features, (n, D).
            y: Labels, (n,) or (n, M).
        """
        random, features = check_random_state(self.random_state), _as_trees_take(X)
        self.estimators_ = [
            ExtraTreeRegressor(
                min_samples_leaf=self.min_samples_leaf,
                max_features=self.max_features,
                random_state=random.randint(np.iinfo(np.int32).max),
            ).fit(features, y, check_input=False)
            for _ in range(self.n_estimators)
        ]
        return self

    def predict(self, X: Any) -> Floats:
        """Average the trees.

        Args:
            X: Finite features, (N, D).

        Returns:
            As many columns as y had.
        """
        features = _as_trees_take(X)
        total = sum(tree.predict(features, check_input=False) for tree in self.estimators_)
        return np.asarray(total / len(self.estimators_))


def may_thread(estimators: Iterable[Any], /) -> bool:
    """Say whether estimators leave the warning filters alone, so that threads may run them side by side.

    Args:
        estimators: Fitted or not.
    """
    return all(isinstance(estimator, Trees) for estimator in estimators)


def _as_trees_take(X: Any) -> Any:
    """scikit-learn's trees compute in single precision."""
    return np.ascontiguousarray(X, dtype=np.float32)
