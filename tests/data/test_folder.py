"""Reading and writing data sets as folders, with every way in which a file can be at fault."""

import csv
import gzip
import json
import pickle
import re
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optllm_pymoo.data import (
    DataFileError,
    DataFileWarning,
    Dataset,
    PriceTable,
    load_dataset,
    make_dataset,
    read_log,
    read_table,
    save_dataset,
)
from optllm_pymoo.validation import UserError


def assert_same(found: Dataset, expected: Dataset) -> None:
    """Every table and every name is the same."""
    np.testing.assert_array_equal(found.cost, expected.cost)
    np.testing.assert_array_equal(found.correct, expected.correct)
    for name in ("llms", "query_ids", "texts", "groups", "about"):
        assert getattr(found, name) == getattr(expected, name), name


def column(values) -> np.ndarray:
    """Values for one LLM, (N, 1)."""
    return np.array(values, dtype=float)[:, np.newaxis]


def test_plain_files_are_read(folder):
    """Texts with line breaks, quotes and "NA" come out as they are; numbers in any notation."""
    data = load_dataset(str(folder))
    assert data.query_ids == ("q1", "q2", "q3")
    assert data.texts == ["two\nlines", 'a "b", c', "NA"]
    assert data.groups == ["g", "g", ""]
    assert data.cost.tolist() == [[0.1, 2.0], [0.2, 0.3], [0.0, 1.0]]
    assert data.correct.tolist() == [[0.0, 1.0], [1.0, 1.0], [0.5, 0.0]]
    assert data.about == {}


def test_text_and_group_are_optional(folder):
    """A file of ids alone is enough."""
    (folder / "queries.csv").write_text("query_id\nq1\nq2\nq3\n")
    data = load_dataset(folder)
    assert data.texts is None
    assert data.groups is None


def test_byte_order_mark_windows_line_ends_and_blank_lines_do_no_harm(folder):
    """A file with a spreadsheet's quirks reads like one without, and its lines are counted right."""
    expected = load_dataset(folder)
    for path in folder.glob("*.csv"):
        text = "\ufeff" + path.read_text().replace("\n", "\r\n").replace("two\r\nlines", "two\nlines") + "\r\n"
        path.write_bytes(text.encode())
    assert_same(load_dataset(folder), expected)
    (folder / "cost.csv").write_bytes(b"\xef\xbb\xbfquery_id,small,large\r\n\r\nq1,0.1,2\r\nq2,?,3\r\nq3,0,1\r\n")
    with pytest.raises(DataFileError, match=r"line 4, column 'small': expected a number, found '\?'"):
        load_dataset(folder)


def test_line_is_that_of_the_file_below_texts_of_many_lines(folder):
    """Line breaks inside quotes count: with a first text of three lines, record 3 starts on line 6."""
    (folder / "queries.csv").write_text('query_id,text\nq1,"a\nb\nc"\nq2,x\nq2,y\n')
    with pytest.raises(DataFileError, match=r"queries.csv, line 6, column 'query_id': 'q2' is already on line 5"):
        load_dataset(folder)


def test_bytes_that_are_not_utf8_are_named_with_their_line(folder):
    """A Latin-1 file is refused at the first line that shows it."""
    (folder / "queries.csv").write_bytes("query_id,text\nq1,a\nq2,größer\nq3,b\n".encode("latin-1"))
    with pytest.raises(DataFileError, match="line 3: expected UTF-8 text"):
        load_dataset(folder)


