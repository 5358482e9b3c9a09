"""Reconstruction: operators that make allocations efficient again."""

from __future__ import annotations

from typing import Any

import numpy as np

from optllm_pymoo.operators.base import AllocationOperator
from optllm_pymoo.problems import AllocationProblem


class Reconstruction(AllocationOperator):
    """Family of operators that make perturbed allocations efficient again.

    Write ``_do(self, problem, X, *, random_state, **kwargs)`` and return the reconstructed (n, N) allocations; X is
    yours to change. `OptLLM` calls it right after a `Destruction`, with the same keyword arguments, and scores only
    what it returns.
    """


class ExchangeReconstruction(Reconstruction):
    """Published reconstruction: exchange a good upgrade for a poor one until none is left.

    The published loop moves dominated choices first, then applies the best upgrade and the cheapest downgrade
    together while the former's ratio Δaccuracy/Δcost beats the latter's (arXiv 2405.15130). It stops when some
    exchange rate λ separates all upgrades from all downgrades: every query then sits at its maximiser of
    accuracy - λ·cost, which makes the plan supported. Each exchange takes one hull step up and one down, so on
    tie-free input the outcome is *the* prefix of the steps, sorted by efficiency, with as many steps as the
    allocation had taken.

    That prefix is what is computed here, in O(N + S) instead of one scan of the tables per exchange. Where ties let
    the published loop bounce between equal LLMs and climb, the number of steps stays put.

    Example:
        >>> problem = AllocationProblem([[1, 2], [1, 9]], [[0.5, 0.6], [0.5, 0.9]])
        >>> ExchangeReconstruction().do(problem, np.array([0, 1]), random_state=1).tolist()
        [1, 0]
    """

    def _do(self, problem: AllocationProblem, X: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
        front = problem.supported_front
        for x in X:
            x[:] = front.assignment(front.count_steps(x))
        return X
