"""QueryFeatures: texts of every kind, numbers, transformers and embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor

TEXTS = ["What is 2 + 2?", "Name three rivers", "translate: Guten Tag", "for i in range(3): print(i)", ""]

EDGE_CASES = {
    "one query": ["only one"],
    "one empty query": [""],
    "all empty": ["", "", ""],
    "identical": ["same text"] * 7,
    "blanks": [" ", "\n\n", "\t"],
    "scripts": ["何時ですか", "שלום", "नमस्ते", "Привет, мир", "👩‍🔬🧪"],
    "one character each": ["a", "b", "?", "7"],
    "very long": ["word " * 20_000, "x"],
    "lone surrogate": ["\ud800", "fine"],
}


@pytest.mark.parametrize("texts", EDGE_CASES.values(), ids=list(EDGE_CASES))
def test_edge_cases(texts: list[str]) -> None:
    """Whatever the texts, there is one finite row per query, and equal texts have equal rows."""
    Z = QueryFeatures(random_state=0).fit_transform(texts)
    assert Z.shape[0] == len(texts)
    assert np.isfinite(Z).all()
    for i, text in enumerate(texts):
        np.testing.assert_array_equal(Z[i], Z[texts.index(text)])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=12))
def test_any_texts(texts: list[str]) -> None:
    """Any list of strings is turned into a finite table as wide as its names."""
    features = QueryFeatures(random_state=0).fit(texts)
    Z = features.transform(texts)
    assert Z.shape == (len(texts), len(features.get_feature_names_out()))
    assert np.isfinite(Z).all()


def test_same_seed_same_features() -> None:
    """The seed decides, also through a clone; no call changes the parameters."""
    features = QueryFeatures(random_state=3)
    first = features.fit_transform(TEXTS)
    np.testing.assert_array_equal(first, clone(features).fit_transform(TEXTS))
    assert clone(features).get_params() == features.get_params()


def test_numbers_pass_through() -> None:
    """A ready table of numbers comes back unchanged, from an array, a frame or lists."""
    table = np.arange(6.0).reshape(3, 2)
    for given_table in (table, pd.DataFrame(table, columns=["a", "b"]), table.tolist()):
        np.testing.assert_array_equal(QueryFeatures().fit_transform(given_table), table)


def test_numbers_must_be_finite() -> None:
    """NaN is named with its place; the largest float is fine."""
    with pytest.raises(ValueError, match=r"features\[1, 0\] = nan"):
        QueryFeatures().fit([[1.0], [float("nan")]])
    assert QueryFeatures().fit_transform([[1.0], [1.7e308]]).shape == (2, 1)


def test_transformer_instead_of_the_default() -> None:
    """A transformer (sparse output too) can stand for the whole view; the given object stays unfitted."""
    counter = CountVectorizer()
    features = QueryFeatures(counter, topics=False, surface=False).fit(["a cat", "a cat cat dog"])
    assert features.transform(["cat dog cat"]).tolist() == [[2.0, 1.0]]
    assert not hasattr(counter, "vocabulary_")


class Embedding:
    """Looks like a sentence embedding model."""

    def encode(self, texts: list[str]) -> Any:
        """Length and number of e's."""
        return np.array([[len(text), text.count("e")] for text in texts], dtype=np.float32)


class AllAtOnce:
    """A model that gives vectors one by one, like fastembed's."""

    def embed(self, texts: list[str]) -> Any:
        """One vector after another."""
        return (Embedding().encode([text])[0] for text in texts)


def asked(texts: list[str]) -> Any:
    """An API that answers in JSON."""
    answer = {"data": [{"embedding": row.tolist()} for row in Embedding().encode(texts)]}
    return [each["embedding"] for each in answer["data"]]


