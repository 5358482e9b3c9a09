"""Latencies read from files."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from optllm_pymoo.data import Dataset, load_latency


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
