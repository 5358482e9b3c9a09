"""Single moves of queries that mend or fill a plan under limits."""

from __future__ import annotations

import numpy as np
from numba import njit

FLOOR, TOTAL_FLOOR = 3, 4
SHORT = 256
"""Moves that are looked at beyond those that an excess seems to need."""


@njit(cache=True, nogil=True, inline="always")
def _use(
    k: int,
    kind: np.ndarray,
    member: np.ndarray,
    of_group: np.ndarray,
    cost: np.ndarray,
    accuracy: np.ndarray,
    tokens: np.ndarray,
    group: np.ndarray,
    i: int,
    j: int,
) -> float:
    """W_k[i, j]."""
    what = kind[k]
    if what == TOTAL_FLOOR:
        return -np.float64(accuracy[i, j])
    if what == FLOOR:
        return -np.float64(accuracy[i, j]) if group[i] == of_group[k] else 0.0
    if not member[k, j]:
        return 0.0
    if what == 0:
        return 1.0
    return np.float64(cost[i, j]) if what == 1 else np.float64(tokens[i, j])


@njit(cache=True, nogil=True, inline="always")
def _score(
    worth_accuracy: np.ndarray,
    worth_usd: np.ndarray,
    worth_tokens: np.ndarray,
    worth_calls: np.ndarray,
    cost: np.ndarray,
    accuracy: np.ndarray,
    tokens: np.ndarray,
    group: np.ndarray,
    i: int,
    j: int,
) -> float:
    """Priced score of cell (i, j)."""
    score = worth_accuracy[group[i]] * np.float64(accuracy[i, j]) - worth_usd[j] * np.float64(cost[i, j])
    score -= worth_calls[j]
    if tokens.size:
        score -= worth_tokens[j] * np.float64(tokens[i, j])
    return float(score)


@njit(cache=True, nogil=True)
def _fits(
    kind: np.ndarray,
    member: np.ndarray,
    of_group: np.ndarray,
    cost: np.ndarray,
    accuracy: np.ndarray,
    tokens: np.ndarray,
    group: np.ndarray,
    i: int,
    old: int,
    new: int,
    left: np.ndarray,
    tolerance: np.ndarray,
) -> bool:
    """Whether a move neither breaks a limit nor adds to the excess of one."""
    for k in range(kind.size):
        if kind[k] < FLOOR and not member[k, new]:
            continue
        change = _use(k, kind, member, of_group, cost, accuracy, tokens, group, i, new)
        change -= _use(k, kind, member, of_group, cost, accuracy, tokens, group, i, old)
        if change > 0.0 and change > left[k] + tolerance[k]:
            return False
    return True


@njit(cache=True, nogil=True)
def _apply(
    kind: np.ndarray,
    member: np.ndarray,
    of_group: np.ndarray,
    cost: np.ndarray,
    accuracy: np.ndarray,
    tokens: np.ndarray,
    group: np.ndarray,
    i: int,
    new: int,
    x: np.ndarray,
    left: np.ndarray,
) -> None:
    """Move query i and keep the books."""
    old = x[i]
    for k in range(kind.size):
        left[k] -= _use(k, kind, member, of_group, cost, accuracy, tokens, group, i, new)
        left[k] += _use(k, kind, member, of_group, cost, accuracy, tokens, group, i, old)
    x[i] = new


@njit(cache=True, nogil=True)
def mend(
    cost: np.ndarray,
    accuracy: np.ndarray,
    tokens: np.ndarray,
    mask: np.ndarray,
    group: np.ndarray,
    kind: np.ndarray,
    member: np.ndarray,
    of_group: np.ndarray,
    worth_accuracy: np.ndarray,
    worth_usd: np.ndarray,
    worth_tokens: np.ndarray,
    worth_calls: np.ndarray,
    unit: np.ndarray,
    tolerance: np.ndarray,
    left: np.ndarray,
    x: np.ndarray,
    max_rounds: int,
) -> bool:
    """Move queries out of exceeded limits, least priced loss per unit of excess first; in place.

    No move exceeds another limit, or adds to one that is exceeded. The limit that is exceeded most is taken first.

    Args:
        cost: As `kernels.limits.Cells`.
        accuracy: As `kernels.limits.Cells`.
        tokens: As `kernels.limits.Cells`.
        mask: As `kernels.limits.Cells`.
        group: As `kernels.limits.Cells`.
        kind: As `LinearLimits`.
        member: As `LinearLimits`.
        of_group: As `LinearLimits`.
        worth_accuracy: As `kernels.limits.Coefficients`.
        worth_usd: As `kernels.limits.Coefficients`.
        worth_tokens: As `kernels.limits.Coefficients`.
        worth_calls: As `kernels.limits.Coefficients`.
        unit: (K,) what an excess is measured in.
        tolerance: (K,) excess that counts as none.
        left: (K,) what is left of each limit, negative where exceeded; kept up to date.
        x: (N,) LLM per query.
        max_rounds: Rounds, one limit each, after which to give up.

    Returns:
        Whether all limits are met. O(N M) per round.
    """
    n_queries, n_llms = cost.shape
    ratio = np.empty(n_queries * n_llms)
    cell = np.empty(n_queries * n_llms, dtype=np.int64)
    for _ in range(max_rounds):
        worst, most = -1, 0.0
        for k in range(kind.size):
            if left[k] < -tolerance[k] and -left[k] / unit[k] > most:
                worst, most = k, -left[k] / unit[k]
        if worst < 0:
            return True
        n, total = 0, 0.0
        for i in range(n_queries):
            old = x[i]
            here = _use(worst, kind, member, of_group, cost, accuracy, tokens, group, i, old)
            before = _score(worth_accuracy, worth_usd, worth_tokens, worth_calls, cost, accuracy, tokens, group, i, old)
            for j in range(n_llms):
                if j == old or (mask.size and not mask[i, j]):
                    continue
                saved = here - _use(worst, kind, member, of_group, cost, accuracy, tokens, group, i, j)
                if saved <= 0.0:
                    continue
                if not _fits(kind, member, of_group, cost, accuracy, tokens, group, i, old, j, left, tolerance):
                    continue
                after = _score(
                    worth_accuracy, worth_usd, worth_tokens, worth_calls, cost, accuracy, tokens, group, i, j
                )
                ratio[n] = (before - after) / min(saved, -left[worst])
                cell[n] = i * n_llms + j
                total += min(saved, -left[worst])
                n += 1
        if n == 0:
            return False
        wanted = min(n - 1, int(2.0 * -left[worst] / (total / n)) + SHORT)
        reach = np.partition(ratio[:n], wanted)[wanted]
        few = np.flatnonzero(ratio[:n] <= reach)
        moved = False
        for e in few[np.argsort(ratio[few], kind="mergesort")]:
            i, j = cell[e] // n_llms, cell[e] % n_llms
            saved = _use(worst, kind, member, of_group, cost, accuracy, tokens, group, i, x[i])
            saved -= _use(worst, kind, member, of_group, cost, accuracy, tokens, group, i, j)
            if saved > 0.0 and _fits(
                kind, member, of_group, cost, accuracy, tokens, group, i, x[i], j, left, tolerance
            ):
                _apply(kind, member, of_group, cost, accuracy, tokens, group, i, j, x, left)
                moved = True
                if left[worst] >= -tolerance[worst]:
                    break
        if not moved:
            return False
    return False


