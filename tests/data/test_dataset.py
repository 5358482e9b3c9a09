"""Data sets: what they accept, what they refuse, and what can be taken from them."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo.data import Dataset, make_dataset

GOOD = [[0.0, 1.0], [2.0, 3.0]]
nan, inf = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("cost", "correct", "options", "message"),
    [
        ([1, 2], GOOD, {}, r"cost must be a table with one row per query and one column per LLM; got shape (2,)"),
        (
            np.empty((0, 2)),
            GOOD,
            {},
            "cost must hold at least one query and one LLM; got shape (0, 2)",
        ),
        (np.empty((2, 0)), GOOD, {}, r"got shape (2, 0)"),
        ([["a", "b"]], GOOD, {}, r"cost must hold real numbers; got values of type <U1"),
        (GOOD, [[0, 1]], {}, r"cost and correct must have the same shape (N, M); got (2, 2) and (1, 2)"),
        ([[0, 1], [2, nan]], GOOD, {}, r"cost must be finite and at least 0; cost[1, 1] = nan"),
        ([[0, inf], [2, nan]], GOOD, {}, r"cost[0, 1] = inf"),
        ([[0, 1], [-0.5, 1]], GOOD, {}, r"cost[1, 0] = -0.5"),
        (GOOD, [[0, 1], [1.2, 0]], {}, r"or be NaN where nothing is known; correct[1, 0] = 1.2"),
        (GOOD, [[0, -1e-9], [1, 0]], {}, r"correct[0, 1] = -1E-9"),
        (GOOD, [[0, 1], [inf, 0]], {}, r"correct[1, 0] = inf"),
        (GOOD, np.eye(2), {"llms": ["a"]}, "llms must name all 2; got 1 names"),
        (GOOD, np.eye(2), {"llms": "ab"}, "llms must be a list of names; got the text 'ab'"),
        (GOOD, np.eye(2), {"llms": ["a", "a"]}, "llms must be distinct; 'a' is at positions 0 and 1"),
        (GOOD, np.eye(2), {"llms": ["a", " "]}, "llms must not be empty; llms[1] is"),
        (GOOD, np.eye(2), {"query_ids": ["7", 7]}, "query_ids must be distinct; '7' is at positions 0 and 1"),
        (GOOD, np.eye(2), {"query_ids": ["", "b"]}, "query_ids must not be empty; query_ids[0] is"),
        (GOOD, np.eye(2), {"texts": ["a"]}, "texts must have one entry per row of cost, 2; got 1"),
        (GOOD, np.eye(2), {"groups": "abc"}, "groups must have one entry per row of cost, 2; got 3"),
    ],
)
def test_bad_input_is_refused_with_its_place(cost, correct, options, message):
    """The message has the first offending place and what was expected."""
    with pytest.raises(ValueError, match=re.escape(message)):
        Dataset(cost, correct, **options)


def test_the_boundaries_are_accepted():
    """Free calls, outcomes of exactly 0 and 1 and between, outcomes not known, and a single cell are fine."""
    data = Dataset([[0.0, 1.0]], [[0.5, nan]])
    assert data.llms == ("llm0", "llm1")
    assert data.query_ids == ("0",)
    assert data.tried.tolist() == [[True, False]]
    assert len(Dataset([[0]], [[1]])) == 1


def test_nothing_can_be_changed_and_no_argument_is(small):
    """Arrays are read-only copies, also in a copy and after a pickle; attributes can't be set."""
    cost = np.array(GOOD)
    data = Dataset(cost, np.eye(2))
    cost[0, 0] = 5
    assert data.cost[0, 0] == 0
    for same in (data, copy.deepcopy(data), pickle.loads(pickle.dumps(data)), small.select([0])):
        with pytest.raises(ValueError, match="read-only"):
            same.cost[0, 0] = 1
        with pytest.raises(ValueError, match="read-only"):
            same.correct[0, 0] = 1
    with pytest.raises(AttributeError):
        data.cost = cost


