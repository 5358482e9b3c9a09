"""Next upgrades and downgrades."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo.decision import Moves, next_moves
from tests.strategies import EDGE_CASES, Tables, allocations, tables


def brute_force(given: Tables, x: np.ndarray) -> tuple[list[float], list[float]]:
    """Lowest price of an upgrade and highest of a downgrade per query, by looking at every LLM; NaN without one."""
    upgrades, downgrades = [], []
    for i, here in enumerate(x):
        up, down = [], []
        for j in range(given.cost.shape[1]):
            if given.allowed is not None and not given.allowed[i, j]:
                continue
            dearer = float(given.cost[i, j]) - float(given.cost[i, here])
            better = float(given.accuracy[i, j]) - float(given.accuracy[i, here])
            if better > 0:
                up.append(max(dearer, 0) / better)
            if dearer < 0:
                down.append(dearer / better if better < 0 else np.inf)
        upgrades.append(min(up, default=np.nan))
        downgrades.append(max(down, default=np.nan))
    return upgrades, downgrades


@given(tables(max_queries=6, max_llms=5), st.integers(0, 99))
def test_prices_are_the_best_of_all_llms(given: Tables, seed: int) -> None:
    """No other allowed LLM is a cheaper upgrade or a better downgrade, from any allocation; free moves count as 0."""
    x = allocations(given, 1, seed)[0]
    up, down = next_moves(given.cost, given.accuracy, x, allowed=given.allowed)
    expected_up, expected_down = brute_force(given, x)
    np.testing.assert_allclose(np.maximum(up.usd_per_correct, 0), expected_up, rtol=1e-12)
    np.testing.assert_allclose(down.usd_per_correct, expected_down, rtol=1e-12)


@given(tables(max_queries=6, max_llms=5), st.integers(0, 99))
def test_deltas_belong_to_the_llm_named(given: Tables, seed: int) -> None:
    """Moving to the LLM named changes cost and accuracy by what is said; -1 has NaN everywhere."""
    x = allocations(given, 1, seed)[0]
    for moves in next_moves(given.cost, given.accuracy, x, allowed=given.allowed):
        there = np.flatnonzero(moves.llm >= 0)
        to, here = moves.llm[there], x[there]
        for table, delta in ((given.cost, moves.delta_cost), (given.accuracy, moves.delta_accuracy)):
            np.testing.assert_array_equal(delta[there], table[there, to].astype(float) - table[there, here])
            assert np.isnan(np.delete(delta, there)).all()
        assert np.isnan(np.delete(moves.usd_per_correct, there)).all()


@pytest.mark.parametrize("name", [name for name in EDGE_CASES if name != "collinear"])
def test_moves_from_a_supported_plan_are_its_neighbouring_steps(name: str) -> None:
    """On every plan of the front, the best move of all queries has the price of the next step and of the last."""
    front = EDGE_CASES[name].front()
    price = front.steps.delta_cost / front.steps.delta_accuracy
    for k in range(len(front)):
        up, down = next_moves(front.cost, front.accuracy, front.assignment(k), allowed=front.allowed)
        if k < len(price):
            assert np.nanmin(up.usd_per_correct) == pytest.approx(price[k], rel=1e-5)
        else:
            assert (up.llm == -1).all()
        if k > 0:
            assert np.nanmax(down.usd_per_correct) == pytest.approx(price[k - 1], rel=1e-5)
        else:
            assert (down.llm == -1).all()


def test_free_moves_are_found() -> None:
    """From the dominated LLM 1, LLM 0 is an upgrade of price -1/0.3; as a downgrade it loses nothing."""
    up, down = next_moves(np.array([[1.0, 2.0, 9.0]]), np.array([[0.5, 0.2, 0.9]]), np.array([1]))
    assert up.llm.tolist() == down.llm.tolist() == [0]
    assert up.usd_per_correct[0] == pytest.approx(-1 / 0.3)
    assert down.usd_per_correct[0] == np.inf


def test_largest_of_several_free_moves() -> None:
    """Of two free upgrades the one that gains most is taken, of two free downgrades the one that saves most."""
    cost, accuracy = np.array([[3.0, 1.0, 2.0]]), np.array([[0.1, 0.5, 0.9]])
    up, down = next_moves(cost, accuracy, np.array([0]))
    assert (up.llm[0], down.llm[0]) == (2, 1)


def test_equal_llms_are_no_moves() -> None:
    """Among copies of one LLM there is nothing to move to."""
    up, down = next_moves(np.ones((2, 3)), np.full((2, 3), 0.5), np.array([0, 2]))
    assert isinstance(up, Moves)
    assert up.llm.tolist() == down.llm.tolist() == [-1, -1]


def test_milliseconds_for_32000_queries() -> None:
    """32,000 x 8 take some ten milliseconds of the processor; a loop over queries would take a hundred times it."""
    rng = np.random.default_rng(0)
    cost, accuracy = rng.random((2, 32_000, 8))
    x = rng.integers(8, size=32_000)
    took = []
    for _ in range(5):
        start = time.process_time()
        next_moves(cost, accuracy, x)
        took.append(time.process_time() - start)
    assert min(took) < 0.15
