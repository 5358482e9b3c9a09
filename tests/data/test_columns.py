"""Columns by which a table says what it is, and those that are not read."""

from __future__ import annotations

import re
import warnings

import pytest

from optllm_pymoo.data import DataFileError, DataFileWarning, read_table


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        ("id s s_cost answer", "column 'answer' is not used"),
        (
            "number s s_cost",
            "column 'number' is not used; none is called 'query_id', 'sample_id' or 'id', so the ids are row numbers",
        ),
        (
            "query_idd s s_cost",
            "column 'query_idd' is not used; did you mean 'query_id'? none is called 'query_id', 'sample_id' or 'id',"
            " so the ids are row numbers",
        ),
        ("query_id query task s s_cost", None),
        ("Query-ID Prompt s s_Cost", None),
        ("s s_cost", None),
    ],
)
def test_note(tmp_path, columns: str, note: str | None) -> None:
    """A slip in the name of the ids is found; a table that is used up gives none."""
    names = columns.split()
    path = tmp_path / "a.csv"
    path.write_text(",".join(names) + "\n" + ",".join("1" if "cost" not in name.lower() else "0.5" for name in names))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_table(path)
    assert [str(warning.message) for warning in caught] == ([] if note is None else [f"{path}: {note}"])


@pytest.mark.parametrize(
    ("columns", "meant"),
    [
        ("query_id s s_cost l l_costs", "columns 'l', 'l_costs' are not used; did you mean 'l_cost'?"),
        ("query_id s s_cost l l_price", "columns 'l', 'l_price' are not used; did you mean 'l_cost'?"),
        ("query_id s s_cost l usd_l", "columns 'l', 'usd_l' are not used; did you mean 'l_cost'?"),
        ("id smal small_cost s s_cost", "columns 'smal', 'small_cost' are not used; did you mean 'small'?"),
    ],
)
def test_an_llm_is_not_left_out_for_a_slip(tmp_path, columns: str, meant: str) -> None:
    """A slip in the name of a cost or of outcomes is an error, unless the LLMs are named."""
    names, path = columns.split(), tmp_path / "a.csv"
    path.write_text(",".join(names) + "\n" + ",".join("1" for _ in names))
    with pytest.raises(DataFileError, match=re.escape(meant)) as caught:
        read_table(path)
    assert caught.value.line == 1
    with pytest.warns(DataFileWarning, match=re.escape(meant.partition(";")[0])):
        assert read_table(path, llms=["s"]).llms == ("s",)


def test_a_price_beside_two_costs_is_no_llm(tmp_path) -> None:
    """Columns that resemble no outcome are named and left out."""
    (tmp_path / "a.csv").write_text("id,s,s_cost,price,list_price,usd\n1,1,1,1,1,1\n")
    with pytest.warns(DataFileWarning, match="'price', 'list_price', 'usd' are not used"):
        assert read_table(tmp_path / "a.csv").llms == ("s",)


def test_many_are_counted(tmp_path) -> None:
    """Twenty names, then how many more."""
    names = ["id", "s", "s_cost", *(f"{letter}{letter}" for letter in "abcdefghijklmnopqrstuv")]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    with pytest.warns(DataFileWarning, match="'tt' and 2 more are not used"):
        read_table(tmp_path / "a.csv")
