"""Comparing the seconds of two functions under the same conditions."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Timed(NamedTuple):
    """Medians of two things that were timed in turns."""

    first_seconds: float
    second_seconds: float

    @property
    def ratio(self) -> float:
        """How many times as long the first takes."""
        return self.first_seconds / self.second_seconds

    def __str__(self) -> str:
        return f"{1e3 * self.first_seconds:.3g} ms : {1e3 * self.second_seconds:.3g} ms"


def in_turns(
    first: Callable[[Any], Any],
    second: Callable[[Any], Any],
    /,
    *,
    repeats: int,
    prepare: Callable[[], Any] = lambda: None,
) -> Timed:
    """Time two functions in turns, A B A B ..., and take the medians.

    If something slows the machine down for a while, alternating calls slow down both. Medians ignore single
    interruptions. Both run once beforehand, untimed, so that compiling and first touches of memory don't
    count.

    Args:
        first: Called with what ``prepare`` returned.
        second: Likewise, with another one.
        repeats: Timed calls of each, at least 1.
        prepare: Untimed; builds what one call needs.

    Raises:
        ValueError: If there is nothing to take the median of.
    """
    if repeats < 1:
        raise ValueError(f"a median needs at least one call; got repeats = {repeats}")
    for function in (first, second):
        function(prepare())
    gc.collect()
    seconds = np.empty((repeats, 2))
    for turn in seconds:
        turn[:] = [_seconds(function, prepare()) for function in (first, second)]
    return Timed(*np.median(seconds, axis=0).tolist())


def median_seconds(function: Callable[[], Any], /, *, repeats: int) -> float:
    """Time a function alone, after one untimed call; the median of ``repeats`` calls."""
    function()
    return float(np.median([_seconds(lambda _: function(), None) for _ in range(repeats)]))


def _seconds(function: Callable[[Any], Any], argument: Any) -> float:
    start = time.perf_counter()
    outcome = function(argument)
    seconds = time.perf_counter() - start
    del outcome
    return seconds
