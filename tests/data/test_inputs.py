"""Tables as people bring them: from spreadsheets, pandas, harnesses and other countries. Each stands for a kind."""

from __future__ import annotations

import gzip
import json
import re
import time
import warnings

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo.data import DataFileError, DataFileWarning, Dataset, load_dataset, read_table, write_table
from optllm_pymoo.data.csv import CsvSource

nan = float("nan")
HEAD = "query_id,query,s,s_cost,l,l_cost\n"


def read(tmp_path, content: str | bytes, name: str = "batch.csv", **options) -> Dataset:
    """Write a file and read it as the command does."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, allow_missing=True, **options)


def fault_of(tmp_path, content: str | bytes, name: str = "batch.csv", **options) -> DataFileError:
    """The error of a file that is refused."""
    with pytest.raises(DataFileError) as caught:
        read(tmp_path, content, name, **options)
    return caught.value


@pytest.mark.parametrize(
    "content",
    [
        HEAD + "a,x,1,0.1,0,2\nb,y,0.5,0.2,1,3\n",
        "Query ID, Query, S, S_Cost\n".replace("S", "s") + "a, x, 1, 0.1\nb, y, 0.5, 0.2\n",
        "query_id,query,s_score,s_cost\na,x,1,0.1\nb,y,0.5,0.2\n",
        "sample_id,prompt,s_correct,s_cost_usd\na,x,1,0.1\nb,y,0.5,0.2\n",
        "id;question;s;s_cost\na;x;1;0.1\nb;y;0.5;0.2\n",
        "id\tquery\ts\ts_cost\r\na\tx\t1\t0.1\r\nb\ty\t0.5\t0.2\r\n",
        "id  ,query ,s  ,s_cost\na   ,x     ,1  ,0.1\nb   ,y     ,0.5,0.2\n",
        "query_id,query,model,score,cost\na,x,s,True,0.1\nb,y,s,0.5,0.2\n",
        "id,prompt,llm,correct,total_cost\na,x,s,1,0.1\nb,y,s,0.5,0.2\n",
        "﻿id,query,s,s_cost\na,x,1,0.1\nb,y,0.5,0.2\n",
        (HEAD + "a,x,1,0.1,0,2\nb,y,0.5,0.2,1,3\n").encode("utf-16"),
        (HEAD + "a,x,1,0.1,0,2\nb,y,0.5,0.2,1,3\n").encode("utf-16-be"),
        (HEAD + "a,x,1,0.1,0,2\nb,y,0.5,0.2,1,3\n").encode("utf-32"),
        gzip.compress((HEAD + "a,x,1,0.1,0,2\nb,y,0.5,0.2,1,3\n").encode(), mtime=0),
    ],
)
def test_the_same_batch_in_many_dresses(tmp_path, content):
    """Names, separators, blanks, encodings and forms differ; ids, texts, outcomes and costs of s are the same."""
    data = read(tmp_path, content).with_llms(["s"])
    assert (data.query_ids, data.texts, data.llms) == (("a", "b"), ["x", "y"], ("s",))
    assert (data.cost.tolist(), data.correct.tolist()) == ([[0.1], [0.2]], [[1.0], [0.5]])


@pytest.mark.parametrize("name", ["b.CSV", "b.csv.GZ", "b.TSV", "b.tsv.gz", "b.Parquet"])
def test_suffixes_in_any_letter_case_are_read_and_written(tmp_path, small, name):
    """A suffix means the same in any letter case: what ends in .GZ is an archive."""
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    write_table(small, tmp_path / name)
    again = read_table(tmp_path / name)
    np.testing.assert_array_equal(again.cost, small.cost)
    assert (again.texts, again.groups) == (small.texts, small.groups)
    assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b") == name.lower().endswith(".gz")


@pytest.mark.parametrize("name", ["b.jsonl", "b.jsonl.gz"])
def test_json_lines(tmp_path, name):
    """A record per line, wide or long; null, and what a record lacks, are missing; true is an outcome."""
    long = [
        {"id": 1, "model": "s", "score": True, "cost": 0.5},
        {"id": 1, "model": "l", "score": 0.5, "cost": 2},
        {"id": 2, "model": "s", "score": None, "cost": "1.5"},
        {"id": 2, "model": "l", "cost": 4},
    ]
    wide = [{"id": 1, "s": True, "s_cost": 0.5, "l": 0.5, "l_cost": 2}, {"id": 2, "s_cost": "1.5", "l_cost": 4}]
    for records in (long, wide):
        text = "\n".join(map(json.dumps, records)).encode()
        data = read(tmp_path, gzip.compress(text) if name.endswith("gz") else text, name)
        assert (data.llms, data.query_ids, data.cost.tolist()) == (("s", "l"), ("1", "2"), [[0.5, 2], [1.5, 4]])
        np.testing.assert_array_equal(data.correct, [[1, 0.5], [nan, nan]])
    for text, line in (('{"id": 1}\n{"id": 2\n', 2), ("[1]\n", 1), ("[" * 200_000 + "\n", 1)):
        fault = fault_of(tmp_path, gzip.compress(text.encode()) if name.endswith("gz") else text, name)
        assert fault.line == line
        assert "expected a JSON object on one line" in fault.problem


def test_costs_alone_make_no_llm(tmp_path):
    """`total_cost` is no LLM "total", and parts of a cost are none; who names them all gets them."""
    text = "query_id,s,s_input_cost,s_output_cost,s_cost,total_cost\na,1,0.1,0.2,0.3,0.3\n"
    with pytest.warns(DataFileWarning, match=r"'s_input_cost', 's_output_cost', 'total_cost' are not used: .*--llms"):
        assert read(tmp_path, text).llms == ("s",)
    named = read(tmp_path, text, llms=["total", "s"])
    assert (named.llms, named.cost.tolist()) == (("total", "s"), [[0.3, 0.3]])
    np.testing.assert_array_equal(named.correct, [[nan, 1]])
    only = fault_of(tmp_path, "query_id,s_cost,l_cost\na,1,2\n")
    assert "--llms s,l" in only.problem


def test_llms_are_chosen_and_dropped(tmp_path, small):
    """In the order named, in every form alike; unknown names are answered by the closest, and one has to be left."""
    wide, long = HEAD + "a,x,1,0.1,0,2\n", "query_id,query,model,score,cost\na,x,s,1,0.1\na,x,l,0,2\n"
    for text in (wide, long):
        assert read(tmp_path, text, llms=["l", "s"]).cost.tolist() == [[2, 0.1]]
        assert read(tmp_path, text, drop=["s"]).llms == ("l",)
        assert "unknown LLM 'S'; did you mean 's'" in fault_of(tmp_path, text, llms=["S"]).problem
        assert "unknown LLM 'x'" in fault_of(tmp_path, text, drop=["x"]).problem
        assert "no LLM is left" in fault_of(tmp_path, text, drop=["s", "l"]).problem
    write_table(small, tmp_path / "folder")
    assert load_dataset(tmp_path / "folder", drop=["small"]).llms == ("large",)
    assert read_table(tmp_path / "folder", llms=["large", "small"]).llms == ("large", "small")


@pytest.mark.parametrize(
    "text",
    [
        "query_id,s,s_cost,l,l_cost\na,1,0.1,,\nb,0,0.3,1,4\nc,,,0,6\n",
        "query_id,model,score,cost\na,s,1,0.1\nb,s,0,0.3\nb,l,1,4\nc,l,0,6\n",
    ],
)
def test_costs_of_calls_not_made_are_estimated(tmp_path, text):
    """The mean of the LLM's known costs, 0.2 and 5 here, and it is said; without permission it is an error."""
    with pytest.warns(DataFileWarning, match="2 of 6 costs are missing and estimated, each by the mean of its LLM"):
        data = read(tmp_path, text)
    np.testing.assert_allclose(data.cost, [[0.1, 5], [0.3, 4], [0.2, 6]])
    np.testing.assert_array_equal(data.correct, [[1, nan], [0, 1], [nan, 0]])
    assert data.about["estimated_costs"] == {"s": 1, "l": 1}
    with pytest.raises(DataFileError, match="pass allow_missing=True"):
        read_table(tmp_path / "batch.csv")