@given(st.lists(st.integers(0, 9), unique=True, min_size=1), st.permutations(["a", "b", "c"]))
def test_selecting_equals_indexing(rows, llms):
    """Rows and LLMs are those of the plain arrays, in the order asked for, and all belongings follow."""
    table = np.arange(30.0).reshape(10, 3)
    data = Dataset(table, table / 30, llms=["a", "b", "c"], texts=map(str, range(10)), groups="aabbccddee")
    part = data.select(rows).with_llms(llms[:2])
    columns = ["abc".index(name) for name in llms[:2]]
    np.testing.assert_array_equal(part.cost, table[np.ix_(rows, columns)])
    np.testing.assert_array_equal(part.correct, table[np.ix_(rows, columns)] / 30)
    assert part.query_ids == tuple(map(str, rows))
    assert part.texts == [str(row) for row in rows]
    assert part.groups == ["aabbccddee"[row] for row in rows]
    assert part.llms == tuple(llms[:2])


def test_masks_and_slices_select_as_in_numpy(small):
    """A mask, a slice and negative indices name the same rows as on an array."""
    assert small.select(np.array([True, False, True])).query_ids == ("q1", "q3")
    assert small.select(slice(1, None)).query_ids == ("q2", "q3")
    assert small.select([-1]).query_ids == ("q3",)
    assert small.select(1).query_ids == ("q2",)


def test_selections_that_make_no_data_set_are_refused(small):
    """No query, one twice, one that isn't there, or a mask of another length."""
    with pytest.raises(ValueError, match="cost must hold at least one query"):
        small.select([])
    with pytest.raises(ValueError, match="query_ids must be distinct; 'q1' is at positions 0 and 1"):
        small.select([0, 0])
    with pytest.raises(IndexError):
        small.select([3])
    with pytest.raises(IndexError):
        small.select([True, False])


def test_unknown_llms_are_named_with_the_closest(small):
    """A misspelt name is answered by the closest; one that resembles none by the list alone."""
    with pytest.raises(ValueError, match="unknown LLM 'Larg'; did you mean 'large'\\? Known: 'small', 'large'"):
        small.with_llms(["Larg"])
    with pytest.raises(ValueError, match="unknown LLM '0x'\\. Known: 'small', 'large'"):
        small.with_llms(["0x"])
    with pytest.raises(ValueError, match="llms must be distinct"):
        small.with_llms(["small", "small"])
    with pytest.raises(ValueError, match="cost must hold at least one query"):
        small.with_llms([])


def test_other_outcomes_leave_the_batch_as_it_is(small):
    """Only the outcomes change, in a data set of its own; another shape is refused."""
    erased = small.with_outcomes(np.full(small.correct.shape, np.nan))
    assert not erased.tried.any()
    assert small.tried.all()
    assert (erased.llms, erased.query_ids, erased.texts) == (small.llms, small.query_ids, small.texts)
    np.testing.assert_array_equal(erased.cost, small.cost)
    with pytest.raises(ValueError, match="cost and correct must have the same shape"):
        small.with_outcomes([[1, 0]])


def test_frames_and_back(small):
    """Out into pandas and in again gives the same data set."""
    frames = small.to_frames()
    again = Dataset.from_frames(*frames, about=small.about)
    np.testing.assert_array_equal(again.cost, small.cost)
    np.testing.assert_array_equal(again.correct, small.correct)
    assert (again.llms, again.query_ids) == (small.llms, small.query_ids)
    assert (again.texts, again.groups, again.about) == (small.texts, small.groups, small.about)
    assert frames.cost.loc["q2", "large"] == 3.5
    assert frames.queries.index.name == "query_id"


