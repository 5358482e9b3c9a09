"""The suite on budgets, targets, quotas, latency and promises: which cells it has, and what its report says."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.cells.cell import Outcome, key_of
from benchmarks.cells.measurements import MEASUREMENTS, ROWS, RowsCell
from benchmarks.cells.rows import Row
from benchmarks.cells.sources import from_files, synthetic_tables
from benchmarks.cli import app
from benchmarks.report.targets import CONSTRAINTS
from benchmarks.suites import constraints
from benchmarks.suites.base import Options, Suite, gathered
from benchmarks.suites.registry import SUITES
from benchmarks.suites.reports import constraints_report
from optllm_pymoo import make_dataset
from optllm_pymoo.data import save_dataset
from tests.benchmarks.suites.made_up import results_of

REACHED = Row("near", "1 × 1", 5.0, "×", "≥", 4.0, "2 ms : 1 ms")
MISSED = Row("far", "2 × 2", 5.0, "s", "≤", 3.0)
OPEN = Row("elsewhere", "3 × 3", 5.0, "s", "≤", None)


@pytest.fixture
def small(tmp_path):
    """A data set of 60 queries in files."""
    save_dataset(make_dataset(60, 3, random_state=0), tmp_path / "small")
    return tmp_path / "small"


def _tiny(options):
    sources = from_files(options.data)
    tied = synthetic_tables("tied", 50, 3)
    cells = {
        "single": [*constraints.optima([*sources, tied], (20,), 2), *constraints.gaps(sources, 2)],
        "quotas": list(constraints.quotas([*sources, tied], 1.0)),
        "latency": [RowsCell.of("surface", n_queries=20, n_llms=3, family="tied", target=0.9)],
        "promises": [RowsCell.of("promise", n_labelled=10, n_seeds=1)],
    }
    return gathered(cells, [*sources, tied])


def _texts(folder):
    return (folder / "report.md").read_text(encoding="utf-8"), pd.read_csv(folder / "results.csv")


def test_a_tiny_run_and_again(monkeypatch, small, tmp_path):
    """All parts are measured, tabulated and counted; the second run measures nothing and tells the same."""
    suite = SUITES["constraints"]
    monkeypatch.setitem(SUITES, "constraints", Suite(suite.name, suite.what, _tiny, suite.report))
    arguments = ["run", "constraints", "--data", str(small), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    report, table = _texts(tmp_path / "out" / "constraints")
    assert all(f"# {title}" in report for title, _ in CONSTRAINTS.values())
    rows = [row for text in table[ROWS] for row in json.loads(text)]
    assert all(row["what"] in report for row in rows if "|" not in row["what"])
    assert {"small", "tied-50x3"} == set(table["data"].dropna())
    again = CliRunner().invoke(app, arguments)
    assert f"0 cells measured, {len(table)} were stored" in again.output
    assert _texts(tmp_path / "out" / "constraints")[0] == report


def test_every_measurement_is_run(small):
    """No measurement is left out of the plan; without files those that need texts are."""
    plan = constraints.plan(Options((small,)))
    assert {cell.measurement for cell in plan.cells} == set(MEASUREMENTS)
    assert set(plan.parts) == set(CONSTRAINTS)


def test_given_data_alone_is_drawn_from(small):
    """With ``--data`` the cells about data sets are about those; sizes that targets are set for stay."""
    plan = constraints.plan(Options((small,)))
    assert {cell.subset.data for cell in plan.cells if cell.subset} == {"small"} == set(plan.datasets)
    sizes = {dict(cell.options)["n_queries"] for cell in plan.cells if "n_queries" in dict(cell.options)}
    assert sizes == {2_117, 32_000, 1_000_000}


def test_labels_from_files_are_also_blurred(small):
    """Each of the sizes on which HiGHS proves, under budgets and at targets, with ties and without."""
    cells = list(constraints.optima(from_files([small])))
    told = {(c.subset.max_queries, c.subset.is_blurred, dict(c.options)["limit"]) for c in cells}
    assert len(told) == len(cells) == 3 * 2 * 2


def test_without_data(monkeypatch):
    """Four synthetic families, and one of them for the long search."""
    monkeypatch.delenv("OPTLLM_SHARED", raising=False)
    plan = constraints.plan(Options())
    assert len(plan.datasets) == 4
    searched = [cell.subset.data for cell in plan.cells if cell.measurement == "quota search"]
    assert searched == ["continuous-2117x12"]


def test_other_options_are_refused():
    """They would be ignored."""
    with pytest.raises(ValueError, match="suite constraints makes no use of --splits"):
        constraints.plan(Options(splits=3))


def test_the_report_counts_and_names(tmp_path):
    """One of two targets reached, the other named at the top; a part that isn't measured says so."""
    first = RowsCell.of("seconds", n_queries=1, n_llms=1, target=2.0)
    second = RowsCell.of("speed", n_queries=1, n_llms=1, target=2.0)
    later = RowsCell.of("surface", n_queries=1, n_llms=1, family="tied", target=2.0)
    plan = gathered({"single": [first, second], "quotas": [later], "latency": [], "promises": []}, ())
    outcomes = {
        cell: Outcome({ROWS: json.dumps([vars(row) for row in rows])})
        for cell, rows in ((second, [MISSED]), (first, [REACHED, OPEN]))
    }
    document = constraints_report(results_of(tmp_path, plan, outcomes), plan)
    assert "1 of 2 targets reached" in document.summary
    assert "NOT reached: far, 2 × 2, 5 s, ≤ 3 s" in document.summary
    assert "1 of 3 cells are missing" in document.summary
    _, single, quotas, *_ = document.sections
    table = single.blocks[1]
    assert table.frame["what"].tolist() == ["near", "elsewhere", "far"]
    assert list(table.bold) == [2]
    assert "Nothing of it is measured yet" in quotas.blocks[0].markdown
    assert key_of(later) not in outcomes
