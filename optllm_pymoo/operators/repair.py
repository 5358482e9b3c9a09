"""Repair of allocations that numeric operators left behind."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.repair import Repair

from optllm_pymoo.operators._categories import draw_allowed
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError


class AllowedRepair(Repair):
    """Round and clip to LLM numbers 0 ... M-1; replace LLMs that are not allowed by a random allowed one.

    Numeric operators (SBX, polynomial mutation, particle swarms) should work on floats (``vtype=float``) and
    leave rounding to this repair: on integer arrays they truncate, and LLM numbers drift downward. Give it to
    the algorithm (``repair=AllowedRepair()``), which hands it its random state; pymoo doesn't do so for a
    repair given to an operator.

    Raises:
        ValueError: If a value is NaN, or an LLM has to be drawn and there is no ``random_state``.

    Example:
        >>> from pymoo.core.population import Population
        >>> from optllm_pymoo import AllocationProblem
        >>> problem = AllocationProblem([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]], allowed=[[1, 1], [1, 0]])
        >>> pop = Population.new(X=np.array([[0.7, 1.0]]))
        >>> AllowedRepair()(problem, pop, random_state=np.random.default_rng(1)).get("X")
        array([[1, 0]], dtype=int8)
    """

    def __init__(self) -> None:
        super().__init__()

    def _do(
        self,
        problem: AllocationProblem,
        X: np.ndarray,
        *args: Any,
        random_state: np.random.Generator | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """Return (n, N) allocations of the problem's ``assignment_dtype``."""
        if len(X) == 0:
            return X
        plans = _round_and_clip(X, problem.n_llms).astype(problem.assignment_dtype)
        if problem.allowed is None:
            return plans
        rows, queries = np.nonzero(~problem.allowed[np.arange(problem.n_queries), plans])
        if len(rows):
            if random_state is None:
                raise UserError(
                    f"X[{rows[0]}, {queries[0]}] = {plans[rows[0], queries[0]]} is not allowed, and"
                    " AllowedRepair got no random_state to draw another; give it to the algorithm,"
                    " not to an operator"
                )
            plans[rows, queries] = draw_allowed(problem.allowed, queries, random_state)
        return plans


def _round_and_clip(X: np.ndarray, n_llms: int) -> np.ndarray:
    """Round (n, N) numbers to the nearest integer and clip them to 0 ... M-1."""
    if X.dtype.kind == "f":
        if np.isnan(X.min()):
            p, i = np.argwhere(np.isnan(X))[0].tolist()
            raise UserError(f"an allocation holds numbers that can be rounded; X[{p}, {i}] = nan")
        X = np.rint(X)
    return np.asarray(np.clip(X, 0, n_llms - 1))
