"""Order of the steps, points of the prefixes, moves: kernels against twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from optllm_pymoo import make_problem
from optllm_pymoo.kernels.hulls import upper_hulls
from optllm_pymoo.kernels.ordering import order_by_efficiency, prefix_points, step_moves
from tests import twins
from tests.strategies import EDGE_CASES, tables

few_levels = arrays(np.float64, st.tuples(st.integers(0, 60), st.just(2)), elements=st.sampled_from([0.25, 0.5, 1.0]))


@given(few_levels)
def test_order_is_stable(deltas):
    """Few levels, many ties: the order is that of a stable sort."""
    twins.assert_expected(order_by_efficiency, twins.order_by_efficiency, (deltas,))


@pytest.mark.parametrize("n_levels", [1, 2, 50])
def test_order_of_many_ties_is_stable(n_levels):
    """Runs of thousands of ties come out in the order of the steps."""
    deltas = np.random.default_rng(1).integers(1, n_levels + 1, (20_000, 2)).astype(float)
    twins.assert_expected(order_by_efficiency, twins.order_by_efficiency, (deltas,))


def test_order_by_hand():
    """Efficiencies 2, 1, 2, 3: step 3 first, then 0 before 2, then 1."""
    deltas = np.array([[1.0, 2.0], [3.0, 3.0], [0.5, 1.0], [1.0, 3.0]])
    twins.assert_expected(order_by_efficiency, twins.order_by_efficiency, (deltas,), [3, 0, 2, 1])


@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases_equal_the_twins(name):
    """On every named case order, points and moves are the twins'."""
    offset, vertices, deltas = upper_hulls(*EDGE_CASES[name])
    order = order_by_efficiency(deltas)
    twins.assert_expected(order_by_efficiency, twins.order_by_efficiency, (deltas,))
    twins.assert_expected(prefix_points, twins.prefix_points, (deltas, order, 2.5, 0.75, 7), rtol=1e-15)
    twins.assert_expected(step_moves, twins.step_moves, (offset, vertices, order))


@given(tables(), st.floats(0, 1e6), st.floats(0, 100))
def test_equal_the_twins(drawn, cheapest_cost, cheapest_accuracy):
    """On any table points and moves are the twins'."""
    offset, vertices, deltas = upper_hulls(*drawn)
    order = order_by_efficiency(deltas)
    start = (cheapest_cost, cheapest_accuracy, len(drawn.cost))
    twins.assert_expected(prefix_points, twins.prefix_points, (deltas, order, *start), rtol=1e-15)
    twins.assert_expected(step_moves, twins.step_moves, (offset, vertices, order))


def test_last_point_is_as_exact_as_the_first():
    """A million steps of 0.1 onto a start of 1e9 lose nothing: compensation keeps the last sum at 1e9 + 1e5."""
    deltas = np.full((1_000_000, 2), 0.1)
    F = prefix_points(deltas, np.arange(1_000_000, dtype=np.int32), 1e9, 0.0, 1)
    assert F[-1, 0] == pytest.approx(1e9 + 1_000_000 * 0.1, rel=2e-16)
    assert -F[-1, 1] == pytest.approx(100_000.0, rel=2e-16)


def test_no_steps():
    """Without a step there is one point, and nothing moves."""
    nothing = np.empty((0, 2))
    assert order_by_efficiency(nothing).tolist() == []
    assert prefix_points(nothing, np.empty(0, dtype=np.int32), 3.0, 1.0, 2).tolist() == [[3.0, -0.5]]
    query, from_llm, to_llm = step_moves(np.zeros(3, int), np.array([1, 0], np.int8), np.empty(0, dtype=np.int32))
    assert len(query) == len(from_llm) == len(to_llm) == 0


def test_threads_change_nothing(set_threads):
    """One thread and two give the same points and moves, bit for bit."""
    problem = make_problem(70_000, 4, family="tied")
    offset, vertices, deltas = upper_hulls(problem.cost, problem.accuracy, None)
    order = order_by_efficiency(deltas)
    assert len(order) > 65_536
    outcomes = []
    for n_threads in (1, 2):
        set_threads(n_threads)
        outcomes.append((prefix_points(deltas, order, 1.0, 0.5, 70_000), *step_moves(offset, vertices, order)))
    for one, two in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(one, two)
