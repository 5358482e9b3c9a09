"""Running algorithms under the same conditions."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from benchmarks.cells.algorithms import QUICK, Settings
from benchmarks.head_to_head import NOT_REPRODUCIBLE, Cell, head_to_head, plan_cells, run_cell, summarise, to_frame
from optllm_pymoo import make_problem
from optllm_pymoo.measures.search import search_quality

PROBLEMS = {"small": make_problem(40, 4, random_state=1)}


@pytest.fixture(scope="module")
def runs(settings):
    """One run of every quick algorithm."""
    return list(head_to_head(PROBLEMS, plan_cells(PROBLEMS, QUICK, [1], settings)))


def test_every_algorithm_runs(runs):
    """None of them fails, each evaluates something and finds plans."""
    assert [run.algorithm for run in runs] == list(QUICK)
    for run in runs:
        assert run.error == "", run.trace
        assert run.evaluations > 0
        assert run.distinct_plans > 0
        assert run.seconds > 0.0
        assert run.peak_rss_mib > 1.0


def test_measures_are_those_of_the_recorded_points(runs):
    """What stands in a run is what the measures say about its points."""
    for run in runs:
        quality = search_quality(run.F, PROBLEMS["small"].supported_front)
        assert run.hypervolume_ratio == quality.hypervolume_ratio
        assert (run.additive_epsilon, run.igd_plus) == (quality.additive_epsilon, quality.igd_plus)
        assert (run.spread, run.distinct_points) == (quality.spread, quality.n_points)


def test_all_that_was_evaluated_is_no_worse_than_the_result(runs):
    """Within the budget, the record covers the result set, unless evaluations beyond the budget helped that."""
    for run in runs:
        if run.evaluations <= run.budget:
            assert run.hypervolume_ratio >= run.result_hypervolume_ratio - 1e-12


def test_optllm_is_on_the_exact_front_and_random_search_is_not(runs):
    """The comparison tells good from bad: the sweep and OptLLM come close to 1, random plans don't."""
    ratio = {run.algorithm: run.hypervolume_ratio for run in runs}
    assert ratio["optllm"] > 0.99
    assert ratio["lambda-sweep"] > 0.99
    assert ratio["random-search"] < ratio["optllm"]


def test_cells_reproduce_apart_from_time_and_memory(runs, settings):
    """The same cells give the same table, however often and in whatever order they run."""
    cells = plan_cells(PROBLEMS, QUICK, [1], settings)
    again = sorted(head_to_head(PROBLEMS, cells[::-1]), key=lambda run: QUICK.index(run.algorithm))
    first, second = (to_frame(part).drop(columns=list(NOT_REPRODUCIBLE)) for part in (runs, again))
    assert first.to_csv() == second.to_csv()


def test_seeds_matter(settings):
    """Another seed gives NSGA-II another result."""
    first, second = (run_cell(PROBLEMS["small"], Cell("small", "nsga2", seed, settings)) for seed in (1, 2))
    assert not np.array_equal(first.F, second.F)


def test_plan_of_cells(settings):
    """Algorithms without chance run once, the others with every seed."""
    cells = plan_cells(["a", "b"], ["lambda-sweep", "nsga2"], [4, 5], settings)
    assert [(cell.data, cell.algorithm, cell.seed) for cell in cells] == [
        (data, *rest) for data in "ab" for rest in (("lambda-sweep", 4), ("nsga2", 4), ("nsga2", 5))
    ]


def test_a_failing_algorithm_does_not_stop_the_others(failing, settings):
    """Its run carries the message and the traceback, and the next one is complete."""
    broken, fine = head_to_head(PROBLEMS, plan_cells(PROBLEMS, [failing, "nsga2"], [1], settings))
    assert broken.error == "RuntimeError: no such luck [today]"
    assert "Traceback" in broken.trace
    assert np.isnan(broken.hypervolume_ratio)
    assert fine.error == ""
    summary = summarise([broken, fine])
    assert summary["n_failed"].tolist() == [1, 0]
    assert summary["n_seeds"].tolist() == [0, 1]


def test_cells_and_runs_can_be_sent_to_other_processes(runs):
    """Both survive pickling, so they can be spread over workers."""
    cell = Cell("small", "optllm", 1, Settings())
    assert pickle.loads(pickle.dumps(cell)) == cell
    assert pickle.loads(pickle.dumps(runs[0])) == runs[0]


def test_means_over_seeds(runs):
    """Two runs with ratios r and r + 0.1 average to r + 0.05, with the larger of their peaks."""
    run = runs[0]
    other = dataclasses.replace(
        run, seed=2, hypervolume_ratio=run.hypervolume_ratio + 0.1, peak_rss_mib=run.peak_rss_mib + 8
    )
    row = summarise([run, other]).iloc[0]
    assert row["hypervolume_ratio"] == pytest.approx(run.hypervolume_ratio + 0.05)
    assert row["hypervolume_sd"] == pytest.approx(0.1 / np.sqrt(2))
    assert row["peak_rss_mib"] == run.peak_rss_mib + 8
