"""Timing in turns."""

from __future__ import annotations

import time

import pytest

from benchmarks.timing import Comparison, compare, median_seconds


def test_ratio():
    """Six seconds are three times two."""
    assert Comparison(6.0, 2.0).ratio == 3.0


def test_turns_are_taken():
    """One untimed call of each, then A B A B, every one with an argument of its own."""
    calls, made = [], iter(range(100))
    compare(
        lambda n: calls.append(("A", n)),
        lambda n: calls.append(("B", n)),
        repeats=2,
        prepare=lambda: next(made),
    )
    assert calls == [("A", 0), ("B", 1), ("A", 2), ("B", 3), ("A", 4), ("B", 5)]


def test_the_slower_one_takes_longer():
    """Sleeping 8 ms takes at least twice as long as sleeping 2 ms; preparing is not timed."""
    comparison = compare(
        lambda _: time.sleep(0.008), lambda _: time.sleep(0.002), repeats=5, prepare=lambda: time.sleep(0.01)
    )
    assert comparison.first_seconds >= 0.008
    assert 0.002 <= comparison.second_seconds < 0.01
    assert comparison.ratio > 1.5


def test_median_of_a_function():
    """One slow call out of five doesn't count."""
    naps = iter([0.05, 0.05, 0.001, 0.001, 0.001, 0.001])
    assert 0.001 <= median_seconds(lambda: time.sleep(next(naps)), repeats=5) < 0.05


def test_nothing_to_take_a_median_of():
    """No repeats are refused, one is enough."""
    with pytest.raises(ValueError, match="a median needs at least one call; got repeats = 0"):
        compare(lambda _: None, lambda _: None, repeats=0)
    assert compare(lambda _: None, lambda _: None, repeats=1).first_seconds >= 0.0
