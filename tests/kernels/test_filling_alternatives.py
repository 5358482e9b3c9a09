"""Alternatives with a small loss, against a readable twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo.kernels.filling import find_alternatives
from tests.strategies import allocations, tables


@given(tables(max_queries=8, max_llms=6), st.floats(0.0, 3.0), st.floats(0.0, 2.0))
def test_equals_numpy(given_tables, rate, limit):
    """The same cells as a comparison of whole tables, by query and then by LLM."""
    x = allocations(given_tables, 1, seed=1)[0]
    rows = np.arange(len(x))
    cost, accuracy = (table.astype(float) for table in (given_tables.cost, given_tables.accuracy))
    loss = (accuracy[rows, x][:, None] - accuracy) + rate * (cost - cost[rows, x][:, None])
    expected = (loss < limit) & (np.arange(cost.shape[1]) != x[:, None])
    if given_tables.allowed is not None:
        expected &= given_tables.allowed
    query, llm = find_alternatives(given_tables.cost, given_tables.accuracy, given_tables.allowed, x, rate, limit)
    assert np.array_equal(np.column_stack([query, llm]), np.argwhere(expected))


def test_more_than_fit_at_first():
    """Thousands of alternatives are all found."""
    query, llm = find_alternatives(np.ones((1000, 5)), np.ones((1000, 5)), None, np.zeros(1000, np.int8), 1.0, 1e-9)
    assert len(query) == 4000
    assert sorted(set(llm.tolist())) == [1, 2, 3, 4]


def test_threads_change_nothing(set_threads):
    """Ranges of queries are put together in their order."""
    rng = np.random.default_rng(1)
    cost, accuracy = rng.random((2, 70_000, 3))
    found = []
    for n_threads in (1, 2):
        set_threads(n_threads)
        found.append(find_alternatives(cost, accuracy, None, np.zeros(70_000, dtype=np.int8), 0.5, 0.01))
    assert len(found[0][0]) > 1000
    assert np.array_equal(found[0], found[1])


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_nothing_loses_less_than_nothing(limit):
    """At the maximiser of every query there is no alternative below 0."""
    query, llm = find_alternatives(np.array([[1.0, 2.0]]), np.array([[0.5, 0.6]]), None, np.array([0]), 0.1, limit)
    assert len(query) == len(llm) == 0
