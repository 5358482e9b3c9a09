"""Texts to numbers without any model to download: counts, and TF-IDF reduced by SVD."""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from optllm_pymoo.kernels.texts import (
    DECIMAL,
    DIGIT,
    LINE_END,
    LOWER,
    SENTENCE_END,
    SPACE,
    UPPER,
    WORD,
    Rows,
    Texts,
    count_grams,
    count_surface,
    hash_grams,
    index,
    tally,
    times,
    transposed_times,
    weigh,
)
from optllm_pymoo.tolerances import SINGULAR
from optllm_pymoo.validation import UserError


def as_texts(X: Any, /) -> list[str]:
    """Convert any sequence of texts to a list of strings.

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

COUNTS: Final = (
    *("characters", "words", "distinct_words", "sentences", "digits", "capitals", "symbols", "beyond_ascii"),
    *(f"of_{name}" for name in _SIGNS),
    *("longest_line", "words_with_digits", "capitalised_words", "longest_word", "mean_word_length"),
    *("starts_with_capital", "starts_with_small_letter", "starts_with_digit", "starts_with_blank"),
    *("ends_with_question_mark", "ends_with_full_stop", "ends_with_letter_or_digit"),
    *("share_of_capitals", "share_of_digits"),
)
"""The counts, in the order of the columns; words are separated by blanks."""

_BATCH: Final = 1 << 21  # characters processed together


@cache
def _alphabet() -> tuple[NDArray[np.uint8], NDArray[np.uint32], NDArray[np.int64]]:
    """Return kinds and lower case of all characters, as in Python, and the column of each ASCII sign."""
    n_cased = 0x20000  # no capitals or digits beyond
    everything = np.arange(0x110000, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    kinds = np.zeros(len(everything), dtype=np.uint8)
    patterns = {SPACE: r"\s+", DECIMAL: r"\d+", WORD: r"\w+", SENTENCE_END: "[.!?。！？]"}
    for bit, pattern in {**patterns, LINE_END: "[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]"}.items():
        for found in re.finditer(pattern, everything):
            kinds[slice(*found.span())] |= bit
    for bit, is_one in {DIGIT: str.isdigit, UPPER: str.isupper, LOWER: str.islower}.items():
        kinds[:n_cased] |= np.fromiter(map(is_one, everything[:n_cased]), bool, n_cased).astype(np.uint8) * bit
    # İ alone has a small letter of two characters
    lower = np.frombuffer(everything[:n_cased].replace("İ", "I").lower().encode("utf-32-le", "surrogatepass"), "<u4")
    signs = np.full(128, -1)
    for name, characters in _SIGNS.items():
        signs[[ord(character) for character in characters]] = COUNTS.index(f"of_{name}")
    return kinds, lower, signs


def _as_codes(texts: Sequence[str]) -> Texts:
    """Return the code points of texts."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return Texts(codes, np.cumsum([0, *map(len, texts)]), *_alphabet())


def _batches(texts: Sequence[str]) -> Iterator[tuple[slice, Texts]]:
    """Divide texts into batches of about so many characters, which bounds the memory."""
    batch = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1) // _BATCH
    ends = np.searchsorted(batch, np.unique(batch), side="right").tolist()
    for part in map(slice, [0, *ends], ends):
        yield part, _as_codes(texts[part])


def surface_counts(texts: Sequence[str], /) -> NDArray[np.float32]:
    """Count surface features of each text; `log(1 + count)` of all in `COUNTS`.

    Args:
        texts: N strings in any script.

    Returns:
        Features, (N, 36), finite and >= 0; an empty string is a row of zeros.

    Examples:
        >>> surface_counts(["", "a: 1"])[:, :3].round(2)
        array([[0.  , 0.  , 0.  ],
               [1.61, 1.1 , 1.1 ]], dtype=float32)
    """
    out = np.empty((len(texts), len(COUNTS)), dtype=np.float32)
    for part, codes in _batches(texts):
        out[part] = count_surface(codes, len(COUNTS))
    return out


_OVERSAMPLED: Final = 12  # additional directions for accuracy
_ROUNDS: Final = 5  # of the power iteration