def test_an_index_that_pandas_saved_is_left_out(tmp_path):
    """Row numbers without a name go, and it is said once; ids without a name, and empty columns, are told apart."""
    frame = pd.DataFrame({"query": ["x", "y"], "s": [1, 0], "s_cost": [0.1, 0.2]})
    with pytest.warns(DataFileWarning, match="no name and holds row numbers, as pandas saves an index") as notes:
        data = read(tmp_path, frame.to_csv())
    assert (data.texts, data.query_ids, len(notes)) == (["x", "y"], ("0", "1"), 1)
    named = fault_of(tmp_path, frame.set_axis(["q7", "q8"]).to_csv())
    assert "if it holds the ids, call it 'query_id'" in named.problem
    trailing = fault_of(tmp_path, "query_id,s,s_cost,\na,1,0.1,\n")
    assert "column 4 has no name; if its cells are empty, remove the separator that ends each line" in trailing.problem
    cells = fault_of(tmp_path, "query_id,s,s_cost\na,1,0.1,\n")
    assert "found 4, the last of them empty; remove the separator at the end of the line" in cells.problem


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        ("a,x,C,0.1,I,1", "s", "found 'C'; write 1 for right, 0 for wrong, and leave empty what is unknown"),
        ("a,x,100,0.1,0,1", "s", "found 100.0; for 100 % write 1"),
        ("a,x,1,0.1,87.5,1", "l", "found 87.5; for 87.5 % write 0.875"),
        ("a,x,87.5%,0.1,0,1", "s", "found '87.5%'; write 0.875, a share"),
        ("a,x,1,$0.01,0,1", "s_cost", "found '$0.01'; write 0.01, without a currency"),
        ("a,x,1,0.01 USD,0,1", "s_cost", "write 0.01, without a currency"),
        ('a,x,1,"0,01",0,1', "s_cost", "found '0,01'; write 0.01, with a point and no commas"),
        ('a,x,1,"1,234.5",0,1', "s_cost", "write 1234.5, with a point and no commas"),
        ("a,x,1,0.1,0,True", "l_cost", "expected US$ per call, finite and >= 0; found True"),
        ("a,x,1,٠٫١,0,1", "s_cost", "write it with 0 to 9"),
        ("a,x,1,1_0,0,1", "s_cost", "write 10, without underscores"),
        ("  ,x,1,1,0,1", "query_id", "this query has no id"),
        ("a,x,1,inf,0,1", "s_cost", "found inf"),
        ("a,x,1," + "9" * 5000 + "x,0,1", "s_cost", "(5,001 characters)"),
    ],
)
def test_cells_are_refused_with_their_place_and_what_to_write(tmp_path, row, column, problem):
    """Line, column, and the next step; the message is short whatever the cell."""
    fault = fault_of(tmp_path, f"{HEAD}q0,x,1,0.5,0.5,1\n{row}\n")
    assert (fault.line, fault.column) == (3, column)
    assert problem in fault.problem
    assert len(str(fault)) < 400


