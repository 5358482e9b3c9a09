"""Head to head: the same conditions for all, and numbers that tell good from bad."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cells.search import Batch
from benchmarks.suites.base import Options
from benchmarks.suites.compare import QUICK_ALGORITHMS, SUITE
from optllm_pymoo import make_problem
from optllm_pymoo.measures.search import search_quality

PROBLEM = make_problem(40, 4, random_state=1)
BATCH = Batch(PROBLEM.cost, PROBLEM.accuracy, None, None)


def _cells(**options):
    return SUITE.planned(Options(quick=True, evaluations=200, n_grid=10, **options)).cells


@pytest.fixture(scope="module")
def outcomes():
    """One run of every quick algorithm on a small batch."""
    return {cell.algorithm: cell.measure(BATCH) for cell in _cells()}


def test_every_algorithm_runs(outcomes):
    """Each evaluates something and finds plans, in some time."""
    assert tuple(outcomes) == QUICK_ALGORITHMS
    for outcome in outcomes.values():
        assert outcome.measures["evaluations"] > 0
        assert outcome.measures["distinct_plans"] > 0
        assert outcome.timings["seconds"] > 0.0
        assert outcome.timings["peak_rss_mib"] > 1.0


def test_measures_are_those_of_the_recorded_points(outcomes):
    """What stands in a run is what the measures say about its points."""
    for outcome in outcomes.values():
        quality, found = search_quality(outcome.arrays["front"], PROBLEM.supported_front), outcome.measures
        assert found["hypervolume_ratio"] == quality.hypervolume_ratio
        assert (found["additive_epsilon"], found["igd_plus"]) == (quality.additive_epsilon, quality.igd_plus)
        assert (found["spread"], found["distinct_points"]) == (quality.spread, quality.n_points)


def test_all_that_was_evaluated_is_no_worse_than_the_result(outcomes):
    """Within the budget, the record covers the result set, unless evaluations beyond the budget helped that."""
    within = [outcome.measures for outcome in outcomes.values() if outcome.measures["evaluations"] <= 200]
    assert within
    for found in within:
        assert found["hypervolume_ratio"] >= found["result_hypervolume_ratio"] - 1e-12


def test_optllm_is_on_the_exact_front_and_random_search_is_not(outcomes):
    """The comparison tells good from bad: the sweep and OptLLM come close to 1, random plans don't."""
    ratio = {name: outcome.measures["hypervolume_ratio"] for name, outcome in outcomes.items()}
    assert ratio["optllm"] > 0.99
    assert ratio["lambda-sweep"] > 0.99
    assert ratio["random-search"] < ratio["optllm"]


def test_seeds_are_those_of_the_searches(outcomes):
    """Another seed gives NSGA-II another result, the same seed the same."""
    first, second, again = (
        cell.measure(BATCH).arrays["front"]
        for seeds in ((1,), (2,), (1,))
        for cell in _cells(algorithms=("nsga2",), seeds=seeds)
    )
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)


def test_plan_of_cells():
    """Algorithms without chance run once, the others with every seed."""
    cells = _cells(algorithms=("lambda-sweep", "nsga2"), seeds=(4, 5))
    assert [(cell.algorithm, cell.seed) for cell in cells] == [("lambda-sweep", 4), ("nsga2", 4), ("nsga2", 5)]
    assert {cell.description()["seed"] for cell in cells} == {4, 5}
