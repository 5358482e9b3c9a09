"""Texts to dense vectors without any model to download: TF-IDF of characters and words, reduced by SVD."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils import check_random_state
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import check_is_fitted

from optllm_pymoo.prediction.texts import as_texts
from optllm_pymoo.validation import UserError

_NEGLIGIBLE = 1e-6  # singular values below this share of the largest carry rounding noise only (float32)
_DIGITS = re.compile(r"\d+")


def mask_numbers(text: str) -> str:
    """Lower-case a text and write every number as 0, so that `user 17` and `user 4` read the same.

    Args:
        text: One query.

    Returns:
        The masked text.

    Examples:
        >>> mask_numbers("Host 10.0.0.255 left")
        'host 0.0.0.0 left'
    """
    return _DIGITS.sub("0", text.lower())


class _Projection:
    """Some vectorizers side by side and the directions of the SVD of what they give."""

    def __init__(self, vectorizers: Sequence[TfidfVectorizer], n_components: int) -> None:
        self.vectorizers = vectorizers
        self.n_components = n_components

    def fit(self, texts: Sequence[str], random: np.random.RandomState) -> _Projection:
        counted = [(vectorizer, _fit_transform(vectorizer, texts)) for vectorizer in self.vectorizers]
        self.vectorizers = [vectorizer for vectorizer, found in counted if found is not None]
        self.directions: NDArray[np.float32] = np.zeros((0, 1), dtype=np.float32)
        if self.vectorizers:
            tfidf = hstack([found for _, found in counted if found is not None]).tocsr()
            _, values, directions = randomized_svd(tfidf, min(self.n_components, *tfidf.shape), random_state=random)
            kept = max(1, int(np.sum(values > _NEGLIGIBLE * values[0])))
            self.directions = np.ascontiguousarray(directions[:kept].T)
        return self

    def transform(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not self.vectorizers:  # no vocabulary: one column of zeros
            return np.zeros((len(texts), 1), dtype=np.float32)
        tfidf = hstack([vectorizer.transform(texts) for vectorizer in self.vectorizers]).tocsr()
        return np.asarray(tfidf @ self.directions)


def _fit_transform(vectorizer: TfidfVectorizer, texts: Sequence[str]) -> csr_matrix | None:
    try:
        return vectorizer.fit_transform(texts)
    except ValueError as error:
        if "empty vocabulary" in str(error):  # only blanks, or no word of two letters
            return None
        raise


class TfidfSVD(TransformerMixin, BaseEstimator):
    """Latent semantic analysis of queries, once for their topic and once for their style.

    Topic: TF-IDF of character n-grams inside words (numbers masked) and of words, side by side, then
    truncated SVD. Characters carry logs, code and scripts without blanks, words carry the subject. Style:
    the 300 most frequent words and signs, as they are written and not discounted for being frequent, then
    SVD; it tells where a query comes from. Memory O(min(N, max_fit) * length + N * columns): texts pass
    in batches.

    Args:
        n_components: Topic columns at most; fewer if the texts don't span so many dimensions.
        n_style: Style columns at most; 0 leaves them out.
        max_features: Size of each of the two topic vocabularies.
        max_fit: Vocabularies and SVD are learned on a random sample of so many texts if there are more.
        batch_size: Distinct texts transformed at a time.
        random_state: Seed or `RandomState` for the sample and the randomised SVD.

    Examples:
        >>> texts = ["sum two numbers", "sum three numbers", "write a poem", "write a song"]
        >>> TfidfSVD(n_components=2, n_style=1, random_state=0).fit_transform(texts).shape
        (4, 3)
    """

    def __init__(
        self,
        *,
        n_components: int = 100,
        n_style: int = 30,
        max_features: int = 20_000,
        max_fit: int = 50_000,
        batch_size: int = 10_000,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.n_style = n_style
        self.max_features = max_features
        self.max_fit = max_fit
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> TfidfSVD:
        """Learn the vocabularies and the directions, without labels.

        Args:
            X: N >= 1 strings; empty ones are fine.
            y: Ignored.

        Returns:
            The transformer itself.

        Raises:
            ValueError: If there is no text, or an entry is no string.
        """
        texts = as_texts(X)
        if not texts:
            raise UserError("texts is empty; at least one query is needed to fit the features")
        random = check_random_state(self.random_state)
        if len(texts) > self.max_fit:
            texts = [texts[i] for i in np.sort(random.choice(len(texts), self.max_fit, replace=False))]
        self.projections_ = [part.fit(texts, random) for part in self._parts()]
        self.n_features_out_ = sum(part.directions.shape[1] for part in self.projections_)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Project texts on the learned directions.

        Args:
            X: N strings.

        Returns:
            Features, (N, n_features_out_).

        Raises:
            ValueError: If an entry is no string.
        """
        check_is_fitted(self)
        place, distinct = pd.factorize(np.array(as_texts(X), dtype=object))
        out = np.zeros((len(distinct), self.n_features_out_))
        for start in range(0, len(distinct), self.batch_size):
            batch = distinct[start : start + self.batch_size].tolist()
            out[start : start + len(batch)] = np.hstack([part.transform(batch) for part in self.projections_])
        return out[place]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns.

        Args:
            input_features: Ignored.

        Returns:
            Names, (n_features_out_,).
        """
        check_is_fitted(self)
        return np.array([f"tfidfsvd{k}" for k in range(self.n_features_out_)], dtype=object)

    def _parts(self) -> list[_Projection]:
        shared = {"sublinear_tf": True, "dtype": np.float32}
        topic = {**shared, "max_features": self.max_features}
        style = {**shared, "max_features": 300, "use_idf": False, "lowercase": False}
        char = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), preprocessor=mask_numbers, **topic)
        word = TfidfVectorizer(ngram_range=(1, 2), **topic)
        signs = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", **style)
        parts = [_Projection([char, word], self.n_components), _Projection([signs], self.n_style)]
        return parts if self.n_style else parts[:1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
