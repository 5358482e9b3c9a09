"""Texts to numbers without any model to download: counts, and TF-IDF reduced by SVD."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils import check_random_state
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import check_is_fitted

from optllm_pymoo.tolerances import SINGULAR
from optllm_pymoo.validation import UserError


def as_texts(X: Any, /) -> list[str]:
    """Make a list of strings out of any sequence of texts.

    Args:
        X: N strings: a list, a Series, an array (N,) or one column (N, 1).

    Returns:
        The texts, N strings.

    Raises:
        UserError: If X is one bare string or an entry is no string, naming its place.

    Examples:
        >>> as_texts(["a", ""])
        ['a', '']
    """
    if isinstance(X, (str, bytes)):
        raise UserError(f"texts must be a sequence of strings, got one bare string {X!r:.40}; wrap it in a list")
    values: Any = X.to_numpy() if hasattr(X, "to_numpy") else X
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise UserError(f"texts must be one-dimensional, got an array of shape {values.shape}")
    texts = list(values)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise UserError(f"texts must be strings; texts[{place}] = {text!r:.40}. Write '' for a missing text")
    return texts


_SIGNS: Final = {
    **{"equal_sign": "=", "colon": ":", "slash": "/", "full_stop": ".", "comma": ",", "question_mark": "?"},
    **{"bracket": "([{<", "quote": "\"'", "line_break": "\n", "dollar": "$", "backslash": "\\"},
    **{"underscore": "_", "dash": "-", "star": "*"},
}
_WORD = re.compile(r"\S+")
_DIGIT = re.compile(r"\d")
_SYMBOL = re.compile(r"[^\w\s]")
_SENTENCE_END = re.compile(r"[.!?。！？](?=\s|$)")


def _longest(parts: list[str]) -> float:
    return float(max(map(len, parts), default=0))


def _mean_length(words: list[str]) -> float:
    return sum(map(len, words)) / max(len(words), 1)


def _share(text: str, kind: Callable[[str], bool]) -> float:
    return sum(map(kind, text)) / max(len(text), 1)


def _counter(signs: str) -> Callable[[str, list[str]], float]:
    return lambda text, words: sum(map(text.count, signs))


COUNTS: Final[dict[str, Callable[[str, list[str]], float]]] = {
    "characters": lambda text, words: len(text),
    "words": lambda text, words: len(words),
    "distinct_words": lambda text, words: len(set(words)),
    "sentences": lambda text, words: len(_SENTENCE_END.findall(text)),
    "digits": lambda text, words: len(_DIGIT.findall(text)),
    "capitals": lambda text, words: sum(map(str.isupper, text)),
    "symbols": lambda text, words: len(_SYMBOL.findall(text)),
    "beyond_ascii": lambda text, words: len(text) - len(text.encode("ascii", "ignore")),
    **{f"of_{name}": _counter(signs) for name, signs in _SIGNS.items()},
    "longest_line": lambda text, words: _longest(text.splitlines()),
    "words_with_digits": lambda text, words: sum(_DIGIT.search(word) is not None for word in words),
    "capitalised_words": lambda text, words: sum(word[0].isupper() for word in words),
    "longest_word": lambda text, words: _longest(words),
    "mean_word_length": lambda text, words: _mean_length(words),
    "starts_with_capital": lambda text, words: text.lstrip()[:1].isupper(),
    "starts_with_small_letter": lambda text, words: text.lstrip()[:1].islower(),
    "starts_with_digit": lambda text, words: text.lstrip()[:1].isdigit(),
    "starts_with_blank": lambda text, words: text[:1].isspace(),
    "ends_with_question_mark": lambda text, words: text.rstrip().endswith(("?", "？")),
    "ends_with_full_stop": lambda text, words: text.rstrip().endswith((".", "。")),
    "ends_with_letter_or_digit": lambda text, words: text.rstrip()[-1:].isalnum(),
    "share_of_capitals": lambda text, words: _share(text, str.isupper),
    "share_of_digits": lambda text, words: _share(text, str.isdigit),
}
"""The counts in the order of the columns: name -> function of the text and its words (split at blanks)."""


def surface_counts(texts: Iterable[str], /) -> NDArray[np.float64]:
    """Count what can be seen of each text without reading it; `log(1 + count)` of all in `COUNTS`.

    Args:
        texts: N strings in any script.

    Returns:
        Features, (N, 36), finite and >= 0; an empty string is a row of zeros.

    Examples:
        >>> surface_counts(["", "a: 1"])[:, :3].round(2)
        array([[0.  , 0.  , 0.  ],
               [1.61, 1.1 , 1.1 ]])
    """
    rows = [
        [count(text, words) for count in COUNTS.values()]
        for text, words in ((text, _WORD.findall(text)) for text in texts)
    ]
    return np.log1p(np.array(rows, dtype=np.float64).reshape(len(rows), len(COUNTS)))


_DIGITS = re.compile(r"\d+")


def _mask_numbers(text: str) -> str:
    """Lower-case a text and write every number as 0, so that `user 17` and `user 4` read the same."""
    return _DIGITS.sub("0", text.lower())


def _fit_transform(vectorizer: TfidfVectorizer, texts: Sequence[str]) -> csr_matrix | None:
    try:
        return vectorizer.fit_transform(texts)
    except ValueError as error:
        if "empty vocabulary" in str(error):  # only blanks, or no word of two letters
            return None
        raise


class TfidfSVD(TransformerMixin, BaseEstimator):
    """Latent semantic analysis of queries.

    TF-IDF of character n-grams inside words (numbers masked) and of words, side by side, then truncated SVD.
    Characters carry logs, code and scripts without blanks, words carry the subject. Memory
    O(min(N, max_fit) * length + N * columns): texts pass in batches. The order of the texts changes nothing.

    Args:
        n_components: Columns at most; fewer if the texts don't span so many dimensions.
        max_features: Size of each of the two vocabularies.
        max_fit: Vocabularies and SVD are learned on a random sample of so many texts if there are more.
        batch_size: Distinct texts transformed at a time.
        random_state: Seed or `RandomState` for the sample and the randomised SVD.

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
        max_fit: int = 50_000,
        batch_size: int = 10_000,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
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
            UserError: If there is no text, or an entry is no string.
        """
        texts = sorted(as_texts(X))  # so that their order changes nothing
        if not texts:
            raise UserError("texts is empty; at least one query is needed to fit the features")
        random = check_random_state(self.random_state)
        if len(texts) > self.max_fit:
            texts = [texts[i] for i in np.sort(random.choice(len(texts), self.max_fit, replace=False))]
        shared = {"sublinear_tf": True, "dtype": np.float32, "max_features": self.max_features}
        char = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), preprocessor=_mask_numbers, **shared)
        counted = [
            (each, _fit_transform(each, texts)) for each in (char, TfidfVectorizer(ngram_range=(1, 2), **shared))
        ]
        self.vectorizers_ = [vectorizer for vectorizer, found in counted if found is not None]
        self.directions_: NDArray[np.float32] = np.zeros((0, 1), dtype=np.float32)
        if self.vectorizers_:
            tfidf = hstack([found for _, found in counted if found is not None]).tocsr()
            _, values, directions = randomized_svd(tfidf, min(self.n_components, *tfidf.shape), random_state=random)
            kept = max(1, int(np.sum(values > SINGULAR * values[0])))
            self.directions_ = np.ascontiguousarray(directions[:kept].T)
        self.n_features_out_ = self.directions_.shape[1]
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Project texts on the learned directions.

        Args:
            X: N strings.

        Returns:
            Features, (N, n_features_out_); one column of zeros if no text in `fit` had an n-gram.

        Raises:
            UserError: If an entry is no string.
        """
        check_is_fitted(self)
        place, distinct = pd.factorize(np.array(as_texts(X), dtype=object))
        out = np.zeros((len(distinct), self.n_features_out_))
        for start in range(0, len(distinct) if self.vectorizers_ else 0, self.batch_size):
            batch = distinct[start : start + self.batch_size].tolist()
            tfidf = hstack([vectorizer.transform(batch) for vectorizer in self.vectorizers_]).tocsr()
            out[start : start + len(batch)] = tfidf @ self.directions_
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
