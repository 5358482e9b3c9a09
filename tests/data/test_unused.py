"""Columns of a wide table that are not read."""

from __future__ import annotations

import warnings

import pytest

from optllm_pymoo.data import UnusedColumnsWarning, read_wide
from optllm_pymoo.data.unused import unused_note
from optllm_pymoo.data.wide_layout import wide_layout


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        ("query_id s s_cost l l_costs", "columns 'l', 'l_costs' are not used; did you mean 'l_cost'?"),
        ("id s s_cost l l_Cost", "columns 'l', 'l_Cost' are not used; did you mean 'l_cost'?"),
        ("id smal small_cost", "column 'smal' is not used; did you mean 'small'?"),
        ("id s s_cost answer", "column 'answer' is not used"),
        (
            "Query_ID s s_cost",
            "column 'Query_ID' is not used; did you mean 'query_id'? none is called 'query_id', 'sample_id' or 'id',"
            " so the ids are row numbers",
        ),
        (
            "number s s_cost",
            "column 'number' is not used; none is called 'query_id', 'sample_id' or 'id', so the ids are row numbers",
        ),
        ("query_id query task s s_cost", None),
        ("s s_cost", None),
    ],
)
def test_note(columns: str, note: str | None) -> None:
    """A slip in the name of a cost, of an outcome or of the ids is found; a table that is used up gives none."""
    names = columns.split()
    assert unused_note(names, wide_layout(names, allow_missing=True)) == note


def test_many_are_counted() -> None:
    """Eight names, then how many more."""
    names = ["id", "s", "s_cost", *(f"{letter}{letter}" for letter in "abcdefghij")]
    assert "'hh' and 2 more are not used" in str(unused_note(names, wide_layout(names)))


def test_reading_warns(tmp_path) -> None:
    """The warning has the file; without unused columns there is none."""
    (tmp_path / "a.csv").write_text("id,small,small_cost,large,large_costs\n1,1,0.1,1,0.2\n")
    with pytest.warns(UnusedColumnsWarning, match=r"a\.csv: columns 'large', 'large_costs' are not used; did you mean"):
        assert read_wide(tmp_path / "a.csv").llms == ("small",)
    (tmp_path / "a.csv").write_text("id,small,small_cost\n1,1,0.1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_wide(tmp_path / "a.csv").query_ids == ("1",)
