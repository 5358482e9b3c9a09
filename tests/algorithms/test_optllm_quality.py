"""How much of the exact front comes back, as hypervolume ratio and distance."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, OptLLM, make_problem
from optllm_pymoo.data import load_dataset
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.planning import problem_of
from tests.algorithms.runs import distance_to_front

WANTED = [(50, 0.99), (1000, 0.9995)]


def check_quality(problem, n_grid, wanted):
    """Assert that every plan is on the front and that the hypervolume ratio is reached, but not exceeded."""
    res = minimize(problem, OptLLM(n_grid), seed=1)
    assert distance_to_front(res.F, problem.supported_front) < 1e-9
    assert wanted <= hypervolume_ratio(res.F, problem.supported_front) <= 1 + 1e-12


@pytest.mark.parametrize(("n_grid", "wanted"), WANTED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_synthetic_families(family, dtype, n_grid, wanted):
    """All families, in both float types."""
    check_quality(make_problem(2000, 12, family=family, random_state=3, dtype=dtype), n_grid, wanted)


@pytest.mark.parametrize(("n_grid", "wanted"), WANTED)
@pytest.mark.parametrize("n_queries", [3, 30])
@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_small_batches(family, n_queries, n_grid, wanted):
    """Also where the front has fewer points than the grid."""
    check_quality(make_problem(n_queries, 6, family=family, random_state=5), n_grid, wanted)


@pytest.mark.parametrize(("n_grid", "wanted"), WANTED)
@pytest.mark.parametrize("name", ["llmrouter", "logpai", "mmlu", "routerarena"])
def test_real_data(shared, name, n_grid, wanted):
    """The four data sets, with true labels as the accuracies."""
    check_quality(problem_of(load_dataset(shared / "data" / name)), n_grid, wanted)


@pytest.mark.parametrize(("n_grid", "wanted"), [(50, 0.98), (1000, 0.9995)])
@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_robust_accuracies_that_mislead(family, n_grid, wanted):
    """Where mere noise steers the downward walk, splitting gaps makes the front nearly as good."""
    base = make_problem(2000, 12, family=family)
    noise = np.random.default_rng(1).normal(size=base.cost.shape)
    problem = AllocationProblem(base.cost, base.accuracy, robust_accuracy=noise)
    res = minimize(problem, OptLLM(n_grid), seed=1)
    assert wanted <= hypervolume_ratio(res.F, problem.supported_front) <= 1 + 1e-12
