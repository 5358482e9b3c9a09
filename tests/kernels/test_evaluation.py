"""Evaluation: kernel against twin, and independence of batch, threads and layout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import make_problem
from optllm_pymoo.kernels.evaluation import BLOCK_CELLS, CHUNK, evaluate_allocations, first_disallowed
from tests import twins
from tests.strategies import EDGE_CASES, Tables, allocations, tables


def random_plans(n, n_queries, n_llms, dtype=np.int8, seed=1):
    """Draw n allocations."""
    return np.random.default_rng(seed).integers(0, n_llms, (n, n_queries)).astype(dtype)


def test_by_hand():
    """Plans (0, 1) and (1, 1): 1 + 3 = 4 US$ at (0.25 + 1)/2, and 2 + 3 = 5 US$ at (0.5 + 1)/2."""
    cost, accuracy = np.array([[1.0, 2.0], [1.0, 3.0]]), np.array([[0.25, 0.5], [0.5, 1.0]])
    expected = np.array([[4.0, -0.625], [5.0, -0.75]])
    X = np.array([[0, 1], [1, 1]], dtype=np.int8)
    twins.assert_expected(evaluate_allocations, twins.evaluate_allocations, (cost, accuracy, X), expected)


@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases_equal_the_twin(name):
    """On every named case the sums are those of fancy indexing."""
    drawn = EDGE_CASES[name]
    X = allocations(drawn, 7, 1)
    twins.assert_expected(evaluate_allocations, twins.evaluate_allocations, (drawn.cost, drawn.accuracy, X), rtol=1e-14)


@given(tables(), st.integers(0, 20), st.integers(0, 1000), st.sampled_from([np.int8, np.int32]))
def test_equal_the_twin(drawn, n_plans, seed, dtype):
    """Any table, any number of plans (also none), both types of plans."""
    X = allocations(drawn, n_plans, seed).astype(dtype)
    twins.assert_expected(evaluate_allocations, twins.evaluate_allocations, (drawn.cost, drawn.accuracy, X), rtol=1e-14)


@pytest.mark.parametrize("n_llms", [1, 2, 12, 127, 128, 300])
@pytest.mark.parametrize("n_queries", [1, 3, 4, 5, BLOCK_CELLS // 12 - 1, BLOCK_CELLS // 12 + 1])
def test_block_borders(n_queries, n_llms):
    """Around the borders of blocks and of the four chains of additions no query is lost or counted twice."""
    problem = make_problem(n_queries, n_llms)
    X = random_plans(3, n_queries, n_llms, problem.assignment_dtype)
    twins.assert_expected(
        evaluate_allocations, twins.evaluate_allocations, (problem.cost, problem.accuracy, X), rtol=1e-13
    )


@pytest.mark.parametrize("n_queries", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_chunk_borders(n_queries, dtype):
    """Around the borders of chunks no query is lost or counted twice, in float32 tables as in float64."""
    problem = make_problem(n_queries, 3, dtype=dtype)
    X = random_plans(2, n_queries, 3)
    twins.assert_expected(
        evaluate_allocations, twins.evaluate_allocations, (problem.cost, problem.accuracy, X), rtol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_company_changes_nothing(dtype):
    """A plan scores the same, bit for bit, alone, in any batch, in any place and as int8 or int32."""
    problem = make_problem(CHUNK + 777, 5, dtype=dtype)
    X = random_plans(9, problem.n_queries, 5)
    together = evaluate_allocations(problem.cost, problem.accuracy, X)
    alone = np.concatenate([evaluate_allocations(problem.cost, problem.accuracy, x[None]) for x in X])
    np.testing.assert_array_equal(together, alone)
    turned = evaluate_allocations(problem.cost, problem.accuracy, np.ascontiguousarray(X[::-1]))
    np.testing.assert_array_equal(together, turned[::-1])
    np.testing.assert_array_equal(together, evaluate_allocations(problem.cost, problem.accuracy, X.astype(np.int32)))


@pytest.mark.parametrize("n_queries", [65_537, 100_003, 139_264])
def test_threads_change_nothing(set_threads, n_queries):
    """One thread and two give the same sums, bit for bit."""
    problem = make_problem(n_queries, 4)
    X = random_plans(3, n_queries, 4)
    sums = []
    for n_threads in (1, 2):
        set_threads(n_threads)
        sums.append(evaluate_allocations(problem.cost, problem.accuracy, X))
    np.testing.assert_array_equal(*sums)


def test_sums_of_float32_tables_are_float64():
    """A hundred thousand times float32(0.1) is exact to 1e-12, which float32 sums miss by far."""
    cost = np.full((100_000, 1), 0.1, dtype=np.float32)
    X = np.zeros((1, 100_000), dtype=np.int8)
    total = evaluate_allocations(cost, cost, X)[0, 0]
    assert total == pytest.approx(100_000 * float(np.float32(0.1)), rel=1e-12)
    assert np.cumsum(cost[:, 0])[-1] != pytest.approx(total, rel=1e-6)


@given(tables(masks=False), st.integers(0, 1000))
def test_first_disallowed_equals_the_twin(drawn, seed):
    """Plans off a mask are found where the twin finds them."""
    allowed = np.random.default_rng(seed).random(drawn.cost.shape) < 0.8
    X = allocations(Tables(drawn.cost, drawn.accuracy), 3, seed)
    twins.assert_expected(first_disallowed, twins.first_disallowed, (allowed, X))


def test_first_disallowed_by_hand():
    """Plan 1 is the first to use a forbidden cell, at query 1; nothing is found where all is allowed."""
    allowed = np.array([[True, True], [True, False]])
    X = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.int8)
    twins.assert_expected(first_disallowed, twins.first_disallowed, (allowed, X), (1, 1))
    twins.assert_expected(first_disallowed, twins.first_disallowed, (allowed, X[:1]), (-1, -1))