def test_true_and_false_are_outcomes_and_never_prices(tmp_path):
    """Mixed with numbers as well, in CSV and in Parquet."""
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    data = read(tmp_path, HEAD + "a,x,True,0.1,1,1\nb,y,0,0.1,FALSE,1\n")
    assert data.correct.tolist() == [[1, 1], [0, 0]]
    frame = pd.DataFrame({"query_id": ["a", "b"], "s": [True, False], "s_cost": [0.5, 1.5]})
    for name, write in (("b.csv", pd.DataFrame.to_csv), ("b.parquet", pd.DataFrame.to_parquet)):
        write(frame, tmp_path / name, index=False)
        assert read_table(tmp_path / name).correct.tolist() == [[1], [0]]
        write(frame.assign(s_cost=[True, True]), tmp_path / name, index=False)
        with pytest.raises(DataFileError, match=r"'s_cost': .*expected US. per call, finite and >= 0; found True"):
            read_table(tmp_path / name)


@pytest.mark.parametrize("kind", ["timestamp[us]", "duration[us]", "binary"])
def test_parquet_columns_of_other_types_are_no_numbers(tmp_path, kind):
    """Times and bytes are refused with their type, not read as US$."""
    arrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet

    values = {"timestamp[us]": np.array([1], "M8[us]"), "duration[us]": np.array([1], "m8[us]"), "binary": [b"0.1"]}
    table = arrow.table({"id": ["a"], "s": [1], "s_cost": arrow.array(values[kind])})
    parquet.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(DataFileError, match="'s_cost': expected numbers, found a column of type " + kind[:5]):
        read_table(tmp_path / "b.parquet")


