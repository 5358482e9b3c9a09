"""Pairs of moves: one query takes an LLM that another leaves."""

from __future__ import annotations

import numpy as np
from numba import njit

from optllm_pymoo.kernels.moves import _use


@njit(cache=True, nogil=True)
def best_pair(
    cost: np.ndarray,
    accuracy: np.ndarray,
    tokens: np.ndarray,
    group: np.ndarray,
    kind: np.ndarray,
    member: np.ndarray,
    of_group: np.ndarray,
    loss: np.ndarray,
    gain: np.ndarray,
    moves: np.ndarray,
    unit: np.ndarray,
    tolerance: np.ndarray,
    left: np.ndarray,
    x: np.ndarray,
) -> tuple[int, int, int, int]:
    """Find the best pair of moves (i: p to q, l: q to r), where single moves are blocked by a limit on q.

    While a limit is exceeded, the pair with the least priced loss per unit of the excess that it takes away; otherwise
    the pair that raises the score most. No pair breaks a limit or adds to an excess.

    Args:
        cost: As `kernels.limits.Cells`.
        accuracy: As `kernels.limits.Cells`.
        tokens: As `kernels.limits.Cells`.
        group: As `kernels.limits.Cells`.
        kind: As `LinearLimits`.
        member: As `LinearLimits`.
        of_group: As `LinearLimits`.
        loss: (N, M) priced loss of moving a query to an LLM.
        gain: (N, M) score gained by it.
        moves: (M, M, T) queries whose moves from p to q lose least, -1 where there are no more.
        unit: (K,) what an excess is measured in.
        tolerance: (K,) excess that counts as none.
        left: (K,) what is left of each limit.
        x: (N,) LLM per query.

    Returns:
        i, q, l, r of the pair; i = -1 if there is none. O(M³ T² K).
    """
    n_limits = kind.size
    worst, most = -1, 0.0
    for k in range(n_limits):
        if left[k] < -tolerance[k] and -left[k] / unit[k] > most:
            worst, most = k, -left[k] / unit[k]
    n_llms = cost.shape[1]
    found = (-1, -1, -1, -1)
    best = np.inf
    change = np.empty(n_limits)
    for p in range(n_llms):
        for q in range(n_llms):
            for i in moves[p, q]:
                if i < 0:
                    break
                for k in range(n_limits):
                    change[k] = _use(k, kind, member, of_group, cost, accuracy, tokens, group, i, q)
                    change[k] -= _use(k, kind, member, of_group, cost, accuracy, tokens, group, i, p)
                for r in range(n_llms):
                    for other in moves[q, r]:
                        if other < 0:
                            break
                        lost = loss[i, q] + loss[other, r]
                        if worst >= 0 and lost > 0.0 and lost >= best * -left[worst]:
                            break
                        if worst < 0:
                            value = -(gain[i, q] + gain[other, r])
                            if value >= min(best, -1e-12):
                                continue
                        fits, saved = True, 0.0
                        for k in range(n_limits):
                            total = change[k]
                            total += _use(k, kind, member, of_group, cost, accuracy, tokens, group, other, r)
                            total -= _use(k, kind, member, of_group, cost, accuracy, tokens, group, other, q)
                            if k == worst:
                                saved = min(-total, -left[k])
                            if total > 0.0 and total > left[k] + tolerance[k]:
                                fits = False
                                break
                        if not fits:
                            continue
                        if worst >= 0:
                            if saved <= tolerance[worst]:
                                continue
                            value = lost / saved
                            if value >= best:
                                continue
                        best, found = value, (i, q, other, r)
    return found
