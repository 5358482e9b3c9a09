"""Order of the steps, moves and sums along it: kernels against twins."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from optllm_pymoo import make_problem
from optllm_pymoo.kernels.steps import follow_steps, order_by_efficiency, upper_hulls
from tests import twins
from tests.strategies import EDGE_CASES, tables


def as_steps(deltas):
    """Turn Δcost and Δaccuracy into records of steps, one query each."""
    steps = np.zeros(len(deltas), dtype=upper_hulls(np.ones((1, 2)), np.ones((1, 2)), None)[2].dtype)
    steps["cost"], steps["accuracy"] = np.reshape(deltas, (-1, 2)).T
    steps["query"], steps["to_llm"] = np.arange(len(deltas)), 1
    return steps


few_levels = arrays(np.float64, st.tuples(st.integers(0, 60), st.just(2)), elements=st.sampled_from([0.25, 0.5, 1.0]))


@given(few_levels)
def test_order_is_stable(deltas):
    """Few levels, many ties: the order is that of a stable sort."""
    twins.assert_expected(order_by_efficiency, twins.order_by_efficiency, (as_steps(deltas),))


@pytest.mark.parametrize("n_levels", [1, 2, 50])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_order_of_many_ties_is_stable(set_threads, n_levels, n_threads):
    """Runs of thousands of ties come out in the order of the steps, also those that two threads share."""
    set_threads(n_threads)
    deltas = np.random.default_rng(1).integers(1, n_levels + 1, (80_000, 2)).astype(float)
    twins.assert_expected(order_by_efficiency, twins.order_by_efficiency, (as_steps(deltas),))


def test_by_hand():
    """Efficiencies 2, 1, 2, 3: step 3 first, then 0 before 2, then 1."""
    steps = as_steps([[1.0, 2.0], [3.0, 3.0], [0.5, 1.0], [1.0, 3.0]])
    twins.assert_expected(order_by_efficiency, twins.order_by_efficiency, (steps,), [3, 0, 2, 1])
    sums = [[0.0, 0.0], [1.0, 3.0], [2.0, 5.0], [2.5, 6.0], [5.5, 9.0]]
    expected = [3, 0, 2, 1], [0] * 4, [1] * 4, sums
    twins.assert_expected(follow_steps, twins.follow_steps, (steps, np.array([3, 0, 2, 1])), expected)


@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases_equal_the_twins(name):
    """On every named case order, moves and sums are the twins'."""
    _, _, steps = upper_hulls(*EDGE_CASES[name])
    twins.assert_expected(order_by_efficiency, twins.order_by_efficiency, (steps,))
    twins.assert_expected(follow_steps, twins.follow_steps, (steps, order_by_efficiency(steps)), rtol=1e-15)


@given(tables(max_queries=10, max_llms=6))
def test_equal_the_twins(drawn):
    """On any table order, moves and sums are the twins'."""
    _, _, steps = upper_hulls(*drawn)
    twins.assert_expected(order_by_efficiency, twins.order_by_efficiency, (steps,))
    twins.assert_expected(follow_steps, twins.follow_steps, (steps, order_by_efficiency(steps)), rtol=1e-15)


def test_last_sum_is_as_exact_as_the_first():
    """One step of 1e9 and a million of 0.1 sum up to 1e9 + 1e5 exactly; adding one by one does not."""
    steps = as_steps(np.full((1_000_001, 2), 0.1))
    steps["cost"][0] = 1e9
    *_, sums = follow_steps(steps, np.arange(len(steps)))
    assert sums[-1].tolist() == [math.fsum(steps["cost"]), math.fsum(steps["accuracy"])]
    assert np.cumsum(steps["cost"])[-1] != sums[-1, 0]


def test_no_steps():
    """Without a step nothing is ordered and nothing moves."""
    assert order_by_efficiency(as_steps([])).tolist() == []
    query, from_llm, to_llm, sums = follow_steps(as_steps([]), np.empty(0, dtype=np.int64))
    assert len(query) == len(from_llm) == len(to_llm) == 0
    assert sums.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("family", ["continuous", "tied", "binary"])
def test_threads_change_nothing(set_threads, family):
    """One thread and two give the same order, moves and sums, bit for bit."""
    problem = make_problem(160_000, 6, family=family)
    _, _, steps = upper_hulls(problem.cost, problem.accuracy, None)
    assert len(steps) > 65_536
    outcomes = []
    for n_threads in (1, 2):
        set_threads(n_threads)
        order = order_by_efficiency(steps)
        outcomes.append((order, *follow_steps(steps, order)))
    for one, two in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(one, two)