def test_a_mean_that_rounds_above_one_is_one(tmp_path):
    """Four units in the last place above 1 become 1; more is refused, in a file as in an array."""
    assert read(tmp_path, HEAD + "a,x,1.0000000000000002,0.1,0,1\n").correct[0, 0] == 1
    assert "found 1.00000001" in fault_of(tmp_path, HEAD + "a,x,1.00000001,0.1,0,1\n").problem
    assert Dataset([[1]], np.array([[np.nextafter(np.float32(1), np.float32(2))]])).correct[0, 0] == 1
    with pytest.raises(ValueError, match=r"correct\[0, 0\] = 1.00001"):
        Dataset([[1]], [[1.00001]])


@pytest.mark.parametrize(
    ("content", "line", "guess"),
    [
        ("query_id,query,s,s_cost\na,café,1,1\n".encode("latin-1"), 2, "seems to be Windows-1252"),
        ("query_id,query,s,s_cost\na,x,1,1\nb,中文问题,1,1\n".encode("gbk"), 3, "seems to be GBK, Shift-JIS"),
        ("query_id,query,s,s_cost\na,x,1,1\n".encode("utf-16")[:-1], None, "cut off or no UTF-16"),
        (b"PK\x03\x04", None, "zip archive, perhaps a workbook of Excel"),
    ],
)
def test_other_encodings_are_named_and_how_to_save(tmp_path, content, line, guess):
    """The line, what it seems to be, and what to save instead."""
    fault = fault_of(tmp_path, content)
    assert fault.line == line
    assert guess in fault.problem
    assert "UTF-8" in fault.problem


def test_long_tables_are_checked_row_by_row(tmp_path):
    """A pair twice, texts that differ, no LLM, no id, no cost: each with its line where there is one."""
    head = "id,prompt,model,score,cost\n"
    for text, line, problem in [
        (head + "a,p,s,1,1\na,p,s,0,1\n", 3, "query 'a' on 's' is already on line 2; keep one row"),
        (head + "a,p,s,1,1\na,q,l,0,1\n", 3, "this differs from the cell of query 'a' on line 2"),
        (head + "a,p,,1,1\n", 2, "this row names no LLM"),
        ("model,score,cost\ns,1,1\n", 1, "needs a column of ids"),
        ("id,model,score,input_tokens\na,s,1,9\n", 1, "no column of the cost; .*PriceTable.cost makes costs of tokens"),
    ]:
        fault = fault_of(tmp_path, text)
        assert fault.line == line
        assert re.search(problem, fault.problem)


def test_a_folder_has_the_same_names(tmp_path):
    """`prompt` and `task` in queries.csv are texts and groups, and other columns are told."""
    (tmp_path / "queries.csv").write_text("id,prompt,task,note\na,x,g,1\n")
    (tmp_path / "cost.tsv").write_text("id\ts\na\t0.1\n")
    (tmp_path / "correct.jsonl").write_text('{"id": "a", "s": true}\n')
    with pytest.warns(DataFileWarning, match="column 'note' is not used"):
        data = load_dataset(tmp_path)
    assert (data.texts, data.groups, data.correct.tolist()) == (["x"], ["g"], [[1.0]])


def test_time_is_linear_in_columns_that_are_not_used(tmp_path):
    """4,000 columns of an embedding, and as many that look like costs, are read and told in a moment."""
    for ending in ("", "_cost"):
        names = ["id", "s", "s_cost", *(f"c{k}{ending}" for k in range(4000))]
        text = ",".join(names) + "\n" + "\n".join(f"q{row},1,0.5" + ",0.25" * 4000 for row in range(5))
        start = time.process_time()
        with pytest.warns(DataFileWarning, match="and 3,980 more are not used") as notes:
            assert read(tmp_path, text).llms == ("s",)
        assert time.process_time() - start < 3
        assert len(str(notes[0].message)) < 600


