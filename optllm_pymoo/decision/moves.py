"""For every query of a plan: the LLM that more money buys best, and the one that gives up least for what it saves."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

FREE: Final = 1e-290
"""Stands for a Δ of nothing in a ratio: far below any price, far above what would overflow."""

CHUNK: Final = 1 << 12
"""Queries looked at together: their temporaries then stay in the cache."""


class Moves(NamedTuple):
    """One move per query, away from the LLM that a plan sends it to."""

    llm: np.ndarray
    """(N,) where the query would go; -1 if there is no such move."""
    delta_cost: np.ndarray
    """(N,) change of its cost, US$; NaN without a move."""
    delta_accuracy: np.ndarray
    """(N,) change of its expected accuracy; NaN without a move."""
    usd_per_correct: np.ndarray
    """(N,) Δcost/Δaccuracy, US$ per expected correct answer; NaN without a move. See `next_moves` for 0 and inf."""


def next_moves(
    cost: np.ndarray, accuracy: np.ndarray, x: np.ndarray, /, *, allowed: np.ndarray | None = None
) -> tuple[Moves, Moves]:
    """Find the next upgrade and the next downgrade of every query.

    The upgrade is the more accurate LLM with the lowest price per expected correct answer gained, the downgrade
    the cheaper LLM with the highest saving per expected correct answer lost. On a supported plan they are the
    neighbours on the query's convex hull. Elsewhere a move may be free: an upgrade that costs nothing or less has
    the price 0 or below, and a downgrade that loses nothing saves at the price inf; the largest such move is taken.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M) expected accuracy.
        x: (N,) LLM per query, in 0 ... M-1.
        allowed: (N, M) bool; None allows all.

    Returns:
        Upgrades and downgrades. O(N M), memory O(N).

    Example:
        >>> cost, accuracy = np.array([[1.0, 2.0, 5.0]]), np.array([[0.2, 0.6, 0.7]])
        >>> up, down = next_moves(cost, accuracy, np.array([1]))
        >>> up.llm, up.usd_per_correct.round(6), down.llm, down.usd_per_correct.round(6)
        (array([2]), array([30.]), array([0]), array([2.5]))
    """
    parts = [
        _moves_of_chunk(cost[rows], accuracy[rows], x[rows], None if allowed is None else allowed[rows])
        for rows in (slice(first, first + CHUNK) for first in range(0, len(x), CHUNK))
    ]
    up, down = ([np.concatenate(field) for field in zip(*moves, strict=True)] for moves in zip(*parts, strict=True))
    return Moves(*up), Moves(*down)


def _moves_of_chunk(
    cost: np.ndarray, accuracy: np.ndarray, x: np.ndarray, allowed: np.ndarray | None
) -> tuple[Moves, Moves]:
    rows = np.arange(len(x))
    delta_cost = cost.astype(float) - cost[rows, x][:, None]
    delta_accuracy = accuracy.astype(float) - accuracy[rows, x][:, None]
    gain, saving = delta_accuracy > 0, delta_cost < 0
    if allowed is not None:
        gain, saving = gain & allowed, saving & allowed
    efficiency = np.where(gain, delta_accuracy / np.maximum(delta_cost, FREE), -np.inf)
    saved = np.where(saving, -delta_cost / np.maximum(-delta_accuracy, FREE), -np.inf)
    up = _pick(efficiency, delta_cost, delta_accuracy)
    down = _pick(saved, delta_cost, delta_accuracy)
    return up, down._replace(usd_per_correct=np.where(down.delta_accuracy >= 0, np.inf, down.usd_per_correct))


def _pick(score: np.ndarray, delta_cost: np.ndarray, delta_accuracy: np.ndarray) -> Moves:
    """Take the best score of every row; -inf all along means that there is no move."""
    rows, best = np.arange(len(score)), score.argmax(axis=1)
    none = np.isneginf(score[rows, best])
    change, gained = (np.where(none, np.nan, delta[rows, best]) for delta in (delta_cost, delta_accuracy))
    with np.errstate(divide="ignore"):
        return Moves(np.where(none, -1, best), change, gained, change / gained)
