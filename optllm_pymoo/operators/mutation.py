"""Mutation of allocations, whose values are categories."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.mutation import Mutation

from optllm_pymoo.operators._categories import draw_other
from optllm_pymoo.problems import AllocationProblem


class RandomResetMutation(Mutation):
    """Send some queries to another LLM, uniform among the others that are allowed for them.

    The LLM that a query has is never drawn again, unless it is the only one. Values keep their type.

    Args:
        prob: Probability with which an individual is mutated at all; pymoo's convention.
        prob_var: Probability with which each query of a mutated individual moves; by default 1/N, at most
            1/2.
        **kwargs: pymoo's own: ``name``, ``vtype``, ``repair``.

    Example:
        >>> from pymoo.core.population import Population
        >>> from optllm_pymoo import AllocationProblem
        >>> problem = AllocationProblem([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]])
        >>> pop = Population.new(X=np.array([[0, 1]]))
        >>> RandomResetMutation(prob_var=1.0)(problem, pop, random_state=np.random.default_rng(1)).get("X")
        array([[1, 0]])
    """

    def __init__(self, *, prob: float = 1.0, prob_var: float | None = None, **kwargs: Any) -> None:
        super().__init__(prob=prob, prob_var=prob_var, **kwargs)

    def _do(
        self,
        problem: AllocationProblem,
        X: np.ndarray,
        *args: Any,
        random_state: np.random.Generator,
        **kwargs: Any,
    ) -> np.ndarray:
        """Return (n, N) mutated allocations."""
        prob_var = self.get_prob_var(problem, size=len(X))
        plans, queries = _choose_cells(X.shape, prob_var, random_state)
        mutated = X.copy()
        mutated[plans, queries] = draw_other(problem.n_llms, problem.allowed, queries, X[plans, queries], random_state)
        return mutated


def _choose_cells(
    shape: tuple[int, ...], prob: np.ndarray, random_state: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose each cell of row p independently with probability ``prob[p]``.

    A binomial draw says how many cells of a row are chosen, a draw without replacement which: the same
    distribution as one comparison per cell, in memory and mostly in time proportional to the chosen ones.

    Args:
        shape: (n, N).
        prob: (n,) probabilities.
        random_state: Source of the draws.

    Returns:
        Row and column numbers of the chosen cells.
    """
    n_rows, n_columns = shape
    counts = random_state.binomial(n_columns, prob)
    columns = [random_state.choice(n_columns, count, replace=False, shuffle=False) for count in counts]
    return np.repeat(np.arange(n_rows), counts), np.concatenate([np.empty(0, dtype=np.intp), *columns])
