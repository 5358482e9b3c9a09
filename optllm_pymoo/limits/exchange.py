"""Exchanges between two queries, where no single move is possible or none improves."""

from __future__ import annotations

from typing import Any

import numpy as np

from optllm_pymoo.kernels.exchange import best_pair
from optllm_pymoo.limits.linear import LinearLimits

CANDIDATES = 16
"""Moves per pair of LLMs that are tried in exchanges: those with the least priced loss."""


def exchange(
    limits: LinearLimits, x: np.ndarray, worth: Any, goal: tuple[float, float], left: np.ndarray, max_pairs: int, /
) -> int:
    """Make the best exchanges, one after another, in place.

    Args:
        limits: Tables and limits.
        x: (N,) LLM per query.
        worth: Prices, as `LinearLimits.coefficients` gives them.
        goal: Weights of summed accuracy and US$ in the score to be raised.
        left: (K,) what is left of the limits; kept up to date. While some is negative, exchanges lessen that.
        max_pairs: Exchanges at the most.

    Returns:
        Number of exchanges made.
    """
    rows, cells = np.arange(limits.n_queries), limits.cells
    priced = _priced(limits, worth)
    score = goal[0] * limits.accuracy.astype(float) - goal[1] * limits.cost.astype(float)
    for n in range(max_pairs):
        loss = priced[rows, x][:, None] - priced
        moves = _least_losses(loss, x)
        i, q, other, r = best_pair(
            cells.cost, cells.accuracy, cells.tokens, cells.group, limits.kind, limits.members, limits.of_group,
            loss, score - score[rows, x][:, None], moves, limits.scale, limits.tolerance / 4, left, x,
        )  # fmt: skip
        if i < 0:
            return n
        was_exceeded = bool(np.any(left < -limits.tolerance / 4))
        x[i], x[other] = q, r
        left[:] = limits.limit - limits.uses(x[None])[0]
        if was_exceeded and not np.any(left < -limits.tolerance / 4):
            return n + 1
    return max_pairs


def _priced(limits: LinearLimits, worth: Any) -> np.ndarray:
    """(N, M) priced scores, -inf where a query may not go."""
    per_accuracy = worth.accuracy[limits.cells.group][:, None]
    priced = per_accuracy * limits.accuracy - worth.usd * limits.cost - worth.calls
    if limits.tokens is not None:
        priced = priced - worth.tokens * limits.tokens
    return np.asarray(priced if limits.allowed is None else np.where(limits.allowed, priced, -np.inf))


def _least_losses(loss: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(M, M, T) queries at LLM p whose moves to q lose least, -1 where there are no more."""
    n_llms = loss.shape[1]
    moves = np.full((n_llms, n_llms, CANDIDATES), -1, dtype=np.int64)
    for p in range(n_llms):
        here = np.flatnonzero(x == p)
        for q in range(n_llms):
            if p == q or not len(here):
                continue
            losses = loss[here, q]
            few = np.argpartition(losses, CANDIDATES)[:CANDIDATES] if len(here) > CANDIDATES else np.arange(len(here))
            few = few[np.isfinite(losses[few])]
            moves[p, q, : len(few)] = here[few[np.argsort(losses[few], kind="stable")]]
    return moves
