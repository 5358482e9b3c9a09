"""What plans use: calls, dollars and tokens by LLM, and accuracy by group of queries."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.kernels.jit import jit
from optllm_pymoo.kernels.limits import Cells


def sums_by_llm(cells: Cells, X: np.ndarray, n_groups: int, /) -> tuple[np.ndarray, np.ndarray]:
    """Sum calls, US$ and tokens of plans by LLM, and accuracy by group.

    Args:
        cells: The tables.
        X: (n, N) LLM per query, int8 or int32.
        n_groups: G.

    Returns:
        (n, M, 3) float64 calls, US$ and tokens, and (n, G + 1) summed accuracy. O(n N), whatever the number of limits.
    """
    by_llm = np.zeros((len(X), cells.cost.shape[1], 3))
    by_group = np.zeros((len(X), n_groups + 1))
    _sum_plans(cells.cost, cells.accuracy, cells.tokens, cells.group, X, by_llm, by_group)
    return by_llm, by_group


@jit
def _sum_plans(
    cost: np.ndarray,
    accuracy: np.ndarray,
    tokens: np.ndarray,
    group: np.ndarray,
    X: np.ndarray,
    by_llm: np.ndarray,
    by_group: np.ndarray,
) -> None:
    """Add up every plan, query by query."""
    for plan in range(X.shape[0]):
        for i in range(X.shape[1]):
            j = X[plan, i]
            by_llm[plan, j, 0] += 1.0
            by_llm[plan, j, 1] += np.float64(cost[i, j])
            if tokens.size:
                by_llm[plan, j, 2] += np.float64(tokens[i, j])
            by_group[plan, group[i]] += np.float64(accuracy[i, j])
