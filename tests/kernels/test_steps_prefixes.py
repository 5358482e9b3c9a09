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
    clear_choices,
    count_steps,
    follow_steps,
    hull_rows,
    order_by_efficiency,
    steps_between,
    steps_within,
    sum_columns,
    sum_steps,
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


def row_of(usd, share):
    """One term as a row of exact sums holds it."""
    parts = [round(Fraction(float(value)) * 2**60) for value in (usd, share)]
    return [1, parts[0] >> 40, parts[0] % 2**40, parts[1] >> 40, parts[1] % 2**40]


@given(tables(max_llms=6), st.data())
def test_steps_in_a_range_and_plans_at_an_efficiency(drawn, data):
    """From the rows of hulls come the steps of a range, and plans in which ties are taken by the rows."""
    offset, vertices, steps = upper_hulls(*drawn)
    with np.errstate(over="ignore"):
        keys = (steps["accuracy"] / steps["cost"]).view(np.int64)
    rows = drawn.cost, drawn.accuracy, *hull_rows(*drawn)
    lowest, highest = sorted(data.draw(st.sampled_from([0, 2**62, *keys.tolist()])) for _ in range(2))
    within = (lowest <= keys) & (keys <= highest)
    found, gains = steps_within(lowest, highest, *rows)
    assert found.tolist() == keys[within].tolist()
    if drawn.cost.max() < 2.0**40:
        for step, gain in zip(steps[within], gains.tolist(), strict=True):
            cells = [row_of(drawn.cost[step["query"], j], drawn.accuracy[step["query"], j]) for j in step.tolist()[3:]]
            units = [[row[k] * 2**40 + row[k + 1] for k in (1, 3)] for row in (*cells, gain)]
            assert [high - low for low, high in zip(*units[:2], strict=True)] == units[2]
    n_ties = data.draw(st.integers(0, 3))
    x = np.empty(len(drawn.cost), dtype=vertices.dtype)
    assert take_above(*rows, lowest, n_ties, x) == (keys == lowest).sum()
    taken = (keys > lowest) | ((keys == lowest) & (np.cumsum(keys == lowest) <= n_ties))
    per_query = np.bincount(steps["query"][taken], minlength=len(x))
    assert x.tolist() == vertices[offset[:-1] + np.arange(len(x)) + per_query].tolist()


@given(tables(max_llms=6), st.data())
def test_clear_choices_are_those_of_the_hulls(drawn, data):
    """Whoever is chosen without a hull has no step in the range, and is where the steps above it lead."""
    _, _, steps = upper_hulls(*drawn)
    with np.errstate(over="ignore"):
        rates = (steps["accuracy"] / steps["cost"]).tolist()
    near = [rate * factor for rate in rates for factor in (1 - 1e-15, 1, 1 + 1e-15, 1 + 1e-8)]
    low, high = sorted(data.draw(st.sampled_from([0.0, 1e-3, 1.0, np.inf, *near])) for _ in range(2))
    x = clear_choices(*drawn, low, high)
    rows = drawn.cost, drawn.accuracy, *hull_rows(*drawn)
    lowest, highest = (int(np.float64(rate).view(np.int64)) for rate in (low, high))
    expected = np.empty_like(x)
    take_above(*rows, highest, 0, expected)
    clear = x >= 0
    assert x[clear].tolist() == expected[clear].tolist()
    clear_rows = [of[clear] for of in rows[:3]]
    assert not len(steps_within(lowest, highest, *clear_rows, np.append(0, rows[3][1:][clear]))[0])


def test_clear_choices_by_hand():
    """At 1 per US$ the first query's LLMs tie; the second's best leads, by enough only where the range is narrow."""
    cost, accuracy = np.array([[0.0, 0.5], [0.0, 0.5]]), np.array([[0.25, 0.75], [0.0, 0.75]])
    assert clear_choices(cost, accuracy, None, 1.0, 1.0).tolist() == [-1, 1]
    assert clear_choices(cost, accuracy, None, 1.0, 1.5).tolist() == [-1, -1]
    assert clear_choices(cost, accuracy, np.array([[True, False], [True, True]]), 1.0, 1.5).tolist() == [0, -1]
    assert clear_choices(cost, accuracy, None, 2.0, np.inf).tolist() == [-1, -1]


def test_sums_of_steps_by_hand():
    """A query of group 1 with steps of efficiency 1/2 and 1/4, and one of group 0 that has none."""
    cost, accuracy = np.array([[0.0, 1.0, 3.0], [2.0, 3.0, 4.0]]), np.array([[0.0, 0.5, 1.0], [0.75, 0.5, 0.25]])
    start, steps, along = np.zeros((5, 5), int), np.zeros((1 << 11, 5), int), np.zeros((5 << 11, 5), int)
    hulls = hull_rows(cost, accuracy, None)
    sum_steps(cost, accuracy, np.array([1, 0]), *hulls, 52, 52, start, steps, along)
    assert start[[0, 3, 4]].tolist() == [[2, 2 << 20, 0, 3 << 18, 0], row_of(2, 0.75), row_of(0, 0)]
    half, quarter = (int(np.float64(rate).view(np.int64)) >> 52 for rate in (0.5, 0.25))
    assert np.flatnonzero(steps[:, 0]).tolist() == [quarter, half]
    assert steps[[half, quarter]].tolist() == [row_of(1, 0.5), row_of(2, 0.5)]
    gained = along.reshape(-1, 5, 5)
    assert gained[half, [0, 1, 4]].tolist() == [[-1, 0, 0, 0, 0], row_of(1, 0.5), [0, *row_of(1, 0.5)[1:]]]
    assert gained[quarter, 1:3].tolist() == [[-1, -(1 << 20), 0, -(1 << 19), 0], row_of(3, 1)]
    assert not along.reshape(-1, 5, 5)[:, 3].any()
    singles = np.zeros((3, 5), int)
    sum_columns(cost, accuracy, np.array([[True, True, False], [True, True, True]]), singles)
    assert singles.tolist() == [[2, 2 << 20, 0, 3 << 18, 0], [2, 4 << 20, 0, 1 << 20, 0], row_of(4, 0.25)]