@pytest.mark.parametrize(
    "text",
    [Embedding(), Embedding().encode, AllAtOnce().embed, lambda texts: list(AllAtOnce().embed(texts)), asked],
    ids=["encode", "function", "generator", "one by one", "API"],
)
def test_a_model_stands_beside_the_built_in_view(text: Any) -> None:
    """What has encode(), or any function, adds its columns between topics and surface counts, which stay."""
    alone, both = (QueryFeatures(each, random_state=0).fit(TEXTS) for each in (None, text))
    names = list(both.get_feature_names_out())
    first = names.index("surface_characters")
    Z = both.transform(["three", "a", "three"])
    assert Z[:, first - 2 : first].tolist() == [[5, 2], [1, 0], [5, 2]]
    np.testing.assert_allclose(np.delete(Z, [first - 2, first - 1], axis=1), alone.transform(["three", "a", "three"]))
    assert QueryFeatures(text, topics=False, surface=False).fit_transform(TEXTS).shape == (len(TEXTS), 2)
    with pytest.raises(ValueError, match="by TfidfSVD, the default"):
        both.state()


class Wide:
    """A model of 200 columns that all follow from three numbers; counts what it reads."""

    def __init__(self) -> None:
        self.n_read = 0
        self.mix = np.random.default_rng(0).normal(size=(3, 200))

    def __call__(self, texts: list[str]) -> Any:
        """Length, number of e's and of blanks, mixed, in single precision as of most models."""
        self.n_read += len(texts)
        counts = [[len(text), text.count("e"), text.count(" ")] for text in texts]
        return (np.array(counts) @ self.mix).astype(np.float32)


def noise(texts: list[str]) -> Any:
    """Sixty columns without relation, from the hash of a text."""
    return [np.random.default_rng(sum(map(ord, text))).normal(3, 1, 60) for text in texts]


def of_model(text: Any, **options: Any) -> QueryFeatures:
    """Features by a model alone."""
    return QueryFeatures(text, topics=False, surface=False, random_state=0, **options)


MANY = [f"{'he' * (i % 7)} {i} {'x ' * (i % 5)}" for i in range(50)]


def test_many_columns_of_a_model_are_reduced() -> None:
    """Principal components keep the distances between texts whose columns they span, also of new texts."""
    full, reduced = (of_model(Wide(), text_components=k).fit(MANY) for k in (None, 32))
    fresh = ["new one", MANY[3], "e e e"]
    np.testing.assert_array_equal(full.transform(fresh), Wide()(fresh))
    for texts in (MANY, fresh):
        tables = full.transform(texts), reduced.transform(texts)
        distances = [np.linalg.norm(table[:, None] - table, axis=2) for table in tables]
        np.testing.assert_allclose(distances[1], distances[0], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("model", "texts", "n_components", "width"),
    [
        (noise, MANY, 32, 32),
        (noise, MANY, 60, 60),
        (noise, MANY[:5], 32, 4),  # five points span four directions
        (Wide(), MANY, 32, 3),  # what is beyond three numbers is rounding noise
        (Wide(), ["a"], 32, 1),
        (lambda texts: np.full((len(texts), 50), 1 / 3), MANY, 32, 1),
        (lambda texts: 1e300 * np.array(noise(texts)) * 0, MANY, 32, 1),
    ],
)
def test_as_many_components_as_there_is_to_say(model: Any, texts: list[str], n_components: int, width: int) -> None:
    """At most as many as asked for and as the texts span; a column of zeros if they all look alike."""
    features = of_model(model, text_components=n_components)
    Z = features.fit_transform(texts)
    assert Z.shape == (len(texts), width) == features.transform(texts).shape
    assert features.n_features_out_ == width == of_model(model, text_components=n_components).fit(texts).n_features_out_
    assert (width == 1) == (not Z.any())


def test_features_of_a_text_are_its_own() -> None:
    """The same to the bit alone, among others, from fit_transform and transform, in any order and with repeats."""
    features = of_model(noise, text_components=8)
    Z = features.fit_transform(MANY)
    np.testing.assert_array_equal(features.transform(MANY), Z)
    np.testing.assert_array_equal(np.vstack([features.transform([text]) for text in MANY]), Z)
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(len(MANY)), 2))
    np.testing.assert_array_equal(of_model(noise, text_components=8).fit_transform([MANY[i] for i in order]), Z[order])


def test_a_model_reads_no_more_than_it_has_to() -> None:
    """fit_transform reads each distinct text once; fit one text where nothing has to be reduced."""
    for and_read, n_components, n_read in ((True, 2, 50), (True, None, 50), (False, None, 1), (False, 200, 1)):
        model = Wide()
        features = of_model(model, text_components=n_components)
        (features.fit_transform if and_read else features.fit)([*MANY, *MANY])
        assert model.n_read == n_read


