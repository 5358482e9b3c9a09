"""Measurements on constraints."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cells.cell import key_of
from benchmarks.cells.latency import surface, surface_search
from benchmarks.cells.promises import CORRELATIONS, Kept, promise_of_data_set, promise_rows, promises
from benchmarks.cells.quotas import quota_gap, quota_search, quota_speed, with_quotas
from benchmarks.cells.rows import Row, RowsCell
from benchmarks.cells.single import Programme, budget_speed, gap, limited, optimum, seconds
from benchmarks.cells.sources import Subset
from optllm_pymoo import AllocationProblem, MaxAccuracyProblem, MinCostProblem, make_dataset, make_problem
from optllm_pymoo.data import Dataset
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
            assert Programme.of(problem).value() == pytest.approx(best, rel=1e-9)


def test_limits_are_spread():
    """As many budgets and targets as asked for, rising, none of them out of reach or beyond the ends."""
    batch = make_problem(50, 4)
    kinds = limited(batch, 5)
    (low, worst), (high, best) = batch.supported_front.F[[0, -1]] * [1, -1]
    budgets, targets = [p.budget for p in kinds["budget"]], [p.min_accuracy for p in kinds["target"]]
    for values, first, last in ((budgets, low, high), (targets, worst, best)):
        assert len(values) == 5
        assert np.all(np.diff([first, *values, last]) > 0)


def _dataset(n_queries, n_llms):
    problem = make_problem(n_queries, n_llms)
    return Dataset(problem.cost, problem.accuracy, llms=problem.llms)


def test_rows():
    """Each row has its measurement, its target and what was checked."""
    (row,) = optimum("small", _dataset(60, 4), limit="budget", n_limits=3)
    assert row.reached
    assert row.measured <= 1e-9
    (small,) = gap("small", _dataset(60, 4), n_limits=3, target=1e-5)
    assert small.reached is None  # no target for so few queries
    (large,) = gap("large", _dataset(2000, 3), n_limits=3, target=1e-5)
    assert large.reached
    for measured in (
        budget_speed(n_queries=40, n_llms=3, target=None, n_limits=2),
        seconds(n_queries=40, n_llms=3, target=None),
    ):
        assert next(measured).measured > 1.0


def test_other_optima_are_seen(monkeypatch):
    """If HiGHS came to something else the row would say so."""
    monkeypatch.setattr(Programme, "value", lambda programme: -1.0)
    (row,) = optimum("small", _dataset(60, 4), limit="budget", n_limits=1)
    assert row.reached is False


def test_a_plan_beyond_the_limit_is_not_taken():
    """HiGHS's tolerance is no budget: asked again with less until its plan fits."""
    problem = MinCostProblem(AllocationProblem([[1.0, 2.0]], [[0.5 - 1e-10, 0.6]]), min_accuracy=0.5)
    assert Programme.of(problem).solve().tolist() == [1]


def test_quotas_leave_room():
    """A fifth of the queries for each of eight LLMs; with two LLMs three fifths, since two fifths hold no batch."""
    for n_llms, calls in ((8, 20), (2, 60)):
        limits = with_quotas(make_problem(100, n_llms)).limits
        assert limits.limit.tolist() == [calls] * n_llms


def test_quota_rows():
    """Feasibility and gap are measured on any batch; the gap has a target on large ones only."""
    feasible, gap = quota_gap("small", _dataset(60, 4), target=1e-3)
    assert (feasible.measured, feasible.reached) == (1.0, True)
    assert 0 <= gap.measured < 0.05
    assert gap.reached is None
    (row,) = quota_speed(n_queries=200, n_llms=4, target=None)
    assert row.measured > 0
    (row,) = quota_search("small", _dataset(60, 4), seconds=0.1, seconds_ratio=1.0)
    assert (row.relation, row.required) == (">", 0.0)
    assert "1 × the seconds" in row.what


def test_latency_rows():
    """The search finds the surface on a small batch; NSGA-III has no target."""
    (row,) = surface(n_queries=40, n_llms=3, target=0.9)
    assert row.reached
    (row,) = surface_search(n_queries=40, n_llms=3)
    assert row.reached is None
    assert 0 <= row.measured <= 1.1


def test_promises_are_counted():
    """Two of three held: by hand, with margin and error; a measured error is a row of its own."""
    told = [("b", "9 × 2", "30", "expected", 1.0, 0.6, 0.5, realised) for realised in (0.4, 0.5, 0.9)]
    row, measured = promise_rows([Kept(*each) for each in [*told, (*told[0][:4], None, *told[0][5:])]])
    assert measured.what.endswith("errors as measured")
    assert row.measured == pytest.approx(2 / 3)
    assert (row.size, row.reached) == ("9 × 2", None)
    assert row.details == "2 of 3; mean margin 0.100, realised - expected +0.000"


def test_promises_on_known_outcomes():
    """Every choice at every correlation, per draw of the labels; a wider correlation never promises more."""
    kept = list(promises("small", "20%", make_dataset(120, 3, random_state=0), 0.2, 0))
    assert [(each.chosen_by, each.correlation) for each in kept] == [
        (chosen_by, rho) for rho in CORRELATIONS for chosen_by in ("expected", "promised")
    ]
    *expected, measured = [each for each in kept if each.chosen_by == "expected"]
    promised = [each.promised for each in expected]
    assert promised == sorted(promised, reverse=True)
    assert measured.promised < measured.expected <= expected[0].expected
    assert {each.size for each in kept} == {f"{120 - 24} × 3"}
    rows = list(promise_of_data_set("small", make_dataset(120, 3, random_state=0), labels=0.2, n_seeds=1))
    assert len(rows) == len(kept)


def test_subsets():
    """Few queries are drawn, the same ones again; all are taken in order; blurring keeps right above wrong."""
    dataset = make_dataset(50, 3, random_state=1)
    few = Subset("small", "f", 10)
    assert len(few.draw(dataset)) == 10
    assert few.draw(dataset).query_ids == few.draw(dataset).query_ids
    assert Subset("small", "f", 50).draw(dataset).query_ids == dataset.query_ids
    blurred = Subset("small", "f", None, is_blurred=True).draw(dataset).correct
    assert len(np.unique(blurred)) == blurred.size
    assert blurred[dataset.correct == 1].min() >= 0.5 > blurred[dataset.correct == 0].max()


def test_cells_keep_their_rows():
    """What is measured is kept as rows of plain values; targets and sizes are in the name."""
    dataset = make_dataset(40, 3, random_state=1)
    cell = RowsCell.of(optimum, Subset("small", "f", 30), limit="budget", n_limits=2)
    (kept,) = cell.measure(dataset).rows
    row = Row(**kept)
    assert (row.what.split(":")[0], row.size, row.reached) == ("small, 2 budgets", "30 × 3", True)
    others = [RowsCell.of(surface, n_queries=9, n_llms=2, family="tied", target=target) for target in (0.9, 0.8)]
    assert len({key_of(each) for each in (cell, *others)}) == 3
    assert [each.description()["measurement"] for each in (cell, others[0])] == ["optimum", "surface"]
