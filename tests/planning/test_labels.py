"""What is learnt from, and what is planned."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from optllm_pymoo.data import DataFileError, DataFileWarning, Dataset, make_dataset
from optllm_pymoo.planning import split_by, split_by_known, split_by_share, with_labels_from
from optllm_pymoo.validation import Notice


def small(correct: object = None) -> Dataset:
    """Four queries on two LLMs, all outcomes known unless given."""
    table = np.ones((4, 2)) if correct is None else correct
    return Dataset(np.ones((4, 2)), table, llms=["a", "b"], query_ids=["q0", "q1", "q2", "q3"])


@pytest.mark.parametrize(("share", "n"), [(0.25, 1), (0.26, 2), (0.5, 2), (0.75, 3)])
def test_share_is_rounded_up(share: float, n: int) -> None:
    """A quarter of four is one, a bit more is two."""
    split = split_by_share(small(), share)
    assert (len(split.labelled), len(split.planned)) == (n, 4 - n)


def test_parts_make_the_whole_and_outcomes_are_erased() -> None:
    """Every query is in one part; the planned part knows nothing, the other everything."""
    data = make_dataset(100, 3)
    split = split_by_share(data, 0.2, random_state=1)
    assert set(split.labelled.query_ids) | set(split.planned.query_ids) == set(data.query_ids)
    assert not split.planned.tried.any()
    rows = [data.query_ids.index(query_id) for query_id in split.labelled.query_ids]
    np.testing.assert_array_equal(split.labelled.correct, data.correct[rows])


def test_seed_decides_the_draw() -> None:
    """Same seed, same queries; another seed, others."""
    data = make_dataset(100, 3)
    first, again, other = (split_by_share(data, 0.2, random_state=seed).labelled.query_ids for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_known_outcomes_are_learnt_from() -> None:
    """Queries tried on any LLM are labelled, the others planned."""
    nan = np.nan
    split = split_by_known(small([[1, nan], [nan, nan], [0, 1], [nan, nan]]))
    assert split.labelled.query_ids == ("q0", "q2")
    assert split.planned.query_ids == ("q1", "q3")


@pytest.mark.parametrize("share", [0.0, 1.0, 5.0, float("nan")])
def test_refuses_share(share: float) -> None:
    """A share lies strictly between 0 and 1."""
    with pytest.raises(ValueError, match=r"the labelled share must lie in \(0, 1\); got .* For 5 % write 0.05"):
        split_by_share(small(), share)


def test_refuses_empty_parts() -> None:
    """Something to learn from, and something to plan."""
    with pytest.raises(ValueError, match="leaves 4 of 4 queries to learn from and 0 to plan"):
        split_by_share(small(), 0.9)
    with pytest.raises(ValueError, match="no query has a label; label some"):
        split_by_known(small(np.full((4, 2), np.nan)))
    with pytest.raises(ValueError, match="all 4 queries have labels already"):
        split_by_known(small())


def test_file_of_labels_replaces_all_outcomes(tmp_path: Path) -> None:
    """Queries and LLMs in any order and some missing; outcomes the data had are gone."""
    path = tmp_path / "labels.csv"
    path.write_text("query_id,b,a\nq2,1,0\nq0,,0.5\n")
    data = with_labels_from(small(), path)
    np.testing.assert_array_equal(data.correct[[0, 2]], [[0.5, np.nan], [0, 1]])
    assert np.isnan(data.correct[[1, 3]]).all()


def test_labels_beside_known_outcomes(tmp_path: Path) -> None:
    """Outcomes that a file of labels replaces are named; where all are known, a file is a choice and no slip."""
    path = tmp_path / "labels.csv"
    path.write_text("query_id,a,b\nq0,1,0\n")
    known = small(np.array([[1, 1], [1, 0], [np.nan, np.nan], [np.nan, np.nan]]))
    with pytest.warns(Notice, match="1 query has outcomes in the batch and none in .*labels.csv; nothing is learnt"):
        split = split_by(known, path)
    assert (len(split.labelled), len(split.planned)) == (1, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(split_by(small(), path).labelled) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("query_id,a\nq9,1\n", r"labels.csv, line 2, column 'query_id': the batch has no query 'q9'"),
        ("query_id,a\nq1,1\nq1,0\n", r"labels.csv, line 3, column 'query_id': 'q1' is already on line 2"),
        (
            "query_id,c\nq1,1\n",
            "line 1: there is no column of any LLM of the batch, 'a', 'b'; there are 'query_id', 'c'",
        ),
        ("a,b\n1,1\n", r"labels.csv, line 1, column 'query_id': this column is missing"),
        ("query_id,a\nq1,yes\n", r"labels.csv, line 2, column 'a': expected a number, found 'yes'"),
        ("query_id,a\nq1,2\n", r"labels.csv, line 2, column 'a': expected a value in \[0, 1\]; found 2"),
    ],
)
def test_refuses_file(tmp_path: Path, content: str, message: str) -> None:
    """Each fault is named with its place."""
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(DataFileError, match=message):
        with_labels_from(small(), path)


def test_refuses_missing_file(tmp_path: Path) -> None:
    """A path that leads nowhere."""
    with pytest.raises(FileNotFoundError, match="there is no file of labels"):
        with_labels_from(small(), tmp_path / "labels.csv")


@pytest.mark.parametrize(
    "text",
    [
        "id,a,b\nq1,1,0\n",
        "query_id,query,a_score,b_correct\nq1,What?,True,no value\n".replace("no value", "False"),
        "query_id,task,a,a_cost,b,b_cost\n q1 ,t,1,9,0,9\n".replace(" q1 ", "q1"),
        "query_id , a , b\nq1 , 1 , 0\n",
        "query_id,model,score\nq1,a,1\nq1,b,0\n",
        ",query_id,a,b\n0,q1,1,0\n",
    ],
)
@pytest.mark.filterwarnings("ignore::optllm_pymoo.data.DataFileWarning")
def test_labels_are_read_as_batches_are(tmp_path, text):
    """The same names of ids and outcomes, texts and costs beside them, wide and long."""
    batch = Dataset(np.ones((2, 2)), np.zeros((2, 2)), llms=["a", "b"], query_ids=["q0", "q1"])
    (tmp_path / "labels.csv").write_text(text)
    found = with_labels_from(batch, tmp_path / "labels.csv").correct
    np.testing.assert_array_equal(found, [[np.nan, np.nan], [1, 0]])


def test_labels_of_a_misspelt_llm_are_not_lost(tmp_path):
    """A column nearly called like an LLM that has none is refused; labels of an LLM that was left out are told."""
    batch = Dataset(np.ones((2, 2)), np.zeros((2, 2)), llms=["gpt-4", "b"], query_ids=["q0", "q1"])
    path = tmp_path / "labels.csv"
    for text in ("query_id,gpt4,b\nq1,1,0\n", "query_id,GPT 4,b\nq1,1,0\n", "id,llm,score\nq1,GPT-4,1\nq1,b,0\n"):
        path.write_text(text)
        with pytest.raises(DataFileError, match=r"unknown LLM .*; did you mean 'gpt-4'"):
            with_labels_from(batch, path)
    for text in ("query_id,other,b\nq1,1,0\n", "id,llm,score\nq1,other,1\nq1,b,0\n"):
        path.write_text(text)
        with pytest.warns(DataFileWarning, match="'other'"):
            assert with_labels_from(batch, path).correct[1].tolist()[1] == 0
