"""Moves to the ends, largest gain first: kernel against twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import make_problem
from optllm_pymoo.kernels.destruction import N_BINS, move_to_ends
from tests import twins
from tests.strategies import EDGE_CASES, allocations, tables


def moved(table, ends, target, x, scale=None):
    """Call the kernel on a copy; by default with as many bins as the largest gain fills."""
    rows, y = np.arange(len(x)), x.copy()
    values = table[rows, ends].astype(float)
    largest = np.abs(values - table[rows, x]).max() or 1.0
    reached = move_to_ends(table, ends, values, N_BINS / largest if scale is None else scale, target, y)
    assert reached or np.array_equal(x, y)
    return y


def both_ends(drawn):
    """Pair each table with the end toward which its walk moves."""
    cheapest, best = drawn.front().ends
    return [(drawn.cost, cheapest.x), (drawn.accuracy, best.x)]


@pytest.mark.parametrize("name", EDGE_CASES)
@pytest.mark.parametrize("share", [-1.0, 0.0, 0.3, 0.9, 1.1])
def test_edge_cases_equal_the_twin(name, share):
    """On every named case, for targets below nothing, within reach and beyond it."""
    drawn = EDGE_CASES[name]
    for table, ends in both_ends(drawn):
        for x in allocations(drawn, 3, 1):
            total = np.abs(table[np.arange(len(x)), ends].astype(float) - table[np.arange(len(x)), x]).sum()
            twins.assert_expected(moved, twins.move_to_ends, (table, ends, share * total, x))


@given(tables(max_queries=30, kinds="tied labels"), st.integers(0, 1000), st.integers(-1, 40))
def test_exact_hits_equal_the_twin(drawn, seed, eighths):
    """With sums that are exact a target may be hit exactly: then not one query more is moved."""
    x = allocations(drawn, 1, seed)[0]
    for table, ends in both_ends(drawn):
        twins.assert_expected(moved, twins.move_to_ends, (table, ends, eighths / 8, x))


@given(tables(max_queries=40, max_llms=8, kinds="random"), st.integers(0, 1000), st.floats(0, 1))
def test_equal_the_twin(drawn, seed, share):
    """On continuous tables with targets anywhere."""
    x = allocations(drawn, 1, seed)[0]
    for table, ends in both_ends(drawn):
        twins.assert_expected(moved, twins.move_to_ends, (table, ends, share * float(table.sum()), x))


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1.0, 1e3, 1e300])
def test_scale_decides_about_speed_only(scale):
    """Whether all gains fall into the first bin, the last one or between, the same queries move."""
    problem = make_problem(3000, 6)
    x, best = problem.extremes()
    args = problem.accuracy, best, 100.0, x
    np.testing.assert_array_equal(moved(*args, scale=scale), twins.move_to_ends(*args))


def test_by_hand():
    """Gains 0.25, 0.75, 0.5, 0.75; a target of 1 takes queries 1 and 3, one of 0.75 only the first of them."""
    accuracy = np.array([[0.0, 0.25], [0.0, 0.75], [0.0, 0.5], [0.0, 0.75]])
    x, ends = np.zeros(4, np.int8), np.ones(4, np.int8)
    for target, expected in [
        (0.0, [0, 1, 0, 0]),
        (0.75, [0, 1, 0, 0]),
        (1.0, [0, 1, 0, 1]),
        (2.25, [1, 1, 1, 1]),
        (2.26, [0, 0, 0, 0]),
    ]:
        twins.assert_expected(moved, twins.move_to_ends, (accuracy, ends, target, x), expected)


def test_of_many_equal_gains_the_first_queries_move():
    """Thousands of equal gains within one bin: the target is reached by the first of them in the queries' order."""
    accuracy = np.zeros((5000, 2))
    accuracy[:, 1] = np.random.default_rng(1).choice([0.5, 0.50048828125, 1.0], 5000)
    ends, x = np.ones(5000, np.int8), np.zeros(5000, np.int8)
    for target in (1700.25, 2000.0, 2500.5, 3300.0):
        twins.assert_expected(moved, twins.move_to_ends, (accuracy, ends, target, x))


@pytest.mark.parametrize("family", ["continuous", "tied", "binary"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
def test_threads_change_nothing(set_threads, family, share):
    """One thread and two move the same queries, also where a target is hit exactly and sums carry rounding."""
    problem = make_problem(70_000, 5, family=family, random_state=4)
    x, best = problem.extremes()
    rows = np.arange(problem.n_queries)
    target = share * float((problem.accuracy[rows, best] - problem.accuracy[rows, x]).sum())
    plans = []
    for n_threads in (1, 2):
        set_threads(n_threads)
        plans.append(moved(problem.accuracy, best, target, x))
    np.testing.assert_array_equal(*plans)


@pytest.mark.parametrize("seed", range(10))
def test_threads_change_nothing_at_an_exact_hit(set_threads, seed):
    """Sums of 0.1, 0.2, ... carry rounding: were they taken per thread, exact hits would move a query more or less."""
    rng = np.random.default_rng(seed)
    accuracy = np.zeros((70_000, 2))
    accuracy[:, 1] = rng.choice([0.1, 0.2, 0.3, 0.7], 70_000)
    reached = np.cumsum(np.sort(accuracy[:, 1])[::-1])
    ends, x = np.ones(70_000, np.int8), np.zeros(70_000, np.int8)
    for target in reached[rng.integers(20_000, 70_000, 5)]:
        counts = []
        for n_threads in (1, 2):
            set_threads(n_threads)
            counts.append(int(moved(accuracy, ends, target, x).sum()))
        assert counts[0] == counts[1], f"seed {seed}, target {target!r}"
