"""Checks of labels, each LLM's mean accuracy, and the baseline that predicts only this mean."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from optllm_pymoo.validation import UserError

Floats = NDArray[np.float64]


def check_labels(labels: Any, /, n_queries: int) -> Floats:
    """Check a table of labels.

    Args:
        labels: Per labelled query and LLM: 1 (correct), 0 (wrong), a share in between, or NaN if the LLM was not tried;
            (N, M), an array or a frame.
        n_queries: N, the rows of the features.

    Returns:
        The labels as float64, (N, M), a fresh array.

    Raises:
        UserError: If the shape is wrong, a label lies outside [0, 1], or an LLM has no label.

    Examples:
        >>> check_labels([[1, 0.5], [0, float("nan")]], n_queries=2)
        array([[1. , 0.5],
               [0. , nan]])
    """
    if labels is None:
        raise UserError("fit requires y to be passed, but the target y is None; y are the labels, (N, M)")
    table = np.array(labels, dtype=np.float64)
    if table.ndim != 2:
        raise UserError(
            f"labels must have shape (N, M), one column per LLM, got {table.shape}; reshape(-1, 1) if there is one LLM"
        )
    if len(table) != n_queries or not table.shape[1]:
        raise UserError(f"labels must have shape ({n_queries}, M >= 1) like the features, got {table.shape}")
    wrong = ~(np.isnan(table) | ((table >= 0) & (table <= 1)))
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        raise UserError(f"labels must lie in [0, 1] or be NaN where unknown; labels[{i}, {j}] = {table[i, j]}")
    blank = np.isnan(table).all(axis=0)
    if blank.any():
        j = int(np.flatnonzero(blank)[0])
        raise UserError(f"labels[:, {j}] holds no label at all; try LLM {j} on a query or leave it out")
    return table


def repeats_as_roots(groups: NDArray[np.intp], /) -> Floats:
    """Weight rows so that a query that is repeated n times counts as sqrt(n) queries.

    Errors of repetitions are correlated, so they aren't n independent observations; but a repeated query matters more
    in the batch.

    Args:
        groups: Group of each query, 0 ... G - 1, (N,); one group is one query.

    Returns:
        1 / sqrt(n), (N,).

    Examples:
        >>> repeats_as_roots(np.array([0, 0, 0, 0, 1]))
        array([0.5, 0.5, 0.5, 0.5, 1. ])
    """
    return np.asarray(1 / np.sqrt(np.bincount(groups)[groups]))


def laplace_means(labels: Floats, weight: Floats | None = None, /) -> Floats:
    """Estimate each LLM's mean accuracy by the rule of succession, (sum + 1) / (count + 2).

    Args:
        labels: Labels in [0, 1] or NaN, (N, M).
        weight: Weight of each row, in queries, (N,); None: one each.

    Returns:
        Means strictly between 0 and 1, (M,); 1/2 without a label.

    Examples:
        >>> laplace_means(np.array([[1.0, 1.0], [1.0, np.nan]])).round(3)
        array([0.75 , 0.667])
    """
    count = _counts(labels, weight)
    return np.asarray(((count * np.nan_to_num(labels)).sum(axis=0) + 1) / (count.sum(axis=0) + 2))


def laplace_variance(labels: Floats, weight: Floats | None = None, /) -> Floats:
    """Return the variance of `laplace_means`: that of the Beta posterior under a uniform prior.

    Args:
        labels: Labels in [0, 1] or NaN, (N, M).
        weight: Weight of each row, in queries, (N,); None: one each.

    Returns:
        Variances, (M,).

    Examples:
        >>> laplace_variance(np.array([[1.0], [0.0]]))
        array([0.05])
    """
    means = laplace_means(labels, weight)
    return np.asarray(means * (1 - means) / (_counts(labels, weight).sum(axis=0) + 3))


def _counts(labels: Floats, weight: Floats | None) -> Floats:
    """Return the weight of each label, in queries, (N, M)."""
    known = ~np.isnan(labels)
    return known.astype(np.float64) if weight is None else known * weight[:, None]


class ConstantPredictor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Predict each LLM's mean accuracy (rule of succession) for every query.

    With few labels it is a strong baseline: predictors that overfit the labels are worse.

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
            UserError: If the labels don't fit, see `check_labels`.
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
            return_std: Whether to return the standard error of the means too.

        Returns:
            Probabilities (N, M), and with ``return_std`` standard errors (N, M).
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
