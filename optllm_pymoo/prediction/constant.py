"""The yardstick: every LLM's average, whatever the query."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from optllm_pymoo.prediction.labels import Floats, check_labels, laplace_means, laplace_variance


class ConstantPredictor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Predict each LLM's mean accuracy (rule of succession) for every query.

    With few labels it is a strong opponent: a predictor that follows the labels too closely loses to it.

    Examples:
        >>> labels = [[1, 0], [1, 1]]
        >>> ConstantPredictor().fit([[0.0], [1.0]], labels).predict([[5.0]])
        array([[0.75, 0.5 ]])
    """

    def fit(self, X: Any, y: Any) -> ConstantPredictor:
        """Average the labels.

        Args:
            X: Features (N, D); only their count matters.
            y: Labels in [0, 1], NaN where unknown, (N, M).

        Returns:
            The predictor itself.

        Raises:
            ValueError: If the labels don't fit, see `check_labels`.
        """
        rows = validate_data(self, X)
        labels = check_labels(y, n_queries=len(rows))
        self.means_ = laplace_means(labels)
        self.std_ = np.sqrt(laplace_variance(labels))
        return self

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False) -> Floats: ...

    @overload
    def predict(self, X: Any, return_std: Literal[True]) -> tuple[Floats, Floats]: ...

    def predict(self, X: Any, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Repeat the means.

        Args:
            X: Features (N, D).
            return_std: Whether to give the standard error of the means too.

        Returns:
            Probabilities (N, M), and standard errors (N, M) if asked for.
        """
        check_is_fitted(self)
        rows = len(validate_data(self, X, reset=False))
        means = np.tile(self.means_, (rows, 1))
        return (means, np.tile(self.std_, (rows, 1))) if return_std else means

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.regressor_tags.poor_score = True
        return tags
