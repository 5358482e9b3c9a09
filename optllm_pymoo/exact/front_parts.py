"""What a supported front hands out: its steps and its ends, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Steps(NamedTuple):
    """The upgrade steps of all queries, most efficient first; step k leads from point k to point k + 1."""

    query: np.ndarray
    """(S,) row of the query that is upgraded."""
    from_llm: np.ndarray
    """(S,) LLM it leaves."""
    to_llm: np.ndarray
    """(S,) LLM it moves to."""
    delta_cost: np.ndarray
    """(S,) US$, > 0."""
    delta_accuracy: np.ndarray
    """(S,) accuracy of that query, > 0; divide by N for the mean."""


class FrontEnd(NamedTuple):
    """One end of the front, as destructions need it."""

    x: np.ndarray
    """(N,) read-only plan of this end."""
    values: np.ndarray
    """(N,) float64: each query's US$ at the cheapest end, its accuracy at the most accurate end."""
    largest_gain: float
    """Largest distance of any query between the two ends, or 1 if they are the same plan."""
