"""Data sets by name and content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.cells.cell import key_of
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import (
    Source,
    from_files,
    same_tables,
    synthetic_tables,
    synthetic_texts,
)
from benchmarks.cells.split import Setting
from benchmarks.cells.table import FeatureCell, TableCell
from benchmarks.runner.plan import Plan
from optllm_pymoo import make_dataset, make_problem
from optllm_pymoo.data import Dataset, save_dataset, write_table

GIVEN: dict[str, Any] = {
    "cost": [[1.0, 2.0], [1.0, 2.0]],
    "correct": [[0, 1], [1, 1]],
    "llms": ["a", "b"],
    "texts": ["x", "y"],
    "groups": ["g", "h"],
}


def _readers(sources: list[Source]) -> dict[str, Any]:
    return dict(Plan.of({}, sources).datasets)


def fingerprint(dataset: Dataset) -> str:
    """Return the fingerprint that a source of this data set has."""
    return Source.of("d", lambda: dataset).fingerprint


CHANGED = {
    "cost": {"cost": [[1.0, 2.0], [1.0, 2.5]]},
    "outcome": {"correct": [[0, 1], [1, 0]]},
    "name of an LLM": {"llms": ["a", "c"]},
    "texts": {"texts": ["x", "z"]},
    "order of texts": {"texts": ["y", "x"]},
    "border between texts": {"texts": ["", "xy"]},
    "no texts": {"texts": None},
    "empty texts": {"texts": ["", ""]},
    "texts and groups exchanged": {"texts": GIVEN["groups"], "groups": GIVEN["texts"]},
    "groups": {"groups": ["g", "g"]},
    "no groups": {"groups": None},
    "shape": {"cost": [[1.0], [2.0]], "correct": [[0], [1]], "llms": ["a"]},
    "a row more": {"cost": [[1, 2]] * 3, "correct": [[0, 1]] * 3, "texts": ["x"] * 3, "groups": ["g"] * 3},
}


def test_fingerprint_changes_with_each_ingredient() -> None:
    """All of these differ from each other, and an equal data set has the same."""
    found = {name: fingerprint(Dataset(**{**GIVEN, **change})) for name, change in {"": {}, **CHANGED}.items()}
    assert len(set(found.values())) == len(found)
    assert found[""] == fingerprint(Dataset(**GIVEN))
    assert all(len(value) == 12 for value in found.values())


def test_texts_that_are_no_proper_unicode() -> None:
    """Half a surrogate pair, as read from a broken file, has a fingerprint."""
    assert fingerprint(Dataset([[1.0]], [[1]], texts=["\ud800"])) != fingerprint(Dataset([[1.0]], [[1]], texts=["?"]))


def test_one_empty_text_is_not_none() -> None:
    """One query with an empty text isn't one without."""
    bare = Dataset([[1.0]], [[1]], llms=["a"])
    assert fingerprint(bare) != fingerprint(Dataset([[1.0]], [[1]], llms=["a"], texts=[""]))


def batch(folder: Path, correct: list[list[float]]) -> Path:
    """Write a small wide file."""
    folder.mkdir(exist_ok=True)
    data = Dataset([[1.0, 2.0]] * 3, correct, llms=["a", "b"], texts=["x", "y", "z"])
    write_table(data, folder / "batch.csv", overwrite=True)
    return folder / "batch.csv"


def test_changed_data_change_the_keys_of_all_that_is_about_them(tmp_path: Path) -> None:
    """One outcome of a file is corrected: features, table and search get other keys; read again, the same."""
    path = batch(tmp_path, [[0, 1], [1, 1], [0, 0]])
    (before,), (again,) = from_files([path]), from_files([path])
    (after,) = from_files([batch(tmp_path, [[0, 1], [1, 1], [0, 1]])])
    assert [_keys(source) for source in (before, again)] == [_keys(before)] * 2
    assert not set(_keys(before)) & set(_keys(after))
    assert before.name == after.name == "batch.csv"


def _keys(source: Source) -> list[str]:
    setting = Setting.of(source, "constants", 0.5)
    limit = Limit(evaluations=10)
    cells = [FeatureCell(source.name, source.fingerprint), TableCell(setting), SearchCell(setting, "nsga2", limit)]
    return [key_of(cell) for cell in (*cells, SearchCell(Setting.of(source), "nsga2", limit))]


def test_missing_outcomes_are_refused(tmp_path: Path) -> None:
    """The message names folder, query and LLM."""
    data = Dataset([[1.0, 2.0]] * 2, [[0, 1], [1, np.nan]], llms=["a", "b"], query_ids=["q", "r"])
    save_dataset(data, tmp_path / "gaps")
    with pytest.raises(ValueError, match=r"gaps: comparing needs all outcomes, and query 'r' on 'b' has none"):
        from_files([tmp_path / "gaps"])


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    """Results are kept by name; the same one twice is no better."""
    first, second = (batch(tmp_path / name, [[0, 1]] * 3) for name in "ab")
    with pytest.raises(ValueError, match=r"two data sets are named 'batch\.csv': .*a.batch\.csv and .*b.batch\.csv"):
        from_files([first, second])
    with pytest.raises(ValueError, match=r"named 'batch\.csv'.*leave it out if it is the same"):
        from_files([first, first])


def test_nothing_there(tmp_path: Path) -> None:
    """A missing file is an OSError with its name."""
    with pytest.raises(OSError, match="none"):
        from_files([tmp_path / "none"])


def test_synthetic_sources_read_the_same_again() -> None:
    """What is described is what is read; texts tell whether anything can be predicted; the seed is part of it."""
    for source, has_texts in ((synthetic_texts(30, 3), True), (synthetic_tables("continuous", 30, 3), False)):
        assert fingerprint(source.read()) == source.fingerprint
        assert source.has_texts is has_texts
    assert synthetic_texts(30, 3).fingerprint == fingerprint(make_dataset(30, 3, random_state=0))
    assert synthetic_texts(30, 3, random_state=1).fingerprint != synthetic_texts(30, 3).fingerprint


def test_readers_by_name() -> None:
    """Each is read under its name; two that differ can't share one."""
    small, other = synthetic_texts(30, 3), synthetic_texts(30, 3, random_state=1)
    assert list(_readers([small, synthetic_texts(30, 3)])) == [small.name]
    assert fingerprint(_readers([small])[small.name]()) == small.fingerprint
    with pytest.raises(ValueError, match="two different data sets are named 'questions-30x3'"):
        _readers([small, other])


def test_same_tables_but_nothing_derived():
    """The copy shares the tables and has no front yet; a shorter one has the first queries."""
    problem = make_problem(20, 3)
    assert len(problem.supported_front) > 1
    fresh = same_tables(problem)
    assert fresh.cost is problem.cost or np.shares_memory(fresh.cost, problem.cost)
    assert "supported_front" not in fresh.__dict__
    np.testing.assert_array_equal(same_tables(problem, 5).cost, problem.cost[:5])
