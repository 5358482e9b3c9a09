"""Random search."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.sampling import Sampling

from optllm_pymoo.baselines._archive import ProposingAlgorithm
from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._operators import start_sampling
from optllm_pymoo.operators.sampling import CategoricalSampling


class RandomSearch(ProposingAlgorithm):
    """Draw a fresh batch of allocations per iteration and keep the non-dominated ones.

    Args:
        sampling: Draws the first batch.
        pop_size: Size of a batch.
        **kwargs: pymoo's own.
    """

    only_cost_and_accuracy = False

    def __init__(self, *, sampling: Sampling, pop_size: int = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sampling = sampling
        self.pop_size = pop_size

    def _propose(self) -> np.ndarray:
        sampling = CategoricalSampling() if self.is_initialized else self.sampling
        batch = sampling(self.problem, self.pop_size, random_state=self.random_state)
        return np.asarray(batch.get("X"))


def random_search(*, pop_size: int = 100, start: str = "cold", **options: Any) -> RandomSearch:
    """Build a search that draws every query's LLM at random, uniformly among those allowed.

    For many queries random plans look alike (each is a mean over N random choices), so they cover but a small
    part of the front.

    Args:
        pop_size: Plans per iteration.
        start: "cold", or "warm" with the cheapest and the most accurate plan in the first batch.
        **options: pymoo's own, for example ``termination`` or ``callback``, and ``sampling`` for the first
            batch.

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its front stalls.

    Raises:
        TypeError: If pymoo has no such option.
        ValueError: If a choice is unknown.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(50, 4), random_search(pop_size=20), ("n_eval", 200), seed=1)
        >>> res.algorithm.evaluator.n_eval
        200
    """
    defaults = {"pop_size": pop_size, "sampling": start_sampling(start)}
    return build(RandomSearch, defaults, options, factory="random_search")