def test_frames_are_matched_by_name(small):
    """Rows and columns in another order are put right; unlabelled queries become NaN."""
    cost, correct, queries = small.to_frames()
    shuffled = correct.loc[["q3", "q1"], ["large", "small"]]
    data = Dataset.from_frames(cost, shuffled, queries.iloc[::-1])
    np.testing.assert_array_equal(data.correct, [[0, 1], [nan, nan], [0, 0]])
    assert data.texts == small.texts
    assert Dataset.from_frames(cost, correct).texts is None


def test_frames_that_do_not_fit_are_refused(small):
    """Unknown or missing queries and LLMs, and repeated ones, are named."""
    cost, correct, queries = small.to_frames()
    for frames, message in [
        ((cost, correct.rename(index={"q2": "q9"})), "correct has a query that cost lacks: 'q9'"),
        ((cost, correct.rename(columns={"small": "smal"})), "unknown LLM 'smal'; did you mean 'small'"),
        ((cost, correct[["small"]]), "unknown column of correct 'large'"),
        ((cost, correct, queries.iloc[1:]), "queries lacks a query of cost: 'q1'"),
        (
            (pd.concat([cost, cost]), correct),
            r"cost.index must be unique; 'q1' is both cost.index\[0\] and .*\[3\]",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            Dataset.from_frames(*frames)


def test_repr_and_length(small):
    """Size and LLMs are shown, and what else is known."""
    assert repr(small) == "Dataset(3 queries x 2 LLMs: small, large; with texts and groups)"
    assert len(make_dataset(7, 1)) == 7


def batch(llms: list[str], about: object = None) -> Dataset:
    """A batch of one query."""
    given = {} if about is None else {"llms": about}
    return Dataset(np.ones((1, len(llms))), np.ones((1, len(llms))), llms=llms, about=given)


def test_told_before_prefix() -> None:
    """What `about` says counts more than the name; an LLM without either has no provider."""
    data = batch(["a/x", "a/y", "z"], [{"name": "a/x", "provider": "Cloud"}])
    assert data.providers == {"Cloud": ("a/x",), "a": ("a/y",)}


@pytest.mark.parametrize(
    "about", [None, "x", ["x"], [{"name": "m"}], [{"provider": "p"}], [{"name": 1, "provider": "p"}]]
)
def test_anything_may_stand_in_about(about: object) -> None:
    """Other forms tell nothing."""
    assert batch(["m"], about).providers == {}


def test_only_llms_of_the_batch() -> None:
    """Some LLMs of a larger data set: the others are left out, the order is the batch's."""
    about = [{"name": name, "provider": "P"} for name in ("a", "b", "c")]
    assert batch(["c", "a"], about).providers == {"P": ("c", "a")}


def test_parts_are_joined():
    """What was selected apart and joined is the data set itself; texts of one alone go, a query of both is refused."""
    data = make_dataset(9, 3, random_state=2)
    again = Dataset.joined([data.select(slice(4)), data.select(slice(4, None))])
    assert again.fingerprint == data.fingerprint
    assert (again.groups, again.about) == (data.groups, data.about)
    wordless = Dataset([[1.0] * 3], [[1] * 3], llms=data.llms, query_ids=["new"])
    assert Dataset.joined([data.select([0]), wordless]).texts is None
    with pytest.raises(ValueError, match="query_ids must be distinct"):
        Dataset.joined([data, data.select([3])])


def test_fingerprint_is_of_what_can_be_learnt_from():
    """Other costs, outcomes, ids or texts give another one; groups don't."""
    data = make_dataset(5, 2, random_state=2)
    others = [
        data.with_cost(data.cost * 2),
        data.with_outcomes(1 - data.correct),
        data.select([1, 0, 2, 3, 4]),
        Dataset(data.cost, data.correct, llms=data.llms, query_ids=data.query_ids, groups=data.groups),
    ]
    assert len({data.fingerprint, *(other.fingerprint for other in others)}) == 5
    same = Dataset(data.cost, data.correct, llms=data.llms, query_ids=data.query_ids, texts=data.texts)
    assert same.fingerprint == data.fingerprint