def test_archives_that_are_cut_off_or_damaged_are_named(folder):
    """Cut anywhere, or with a flipped byte, an archive is refused; whole it is read."""
    path = folder / "cost.csv.gz"
    whole = gzip.compress((folder / "cost.csv").read_bytes())
    (folder / "cost.csv").unlink()
    for content in (whole[:-1], whole[: len(whole) // 2], whole[:12], whole[:5], b"\x1f\x8b"):
        path.write_bytes(content)
        with pytest.raises(DataFileError, match=r"cost.csv.gz: the gzip archive is cut off or damaged"):
            load_dataset(folder)
    path.write_bytes(whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:])
    with pytest.raises(DataFileError, match=r"cut off or damaged .*CRC"):
        load_dataset(folder)
    path.write_bytes(whole)
    assert len(load_dataset(folder)) == 3


def test_missing_and_doubled_files(folder):
    """A missing file or folder is named, and of two files of the same content neither is preferred."""
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*/nowhere"):
        load_dataset(folder / "nowhere")
    with pytest.raises(UserError, match=r"cost.csv is a file; .* optllm_pymoo.data.read_table a table"):
        load_dataset(folder / "cost.csv")
    (folder / "cost.csv.gz").write_bytes(gzip.compress(b"query_id,a\n"))
    with pytest.raises(DataFileError, match=r"cost.csv.gz: there is also cost.csv"):
        load_dataset(folder)
    (folder / "cost.csv.gz").unlink()
    (folder / "cost.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"has neither cost.csv.gz nor cost.csv"):
        load_dataset(folder)


def test_about_must_be_a_json_object(folder):
    """Broken JSON is named with its line; an object is taken over."""
    about = folder / "about.json"
    for content, message in [
        ('{"a":\n 1,,}', "line 2: expected JSON"),
        ("[1]", "a JSON object, found list"),
        ("[" * 200_000, "nested too deep"),
    ]:
        about.write_text(content)
        with pytest.raises(DataFileError, match=message):
            load_dataset(folder)
    about.write_bytes(b"\xff")
    with pytest.raises(DataFileError, match=r"about.json, line 1: expected UTF-8"):
        load_dataset(folder)
    about.write_text('{"a": [1]}')
    assert load_dataset(folder).about == {"a": [1]}


def test_gaps_are_accepted_on_request(folder):
    """allow_missing reads empty outcomes as NaN and estimates empty costs; a short record stays an error."""
    good = (folder / "correct.csv").read_text()
    (folder / "correct.csv").write_text("query_id,small,large\nq1,,\nq2,NA,1\nq3,0,nan\n")
    correct = load_dataset(folder, allow_missing=True).correct
    np.testing.assert_array_equal(correct, [[np.nan, np.nan], [np.nan, 1], [0, np.nan]])
    (folder / "correct.csv").write_text("query_id,small,large\nq1,1,1\nq2,1,1\nq3,0\n")
    with pytest.raises(DataFileError, match="line 4: expected 3 cells"):
        load_dataset(folder, allow_missing=True)
    (folder / "correct.csv").write_text(good)
    (folder / "cost.csv").write_text((folder / "cost.csv").read_text().replace("0.1", ""))
    with pytest.warns(DataFileWarning, match="1 of 6 costs are missing and estimated"):
        data = load_dataset(folder, allow_missing=True)
    # the mean of 0.2 and 0
    assert (data.cost[0, 0], data.about["estimated_costs"]) == (0.1, {"small": 1})


def test_a_long_text_is_no_obstacle_when_a_fault_is_sought(folder):
    """Texts beyond the csv module's limit of 131,072 characters hide no fault, and the limit is put back."""
    limit = csv.field_size_limit()
    (folder / "queries.csv").write_text(f"query_id,text\nq1,{'x' * 200_000}\nq2,b\nq2,c\n")
    with pytest.raises(DataFileError, match="line 4, column 'query_id': 'q2' is already on line 3"):
        load_dataset(folder)
    assert csv.field_size_limit() == limit


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
CORRECT = st.sampled_from([0, 1, 0.25, 1 / 3, np.nan])
COST = st.floats(0, 1e6) | st.sampled_from([0.1 + 0.2, 5e-324, 1e-17, 1 / 3])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.tuples(TEXT, TEXT, COST, st.sampled_from([0, 1, 0.25, 1 / 3, np.nan])), min_size=1, max_size=6))
def test_what_is_saved_is_loaded_to_the_last_bit(tmp_path, rows):
    """Any text, any float, and unknown outcomes survive saving and loading."""
    texts, groups, cost, correct = zip(*rows, strict=True)
    data = Dataset(column(cost), column(correct), llms=["a, b"], texts=texts, groups=groups, about={"ü": 1})
    save_dataset(data, tmp_path / "d", overwrite=True)
    assert_same(load_dataset(tmp_path / "d", allow_missing=True), data)


def test_saved_files_have_the_layout(small, tmp_path):
    """Four files with the documented columns, outcomes as 0 and 1, and the same bytes each time."""
    save_dataset(small, tmp_path / "d")
    names = ["about.json", "correct.csv.gz", "cost.csv.gz", "queries.csv.gz"]
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == names
    correct = gzip.decompress((tmp_path / "d/correct.csv.gz").read_bytes()).decode()
    assert correct == "query_id,small,large\nq1,0,1\nq2,1,1\nq3,0,0\n"
    assert json.loads((tmp_path / "d/about.json").read_text(encoding="utf-8")) == small.about
    time.sleep(1.1)  # the time in a gzip header counts seconds
    save_dataset(small, tmp_path / "e")
    assert all((tmp_path / "d" / name).read_bytes() == (tmp_path / "e" / name).read_bytes() for name in names)


