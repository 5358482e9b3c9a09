"""First populations of allocations."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.sampling import Sampling
from pymoo.operators.sampling.lhs import sampling_lhs_unit

from optllm_pymoo.operators._categories import allowed_lists
from optllm_pymoo.problems import AllocationProblem, allocation_of


class CategoricalSampling(Sampling):
    """Draw allocations with an LLM for each query that is uniform among those allowed for it.

    One draw for the whole matrix, in the type in which the problem keeps plans.

    Args:
        extremes: Put `AllocationProblem.extremes` (the cheapest and the most accurate plan, with latency the fastest)
            into the first rows: a warm start. The other rows are those of the cold start with the same seed.
        stratified: Latin hypercube sampling on categories: over the n samples, each of the k LLMs allowed for
            a query appears n/k times, give or take less than two.

    Example:
        >>> from optllm_pymoo import AllocationProblem
        >>> problem = AllocationProblem([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]])
        >>> CategoricalSampling(extremes=True)(problem, 3, random_state=np.random.default_rng(1)).get("X")[:2]
        array([[0, 0],
               [1, 1]], dtype=int8)
    """

    def __init__(self, *, extremes: bool = False, stratified: bool = False) -> None:
        super().__init__()
        self.extremes = extremes
        self.stratified = stratified

    def _do(
        self,
        problem: AllocationProblem,
        n_samples: int,
        *args: Any,
        random_state: np.random.Generator,
        **kwargs: Any,
    ) -> np.ndarray:
        """Return (n_samples, N) allocations."""
        problem = allocation_of(problem, self.name)
        counts, lists = np.array([problem.n_llms]), None
        if problem.allowed is not None:
            counts, lists = allowed_lists(problem.allowed)
        places = _draw_places(n_samples, problem.n_queries, counts, self.stratified, random_state)
        plans = places if lists is None else lists[np.arange(problem.n_queries), places]
        plans = plans.astype(problem.assignment_dtype, copy=False)
        if self.extremes:
            extremes = problem.extremes()[:n_samples]
            plans[: len(extremes)] = extremes
        return plans


def _draw_places(
    n_samples: int, n_queries: int, counts: np.ndarray, stratified: bool, random_state: np.random.Generator
) -> np.ndarray:
    """Draw (n_samples, N) numbers from 0 to counts - 1, where counts is (N,) or (1,)."""
    if not stratified:
        dtype = np.int8 if counts.max() <= np.iinfo(np.int8).max else np.int32
        # one bound for all cells is drawn several times faster than an array of bounds
        bound = counts if counts.size > 1 else counts[0]
        return np.asarray(random_state.integers(0, bound, size=(n_samples, n_queries), dtype=dtype))
    unit = sampling_lhs_unit(n_samples, n_queries, random_state=random_state)
    # the unit sample lies in (0, 1], with the 1 included
    return np.asarray(np.minimum((unit * counts).astype(np.int32), counts - 1))