def test_archives_and_lines_have_a_largest_size(tmp_path):
    """A gzip of 100 MB of zeros is refused before it is unpacked; a header of NULs makes a short message."""
    start = time.process_time()
    bomb = gzip.compress(b"id,s,s_cost\n" + b"0" * 100_000_000, 9)
    packed = time.process_time() - start
    start = time.process_time()
    assert "the archive expands to more than 64 MiB" in fault_of(tmp_path, bomb, "b.csv.gz").problem
    assert time.process_time() - start < packed
    assert len(str(fault_of(tmp_path, "\0" * 100_000 + "\n"))) < 600


def test_names_that_a_spreadsheet_would_run_are_defused_on_request(tmp_path):
    """As they are by default; with an apostrophe on request, in names of LLMs, ids and texts; numbers stay numbers."""
    data = Dataset([[0.5]], [[1]], llms=["=cmd"], query_ids=["-1"], texts=["@x"], groups=["g"])
    write_table(data, tmp_path / "plain.csv")
    assert (tmp_path / "plain.csv").read_text() == "query_id,query,group,=cmd,=cmd_cost\n-1,@x,g,1,0.5\n"
    write_table(data, tmp_path / "safe.csv", for_spreadsheet=True)
    assert (tmp_path / "safe.csv").read_text() == "query_id,query,group,'=cmd,'=cmd_cost\n'-1,'@x,g,1,0.5\n"
    for name in ("folder", "b.parquet"):
        with pytest.raises(ValueError, match="only a table in CSV or TSV is written for spreadsheets"):
            write_table(data, tmp_path / name, for_spreadsheet=True)


def test_what_is_missing_in_frames_is_missing(tmp_path):
    """No group is no group 'nan', and no text is no word "nan"."""
    index = pd.Index(["a", "b"])
    queries = pd.DataFrame({"text": ["x", None], "group": [float("nan"), pd.NA]}, index=index)
    table = pd.DataFrame({"s": [0.5, 1.0]}, index=index)
    data = Dataset.from_frames(table, table, queries)
    assert (data.texts, data.groups) == (["x", ""], ["", ""])


def test_a_sound_table_gives_no_warning(tmp_path):
    """Nothing is said of a table that is used up."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read(tmp_path, HEAD + "a,x,1,0.1,0,2\n")) == 1


def test_numbers_that_no_double_holds_are_refused(tmp_path):
    """An integer of 400 digits in JSON lines, and 1e999 in CSV, are infinite."""
    assert "expected a number, found int" in fault_of(tmp_path, f'{{"s": 1, "s_cost": {10**400}}}\n', "b.jsonl").problem
    assert "found inf" in fault_of(tmp_path, HEAD + "a,x,1,1e999,0,1\n").problem


def test_a_last_column_of_empty_cells_is_no_cut_off_record(tmp_path, monkeypatch):
    """Such a table is read at once, whatever stands in quotes; one record that lacks the cell is found by its line."""
    rows = ["a,x,1,0.1,", 'b,"y, ""so""\nz",0,0.2,', 'c,z,1,0.3,"n, m"', ""]
    path = tmp_path / "batch.csv"
    path.write_text("\n".join(["query_id,query,s,s_cost,task", *rows]))
    with monkeypatch.context() as patch:
        patch.setattr(CsvSource, "_chunks", lambda *_: pytest.fail("read record by record"))
        data = read_table(path)
    assert data.groups == ["", "", "n, m"]
    assert data.texts == ["x", 'y, "so"\nz', "z"]
    path.write_text("\n".join(["query_id,query,s,s_cost,task", *rows, "d,w,1,0.4", "e,w,1,0.5,"]))
    with pytest.raises(DataFileError, match="line 7: expected 5 cells as in the header, found 4; a line may be"):
        read_table(path)