def _orthonormal(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn columns into their left singular vectors, largest singular values first, by their Gram matrix."""
    double = columns.astype(np.float64)
    squares, turn = np.linalg.eigh(double.T @ double)
    values = np.sqrt(np.maximum(squares[::-1], 0.0))
    kept = values > SINGULAR * values[0]
    return np.asarray(columns @ (turn[:, ::-1][:, kept] / values[kept]).astype(np.float32))


def _principal_directions(rows: Rows, n_columns: int, n_components: int, seed: int) -> NDArray[np.float32]:
    """Find the right singular vectors of the largest singular values (Halko, Martinsson and Tropp, 2011)."""
    n_rows = len(rows.stops) - 1
    width = min(n_components + _OVERSAMPLED, n_rows, n_columns)
    left = np.random.default_rng(seed).standard_normal((n_rows, width), dtype=np.float32)
    for _ in range(_ROUNDS):
        left = _orthonormal(times(rows, transposed_times(rows, left, n_columns)))
    right = _orthonormal(transposed_times(rows, left, n_columns))[:, :n_components]
    largest = right[np.abs(right).argmax(axis=0), np.arange(right.shape[1])]
    # in half precision: saving in half the size loses nothing
    return np.ascontiguousarray(np.where(largest < 0, -right, right).astype(np.float16).astype(np.float32))


def _digest(text: str, key: bytes) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()


class TfidfSVD(TransformerMixin, BaseEstimator):
    """Latent semantic analysis of queries.

    TF-IDF of character n-grams inside words (numbers masked) and of words, side by side, then truncated SVD.
    Characters carry logs, code and scripts without blanks, words carry the subject. N-grams are hashed (64 bits),
    counted and projected text by text, so the table of TF-IDF exists only for the sample used by `fit`. Memory O(min(N,
    max_fit) * length + N * columns). The order of the texts has no effect.

    Args:
        n_components: Largest number of columns; fewer if the texts don't span so many dimensions.
        max_features: Size of each of the two vocabularies.
        max_fit: Largest number of distinct texts for vocabularies and SVD; a random sample if there are more.
        random_state: Seed or `RandomState` for the sample and the randomised SVD.

    Attributes:
        grams_: Hashes of the n-grams, those of characters first, the most frequent first, (F,) uint64.
        idf_: Their inverse document frequencies, (F,) float32.
        n_characters_: N-grams of characters among the F.
        directions_: (F, n_features_out_) float32, every value one of float16.

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
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.max_features = max_features
        self.max_fit = max_fit
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
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        texts, weights = self._sample(as_texts(X), seed)
        self.grams_ = self._frequent_grams(texts, weights)
        self.n_characters_ = int(np.sum(self.grams_ % 2 == 0))
        vocabulary = index(self.grams_)
        counted = [tally(*hash_grams(codes), vocabulary, len(self.grams_)) for _, codes in _batches(texts)]
        lengths, places, values = (
            np.concatenate(of) for of in zip(*((np.diff(rows.stops), *rows[1:]) for rows in counted), strict=True)
        )
        n_with = np.bincount(places, np.repeat(weights, lengths), minlength=len(self.grams_))
        self.idf_: NDArray[np.float32] = (np.log((1 + weights.sum()) / (1 + n_with)) + 1).astype(np.float32)
        self.directions_: NDArray[np.float32] = np.zeros((len(self.grams_), 1), dtype=np.float32)
        if len(places):
            rows = Rows(np.concatenate([[0], np.cumsum(lengths)]), places, values)
            weigh(rows, self.idf_, self.n_characters_)
            rows.values[:] *= np.repeat(np.sqrt(weights).astype(np.float32), lengths)
            # sums in one order on any machine; also, BLAS' threads would wait for each other on a busy machine
            with threadpool_limits(1, user_api="blas"):
                self.directions_ = _principal_directions(rows, len(self.grams_), self.n_components, seed)
        self.n_features_out_ = self.directions_.shape[1]
        return self

    def _sample(self, texts: list[str], seed: int) -> tuple[list[str], NDArray[np.int64]]:
        """Draw distinct texts by a hash; return them with their counts, in an order independent of X."""
        if not texts:
            raise UserError("texts is empty; at least one query is needed to fit the features")
        places, distinct = pd.factorize(np.array(texts, dtype=object))
        found = list(zip(distinct.tolist(), np.bincount(places).tolist(), strict=True))
        if len(found) > self.max_fit:
            key = seed.to_bytes(4, "little")
            found = heapq.nsmallest(self.max_fit, found, key=lambda each: _digest(each[0], key))
        found.sort()
        return [text for text, _ in found], np.array([count for _, count in found])

    def _frequent_grams(self, texts: list[str], weights: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Choose the most frequent n-grams, those of characters first."""
        keys, counts = np.zeros(1 << 16, dtype=np.uint64), np.zeros(1 << 16, dtype=np.int64)
        for part, codes in _batches(texts):
            keys, counts = count_grams(*hash_grams(codes), weights[part], keys, counts)
        chosen = []
        for kind in (0, 1):
            of_kind = np.flatnonzero((keys % 2 == kind) & (keys > 0))
            chosen.append(of_kind[np.lexsort([keys[of_kind], -counts[of_kind]])[: self.max_features]])
        return keys[np.concatenate(chosen)]

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Project texts on the learned directions.

        Args:
            X: N strings.

        Returns:
            Features, (N, n_features_out_); one column of zeros if no text in `fit` had an n-gram.

        Raises:
            UserError: If an entry is no string.
        """
        check_is_fitted(self)
        texts = as_texts(X)
        out = np.empty((len(texts), self.n_features_out_), dtype=np.float32)
        vocabulary = index(self.grams_)
        for part, codes in _batches(texts):
            rows = tally(*hash_grams(codes), vocabulary, len(self.grams_))
            weigh(rows, self.idf_, self.n_characters_)
            out[part] = times(rows, self.directions_)
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
