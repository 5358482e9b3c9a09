"""The batches that are compared on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cells.sources import load_problems, same_tables, synthetic_problem
from optllm_pymoo import make_problem
from optllm_pymoo.data import Dataset, convert, save_dataset


@pytest.fixture
def folder(tmp_path):
    """A data set of three queries and two LLMs."""
    data = Dataset([[1, 2], [1, 3], [1, 4]], [[0, 1], [1, 1], [0, 1]], llms=["small", "large"])
    save_dataset(data, tmp_path / "tiny")
    return tmp_path / "tiny"


def test_synthetic_batch_is_always_the_same():
    """Two calls give the same tables under the same name."""
    (first,), (second,) = (synthetic_problem(30).items() for _ in range(2))
    assert first[0] == second[0] == "synthetic-30x12"
    np.testing.assert_array_equal(first[1].cost, second[1].cost)


def test_true_labels_are_the_accuracies(folder):
    """A folder becomes a problem of its own name, with 0/1 accuracies."""
    problem = load_problems([folder])["tiny"]
    assert problem.accuracy.tolist() == [[0, 1], [1, 1], [0, 1]]
    assert problem.llms == ("small", "large")


def test_wide_files_are_data_sets_too(folder, tmp_path):
    """A wide CSV file gives the problem that the folder gives, under the name of the file."""
    convert(folder, tmp_path / "tiny.csv")
    wide, there = load_problems([tmp_path / "tiny.csv"])["tiny.csv"], load_problems([folder])["tiny"]
    np.testing.assert_array_equal(wide.cost, there.cost)
    np.testing.assert_array_equal(wide.accuracy, there.accuracy)


def test_folders_of_the_same_name_keep_their_paths(folder, tmp_path):
    """Two data sets called alike don't overwrite each other."""
    (tmp_path / "other").mkdir()
    save_dataset(Dataset([[1, 2]], [[0, 1]]), tmp_path / "other" / "tiny")
    assert sorted(load_problems([folder, tmp_path / "other" / "tiny"])) == sorted(
        [str(folder.resolve()), str((tmp_path / "other" / "tiny").resolve())]
    )


def test_refused_folders(folder, tmp_path):
    """A missing folder and a repeated one are refused by name."""
    with pytest.raises(FileNotFoundError, match=r"there is neither a folder nor a file .*nowhere"):
        load_problems([tmp_path / "nowhere"])
    with pytest.raises(ValueError, match=r"the data set .*tiny is given twice"):
        load_problems([folder, folder / ".." / "tiny"])


def test_same_tables_but_nothing_derived():
    """The copy shares the tables and has no front yet; a shorter one has the first queries."""
    problem = make_problem(20, 3)
    assert len(problem.supported_front) > 1
    fresh = same_tables(problem)
    assert fresh.cost is problem.cost or np.shares_memory(fresh.cost, problem.cost)
    assert "supported_front" not in fresh.__dict__
    np.testing.assert_array_equal(same_tables(problem, 5).cost, problem.cost[:5])


@pytest.mark.skipif("OPTLLM_SHARED" not in os.environ, reason="OPTLLM_SHARED is not set: no real data")
def test_real_data_set():
    """The smallest real data set loads with its documented size."""
    problem = load_problems([Path(os.environ["OPTLLM_SHARED"]) / "data" / "routerarena"])["routerarena"]
    assert (problem.n_queries, problem.n_llms) == (744, 2)
