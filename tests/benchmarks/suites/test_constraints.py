"""The suite on budgets, targets, quotas, latency and promises: which cells it has, and what its report says."""

from __future__ import annotations

import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.cells import single
from benchmarks.cells.cell import Outcome, key_of
from benchmarks.cells.latency import surface, surface_search
from benchmarks.cells.promises import interval_after, promise, promise_of_data_set
from benchmarks.cells.quotas import quota_gap, quota_search, quota_speed
from benchmarks.cells.rows import Row, RowsCell
from benchmarks.cells.sources import from_files, synthetic_tables
from benchmarks.cli import app
from benchmarks.runner.plan import Plan
from benchmarks.suites.base import Options
from benchmarks.suites.constraints import SUITE, TITLES, Constraints
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


def _tiny(suite, options):
    sources = from_files(options.data)
    tied = synthetic_tables("tied", 50, 3)
    cells = {
        "single": [*suite.optima([*sources, tied], (20,), 2), *suite.gaps(sources, 2)],
        "quotas": list(suite.quotas([*sources, tied], 1.0)),
        "latency": [RowsCell.of(surface, n_queries=20, n_llms=3, family="tied", target=0.9)],
        "promises": [RowsCell.of(promise, n_labelled=10, n_seeds=1)],
    }
    return Plan.of(cells, [*sources, tied])


def _texts(folder):
    return (folder / "report.md").read_text(encoding="utf-8"), pd.read_csv(folder / "results.csv")


def test_a_tiny_run_and_again(monkeypatch, small, tmp_path):
    """All parts are measured, tabulated and counted; the second run measures nothing and tells the same."""
    monkeypatch.setattr(Constraints, "plan", _tiny)
    arguments = ["run", "constraints", "--data", str(small), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    report, table = _texts(tmp_path / "out" / "constraints")
    assert all(f"# {title}" in report for title in TITLES.values())
    assert all(what in report for what in table["what"] if "|" not in what)
    assert table["reached"].dropna().isin([True, False]).all()
    assert {"small", "tied-50x3"} == set(table["data"].dropna())
    again = CliRunner().invoke(app, arguments)
    assert f"0 cells measured, {table['cell'].nunique()} were stored" in again.output
    assert _texts(tmp_path / "out" / "constraints")[0] == report


def test_every_measurement_is_run(small):
    """No measurement is left out of the plan; without files those that need texts are."""
    plan = SUITE.planned(Options((small,)))
    measured = {
        single.optimum,
        single.gap,
        single.budget_speed,
        single.large_gap,
        single.seconds,
        surface,
        surface_search,
    }
    measured |= {quota_gap, quota_search, quota_speed, promise, promise_of_data_set, interval_after}
    assert {cell.measurement for cell in plan.cells} == measured
    assert set(plan.parts) == set(TITLES)


def test_given_data_alone_is_drawn_from(small):
    """With ``--data`` the cells about data sets are about those; sizes that targets are set for stay."""
    plan = SUITE.planned(Options((small,)))
    assert {cell.subset.data for cell in plan.cells if cell.subset} == {"small"} == set(plan.datasets)
    sizes = {dict(cell.options)["n_queries"] for cell in plan.cells if "n_queries" in dict(cell.options)}
    assert sizes == {700, 2_117, 32_000, 1_000_000}


def test_labels_from_files_are_also_blurred(small):
    """Each of the sizes on which HiGHS proves, under budgets and at targets, with ties and without."""
    cells = list(SUITE.optima(from_files([small])))
    told = {(c.subset.max_queries, c.subset.is_blurred, dict(c.options)["limit"]) for c in cells}
    assert len(told) == len(cells) == 3 * 2 * 2


def test_without_data(monkeypatch):
    """Four synthetic families, and one of them for the long search."""
    monkeypatch.delenv("OPTLLM_SHARED", raising=False)
    plan = SUITE.planned(Options())
    assert len(plan.datasets) == 4
    searched = [cell.subset.data for cell in plan.cells if cell.measurement is quota_search]
    assert searched == ["continuous-2117x12"]


def test_other_options_are_refused():
    """They would be ignored."""
    with pytest.raises(ValueError, match="suite constraints doesn't use --splits"):
        SUITE.planned(Options(splits=3))


def test_the_report_counts_and_names(tmp_path):
    """One of two targets reached, the other named at the top; a part that isn't measured says so."""
    first = RowsCell.of(single.seconds, n_queries=1, n_llms=1, target=2.0)
    second = RowsCell.of(single.budget_speed, n_queries=1, n_llms=1, target=2.0)
    later = RowsCell.of(surface, n_queries=1, n_llms=1, family="tied", target=2.0)
    plan = Plan.of({"single": [first, second], "quotas": [later], "latency": [], "promises": []})
    outcomes = {
        cell: Outcome({}, rows=[vars(row) for row in rows])
        for cell, rows in ((second, [MISSED]), (first, [REACHED, OPEN]))
    }
    document = SUITE.report(results_of(tmp_path, plan, outcomes), plan)
    assert "1 of 2 targets reached" in document.summary
    assert "NOT reached: far, 2 × 2, 5 s, ≤ 3 s" in document.summary
    assert "1 of 3 cells are missing" in document.summary
    glance, one, quotas, *_ = document.sections
    assert glance.blocks[0].name == "targets"
    table = one.blocks[1]
    assert table.frame["what"].tolist() == ["near", "elsewhere", "far"]
    assert list(table.bold) == [2]
    assert "No cell of this part is measured yet" in quotas.blocks[0].markdown
    assert key_of(later) not in outcomes
