"""Texts to numbers: counts by hand, and latent semantic features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optllm_pymoo.prediction.texts import COUNTS, TfidfSVD, as_texts, surface_counts


def _count(text: str) -> dict[str, float]:
    return dict(zip(COUNTS, np.expm1(surface_counts([text])[0].astype(float)).round(4), strict=True))


def test_counts_by_hand() -> None:
    """Counted by eye: two lines with 13 characters, 4 words of which 3 differ, 2 digits and 2 capitals."""
    counts = _count("Ab 12: a=b\nAb")
    expected = {
        **{"characters": 13, "words": 4, "distinct_words": 3, "digits": 2, "capitals": 2, "symbols": 2},
        **{"of_equal_sign": 1, "of_colon": 1, "of_line_break": 1, "longest_line": 10, "words_with_digits": 1},
        **{"capitalised_words": 2, "longest_word": 3, "mean_word_length": 2.5, "beyond_ascii": 0},
    }
    assert {name: counts[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("Who is it?", {"starts_with_capital", "ends_with_question_mark"}),
        (" who is it ", {"starts_with_small_letter", "starts_with_blank", "ends_with_letter_or_digit"}),
        ("3 + 4.", {"starts_with_digit", "ends_with_full_stop"}),
    ],
)
def test_both_ends(text: str, flags: set[str]) -> None:
    """How a text starts and ends is 1 for what is true and 0 for the rest."""
    counts = _count(text)
    ends = {name for name in counts if name.startswith(("starts_", "ends_")) and counts[name] > 0}
    assert ends == flags


def test_empty_text_is_a_row_of_zeros() -> None:
    """No character, no count, and no division by the number of words."""
    assert not surface_counts([""]).any()


def test_no_texts() -> None:
    """Zero texts give a table without rows but with all columns."""
    assert surface_counts([]).shape == (0, len(COUNTS))


@pytest.mark.parametrize("text", ["何時ですか？", "שלום עולם", "नमस्ते दुनिया", "👩‍🔬 ok", "\ud800", "\x00"])
def test_any_script(text: str) -> None:
    """Characters are counted as Python counts them, in any script, lone surrogates included."""
    assert _count(text)["characters"] == len(text)


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text())
def test_counts_of_characters_add_up(left: str, right: str) -> None:
    """What is counted character by character adds up under concatenation."""
    both, one, two = _count(left + right), _count(left), _count(right)
    for name in ("characters", "digits", "capitals", "of_colon", "of_bracket", "of_quote"):
        assert both[name] == pytest.approx(one[name] + two[name])


def test_refuses_what_is_no_text() -> None:
    """A missing text is named with its place; an empty one in its stead is fine."""
    with pytest.raises(ValueError, match=r"texts\[1\] = None"):
        as_texts(["a", None])
    assert as_texts(["a", ""]) == ["a", ""]


TEXTS = ["how many apples are left", "how many pears are left", "write a short poem", "write a long poem"]


def test_similar_texts_are_near() -> None:
    """Texts that share all words but one are nearer to each other than to texts that share none."""
    Z = TfidfSVD(n_components=3, random_state=0).fit_transform(TEXTS)
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    similarity = Z @ Z.T
    assert similarity[0, 1] > similarity[0, 2]
    assert similarity[2, 3] > similarity[2, 0]


def test_width_is_the_rank_at_most() -> None:
    """Three distinct texts span three dimensions, however many columns are asked for."""
    assert TfidfSVD(n_components=50, random_state=0).fit_transform(TEXTS[:3] * 4).shape == (12, 3)


def test_identical_texts_span_one_dimension() -> None:
    """Rounding noise is no feature: equal texts give equal rows and one column."""
    Z = TfidfSVD(random_state=0).fit_transform(["same"] * 30)
    assert Z.shape == (30, 1)
    assert np.ptp(Z) == 0


def test_unknown_and_empty_texts() -> None:
    """A text of unseen characters, and an empty one, project to the origin."""
    fitted = TfidfSVD(random_state=0).fit(TEXTS)
    assert not fitted.transform(["何", ""]).any()


def test_no_vocabulary_at_all() -> None:
    """Blank texts have no n-gram; one column of zeros keeps the table usable."""
    assert TfidfSVD(random_state=0).fit_transform(["", "  ", "\n"]).tolist() == [
        [0.0],
        [0.0],
        [0.0],
    ]


def test_batches_change_nothing() -> None:
    """Row by row or all at once: the very same numbers."""
    fitted = TfidfSVD(random_state=0).fit(TEXTS)
    whole = fitted.transform(TEXTS)
    np.testing.assert_array_equal(np.vstack([fitted.transform([text]) for text in TEXTS]), whole)


def test_sample_bounds_what_is_learned_from() -> None:
    """With max_fit = 1 only one text is read in fit, so only one dimension can be learned."""
    assert TfidfSVD(max_fit=1, random_state=0).fit_transform(TEXTS).shape == (4, 1)


def test_empty_batch_of_texts() -> None:
    """Nothing to learn from is an error; nothing to transform is not."""
    with pytest.raises(ValueError, match="texts is empty"):
        TfidfSVD().fit([])
    assert TfidfSVD(random_state=0).fit(TEXTS).transform([]).shape[0] == 0


def test_order_of_texts_changes_nothing() -> None:
    """Vocabulary and directions are those of the set of texts: the very same row for each text."""
    texts = [f"{a} and {b}" for a in ("apples", "pears", "plums") for b in "xyz"] + ["none"] * 4
    turned = texts[::-1]
    one, other = (TfidfSVD(n_components=4, max_fit=9, random_state=0).fit(given) for given in (texts, turned))
    np.testing.assert_array_equal(one.transform(texts), other.transform(texts))
