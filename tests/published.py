"""The published exchange, literally, and the sequential partition that does the same work in one sweep."""

from __future__ import annotations

import numpy as np


def exchange_loop(cost: np.ndarray, accuracy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Reconstruct one allocation as published: one upgrade and one downgrade at a time (arXiv 2405.15130).

    For input without ties. O(N M) per exchange.
    """
    x = move_dominated(cost, accuracy, x)
    rows = np.arange(len(x))
    while True:
        delta_cost = cost - cost[rows, x][:, None]
        delta_accuracy = accuracy - accuracy[rows, x][:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = delta_accuracy / delta_cost
        up = np.where((delta_cost > 0) & (delta_accuracy > 0), ratio, -np.inf)
        down = np.where((delta_cost < 0) & (delta_accuracy < 0), ratio, np.inf)
        if not up.max() > down.min():
            return x
        for query, llm in (np.unravel_index(up.argmax(), up.shape), np.unravel_index(down.argmin(), down.shape)):
            x[query] = llm
        x = move_dominated(cost, accuracy, x)


def move_dominated(cost: np.ndarray, accuracy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Move every query with an alternative that is no dearer and no less accurate, and better in one, to such a one."""
    x = x.copy()
    for i, j in enumerate(x):
        no_worse = (cost[i] <= cost[i, j]) & (accuracy[i] >= accuracy[i, j])
        better = no_worse & ((cost[i] < cost[i, j]) | (accuracy[i] > accuracy[i, j]))
        if better.any():
            x[i] = min(np.flatnonzero(better), key=lambda k: (-accuracy[i, k], cost[i, k]))
    return x


def sequential_partition(taken: np.ndarray) -> np.ndarray:
    """Exchange the first untaken step against the last taken one until they cross.

    Args:
        taken: (S,) whether each step is taken, in the order of falling efficiency.

    Returns:
        (S,) the same number of steps, all at the front.
    """
    taken = taken.copy()
    first, last = 0, len(taken) - 1
    while True:
        while first < len(taken) and taken[first]:
            first += 1
        while last >= 0 and not taken[last]:
            last -= 1
        if first >= last:
            return taken
        taken[first], taken[last] = True, False
