"""Query texts to the features that the success predictor learns from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from optllm_pymoo.prediction.texts import (
    SurfaceFeatures,
    TfidfSVD,
    as_dense,
    as_matrix,
    as_texts,
    check_finite,
    is_numeric,
)
from optllm_pymoo.validation import UserError


class _Embedding(TransformerMixin, BaseEstimator):
    """A function or a model with `encode`, seen as a transformer."""

    def __init__(self, embed: Callable[[list[str]], Any]) -> None:
        self.embed = embed

    def fit(self, X: list[str], y: Any = None) -> _Embedding:
        return self

    def transform(self, X: list[str]) -> Any:
        return self.embed(X)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _as_transformer(text: Any) -> Any:
    if hasattr(text, "fit") and hasattr(text, "transform"):
        return clone(text)
    if callable(getattr(text, "encode", None)) and not isinstance(text, str):
        return _Embedding(text.encode)
    if callable(text):
        return _Embedding(text)
    raise UserError(
        f"text must be a transformer, an object with encode() or a function list[str] -> (N, D); got {text!r:.60}"
    )


class QueryFeatures(TransformerMixin, BaseEstimator):
    """Turn queries into numbers: what they speak of, and how they look.

    Fit it on all texts of the batch, labelled or not: no labels are read, and the texts to be planned are
    known beforehand. Nothing is downloaded. A ready table of numbers passes through unchanged.

    Args:
        text: What reads the text: None for `TfidfSVD`, any scikit-learn transformer of strings (it is
            cloned), an embedding model with `encode(list[str])`, or a function list[str] -> (N, D).
        n_components: Columns of the default text part at most; ignored with a `text` of one's own.
        surface: Whether to append `SurfaceFeatures`.
        random_state: Seed or `RandomState` for the default text part.

    Examples:
        >>> texts = ["What is 2 + 2?", "Name a river", "", "何時ですか"]
        >>> QueryFeatures(random_state=0).fit_transform(texts).shape
        (4, 42)
        >>> QueryFeatures(text=lambda texts: [[len(t)] for t in texts], surface=False).fit_transform(texts).T
        array([[14., 12.,  0.,  5.]])
        >>> QueryFeatures().fit_transform([[1.0, 2.0]])
        array([[1., 2.]])
    """

    def __init__(
        self, text: Any = None, *, n_components: int = 100, surface: bool = True, random_state: Any = None
    ) -> None:
        self.text = text
        self.n_components = n_components
        self.surface = surface
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> QueryFeatures:
        """Learn the text part, without labels.

        Args:
            X: N >= 1 strings, or numbers (N, D).
            y: Ignored.

        Returns:
            The transformer itself.

        Raises:
            ValueError: If X is empty, holds something other than strings, or non-finite numbers.
        """
        self._fit(X)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Turn queries into features.

        Args:
            X: N strings, or numbers (N, D), as in `fit`.

        Returns:
            Features, (N, n_features_out_), finite.

        Raises:
            ValueError: If X is of another kind or width than in `fit`, or an embedding returns a wrong shape.
        """
        check_is_fitted(self)
        if is_numeric(X) != self.numeric_:
            known, given = ("numbers", "texts") if self.numeric_ else ("texts", "numbers")
            raise UserError(f"QueryFeatures was fitted on {known} and is now given {given}; fit it again")
        parts = [self._numbers(X)] if self.numeric_ else self._parts(as_texts(X))
        features = np.hstack(parts)
        if features.shape[1] != self.n_features_out_:
            raise UserError(f"features have {features.shape[1]} columns, in fit there were {self.n_features_out_}")
        return features

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns: those of the text part, then `surface_...`.

        Args:
            input_features: Names of the columns where numbers are passed through; else ignored.

        Returns:
            Names, (n_features_out_,).
        """
        check_is_fitted(self)
        surface = SurfaceFeatures().get_feature_names_out() if self._has_surface else np.array([], dtype=object)
        width = self.n_features_out_ - len(surface)
        if self.numeric_ and input_features is not None:
            return np.asarray(input_features, dtype=object)
        stem = "x" if self.numeric_ else "text_"
        return np.concatenate([np.array([f"{stem}{k}" for k in range(width)], dtype=object), surface])

    @property
    def _has_surface(self) -> bool:
        return bool(self.surface and not self.numeric_)

    def _fit(self, X: Any) -> None:
        self.numeric_ = is_numeric(X)
        if self.numeric_:
            self.n_features_out_ = self._numbers(X, reset=True).shape[1]
            return
        texts = as_texts(X)
        if not texts:
            raise UserError("texts is empty; at least one query is needed to fit the features")
        self.text_ = self._default() if self.text is None else _as_transformer(self.text)
        self.text_.fit(texts)
        self.n_features_out_ = sum(part.shape[1] for part in self._parts(texts[:1]))

    def _default(self) -> TfidfSVD:
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return TfidfSVD(n_components=self.n_components, random_state=seed)

    def _numbers(self, X: Any, *, reset: bool = False) -> NDArray[np.float64]:
        options = {"dtype": np.float64, "ensure_all_finite": False, "reset": reset}
        return check_finite(validate_data(self, as_dense(X), **options), "features")

    def _parts(self, texts: list[str]) -> list[NDArray[np.float64]]:
        embedded = as_matrix(self.text_.transform(texts), "text features")
        if len(embedded) != len(texts):
            raise UserError(f"text features must have one row per query: {len(texts)} expected, got {len(embedded)}")
        return [embedded, SurfaceFeatures().transform(texts)] if self.surface else [embedded]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.sparse = True
        return tags
