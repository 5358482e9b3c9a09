"""Measurements on constraints."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.cli import app
from benchmarks.constraints import run, single
from benchmarks.constraints.highs import Programme, highs_value
from benchmarks.constraints.single import equality_row, gap_row, limited, seconds_row, speed_row
from benchmarks.rows import Row
from optllm_pymoo import MaxAccuracyProblem, MinCostProblem, make_problem
from tests.brute_force import all_plans, score
from tests.strategies import EDGE_CASES


@pytest.mark.parametrize("name", ["random", "masked", "labels of 0 and 1", "float32", "tiny costs", "huge costs"])
def test_highs_finds_the_optimum(name):
    """The programme is the problem: HiGHS's plan is as good as the best of all."""
    tables = EDGE_CASES[name]
    F, batch = score(tables, all_plans(tables)), tables.problem()
    for by_kind in limited(batch, 3).values():
        for problem in by_kind:
            if isinstance(problem, MaxAccuracyProblem):
                best = F[F[:, 0] <= problem.budget * (1 + 1e-12), 1].min()
            else:
                best = F[-F[:, 1] >= problem.min_accuracy - 1e-12, 0].min()
            assert highs_value(problem) == pytest.approx(best, rel=1e-9)


def test_limits_are_spread():
    """As many budgets and targets as asked for, rising, none of them out of reach or beyond the ends."""
    batch = make_problem(50, 4)
    kinds = limited(batch, 5)
    (low, worst), (high, best) = batch.supported_front.F[[0, -1]] * [1, -1]
    budgets, targets = [p.budget for p in kinds["budget"]], [p.min_accuracy for p in kinds["target"]]
    for values, first, last in ((budgets, low, high), (targets, worst, best)):
        assert len(values) == 5
        assert np.all(np.diff([first, *values, last]) > 0)


def test_rows():
    """Each row has its measurement, its target and what was checked."""
    batch = make_problem(60, 4)
    row = equality_row("small", limited(batch, 3)["budget"])
    assert row.reached
    assert row.measured <= 1e-9
    assert gap_row("small", batch, 3, target=1e-5).reached
    assert speed_row(40, 3, target=None, n_limits=2).measured > 1.0
    assert seconds_row(40, 3, target=None).measured > 1.0


def test_other_optima_are_seen(monkeypatch):
    """If HiGHS came to something else the row would say so."""
    monkeypatch.setattr(single, "highs_value", lambda problem: -1.0)
    assert equality_row("small", limited(make_problem(60, 4), 1)["budget"]).reached is False


def test_a_plan_beyond_the_limit_is_not_taken():
    """HiGHS's tolerance is no budget: asked again with less until its plan fits."""
    problem = MinCostProblem([[1.0, 2.0]], [[0.5 - 1e-10, 0.6]], min_accuracy=0.5)
    assert Programme.of(problem).solve().tolist() == [1]


def test_run_constraints(monkeypatch, tmp_path):
    """It prints the verdict, names what is left out, and writes both files; a missed target is the exit code."""
    rows = [Row("near", "1 × 1", 5.0, "×", "≥", 4.0), Row("far", "1 × 1", 5.0, "s", "≤", 3.0)]
    monkeypatch.setattr(run, "PARTS", (lambda *, quick: iter(rows),))
    console = Console(record=True, width=200, file=io.StringIO())
    assert run.run_constraints(console, tmp_path, quick=True) == rows
    assert "1 of 2 targets reached" in console.export_text()
    assert pd.read_csv(tmp_path / "constraints.csv")["reached"].tolist() == [True, False]
    text = (tmp_path / "constraints.md").read_text(encoding="utf-8")
    assert text.startswith("# Budgets, targets and other constraints")
    done = CliRunner().invoke(app, ["constraints", "--quick", "--out", str(tmp_path / "again")])
    assert done.exit_code == 1
    assert (tmp_path / "again" / "constraints.md").exists()
