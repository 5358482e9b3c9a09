"""The order in which steps are taken, the points that its prefixes reach, and who moves where."""

from __future__ import annotations

import numpy as np
from numba import njit

from optllm_pymoo.kernels.threads import over_queries


def order_by_efficiency(deltas: np.ndarray) -> np.ndarray:
    """Sort steps by falling Δaccuracy/Δcost, in their given order where efficiencies are equal.

    NumPy's default sort is several times faster than its stable one but leaves ties in an order that depends on
    the processor. So the fast sort runs first and then every run of equal efficiencies is sorted by number, which
    is exactly the stable order.

    Args:
        deltas: (S, 2) Δcost, Δaccuracy, both > 0.

    Returns:
        (S,) numbers of the steps, most efficient first: int32 while S < 2**31, else int64. O(S log S).
    """
    with np.errstate(over="ignore"):
        worst_first = -deltas[:, 1]
        worst_first /= deltas[:, 0]
    order = np.argsort(worst_first)
    if len(order) < 2**31:
        order = order.astype(np.int32)
    _sort_ties(worst_first, order)
    return order


def prefix_points(
    deltas: np.ndarray, order: np.ndarray, cheapest_cost: float, cheapest_accuracy: float, n_queries: int
) -> np.ndarray:
    """Objective values of every prefix of the ordered steps.

    Args:
        deltas: (S, 2) Δcost, Δaccuracy in the queries' order.
        order: (S,) from `order_by_efficiency`.
        cheapest_cost: Total US$ of the plan without any step.
        cheapest_accuracy: Summed accuracy of that plan.
        n_queries: N, by which summed accuracy is divided.

    Returns:
        (S + 1, 2): total US$, negated mean accuracy. Sums are compensated (Neumaier), so the last point is as
        exact as the first. O(S).
    """
    F = np.empty((len(order) + 1, 2))
    F[0] = cheapest_cost, cheapest_accuracy
    over_queries(_gather, len(order), deltas, order, F[1:])
    _accumulate(F)
    F[:, 1] /= -n_queries
    return F


def step_moves(
    offset: np.ndarray, vertices: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Write down the moves in the order in which they are taken.

    Args:
        offset: (N + 1,) from `upper_hulls`.
        vertices: (N + S,) from `upper_hulls`.
        order: (S,) from `order_by_efficiency`.

    Returns:
        ``query`` of the type of ``order``, ``from_llm`` and ``to_llm`` of the type of ``vertices``, (S,) each. O(S).
    """
    owner = np.repeat(np.arange(len(offset) - 1, dtype=order.dtype), np.diff(offset))
    query = np.empty_like(order)
    from_llm, to_llm = np.empty((2, len(order)), dtype=vertices.dtype)
    over_queries(_fill_moves, len(order), vertices, order, owner, query, from_llm, to_llm)
    return query, from_llm, to_llm


@njit(cache=True, nogil=True)
def _fill_moves(
    start: int,
    stop: int,
    vertices: np.ndarray,
    order: np.ndarray,
    owner: np.ndarray,
    query: np.ndarray,
    from_llm: np.ndarray,
    to_llm: np.ndarray,
) -> None:
    for k in range(start, stop):
        step = order[k]
        i = owner[step]
        query[k] = i
        from_llm[k] = vertices[step + i]
        to_llm[k] = vertices[step + i + 1]


@njit(cache=True, nogil=True)
def _sort_ties(keys: np.ndarray, order: np.ndarray) -> None:
    """Sort every run of equal keys by number."""
    run = 0
    for k in range(1, order.size + 1):
        if k == order.size or keys[order[k]] != keys[order[run]]:
            if k - run > 1:
                order[run:k] = np.sort(order[run:k])
            run = k


@njit(cache=True, nogil=True)
def _gather(start: int, stop: int, deltas: np.ndarray, order: np.ndarray, out: np.ndarray) -> None:
    for k in range(start, stop):
        out[k, 0] = deltas[order[k], 0]
        out[k, 1] = deltas[order[k], 1]


@njit(cache=True, nogil=True)
def _accumulate(F: np.ndarray) -> None:
    """Replace each row by the sum of the rows up to it, all terms >= 0, compensated for rounding."""
    total = F[0].copy()
    lost = np.zeros(2)
    for k in range(1, F.shape[0]):
        for m in range(2):
            term = F[k, m]
            grown = total[m] + term
            if abs(total[m]) >= abs(term):
                lost[m] += (total[m] - grown) + term
            else:
                lost[m] += (term - grown) + total[m]
            total[m] = grown
            F[k, m] = grown + lost[m]
