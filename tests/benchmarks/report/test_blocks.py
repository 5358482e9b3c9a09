"""Tables of blocks × algorithms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.report.statistics import blocks_table, complete


def test_repeated_measurements_are_averaged():
    """Seeds of the same data set and split become one number; order of appearance is kept."""
    frame = pd.DataFrame({
        "data": ["b", "b", "b", "a"], "split": [1, 1, 1, 2], "algorithm": ["y", "y", "x", "x"], "v": [1.0, 2.0, 5, 7]
    })  # fmt: skip
    table = blocks_table(frame, "v", block=("data", "split"), algorithm="algorithm")
    assert list(table.columns) == ["y", "x"]
    assert list(table.index) == [("b", 1), ("a", 2)]
    np.testing.assert_array_equal(table.to_numpy(), [[1.5, 5], [np.nan, 7]])


def test_missing_column_is_named():
    """The message has the column and those there are."""
    with pytest.raises(ValueError, match="no column 'seconds'; the columns are data, v"):
        blocks_table(pd.DataFrame({"data": [1], "v": [2]}), "seconds", block="data", algorithm="data")


def test_whatever_lacks_most_goes_first():
    """X lacks 1 of 4, the first block 1 of 2: the block goes, and nothing else has to."""
    table = pd.DataFrame({"x": [np.nan, 1, 2, 3], "y": [1.0, 2, 3, 4]}, index=["a", "b", "c", "d"])
    left = complete(table)
    assert (left.algorithms, left.blocks) == ((), ("a",))
    assert left.scores.shape == (3, 2)


def test_of_equals_the_algorithm_goes():
    """One of two blocks and one of two algorithms lack half: the algorithm is the one that failed."""
    table = pd.DataFrame({"x": [np.nan, 1.0], "y": [1.0, 2.0]}, index=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]))
    assert complete(table).algorithms == ("x",)
    assert complete(table, keep="x").blocks == ("a / 1",)
    assert complete(table).sentences() == ["Left out because of failed measurements: x (algorithms)."]


def test_an_algorithm_that_always_failed():
    """It goes, although every block lacks it; where it must stay, no block can."""
    table = pd.DataFrame({"x": [np.nan, np.nan], "y": [1.0, 2.0], "z": [1.0, 2.0]})
    assert complete(table).scores.columns.tolist() == ["y", "z"]
    assert complete(table, keep="x").blocks == ("1", "0")
    assert complete(table, keep="x").scores.shape == (0, 3)


def test_nothing_missing_nothing_changed():
    """A complete table comes back as it is, repeated block names included."""
    table = pd.DataFrame({"x": [1.0, 2.0]}, index=["a", "a"])
    left = complete(table)
    pd.testing.assert_frame_equal(left.scores, table)
    assert left.sentences() == []
