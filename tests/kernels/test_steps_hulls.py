"""Hulls: kernel against twin, and what a hull is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from optllm_pymoo import make_problem
from optllm_pymoo.kernels.steps import upper_hulls
from tests import twins
from tests.strategies import EDGE_CASES, Tables, tables


@pytest.mark.parametrize("name", [name for name in EDGE_CASES if name != "tiny gains"])
def test_edge_cases_equal_the_twin(name):
    """On every named case the compiled hulls are those that gift wrapping finds."""
    twins.assert_expected(upper_hulls, twins.upper_hulls, EDGE_CASES[name])


@given(tables(max_queries=4, max_llms=7))
def test_equal_the_twin(drawn):
    """On any table the compiled hulls are those that gift wrapping finds, bit for bit."""
    twins.assert_expected(upper_hulls, twins.upper_hulls, drawn)


@pytest.mark.parametrize("masked", [False, True])
def test_two_thousand_rows_equal_the_twin(masked):
    """Whole dollars and eighths: rows full of collinear, equal, equally dear and forbidden LLMs."""
    rng = np.random.default_rng(1)
    cost, accuracy = rng.integers(0, 8, (2000, 9)).astype(float), rng.integers(0, 9, (2000, 9)) / 8
    allowed = rng.random((2000, 9)) < 0.6
    allowed[:, 4] |= ~allowed.any(axis=1)
    twins.assert_expected(upper_hulls, twins.upper_hulls, (cost, accuracy, allowed if masked else None))


def test_by_hand():
    """LLM 1 lies below the line from 0 to 2, LLM 3 is dearer than 2 and worse; of the equal 2 and 4 the first stays.

    Steps of query 0: (3, 0.75). Query 1 has its best LLM at the lowest price: no step.
    """
    cost = np.array([[1.0, 2.0, 4.0, 5.0, 4.0], [1.0, 1.0, 2.0, 3.0, 4.0]])
    accuracy = np.array([[0.0, 0.125, 0.75, 0.5, 0.75], [0.5, 0.75, 0.75, 0.25, 0.0]])
    expected = np.array([0, 1, 1]), np.array([0, 2, 1]), np.array([(3.0, 0.75, 0, 0, 2)], dtype=twins.STEP)
    twins.assert_expected(upper_hulls, twins.upper_hulls, (cost, accuracy, None), expected)


@given(tables(max_queries=4, max_llms=7))
def test_rises_and_flattens(drawn):
    """Along each hull cost and accuracy rise strictly and efficiency falls strictly."""
    offset, _, steps = upper_hulls(*drawn)
    assert np.all(steps["cost"] > 0)
    assert np.all(steps["accuracy"] > 0)
    for start, stop in pairwise(offset):
        assert np.all(np.diff(steps["accuracy"][start:stop] / steps["cost"][start:stop]) < 0)


@pytest.mark.parametrize(("n_llms", "dtype"), [(127, np.int8), (128, np.int32), (300, np.int32)])
def test_many_llms(n_llms, dtype):
    """Up to 127 LLMs fit int8, more need int32; both equal the twin."""
    problem = make_problem(40, n_llms, random_state=1)
    args = problem.cost, problem.accuracy, None
    twins.assert_expected(upper_hulls, twins.upper_hulls, args)
    assert upper_hulls(*args)[1].dtype == dtype


@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_threads_change_nothing(set_threads, family):
    """One thread and two give the same hulls, bit for bit, with and without a mask."""
    problem = make_problem(70_000, 5, family=family, random_state=2)
    allowed = np.random.default_rng(3).random(problem.cost.shape) < 0.5
    allowed[~allowed.any(axis=1), 0] = True
    for mask in (None, allowed):
        outcomes = []
        for n_threads in (1, 2):
            set_threads(n_threads)
            outcomes.append(upper_hulls(problem.cost, problem.accuracy, mask))
        for one, two in zip(*outcomes, strict=True):
            np.testing.assert_array_equal(one, two)


def test_extreme_differences():
    """A cost difference so small that the efficiency overflows is a step like any other."""
    given = Tables(np.array([[0.0, 5e-324, 1.0]]), np.array([[0.0, 0.5, 1.0]]))
    offset, vertices, _ = upper_hulls(*given)
    assert offset.tolist() == [0, 2]
    assert vertices.tolist() == [0, 1, 2]


def test_prices_multiplied_in_another_order_give_the_same_plans():
    """LLMs 1 and 2 cost 0.3 US$, one of them by 0.1 + 0.2: one vertex, whichever is dearer, no step between them."""
    one, other = 0.3, 0.1 + 0.2
    assert one < other
    for cost in ([0.1, one, other], [0.1, other, one]):
        for accuracy, kept in (([0.0, 0.5, 0.5], 1), ([0.0, 0.25, 0.5], 2), ([0.0, 0.5, 0.25], 1)):
            args = np.array([cost]), np.array([accuracy]), None
            expected = np.array([0, 1]), np.array([0, kept])
            step = np.array([(cost[kept] - 0.1, accuracy[kept], 0, 0, kept)], dtype=twins.STEP)
            twins.assert_expected(upper_hulls, twins.upper_hulls, args, (*expected, step))
