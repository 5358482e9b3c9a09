"""Texts to dense vectors without any model to download: TF-IDF of characters and words, reduced by SVD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from optllm_pymoo.prediction.texts import as_texts

_NEGLIGIBLE = 1e-6  # singular values below this share of the largest carry rounding noise only (float32)


def _fitted(vectorizer: TfidfVectorizer, texts: Sequence[str]) -> TfidfVectorizer | None:
    try:
        return vectorizer.fit(texts)
    except ValueError as error:
        if "empty vocabulary" in str(error):  # only blanks, or no word of two letters
            return None
        raise


class TfidfSVD(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Latent semantic analysis of queries: character and word TF-IDF side by side, then truncated SVD.

    Characters (n-grams inside words) carry logs, code and scripts without blanks, words carry the topic.
    Memory: O(min(N, max_fit) * length + N * n_components); texts pass in batches.

    Args:
        n_components: Columns at most; fewer if the texts don't span so many dimensions.
        max_features: Size of each of the two vocabularies.
        char_ngrams: Shortest and longest character n-gram.
        word_ngrams: Shortest and longest word n-gram.
        max_fit: Vocabulary and SVD are learned on a random sample of so many texts if there are more.
        batch_size: Texts transformed at a time.
        random_state: Seed or generator for the sample and the randomised SVD.

    Examples:
        >>> texts = ["sum two numbers", "sum three numbers", "write a poem", "write a song"]
        >>> TfidfSVD(n_components=2, random_state=0).fit_transform(texts).shape
        (4, 2)
    """

    def __init__(
        self,
        *,
        n_components: int = 100,
        max_features: int = 20_000,
        char_ngrams: tuple[int, int] = (2, 4),
        word_ngrams: tuple[int, int] = (1, 2),
        max_fit: int = 50_000,
        batch_size: int = 10_000,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.max_features = max_features
        self.char_ngrams = char_ngrams
        self.word_ngrams = word_ngrams
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
            raise ValueError("texts is empty; at least one query is needed to fit the features")
        random = check_random_state(self.random_state)
        if len(texts) > self.max_fit:
            texts = [texts[i] for i in np.sort(random.choice(len(texts), self.max_fit, replace=False))]
        self._fit_vocabularies(texts)
        self._fit_directions(self._tfidf(texts), random)
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
        texts = as_texts(X)
        out = np.zeros((len(texts), self.n_features_out_))
        if self.svd_ is not None:
            for start in range(0, len(texts), self.batch_size):
                part = slice(start, start + self.batch_size)
                out[part] = self.svd_.transform(self._tfidf(texts[part]))[:, : self.n_features_out_]
        return out

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns.

        Args:
            input_features: Ignored.

        Returns:
            Names, (n_features_out_,).
        """
        check_is_fitted(self)
        return np.array([f"tfidfsvd{k}" for k in range(self.n_features_out_)], dtype=object)

    def _fit_vocabularies(self, texts: Sequence[str]) -> None:
        shared = {"max_features": self.max_features, "sublinear_tf": True, "dtype": np.float32}
        char = TfidfVectorizer(analyzer="char_wb", ngram_range=self.char_ngrams, **shared)
        word = TfidfVectorizer(ngram_range=self.word_ngrams, **shared)
        found = (_fitted(char, texts), _fitted(word, texts))
        self.vectorizers_ = [vectorizer for vectorizer in found if vectorizer is not None]

    def _fit_directions(self, tfidf: csr_matrix | None, random: np.random.RandomState) -> None:
        self.svd_, self.n_features_out_ = None, 1  # no vocabulary: one column of zeros
        if tfidf is None:
            return
        rank = min(self.n_components, *tfidf.shape)
        self.svd_ = TruncatedSVD(rank, random_state=random).fit(tfidf)
        values = self.svd_.singular_values_
        self.n_features_out_ = max(1, int(np.sum(values > _NEGLIGIBLE * values[0])))

    def _tfidf(self, texts: Sequence[str]) -> csr_matrix | None:
        if not self.vectorizers_:
            return None
        return hstack([vectorizer.transform(texts) for vectorizer in self.vectorizers_]).tocsr()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
