"""Timing in turns."""

from __future__ import annotations

import time

import pytest

from benchmarks.cells.timing import Timed, in_turns, median_seconds


def test_ratio():
    """Six seconds are three times two."""
    assert Timed(6.0, 2.0).ratio == 3.0


def test_turns_are_taken():
    """One untimed call of each, then A B A B, every one with an argument of its own."""
    calls, made = [], iter(range(100))
    in_turns(
        lambda n: calls.append(("A", n)),
        lambda n: calls.append(("B", n)),
        repeats=2,
        prepare=lambda: next(made),
    )
    assert calls == [("A", 0), ("B", 1), ("A", 2), ("B", 3), ("A", 4), ("B", 5)]


@pytest.fixture
def work(monkeypatch):
    """Let time pass by working only: a call ``work(seconds)`` moves the clock of the timing on."""
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def test_the_slower_one_takes_longer(work):
    """8 s are four times 2 s; preparing is not timed."""
    comparison = in_turns(lambda _: work(8.0), lambda _: work(2.0), repeats=5, prepare=lambda: work(10.0))
    assert comparison == (8.0, 2.0)
    assert comparison.ratio == 4.0


def test_median_of_a_function(work):
    """One slow call out of five doesn't count, nor does the untimed one."""
    naps = iter([50.0, 50.0, 1.0, 1.0, 1.0, 1.0])
    assert median_seconds(lambda: work(next(naps)), repeats=5) == 1.0


def test_real_seconds():
    """Sleeping takes at least as long as was asked for."""
    assert median_seconds(lambda: time.sleep(0.002), repeats=3) >= 0.002


def test_nothing_to_take_a_median_of():
    """No repeats are refused, one is enough."""
    with pytest.raises(ValueError, match="a median needs at least one call; got repeats = 0"):
        in_turns(lambda _: None, lambda _: None, repeats=0)
    assert in_turns(lambda _: None, lambda _: None, repeats=1).first_seconds >= 0.0
