"""Levels, their sum, and walking along the steps: kernels against twins."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import make_problem
from optllm_pymoo.kernels.steps import (
    add_exactly,
    count_steps,
    follow_steps,
    order_by_efficiency,
    steps_between,
    tabulate_levels,
    take_above,
    take_steps,
    upper_hulls,
)
from tests import twins
from tests.strategies import EDGE_CASES, allocations, tables


def levels_of(drawn):
    """Tabulate the levels of a table."""
    offset, vertices, _ = upper_hulls(*drawn)
    return tabulate_levels(drawn.cost, offset, vertices)


@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases_equal_the_twin(name):
    """On every named case levels, step counts and the steps to another plan are the twins'."""
    drawn = EDGE_CASES[name]
    offset, vertices, _ = upper_hulls(*drawn)
    twins.assert_expected(tabulate_levels, twins.tabulate_levels, (drawn.cost, offset, vertices))
    plans = allocations(drawn, 3, 1)
    for x, y in zip(plans, plans[::-1], strict=True):
        twins.assert_expected(count_steps, twins.count_steps, (levels_of(drawn), x))
        twins.assert_expected(steps_between, twins.steps_between, (levels_of(drawn), x, y))


@given(tables(max_llms=6), st.integers(0, 1000), st.sampled_from([np.int8, np.int32]))
def test_equal_the_twin(drawn, seed, dtype):
    """On any table, for any allocation of either type."""
    offset, vertices, _ = upper_hulls(*drawn)
    twins.assert_expected(tabulate_levels, twins.tabulate_levels, (drawn.cost, offset, vertices))
    x, y = allocations(drawn, 2, seed).astype(dtype)
    twins.assert_expected(count_steps, twins.count_steps, (levels_of(drawn), x))
    twins.assert_expected(steps_between, twins.steps_between, (levels_of(drawn), x, y))


def test_levels_by_hand():
    """Hull 0 -> 2; LLM 1 costs less than 2 and counts like 0, LLM 3 costs more and counts like 2."""
    cost, accuracy = np.array([[1.0, 2.0, 4.0, 5.0]]), np.array([[0.0, 0.125, 0.75, 0.5]])
    offset, vertices, _ = upper_hulls(cost, accuracy, None)
    twins.assert_expected(tabulate_levels, twins.tabulate_levels, (cost, offset, vertices), [[0, 0, 1, 1]])


@given(tables(max_llms=6), st.data())
def test_steps_lead_from_any_prefix_to_any_other(drawn, data):
    """Walking from prefix a to prefix b ends where walking from the cheapest plan to b does, forward or backward."""
    offset, vertices, steps = upper_hulls(*drawn)
    query, from_llm, to_llm, _ = follow_steps(steps, order_by_efficiency(steps))
    start, stop = (data.draw(st.integers(0, len(query)), label=name) for name in ("start", "stop"))
    cheapest = vertices[offset[:-1] + np.arange(len(drawn.cost))]
    x, wanted = cheapest.copy(), cheapest.copy()
    take_steps(query, to_llm, 0, start, x)
    take_steps(query, to_llm if stop >= start else from_llm, start, stop, x)
    for k in range(stop):
        assert wanted[query[k]] == from_llm[k]
        wanted[query[k]] = to_llm[k]
    assert x.tolist() == wanted.tolist()


def test_threads_change_nothing(set_threads):
    """One thread and two give the same levels and the same count."""
    problem = make_problem(70_000, 5, family="tied")
    offset, vertices, _ = upper_hulls(problem.cost, problem.accuracy, None)
    x = np.random.default_rng(1).integers(0, 5, 70_000).astype(np.int8)
    levels, counts = [], []
    for n_threads in (1, 2):
        set_threads(n_threads)
        levels.append(tabulate_levels(problem.cost, offset, vertices))
        counts.append(count_steps(levels[-1], x))
    np.testing.assert_array_equal(*levels)
    assert counts[0] == counts[1] == int(levels[0][np.arange(70_000), x].sum(dtype=np.int64))


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1e6), st.floats(0, 1)), max_size=8))
def test_exact_sums(terms):
    """Sums of slots are those of exact fractions, each term rounded once to 2**-60."""
    slot = np.array([term[0] for term in terms], dtype=np.int64)
    cost, accuracy = (np.array([term[k] for term in terms], dtype=float) for k in (1, 2))
    sums = np.zeros((4, 5), dtype=np.int64)
    add_exactly(slot, cost, accuracy, sums)
    for place, row in enumerate(sums.tolist()):
        mine = [(c, a) for s, c, a in terms if s == place]
        assert row[0] == len(mine)
        for k, (high, low) in enumerate((row[1:3], row[3:5])):
            assert high * 2**40 + low == sum(round(Fraction(term[k]) * 2**60) for term in mine)


def test_steps_above_an_efficiency():
    """All steps above it are taken, of those just there the first ones."""
    keys, offset = np.array([9, 5, 7, 5, 4, 5]), np.array([0, 2, 2, 5, 6])
    vertices = np.array([0, 1, 2, 3, 0, 2, 3, 1, 1, 2], dtype=np.int8)
    for n_ties, expected in ((0, [1, 3, 2, 1]), (1, [2, 3, 2, 1]), (2, [2, 3, 3, 1]), (9, [2, 3, 3, 2])):
        x = np.empty(4, dtype=np.int8)
        assert take_above(keys, offset, vertices, 5, n_ties, x) == 3
        assert x.tolist() == expected