def test_saving_keeps_what_is_there(small, tmp_path):
    """An existing folder is refused, or replaced as a whole on request, and kept if saving fails."""
    save_dataset(small, tmp_path / "d")
    with pytest.raises(FileExistsError, match="exists already; pass overwrite=True"):
        save_dataset(small, tmp_path / "d")
    surrogate = Dataset(small.cost, small.correct, texts=["a", "\ud800", "b"])
    with pytest.raises(UnicodeEncodeError):
        save_dataset(surrogate, tmp_path / "d", overwrite=True)
    with pytest.raises(UserError, match="not JSON serializable"):
        save_dataset(Dataset([[1]], [[1]], about={"a": object()}), tmp_path / "d", overwrite=True)
    assert_same(load_dataset(tmp_path / "d"), small)
    save_dataset(small.select([0]), tmp_path / "d", overwrite=True)
    assert len(load_dataset(tmp_path / "d")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_folder_with_other_files_is_never_replaced(small, tmp_path):
    """What is not part of a data set would be lost with the old folder; an empty folder has nothing to lose."""
    save_dataset(small, tmp_path / "d", overwrite=True)
    (tmp_path / "d/notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"d holds 'notes.txt', which is no part of a data set"):
        save_dataset(small, tmp_path / "d", overwrite=True)
    assert (tmp_path / "d/notes.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    save_dataset(small, tmp_path / "empty", overwrite=True)
    assert_same(load_dataset(tmp_path / "empty"), small)


def test_an_llm_called_like_the_ids_is_refused(tmp_path):
    """It could not be told from the ids when it is read; nothing is written."""
    with pytest.raises(ValueError, match="an LLM can't be called 'query_id'"):
        save_dataset(Dataset([[1]], [[1]], llms=["query_id"]), tmp_path / "d")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "shape"),
    [("logpai", (32_000, 8)), ("llmrouter", (5_789, 9)), ("mmlu", (14_042, 2)), ("routerarena", (744, 2))],
)
def test_real_folders(real_data, name, shape):
    """Size, texts, and every LLM's accuracy and total cost are those that about.json states."""
    data = load_dataset(real_data / name)
    about = data.about
    assert data.cost.shape == shape
    assert [llm["name"] for llm in about["llms"]] == list(data.llms)
    assert len(set(data.texts)) == about["unique_texts"]
    np.testing.assert_allclose(data.correct.mean(0), [llm["accuracy"] for llm in about["llms"]], atol=1e-6)
    np.testing.assert_allclose(data.cost.sum(0), [llm["total_cost_usd"] for llm in about["llms"]], atol=1e-6)


def test_a_large_folder_loads_quickly(tmp_path):
    """32,000 x 8 cells load in about a second of the processor."""
    save_dataset(make_dataset(32_000, 8), tmp_path / "d")
    started = time.process_time()
    data = load_dataset(tmp_path / "d")
    seconds = time.process_time() - started
    assert data.cost.shape == (32_000, 8)
    assert seconds < 3, f"took {seconds:.2f} s"


def test_errors_survive_a_pickle():
    """An error raised in a worker process arrives with its message and place."""
    error = DataFileError("a.csv", "wrong", 3, "b")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "a.csv, line 3, column 'b': wrong"
    assert re.match("a.csv: wrong", str(DataFileError("a.csv", "wrong")))


FAULTS = {
    "text in a number column": (
        "cost",
        "query_id,small,large\nq1,0.1,2\nq2,0.2,high\nq3,0,1\n",
        3,
        "large",
        "found 'high'",
    ),
    "empty cell": (
        "cost",
        "query_id,small,large\nq1,0.1,2\nq2,,3\nq3,0,1\n",
        3,
        "small",
        "found an empty cell",
    ),
    "NaN in cost": (
        "cost",
        "query_id,small,large\nq1,nan,2\nq2,1,3\nq3,0,1\n",
        2,
        "small",
        "found an empty cell or NA",
    ),
    "NaN in correct": (
        "correct",
        "query_id,small,large\nq1,0,1\nq2,0,NaN\nq3,0,1\n",
        3,
        "large",
        "found an empty cell or NA",
    ),
    "thousands": (
        "cost",
        'query_id,small,large\nq1,0,1\nq2,0,1\nq3,"1,000",1\n',
        4,
        "small",
        "found '1,000'",
    ),
    "underscore": ("cost", "query_id,small,large\nq1,0,1\nq2,0,1\nq3,1_0,1\n", 4, "small", "found '1_0'"),
    "negative cost": ("cost", "query_id,small,large\nq1,0,1\nq2,0,-1\nq3,1,1\n", 3, "large", "found -1.0"),
    "infinite cost": ("cost", "query_id,small,large\nq1,0,1\nq2,0,1\nq3,inf,1\n", 4, "small", "found inf"),
    "label above 1": (
        "correct",
        "query_id,small,large\nq1,0,2\nq2,0,1\nq3,1,1\n",
        2,
        "large",
        r"in \[0, 1\]; found 2",
    ),
    "missing column": ("cost", "key,small,large\nq1,0,1\n", 1, "query_id", "there are 'key', 'small', 'large'"),
    "no LLM": ("cost", "query_id\nq1\nq2\nq3\n", 1, None, "there is no LLM column beside query_id"),
    "nameless column": ("cost", "query_id,,large\nq1,0,1\n", 1, None, "column 2 has no name"),
    "repeated column": ("cost", "query_id,small,small\nq1,0,1\n", 1, "small", "occurs twice"),
    "other LLM": (
        "correct",
        "query_id,small,big\nq1,0,1\nq2,0,1\nq3,0,1\n",
        1,
        "big",
        "column 2 is 'large' in cost.csv",
    ),
    "LLMs in other order": (
        "correct",
        "query_id,large,small\nq1,0,1\nq2,0,1\nq3,0,1\n",
        1,
        "large",
        "column 1 is 'small' in cost.csv",
    ),
    "an LLM more": (
        "correct",
        "query_id,small,large,xl\nq1,0,1,0\nq2,0,1,0\nq3,0,1,0\n",
        1,
        None,
        "3 LLM columns, but 2.*: 'xl'",
    ),
    "repeated id": (
        "queries",
        'query_id,text\nq1,"a\nb"\nq2,x\nq1,y\n',
        5,
        "query_id",
        "'q1' is already on line 2",
    ),
    "empty id": ("queries", 'query_id,text\nq1,"a\nb"\n"",x\nq3,y\n', 4, "query_id", "this query has no id"),
    "other id": (
        "cost",
        "query_id,small,large\nq1,0,1\nq7,0,1\nq3,1,1\n",
        3,
        "query_id",
        "'q7' where queries.csv has 'q2'",
    ),
    "other order": (
        "correct",
        "query_id,small,large\nq2,0,1\nq1,0,1\nq3,1,1\n",
        2,
        "query_id",
        "found query 'q2' where",
    ),
    "missing row": (
        "cost",
        "query_id,small,large\nq1,0,1\nq2,0,1\n",
        None,
        None,
        "there are 2 queries, but 3 in queries",
    ),
    "short record": (
        "cost",
        "query_id,small,large\nq1,0,1\nq2,0\nq3,0,1\n",
        3,
        None,
        "expected 3 cells.*found 2",
    ),
    "short text record": (
        "queries",
        "query_id,text,group\nq1,a,g\nq2,b\nq3,c,g\n",
        3,
        None,
        "expected 3 cells.*found 2",
    ),
    "long record": (
        "cost",
        "query_id,small,large\nq1,0,1\nq2,0,1,5\nq3,0,1\n",
        3,
        None,
        "expected 3 cells.*found 4",
    ),
    "long first record": (
        "cost",
        "query_id,small,large\nq1,0,1,5\nq2,0,1\nq3,0,1\n",
        2,
        None,
        "expected 3 cells.*found 4",
    ),
    "all records long": (
        "cost",
        "query_id,small,large\nq1,0,1,\nq2,0,1,\nq3,0,1,\n",
        2,
        None,
        "expected 3 cells.*found 4",
    ),
    "unquoted comma": (
        "queries",
        "query_id,text,group\nq1,a,g\nq2,b, c,g\nq3,c,g\n",
        3,
        None,
        "expected 3 cells.*found 4",
    ),
    "open quote": (
        "queries",
        'query_id,text,group\nq1,a,g\nq2,"b,g\nq3,c,g\n',
        3,
        None,
        "a quote may not be closed",
    ),
    "empty file": ("cost", "", 1, None, "the file is empty; expected a header"),
    "header alone": ("cost", "query_id,small,large\n", 1, None, "no record below the header"),
}


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named_with_file_line_and_column(folder, fault, gzipped):
    """Every fault is found on the line on which its record starts, whether the file is packed or not."""
    stem, content, line, column, message = FAULTS[fault]
    path = folder / f"{stem}.csv"
    path.write_text(content)
    if gzipped:
        path.unlink()
        path = folder / f"{stem}.csv.gz"
        path.write_bytes(gzip.compress(content.encode()))
    with pytest.raises(DataFileError, match=message) as caught:
        load_dataset(folder)
    assert (caught.value.path, caught.value.line, caught.value.column) == (path, line, column)
    assert str(caught.value).startswith(str(path))


def test_a_number_is_no_path():
    """A user's slip, said in words."""
    for read in (
        load_dataset,
        read_table,
        lambda path: [*read_log(path)],
        PriceTable.from_json,
        PriceTable.from_csv,
        PriceTable.from_file,
    ):
        with pytest.raises(UserError, match=r"named by its path, a text; got 3$"):
            read(3)
