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
            "column 'number' is not used. No column is called 'query_id', 'sample_id' or 'id', so the ids are row"
            " numbers",
        ),
        (
            "query_idd s s_cost",
            "column 'query_idd' is not used. No column is called 'query_id', 'sample_id' or 'id', so the ids are row"
            " numbers; did you mean 'query_id'?",
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


def table(tmp_path, columns: str, **cells: str):
    """A table of one row: ones, or what is given for a column."""
    names, path = columns.split(), tmp_path / "a.csv"
    path.write_text(",".join(names) + "\n" + ",".join(cells.get(name, "1") for name in names) + "\n")
    return path


@pytest.mark.parametrize(
    ("columns", "pair", "names"),
    [
        ("id s s_cost l l_costs", "'l' and 'l_costs'", "'l' and 'l_cost'"),
        ("id s s_cost l l_price", "'l' and 'l_price'", "'l' and 'l_cost'"),
        ("id s s_cost l l_csot", "'l' and 'l_csot'", "'l' and 'l_cost'"),
        ("id s s_cost l usd_l", "'l' and 'usd_l'", "'l' and 'l_cost'"),
        ("id s s_cost l l_cost_per_call", "'l' and 'l_cost_per_call'", "'l' and 'l_cost'"),
        ("id s s_cost l lcost", "'l' and 'lcost'", "'l' and 'l_cost'"),
        ("id s s_cost large lage_cost", "'large' and 'lage_cost'", "'large' and 'large_cost'"),
        ("id s s_cost large Large_cost", "'large' and 'Large_cost'", "'large' and 'large_cost'"),
        ("id s s_cost l_correct l_price", "'l_correct' and 'l_price'", "'l' and 'l_cost'"),
        ("id s s_cost l_accuracy l_price", "'l_accuracy' and 'l_price'", "'l' and 'l_cost'"),
        ("id s s_cost s-turbo s-turbo_price", "'s-turbo' and 's-turbo_price'", "'s-turbo' and 's-turbo_cost'"),
        ("id small_passed small_cost s s_cost", "'small_passed' and 'small_cost'", "'small' and 'small_cost'"),
        ("id text model score s s_cost l l_price", "'l' and 'l_price'", "'l' and 'l_cost'"),
    ],
)
def test_an_llm_is_not_left_out_for_a_slip(tmp_path, columns: str, pair: str, names: str) -> None:
    """A slip in the name of a cost or of outcomes is an error, and none if the LLMs are named."""
    path = table(tmp_path, columns)
    said = f"{pair} look like the outcomes and the US$ per call of an LLM; call them {names}"
    with pytest.raises(DataFileError, match=re.escape(said)) as caught:
        read_table(path)
    assert caught.value.line == 1
    with pytest.warns(DataFileWarning, match="not used"):
        assert read_table(path, llms=["s"]).llms == ("s",)


@pytest.mark.parametrize(
    "columns",
    [
        "s_input_cost s_output_cost s_input_tokens s_output_tokens",
        "s_input_cost s_answer",
        "s_price s_raw",
        "request_id request_cost",
        "tokens token_cost",
        "price cost_price",
        "usd price_usd",
        "a usda",
        "item item_price",
        "center cost_center",
        "price list_price usd",
        "a a_count",
    ],
)
def test_other_columns_with_prices_are_no_llm(tmp_path, columns: str) -> None:
    """Columns that have no outcomes, or whose names aren't those of a cost and its LLM, are left out with a note."""
    cells = dict.fromkeys(("s_answer", "item", "center"), "text") | dict.fromkeys(("tokens", "s_input_tokens"), "17")
    with pytest.warns(DataFileWarning, match="not used"):
        assert read_table(table(tmp_path, f"id s s_cost {columns}", **cells)).llms == ("s",)


def test_costs_that_are_asked_for_and_missing(tmp_path) -> None:
    """An LLM that is named and has outcomes alone: the message says which column it lacks."""
    for columns, llms in (("id s s_cost l l_price", ["s", "l"]), ("id l l_price", ["l"])):
        with pytest.raises(DataFileError, match="there is no column 'l_cost' with the costs of 'l'"):
            read_table(table(tmp_path, columns), llms=llms)


def test_many_are_counted(tmp_path) -> None:
    """Twenty names, then how many more."""
    names = ["id", "s", "s_cost", *(f"{letter}{letter}" for letter in "abcdefghijklmnopqrstuv")]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    with pytest.warns(DataFileWarning, match="'tt' and 2 more are not used"):
        read_table(tmp_path / "a.csv")
