"""Measurements against targets."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from benchmarks.cells import speed, waiting
from benchmarks.cells.rows import Row
from benchmarks.cells.sources import DATA_SETS
from benchmarks.cells.speed import distance_from_front, fancy_indexing
from benchmarks.report.targets import targets_figure, texts_of, verdict
from benchmarks.suites.base import Options
from benchmarks.suites.speed import SUITE
from optllm_pymoo import AllocationProblem, SupportedFront, make_dataset, make_problem
from optllm_pymoo.data import Dataset, save_dataset


def test_fancy_indexing_by_hand():
    """Queries 0 and 1 on LLMs 1 and 0 cost 2 + 3, and are right with 0.4 and 0.6 on average."""
    problem = AllocationProblem([[1, 2], [3, 4]], [[0.2, 0.4], [0.6, 0.8]])
    np.testing.assert_allclose(fancy_indexing(problem, np.array([[1, 0]])), [[5.0, -0.5]])


@pytest.mark.parametrize("measure", [speed.evaluation, speed.whole_run, speed.front])
def test_ratios_are_measured(measure):
    """A ratio is positive, names its size and what was checked."""
    (row,) = measure(n_queries=200, n_llms=4, target=None)
    assert row.measured > 0.0
    assert row.size == "200 × 4"
    assert " ms : " in row.details
    assert row.reached is None


def test_unequal_results_are_not_timed(monkeypatch):
    """If the two sides don't agree there is no ratio."""
    monkeypatch.setattr(speed, "fancy_indexing", lambda problem, plans: np.zeros((len(plans), 2)))
    for measure in (speed.evaluation, speed.whole_run):
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            list(measure(n_queries=50, n_llms=3, target=None))


def test_memory_is_measured_in_a_process_of_its_own():
    """The details have the three parts; the share is beyond nothing less than zero."""
    (row,) = speed.memory(n_queries=2000, n_llms=4, target=None)
    assert all(part in row.details for part in ("peak", "result", "tables"))
    assert row.measured >= 0.0


@pytest.mark.slow
def test_first_minimize_is_measured():
    """A fresh process takes longer than a tenth of a second and finds as many plans as this one."""
    (row,) = speed.first_minimize(n_queries=30, n_llms=3, target=60.0, repeats=1)
    assert row.measured > 0.1
    assert row.reached


@pytest.mark.slow
def test_what_people_wait_for_is_measured():
    """Ratios, memory and milliseconds of small batches, after features and predictions agreed with scikit-learn's."""
    (ratio,) = waiting.features(n_queries=120, target=None, repeats=1)
    assert ratio.measured > 0.0
    found = list(waiting.predictions(n_queries=120, n_llms=2, larger=150, target=None, most_gib=3.0))
    assert [row.unit for row in found] == ["×", "×", "GiB"]
    assert found[-1].reached
    one, many = waiting.new_texts(n_queries=120, n_llms=2, target_one=5_000.0, target_many=5_000.0)
    assert one.reached
    assert 0.0 < many.measured < one.measured


def test_features_of_other_texts_are_not_timed(monkeypatch):
    """If the products of texts differ from scikit-learn's there is no ratio."""
    monkeypatch.setattr(waiting.ByScikitLearn, "tfidf", lambda fitted, texts: csr_matrix(np.eye(len(texts))))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        list(waiting.features(n_queries=50, target=None, repeats=1))


def test_features_are_worth_what_those_of_scikit_learn_are():
    """With a batch that hardly fills the vocabularies the areas are the same but for the randomness of trees."""
    dataset = make_dataset(300, 3)
    (row,) = waiting.features_worth("small", dataset, fingerprint="", target=-0.05)
    assert row.reached


def test_distance_from_front():
    """Midway between (1, 0.2) and (3, 0.6) the front is at 0.4: 0.3 is 0.1 off; twice the end's cost is 1 off."""
    front = SupportedFront([[1, 3]], [[0.2, 0.6]])
    F = np.array([[1.0, -0.2], [2.0, -0.4], [2.0, -0.3], [6.0, -0.6]])
    np.testing.assert_allclose(distance_from_front(F, front), [0.0, 0.0, 0.1, 1.0], atol=1e-12)


def test_search_quality_rows_reach_their_targets():
    """Two grids, ratio and distance each; all reached on a small batch."""
    problem = make_problem(100, 4)
    rows = list(speed.front_quality("small", Dataset(problem.cost, problem.accuracy)))
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
    assert {True: "yes", False: "NO", None: "–"}[reached] in texts_of(row)


def test_verdict_counts_what_has_a_target():
    """Rows without a target don't count."""
    rows = [Row("a", "", 1.0, "×", "≤", None), Row("b", "", 1.0, "×", "≤", 1.0)]
    assert verdict(rows) == "1 of 1 targets reached"


def test_the_picture_shows_how_far_from_the_target():
    """5 of at least 4 is 1.25 times better, 5 of at most 10 twice; what has no target isn't drawn."""
    rows = [Row("a", "1 × 1", 5.0, "×", "≥", 4.0), Row("b", "1 × 1", 5.0, "s", "≤", 10.0)]
    (block,) = targets_figure([*rows, Row("c", "1 × 1", 5.0, "s", "≤", None)], name="t", title="T")
    (axes,) = block.figure.axes
    assert axes.collections[1].get_offsets()[:, 0].tolist() == [1.25, 2.0]
    assert block.sentence.startswith("2 of 2 targets reached; closest to its target, or furthest behind it: a")
    assert targets_figure(rows[:0], name="t", title="T") == []


@pytest.mark.parametrize("there", [(), ("mmlu",), DATA_SETS])
def test_data_sets_that_are_left_out_are_named(monkeypatch, tmp_path, there):
    """Targets on data that isn't there are not passed over in silence; without the variable all are left out."""
    for name in there:
        (tmp_path / "data").mkdir(exist_ok=True)
        save_dataset(Dataset([[1.0, 2.0]] * 2, [[0, 1]] * 2), tmp_path / "data" / name)
    for folder, found in ((tmp_path, there), (None, ())):
        if folder is None:
            monkeypatch.delenv("OPTLLM_SHARED")
        else:
            monkeypatch.setenv("OPTLLM_SHARED", str(folder))
        plan = SUITE.planned(Options())
        left_out = ", ".join(name for name in DATA_SETS if name not in found)
        assert any(f"not measured on {left_out}, which" in note for note in plan.notes) is bool(left_out)
        assert set(found) <= set(plan.datasets)


def test_small_sizes_have_few_targets():
    """With --quick only what doesn't depend on the size is judged, and the cells have all cores."""
    cells = SUITE.planned(Options(quick=True)).cells
    targets = [dict(cell.options).get("target") for cell in cells if cell.options]
    assert [target for target in targets if target is not None] == [3.0]
    assert all(cell.has_all_cores and cell.is_exclusive for cell in cells)


@pytest.mark.slow
def test_policy_is_measured():
    """Size, four times and the other budget, none with a target at this size; a wrong plan would raise."""
    rows = list(speed.policy(n_queries=40, n_labelled=20, n_llms=2, has_targets=False, repeats=1))
    assert [row.unit for row in rows] == ["MB", "s", "s", "ms", "s", "s"]
    assert all(row.measured > 0 and row.required is None for row in rows)
