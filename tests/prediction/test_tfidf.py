"""Latent semantic features of texts."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.prediction.tfidf import TfidfSVD

TEXTS = ["how many apples are left", "how many pears are left", "write a short poem", "write a long poem"]


def test_similar_texts_are_near() -> None:
    """Texts that share all words but one are nearer to each other than to texts that share none."""
    Z = TfidfSVD(n_components=3, n_style=0, random_state=0).fit_transform(TEXTS)
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    similarity = Z @ Z.T
    assert similarity[0, 1] > similarity[0, 2]
    assert similarity[2, 3] > similarity[2, 0]


def test_width_is_the_rank_at_most() -> None:
    """Three distinct texts span three dimensions, however many columns are asked for."""
    assert TfidfSVD(n_components=50, n_style=0, random_state=0).fit_transform(TEXTS[:3] * 4).shape == (12, 3)


def test_identical_texts_span_one_dimension() -> None:
    """Rounding noise is no feature: equal texts give equal rows and one column."""
    Z = TfidfSVD(n_style=0, random_state=0).fit_transform(["same"] * 30)
    assert Z.shape == (30, 1)
    assert np.ptp(Z) == 0


def test_unknown_and_empty_texts() -> None:
    """A text of unseen characters, and an empty one, project to the origin."""
    fitted = TfidfSVD(random_state=0).fit(TEXTS)
    assert not fitted.transform(["何", ""]).any()


def test_no_vocabulary_at_all() -> None:
    """Blank texts have no n-gram; one column of zeros keeps the table usable."""
    assert TfidfSVD(n_style=0, random_state=0).fit_transform(["", "  ", "\n"]).tolist() == [
        [0.0],
        [0.0],
        [0.0],
    ]


def test_batches_change_nothing() -> None:
    """Row by row or all at once: the same numbers."""
    whole = TfidfSVD(random_state=0).fit(TEXTS)
    single = TfidfSVD(random_state=0, batch_size=1).fit(TEXTS)
    np.testing.assert_allclose(single.transform(TEXTS), whole.transform(TEXTS), atol=1e-6)


def test_sample_bounds_what_is_learned_from() -> None:
    """With max_fit = 1 only one text is read in fit, so only one dimension can be learned."""
    assert TfidfSVD(max_fit=1, n_style=0, random_state=0).fit_transform(TEXTS).shape == (4, 1)


def test_empty_batch_of_texts() -> None:
    """Nothing to learn from is an error; nothing to transform is not."""
    with pytest.raises(ValueError, match="texts is empty"):
        TfidfSVD().fit([])
    assert TfidfSVD(random_state=0).fit(TEXTS).transform([]).shape[0] == 0