@njit(cache=True, nogil=True)
def fill(
    cost: np.ndarray,
    accuracy: np.ndarray,
    tokens: np.ndarray,
    mask: np.ndarray,
    group: np.ndarray,
    kind: np.ndarray,
    member: np.ndarray,
    of_group: np.ndarray,
    worth_accuracy: np.ndarray,
    worth_usd: np.ndarray,
    worth_tokens: np.ndarray,
    worth_calls: np.ndarray,
    per_accuracy: float,
    per_usd: float,
    tolerance: np.ndarray,
    left: np.ndarray,
    x: np.ndarray,
    max_rounds: int,
) -> int:
    """Use up what is left of the limits: moves that gain and fit, least priced loss first; in place.

    Args:
        cost: As `kernels.limits.Cells`.
        accuracy: As `kernels.limits.Cells`.
        tokens: As `kernels.limits.Cells`.
        mask: As `kernels.limits.Cells`.
        group: As `kernels.limits.Cells`.
        kind: As `LinearLimits`.
        member: As `LinearLimits`.
        of_group: As `LinearLimits`.
        worth_accuracy: As `kernels.limits.Coefficients`.
        worth_usd: As `kernels.limits.Coefficients`.
        worth_tokens: As `kernels.limits.Coefficients`.
        worth_calls: As `kernels.limits.Coefficients`.
        per_accuracy: Weight of summed accuracy in the score to be raised.
        per_usd: Weight of US$.
        tolerance: (K,) excess that counts as none.
        left: (K,) >= 0, what is left of each limit; kept up to date.
        x: (N,) LLM per query that meets the limits; still does so afterwards.
        max_rounds: Rounds after which to stop.

    Returns:
        Number of moves. O(N M) per round and a sort of the moves that fit.
    """
    n_queries, n_llms = cost.shape
    loss = np.empty(n_queries * n_llms)
    cell = np.empty(n_queries * n_llms, dtype=np.int64)
    moves = 0
    for _ in range(max_rounds):
        n = 0
        for i in range(n_queries):
            old = x[i]
            before = _score(worth_accuracy, worth_usd, worth_tokens, worth_calls, cost, accuracy, tokens, group, i, old)
            for j in range(n_llms):
                if j == old or (mask.size and not mask[i, j]):
                    continue
                gain = per_accuracy * (np.float64(accuracy[i, j]) - np.float64(accuracy[i, old]))
                gain -= per_usd * (np.float64(cost[i, j]) - np.float64(cost[i, old]))
                if gain <= 0.0:
                    continue
                if _fits(kind, member, of_group, cost, accuracy, tokens, group, i, old, j, left, tolerance):
                    after = _score(
                        worth_accuracy, worth_usd, worth_tokens, worth_calls, cost, accuracy, tokens, group, i, j
                    )
                    loss[n] = before - after
                    cell[n] = i * n_llms + j
                    n += 1
        if n == 0:
            return moves
        done = moves
        for e in np.argsort(loss[:n], kind="mergesort"):
            i, j = cell[e] // n_llms, cell[e] % n_llms
            gain = per_accuracy * (np.float64(accuracy[i, j]) - np.float64(accuracy[i, x[i]]))
            gain -= per_usd * (np.float64(cost[i, j]) - np.float64(cost[i, x[i]]))
            if gain > 0.0 and _fits(kind, member, of_group, cost, accuracy, tokens, group, i, x[i], j, left, tolerance):
                _apply(kind, member, of_group, cost, accuracy, tokens, group, i, j, x, left)
                moves += 1
        if moves == done:
            return moves
    return moves
