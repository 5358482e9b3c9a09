"""Exchanges between two queries, where no single move is possible or none improves."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.exchange import best_pair
from optllm_pymoo.kernels.limits import Coefficients
from optllm_pymoo.kernels.rules import most_exceeded
from optllm_pymoo.limits.linear import LinearLimits

CANDIDATES = 16
"""Moves per pair of LLMs that are tried in exchanges: those with the least priced loss."""


def exchange(
    limits: LinearLimits, x: np.ndarray, worth: Coefficients, goal: tuple[float, float], max_pairs: int, /
) -> int:
    """Make the best exchanges, one after another, in place. While a limit is exceeded, they lessen that.

    Args:
        limits: Tables and limits.
        x: (N,) LLM per query.
        worth: Prices, as `LinearLimits.coefficients` gives them.
        goal: Weights of summed accuracy and US$ in the score to be raised.
        max_pairs: Exchanges at the most.

    Returns:
        Number of exchanges made.
    """
    rows = np.arange(limits.n_queries)
    priced = _priced(limits, worth)
    score = goal[0] * limits.accuracy.astype(float) - goal[1] * limits.cost.astype(float)
    slack = limits.slack(x)
    for n in range(max_pairs):
        loss = priced[rows, x][:, None] - priced
        gain = score - score[rows, x][:, None]
        i, q, other, r = best_pair(limits.cells, limits.rules, slack, loss, gain, _least_losses(loss, x))
        if i < 0:
            return n
        was_exceeded = most_exceeded(slack) >= 0
        x[i], x[other] = q, r
        slack = limits.slack(x)
        if was_exceeded and most_exceeded(slack) < 0:
            return n + 1
    return max_pairs


def _priced(limits: LinearLimits, worth: Coefficients) -> np.ndarray:
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
