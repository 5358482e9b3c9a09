"""Texts: counts against a readable twin, n-grams against scikit-learn's analysers, sums on any number of threads."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from optllm_pymoo import make_dataset
from optllm_pymoo.kernels import texts as kernels
from optllm_pymoo.prediction import texts as module
from tests import twins

TEXTS = [
    *("", " ", "a", "ab 1 a", "Who? Yes! no.\tEnd。", "x\r\ny\x85z", "snake_case _x_ __", "3 + 4.", "ab12cd34 007"),
    *("何時ですか？", "שלום עולם", "नमस्ते दुनिया", "👩‍🔬 ok", "\ud800", "a\x00b", "Ünïcödé ² ③ ١٢", "ÇA VA ? Ça va ! "),
    *(f"word{k % 7} " * k for k in range(40)),
]
# İ and a final Σ have small letters that depend on more than the character: ours don't
SOME_TEXT = st.text(st.characters(exclude_characters="İΣ"), max_size=40)


def _tfidf(texts: list[str]) -> np.ndarray:
    """TF-IDF by our kernels, (n, F)."""
    codes = module._as_codes(texts)
    grams, stops = kernels.hash_grams(codes)
    known = np.unique(grams)
    known = np.concatenate([known[known % 2 == 0], known[known % 2 == 1]])
    rows = kernels.tally(grams, stops, kernels.index(known), len(known))
    n_with = np.bincount(rows.places, minlength=len(known))
    kernels.weigh(rows, (np.log((1 + len(texts)) / (1 + n_with)) + 1).astype(np.float32), int(np.sum(known % 2 == 0)))
    return csr_matrix((rows.values, rows.places, rows.stops), (len(texts), len(known))).toarray()


def _tfidf_of_scikit_learn(texts: list[str]) -> np.ndarray:
    """TF-IDF by its vectorizers, (n, F')."""
    masked = re.compile(r"\d+")
    cut = {"analyzer": "char_wb", "ngram_range": (2, 4), "preprocessor": lambda text: masked.sub("0", text.lower())}
    parts = [np.zeros((len(texts), 0))]
    for options in (cut, {"ngram_range": (1, 2)}):
        vectorizer = TfidfVectorizer(sublinear_tf=True, **options)
        if any(map(vectorizer.build_analyzer(), texts)):
            parts.append(vectorizer.fit_transform(texts).toarray())
    return np.hstack(parts)


@pytest.mark.parametrize("texts", [TEXTS, make_dataset(200, 2).texts], ids=["odd", "usual"])
def test_counts_equal_the_twin(texts: list[str]) -> None:
    """What is counted in one pass is what Python's own methods count, one after the other."""
    np.testing.assert_allclose(module.surface_counts(texts), twins.surface_counts(texts), rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_counts_of_any_texts_equal_the_twin(texts: list[str]) -> None:
    """Any characters in any order."""
    np.testing.assert_allclose(module.surface_counts(texts), twins.surface_counts(texts), rtol=1e-6)


def _assert_same_products(texts: list[str]) -> None:
    ours, theirs = _tfidf(texts), _tfidf_of_scikit_learn(texts)
    assert ours.shape[1] == theirs.shape[1]  # as many different n-grams
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-5)


@pytest.mark.parametrize("texts", [TEXTS, make_dataset(200, 2).texts], ids=["odd", "usual"])
def test_tfidf_equals_that_of_scikit_learn(texts: list[str]) -> None:
    """The products of all texts with each other, in which the order of the n-grams plays no part, are the same."""
    _assert_same_products(texts)


@settings(max_examples=60, deadline=None)
@given(st.lists(SOME_TEXT, min_size=1, max_size=5))
def test_tfidf_of_any_texts_equals_that_of_scikit_learn(texts: list[str]) -> None:
    """Any characters in any order."""
    _assert_same_products(texts)


def test_counted_grams_by_hand() -> None:
    """In "a a": twice " a", "a " and " a " and no word of two letters; weighed by 3 and 1 with "a": 7, 7 and 7."""
    grams, stops = kernels.hash_grams(module._as_codes(["a a", "a"]))
    tables = np.zeros(4, dtype=np.uint64), np.zeros(4, dtype=np.int64)
    keys, counts = kernels.count_grams(grams, stops, np.array([3, 1]), *tables)
    assert counts[keys > 0].tolist() == [7, 7, 7]
    assert np.all(keys % 2 == 0)


def test_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, and products with a dense table, are the same to the last bit in one thread and in two."""
    texts = make_dataset(300, 2).texts
    found = []
    for per_thread in (1 << 20, 64):
        monkeypatch.setattr(kernels, "_PER_THREAD", per_thread)
        monkeypatch.setattr("optllm_pymoo.kernels.jit.get_num_threads", lambda: 2)
        grams, stops = kernels.hash_grams(module._as_codes(texts))
        known = np.unique(grams)
        rows = kernels.tally(grams, stops, kernels.index(known), len(known))
        dense = np.random.default_rng(0).normal(size=(len(texts), 3)).astype(np.float32)
        below = kernels.transposed_times(rows, dense, len(known))
        found.append((*rows, below, kernels.times(rows, below)))
        np.testing.assert_allclose(below, csr_matrix((rows.values, rows.places, rows.stops)).T @ dense, atol=1e-4)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
