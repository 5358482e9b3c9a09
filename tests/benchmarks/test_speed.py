"""Measurements against targets."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from benchmarks import speed
from benchmarks.cells import speed as ratios
from benchmarks.cells.rows import Row, verdict, write_rows
from benchmarks.cells.speed import (
    DATA_SETS,
    distance_from_front,
    evaluation_row,
    fancy_indexing,
    first_minimize_row,
    front_row,
    memory_row,
    minimize_row,
    quality_rows,
)
from optllm_pymoo import AllocationProblem, SupportedFront, make_problem


def test_fancy_indexing_by_hand():
    """Queries 0 and 1 on LLMs 1 and 0 cost 2 + 3, and are right with 0.4 and 0.6 on average."""
    problem = AllocationProblem([[1, 2], [3, 4]], [[0.2, 0.4], [0.6, 0.8]])
    np.testing.assert_allclose(fancy_indexing(problem, np.array([[1, 0]])), [[5.0, -0.5]])


@pytest.mark.parametrize("measure", [evaluation_row, minimize_row, front_row])
def test_ratios_are_measured(measure):
    """A ratio is positive, names its size and what was checked."""
    row = measure(200, 4, target=None)
    assert row.measured > 0.0
    assert row.size == "200 × 4"
    assert " ms : " in row.details
    assert row.reached is None


def test_unequal_results_are_not_timed(monkeypatch):
    """If the two sides don't agree there is no ratio."""
    monkeypatch.setattr(ratios, "fancy_indexing", lambda problem, plans: np.zeros((len(plans), 2)))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        evaluation_row(50, 3, target=None)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        minimize_row(50, 3, target=None)


def test_memory_is_measured_in_a_process_of_its_own():
    """The details have the four parts; the share is beyond nothing less than zero."""
    row = memory_row(2000, 4, target=None)
    assert "peak" in row.details
    assert row.measured >= 0.0


def test_first_minimize_is_measured():
    """A fresh process takes longer than a tenth of a second and finds as many plans as this one."""
    row = first_minimize_row(30, 3, target=60.0, repeats=1)
    assert row.measured > 0.1
    assert row.reached


def test_distance_from_front():
    """Midway between (1, 0.2) and (3, 0.6) the front is at 0.4: 0.3 is 0.1 off; twice the end's cost is 1 off."""
    front = SupportedFront([[1, 3]], [[0.2, 0.6]])
    F = np.array([[1.0, -0.2], [2.0, -0.4], [2.0, -0.3], [6.0, -0.6]])
    np.testing.assert_allclose(distance_from_front(F, front), [0.0, 0.0, 0.1, 1.0], atol=1e-12)


def test_search_quality_rows_reach_their_targets():
    """Two grids, ratio and distance each; all reached on a small batch."""
    rows = list(quality_rows("small", make_problem(100, 4)))
    assert len(rows) == 4
    assert all(row.reached for row in rows)


@pytest.mark.parametrize(
    ("measured", "relation", "target", "reached"),
    [
        (10.0, "≥", 10.0, True),
        (9.9, "≥", 10.0, False),
        (4.0, "≤", 4.0, True),
        (4.1, "≤", 4.0, False),
        (1.0, "≤", None, None),
    ],
)
def test_reached_or_not(measured, relation, target, reached):
    """Targets include their bound; without one there is no verdict."""
    row = Row("what", "1 × 1", measured, "×", relation, target)
    assert row.reached is reached
    assert {True: "yes", False: "NO", None: "–"}[reached] in row.cells()


def test_run_speed(monkeypatch, tmp_path):
    """It prints the verdict and writes both files, and nothing else."""
    rows = [Row("fast", "1 × 1", 5.0, "×", "≥", 4.0), Row("slow", "1 × 1", 5.0, "s", "≤", 3.0)]
    monkeypatch.setattr(speed, "measurements", lambda quick: iter(rows))
    console = Console(record=True, width=200, file=io.StringIO())
    speed.run_speed(console, tmp_path / "out", quick=True)
    assert "1 of 2 targets reached" in console.export_text()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["speed.csv", "speed.md"]
    assert pd.read_csv(tmp_path / "out" / "speed.csv")["reached"].tolist() == [True, False]
    assert "| slow | 1 × 1 | 5 s | ≤ 3 s | NO |" in (tmp_path / "out" / "speed.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("there", [(), ("mmlu",), DATA_SETS])
def test_data_sets_that_are_left_out_are_named(monkeypatch, tmp_path, there):
    """Targets on data that isn't there are not passed over in silence; without the variable all are left out."""
    for name in there:
        (tmp_path / "data" / name).mkdir(parents=True)
    monkeypatch.setattr(speed, "measurements", lambda quick: iter([Row("a", "", 1.0, "×", "≤", 1.0)]))
    for folder, found in ((tmp_path, there), (None, ())):
        if folder is None:
            monkeypatch.delenv("OPTLLM_SHARED")
        else:
            monkeypatch.setenv("OPTLLM_SHARED", str(folder))
        console = Console(record=True, width=200, file=io.StringIO())
        speed.run_speed(console, tmp_path / "out", quick=False)
        left_out = ", ".join(name for name in DATA_SETS if name not in found)
        text = console.export_text()
        assert (f"not measured on {left_out}, which" in text) is bool(left_out)


def test_verdict_counts_what_has_a_target(tmp_path):
    """Rows without a target don't count."""
    rows = [Row("a", "", 1.0, "×", "≤", None), Row("b", "", 1.0, "×", "≤", 1.0)]
    assert verdict(rows) == "1 of 1 targets reached"
    assert len(write_rows(tmp_path, rows)) == 2
