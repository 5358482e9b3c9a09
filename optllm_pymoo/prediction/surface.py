"""What a text looks like from outside: counts that need no vocabulary and work in every script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from optllm_pymoo.prediction.texts import as_texts

_SIGNS: Final = {
    **{"equal_sign": "=", "colon": ":", "slash": "/", "full_stop": ".", "comma": ",", "question_mark": "?"},
    **{"bracket": "([{<", "quote": "\"'", "line_break": "\n", "dollar": "$", "backslash": "\\"},
    **{"underscore": "_", "dash": "-", "star": "*"},
}
_WORD = re.compile(r"\S+")
_DIGIT = re.compile(r"\d")
_SYMBOL = re.compile(r"[^\w\s]")
_SENTENCE_END = re.compile(r"[.!?。！？](?=\s|$)")


def _longest(words: list[str]) -> float:
    return float(max(map(len, words), default=0))


def _mean_length(words: list[str]) -> float:
    return sum(map(len, words)) / max(len(words), 1)


def _share(text: str, kind: Callable[[str], bool]) -> float:
    return sum(map(kind, text)) / max(len(text), 1)


def _counter(signs: str) -> Callable[[str, list[str]], float]:
    return lambda text, words: sum(map(text.count, signs))


def _longest_line(text: str) -> float:
    return float(max(map(len, text.splitlines()), default=0))


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
    "longest_line": lambda text, words: _longest_line(text),
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


class SurfaceFeatures(TransformerMixin, BaseEstimator):
    """Length, digits, punctuation, casing, line structure and both ends of texts, as logarithmic counts.

    On real queries they predict which LLM fails better than a stronger learner does. Nothing is learned
    in `fit`, so texts may be transformed one by one.

    Examples:
        >>> SurfaceFeatures().fit_transform(["What is 2 + 2?", ""]).shape
        (2, 36)
    """

    def fit(self, X: Iterable[str], y: Any = None) -> SurfaceFeatures:
        """Check the texts; there is nothing to learn.

        Args:
            X: N strings.
            y: Ignored.

        Returns:
            The transformer itself.

        Raises:
            ValueError: If an entry is no string.
        """
        as_texts(X)
        self.n_features_out_ = len(COUNTS)
        return self

    def transform(self, X: Iterable[str]) -> NDArray[np.float64]:
        """Count.

        Args:
            X: N strings.

        Returns:
            Features, (N, 36).

        Raises:
            ValueError: If an entry is no string.
        """
        return surface_counts(as_texts(X))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns.

        Args:
            input_features: Ignored.

        Returns:
            Names, (36,).
        """
        return np.array([f"surface_{name}" for name in COUNTS], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
