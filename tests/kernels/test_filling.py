"""Filling slack exactly, against trying every choice of items."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo.algorithms.single import fill_slack_with_highs
from optllm_pymoo.kernels.filling import fill_slack

TOLERANCE = 1e-12


def brute_force(first, used, loss, slack):
    """Try every choice of at most one item per class; the smallest gap, inf if none keeps within the slack."""
    best = np.inf
    for items in product(*([-1, *range(a, b)] for a, b in pairwise(first))):
        chosen = [k for k in items if k >= 0]
        left = slack - used[chosen].sum()
        if left >= 0.0:
            best = min(best, left + loss[chosen].sum())
    return best


def gap_of(filling, first, used, loss, slack):
    """Check that the items are a choice, and work out what they come to."""
    classes = np.searchsorted(first, filling.items, side="right")
    assert len(set(classes.tolist())) == len(filling.items)
    left = slack - used[filling.items].sum()
    assert left >= -TOLERANCE
    return left + loss[filling.items].sum()


@st.composite
def knapsacks(draw):
    """Draw classes of items, on a grid or not, and slack that may be negative."""
    sizes = draw(st.lists(st.integers(1, 3), max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n = sum(sizes)
    used, loss = rng.normal(size=n), rng.exponential(0.2, size=n)
    slack = float(rng.normal())
    if draw(st.booleans()):
        used, loss, slack = (np.round(4 * value) / 4 for value in (used, loss, slack))
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), used, loss, float(slack)


@given(knapsacks())
def test_equals_brute_force(knapsack):
    """The best gap, the items that lead to it, and the claim that nothing is better."""
    expected = brute_force(*knapsack)
    filling = fill_slack(*knapsack, np.inf, tolerance=TOLERANCE, max_states=1 << 12)
    assert filling.is_better == np.isfinite(expected)
    if filling.is_better:
        assert filling.gap == pytest.approx(expected, abs=1e-10)
        assert gap_of(filling, *knapsack) == pytest.approx(filling.gap, abs=1e-10)
        assert filling.least == filling.gap


@given(knapsacks(), st.integers(1, 4))
def test_too_little_room(knapsack, max_states):
    """With room for a few states the gap may be larger, but what is claimed to be out of reach is."""
    expected = brute_force(*knapsack)
    filling = fill_slack(*knapsack, np.inf, tolerance=TOLERANCE, max_states=max_states)
    assert filling.least <= expected + 1e-10
    if filling.is_better:
        assert filling.gap >= expected - 1e-10
        assert gap_of(filling, *knapsack) == pytest.approx(filling.gap, abs=1e-10)


@given(knapsacks(), st.floats(0.01, 2.0))
def test_only_what_is_better_is_found(knapsack, gap):
    """A gap in hand is returned as it is unless a choice is better by more than the tolerance."""
    filling = fill_slack(*knapsack, gap, tolerance=TOLERANCE, max_states=1 << 12)
    assert filling.gap == pytest.approx(min(gap, brute_force(*knapsack)), abs=1e-10)
    assert filling.is_better == (filling.gap < gap)


@given(knapsacks())
def test_highs_finds_the_same(knapsack):
    """Branch and bound comes to the same gap."""
    first, used, loss, slack = knapsack
    if len(used) == 0:
        return
    filling = fill_slack_with_highs(first, used, loss, slack, 5.0, tolerance=TOLERANCE)
    assert filling.gap == pytest.approx(min(5.0, brute_force(*knapsack)), abs=1e-8)
    if filling.is_better:
        assert gap_of(filling, *knapsack) == pytest.approx(filling.gap, abs=1e-10)


def test_highs_is_not_believed():
    """An item that uses 1e-9 more than there is fits for HiGHS, not here; the next best choice is returned."""
    first, used, loss = np.array([0, 2]), np.array([1.0 + 1e-9, 0.5]), np.array([0.0, 0.0])
    filling = fill_slack_with_highs(first, used, loss, 1.0, 1.0, tolerance=TOLERANCE)
    assert filling.items.tolist() == [1]
    assert filling.gap == 0.5


def test_no_room_for_nodes():
    """What can't be remembered is not claimed to be worse."""
    rng = np.random.default_rng(1)
    first = np.arange(21)
    filling = fill_slack(
        first, rng.random(20), rng.random(20) / 9, 2.0, 2.0, tolerance=0.0, max_states=999, max_nodes=50
    )
    assert filling.least == 0.0
    assert filling.gap <= 2.0


def test_nothing_to_choose_from():
    """Without items the slack stays; negative slack is no plan."""
    none = np.empty(0)
    assert fill_slack(np.array([0]), none, none, 0.25, 1.0, tolerance=0.0, max_states=9)[::2] == (0.25, True)
    assert not fill_slack(np.array([0]), none, none, -0.25, 1.0, tolerance=0.0, max_states=9).is_better
