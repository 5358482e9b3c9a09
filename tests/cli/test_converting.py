"""`convert` and `demo-data`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from optllm_pymoo.data import make_dataset, read_table


@pytest.mark.parametrize("target", ["batch.csv", "batch.csv.gz", "folder"])
def test_converts_there_and_back(run, batch: Path, target: str) -> None:
    """What is read from the new format is what was in the old."""
    outcome = run("convert", batch, target)
    assert (outcome.code, outcome.stdout) == (0, f"Written to {target}: 120 queries on 3 LLMs\n")
    found, expected = read_table(target), read_table(batch)
    np.testing.assert_array_equal(found.cost, expected.cost)
    np.testing.assert_array_equal(found.correct, expected.correct)
    assert (found.query_ids, found.llms, found.texts) == (expected.query_ids, expected.llms, expected.texts)


def test_nothing_is_overwritten_unless_asked(run, batch: Path) -> None:
    """The message names the option, which then works."""
    Path("batch.csv").write_text("mine")
    assert "pass --overwrite to replace it" in run("convert", batch, "batch.csv").assert_failed()
    assert Path("batch.csv").read_text() == "mine"
    assert run("convert", batch, "batch.csv", "--overwrite").code == 0
    assert len(read_table("batch.csv")) == 120


def test_demo_data_is_the_synthetic_batch(run) -> None:
    """The same as make_dataset, and said to be synthetic."""
    facts = json.loads(run("demo-data", "demo", "--queries", 30, "--llms", 2, "--seed", 5, "--json").stdout)
    assert facts == {"n_queries": 30, "n_llms": 2, "files": ["demo"]}
    found = read_table("demo")
    np.testing.assert_array_equal(found.cost, make_dataset(30, 2, random_state=5).cost)
    assert found.about["synthetic"] is True
    assert "exists already" in run("demo-data", "demo").assert_failed()


def test_unwritable_target(run, batch: Path) -> None:
    """A folder that isn't there is not made up."""
    assert "there is no folder" in run("convert", batch, "nowhere/batch.csv").assert_failed()


def test_unknown_source(run) -> None:
    """Nothing to convert."""
    assert "there is neither a folder nor a file nowhere" in run("convert", "nowhere", "batch.csv").assert_failed()


def test_unused_columns_are_told(run) -> None:
    """One line on stderr; stdout stays what it is."""
    Path("batch.csv").write_text("id,small,small_cost,large,large_costs\n1,1,0.1,1,0.2\n")
    outcome = run("convert", "batch.csv", "there", "--json")
    assert (outcome.code, json.loads(outcome.stdout)["n_llms"]) == (0, 1)
    line = "optllm-pymoo: batch.csv: columns 'large', 'large_costs' are not used; did you mean 'large_cost'?\n"
    assert outcome.stderr == line
