"""A small data set, and the folder of real ones."""

import os
from pathlib import Path

import pytest

from optllm_pymoo.data import Dataset

FILES = {
    "queries.csv": 'query_id,text,group\nq1,"two\nlines",g\nq2,"a ""b"", c",g\nq3,NA,\n',
    "cost.csv": "query_id,small,large\nq1,0.1,2\nq2,0.2,3e-1\nq3,0,1\n",
    "correct.csv": "query_id,small,large\nq1,0,1\nq2,1,1\nq3,0.5,0\n",
}


@pytest.fixture
def folder(tmp_path):
    """A folder of plain CSV files that is in order."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.fixture
def small() -> Dataset:
    """Three queries, two LLMs; texts with a line break, a quote, a comma and "NA"."""
    return Dataset(
        [[0.1, 2.0], [0.125, 3.5], [1e-7, 1 / 3]],
        [[0, 1], [1, 1], [0, 0]],
        llms=["small", "large"],
        query_ids=["q1", "q2", "q3"],
        texts=['one\nline, "two"', "NA", ""],
        groups=["a", "a", "b"],
        about={"licence": "none", "größe": 3},
    )


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets."""
    shared = os.environ.get("OPTLLM_SHARED")
    if not shared:
        pytest.skip("set OPTLLM_SHARED to the folder that holds data/ to run on real outcomes")
    return Path(shared) / "data"
