"""Uniform draws among the LLMs that a query may go to."""

from __future__ import annotations

import numpy as np


def allowed_lists(allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn a mask into lists.

    Args:
        allowed: (k, M) bool, at least one True per row.

    Returns:
        (k,) how many LLMs are allowed, and (k, M) their rising numbers, followed by those not allowed.
    """
    return np.count_nonzero(allowed, axis=1), np.argsort(~allowed, axis=1, kind="stable")


def draw_allowed(allowed: np.ndarray, queries: np.ndarray, random_state: np.random.Generator) -> np.ndarray:
    """Draw an allowed LLM for each of some queries.

    Args:
        allowed: (N, M) bool.
        queries: (k,) query numbers, repeats allowed.
        random_state: Source of the draws.

    Returns:
        (k,) LLM numbers. O(min(k, N) M + k).
    """
    rows, place = np.unique(queries, return_inverse=True)
    counts, lists = allowed_lists(allowed[rows])
    return np.asarray(lists[place, random_state.integers(0, counts[place])])


def draw_other(
    n_llms: int,
    allowed: np.ndarray | None,
    queries: np.ndarray,
    current: np.ndarray,
    random_state: np.random.Generator,
) -> np.ndarray:
    """Draw, for each of some queries, an allowed LLM other than the current one.

    Args:
        n_llms: M.
        allowed: (N, M) bool; None allows all.
        queries: (k,) query numbers, repeats allowed.
        current: (k,) LLM numbers, any integer type; they needn't be allowed themselves.
        random_state: Source of the draws.

    Returns:
        (k,) LLM numbers; the current one where there is no other.
    """
    current = current.astype(np.intp)
    if allowed is None:
        if n_llms == 1:
            return current
        drawn = random_state.integers(0, n_llms - 1, size=len(current))
        # numbers from the current one on move up by one: every other LLM is equally likely
        return np.asarray(drawn + (drawn >= current))
    rows, place = np.unique(queries, return_inverse=True)
    counts, lists = allowed_lists(allowed[rows])
    is_allowed = allowed[queries, current]
    rank = np.cumsum(allowed[rows], axis=1)[place, current] - 1
    others = counts[place] - is_allowed
    drawn = random_state.integers(0, np.maximum(others, 1))
    drawn += is_allowed & (drawn >= rank)
    return np.where(others > 0, lists[place, np.minimum(drawn, n_llms - 1)], current)
