"""Any format in, any format out."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from optllm_pymoo.data import Dataset, convert, load_dataset, load_latency, read_table, save_dataset, write_table

NAMES = ("folder", "wide.csv", "wide.csv.gz", "wide.parquet")


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("source", NAMES)
def test_every_format_converts_into_every_other(tmp_path, small, source, target):
    """Tables, names, texts and groups are the same after it, unknown outcomes included."""
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    data = Dataset(small.cost, [[0, np.nan], [1, 1], [0.5, 0]], llms=small.llms, texts=small.texts)
    write_table(data, tmp_path / source)
    returned = convert(tmp_path / source, tmp_path / f"new-{target}")
    again = read_table(tmp_path / f"new-{target}", allow_missing=True)
    for found in (returned, again):
        np.testing.assert_array_equal(found.cost, data.cost)
        np.testing.assert_array_equal(found.correct, data.correct)
        assert (found.llms, found.query_ids) == (data.llms, data.query_ids)
        assert (found.texts, found.groups) == (data.texts, None)


def test_conversion_keeps_what_is_there(tmp_path, small):
    """An existing target is refused, or replaced on request; a target may be its own source."""
    save_dataset(small, tmp_path / "a")
    save_dataset(small.select([0]), tmp_path / "b")
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        convert(tmp_path / "a", tmp_path / "b")
    assert len(load_dataset(tmp_path / "b")) == 1
    convert(tmp_path / "a", tmp_path / "b", overwrite=True)
    convert(tmp_path / "b", tmp_path / "b", overwrite=True)
    assert load_dataset(tmp_path / "b").about == small.about


def test_paths_that_cannot_be_read_are_named(tmp_path):
    """Nothing there, and a file of an unknown kind."""
    with pytest.raises(FileNotFoundError, match=r"neither a folder nor a file .*/x"):
        read_table(tmp_path / "x")
    (tmp_path / "x.xlsx").write_text("")
    with pytest.raises(ValueError, match=r"x.xlsx: the name doesn't show the format"):
        read_table(tmp_path / "x.xlsx")


def test_real_data_converts(real_data, tmp_path):
    """A real folder becomes one wide file and a folder again without a difference."""
    data = load_dataset(real_data / "routerarena")
    convert(real_data / "routerarena", tmp_path / "w.csv.gz")
    again = convert(tmp_path / "w.csv.gz", tmp_path / "folder")
    np.testing.assert_array_equal(again.cost, data.cost)
    np.testing.assert_array_equal(again.correct, data.correct)
    assert (again.texts, again.groups, again.query_ids) == (data.texts, data.groups, data.query_ids)


@pytest.mark.parametrize("name", ["x.xlsx", "x.JSONL", "x.csv.bz2"])
def test_no_folder_is_named_like_a_file_of_another_format(small, tmp_path, name):
    """Who asks for a spreadsheet is told; a dot in the name of a folder is nothing special."""
    with pytest.raises(ValueError, match=f"{name}: can't write that format"):
        write_table(small, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    write_table(small, tmp_path / "batch.v2")
    assert load_dataset(tmp_path / "batch.v2").llms == small.llms


@pytest.fixture
def batch():
    """Return two queries on two LLMs."""
    return Dataset(np.ones((2, 2)), np.ones((2, 2)), llms=["small", "large"], query_ids=["q1", "q2"])


@pytest.mark.parametrize("header", ["query_id,small,large", "sample_id,small_latency,large_latency"])
def test_file_and_columns(tmp_path, batch, header):
    """Columns by LLM or as in a wide file; rows and columns in any order; others are left alone."""
    path = tmp_path / "seconds.csv"
    path.write_text(f"{header},note\nq2,0.5,4,x\nq0,9,9,y\nq1,0.25,3,z\n")
    assert load_latency(path, batch).tolist() == [[0.25, 3.0], [0.5, 4.0]]


def test_folder_and_gzip(tmp_path, batch):
    """A folder holds latency.csv.gz, beside the files of its data set or alone."""
    with gzip.open(tmp_path / "latency.csv.gz", "wt") as file:
        file.write("query_id,small,large\nq1,1,2\nq2,3,4\n")
    seconds = load_latency(tmp_path, batch)
    assert seconds.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("query_id,small\nq1,1\nq2,1\n", r"seconds\.csv.*'?large'?.*this column is missing"),
        ("query_id,small,large\nq1,1,2\n", "there is no latency of query 'q2'"),
        ("query_id,small,large\nq1,1,2\nq1,1,2\n", "'q1' is already on line 2"),
        ("query_id,small,large\nq1,1,-2\nq2,1,2\n", "expected seconds per call, finite and >= 0; found -2"),
        ("query_id,small,large\nq1,1,fast\nq2,1,2\n", "fast"),
    ],
)
def test_faults_name_the_place(tmp_path, batch, text, message):
    """A missing column or query, a repeated id, a negative value, a word."""
    path = tmp_path / "seconds.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_latency(path, batch)


def test_missing_files(tmp_path, batch):
    """Neither a folder nor a file; a folder without latencies."""
    with pytest.raises(FileNotFoundError, match="neither a folder nor a file"):
        load_latency(tmp_path / "none.csv", batch)
    with pytest.raises(FileNotFoundError, match="has neither latency"):
        load_latency(tmp_path, batch)


@pytest.mark.parametrize(
    "text",
    [
        "id,small_latency_ms,large_latency_ms\nq1,250,3000\nq2,500,4000\n",
        "query_id,model,score,latency_s\nq1,small,1,0.25\nq1,large,1,3\nq2,small,0,0.5\nq2,large,,4\n",
        "query_id,llm,latency_ms\nq2,large,4000\nq2,small,500\nq1,large,3000\nq1,small,250\n",
        "query_id,small,small_cost,small_latency,large,large_latency\nq1,1,9,0.25,0,3\nq2,1,9,0.5,0,4\n",
    ],
)
def test_latencies_are_read_as_batches_are(tmp_path, batch, text):
    """Wide or long, in seconds or milliseconds, beside outcomes and costs."""
    path = tmp_path / "seconds.csv"
    path.write_text(text)
    np.testing.assert_allclose(load_latency(path, batch), [[0.25, 3.0], [0.5, 4.0]])


def test_a_gap_is_named(tmp_path, batch):
    """An empty cell with its line; a query and LLM without a row with their names."""
    path = tmp_path / "seconds.csv"
    path.write_text("id,small,large\nq1,1,2\nq2,,4\n")
    with pytest.raises(ValueError, match="line 3, column 'small': expected a number, found an empty cell"):
        load_latency(path, batch)
    path.write_text("id,llm,latency\nq1,small,1\nq1,large,2\nq2,small,1\n")
    with pytest.raises(ValueError, match="query 'q2' has no row for 'large'"):
        load_latency(path, batch)