def test_a_model_that_changes() -> None:
    """Another number of columns than in fit, and values that single precision can't hold, are refused."""
    for width in (20, 100):
        of = {"width": width}
        features = of_model(lambda texts, of=of: np.ones((len(texts), of["width"]))).fit(["a", "b"])
        of["width"] = 10
        with pytest.raises(ValueError, match=f"text features have 10 columns, in fit there were {width}"):
            features.transform(["a"])
    with pytest.raises(ValueError, match="must hold neither NaN nor inf"):
        of_model(lambda texts: 1e50 * np.array(noise(texts))).fit_transform(MANY)
    for X in (MANY, np.ones((3, 2))):
        with pytest.raises(ValueError, match="text_components must be at least 1; got 0"):
            of_model(noise, text_components=0).fit(X)


def test_embedding_of_the_wrong_shape() -> None:
    """Too few rows are refused; as many as queries are not."""
    with pytest.raises(ValueError, match="one row per query: 1 expected, got 2"):
        QueryFeatures(lambda texts: np.zeros((2, 3))).fit(["a"])
    assert QueryFeatures(lambda texts: np.zeros((len(texts), 3)), topics=False).fit_transform(["a"]).shape[0] == 1
    for wrong in ([[1.0], [1.0, 2.0]], [["x"], ["y"]]):
        with pytest.raises(ValueError, match="text features must be a row of numbers per query, all equally long"):
            QueryFeatures(lambda texts, wrong=wrong: wrong[: len(texts)]).fit_transform(["a", "b"])
    with pytest.raises(ValueError, match=r"must have shape \(N, D\), got \(\)"):
        QueryFeatures(lambda texts: None).fit(["a"])


@pytest.mark.parametrize("wrong", [7, "tfidf", [1]])
def test_text_part_that_can_not_read(wrong: Any) -> None:
    """What can't turn texts into numbers is refused with what would do."""
    with pytest.raises(ValueError, match="text must be a transformer"):
        QueryFeatures(wrong).fit(["a"])


def test_kind_must_stay_the_same() -> None:
    """Fitted on texts, numbers are refused, and the other way round."""
    with pytest.raises(ValueError, match="fitted on texts and is now given numbers"):
        QueryFeatures().fit(TEXTS).transform([[1.0]])
    with pytest.raises(ValueError, match="fitted on numbers and is now given texts"):
        QueryFeatures().fit([[1.0]]).transform(TEXTS)


def test_width_must_stay_the_same() -> None:
    """Numbers of another width are refused."""
    with pytest.raises(ValueError, match="X has 3 features, but QueryFeatures is expecting 2"):
        QueryFeatures().fit([[1.0, 2.0]]).transform([[1.0, 2.0, 3.0]])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "texts is empty"),
        ("bare", "one bare string"),
        (["a", 3], r"texts\[1\] = 3"),
        ((text for text in ["a", "b"]), r"wrap it in list\(...\)"),
    ],
)
def test_refuses_what_is_no_list_of_texts(wrong: Any, message: str) -> None:
    """Nothing, one bare string, a number among texts, and what can be read only once."""
    with pytest.raises(ValueError, match=message):
        QueryFeatures().fit(wrong)


@pytest.mark.parametrize("container", [list, tuple, np.array, pd.Series, lambda t: np.array(t)[:, None]])
def test_containers_of_texts(container: Any) -> None:
    """Lists, tuples, arrays, Series and one column hold the same texts."""
    expected = QueryFeatures(random_state=0).fit_transform(TEXTS)
    np.testing.assert_array_equal(QueryFeatures(random_state=0).fit_transform(container(TEXTS)), expected)


def test_in_a_pipeline() -> None:
    """Texts in, probabilities out, as one scikit-learn estimator."""
    labels = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [1, 1]])
    pipeline = make_pipeline(QueryFeatures(random_state=0), SuccessPredictor(random_state=0))
    assert pipeline.fit(TEXTS, labels).predict(TEXTS).shape == (5, 2)
