"""Every query to one and the same LLM."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.termination import NoTermination

from optllm_pymoo.baselines._archive import ProposingAlgorithm
from optllm_pymoo.baselines._build import build
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError


class SingleLLMs(ProposingAlgorithm):
    """Propose the single-LLM plans once, then end.

    After the run ``pop`` holds all of them by rising LLM number, and the optimum the non-dominated ones.
    """

    only_cost_and_accuracy = False

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        mask = problem.allowed
        self.candidates = np.arange(problem.n_llms) if mask is None else np.flatnonzero(mask.all(axis=0))
        if not len(self.candidates):
            raise UserError("no LLM is allowed for every query, so there is no single-LLM plan to evaluate")

        self.are_proposed = False

    def _is_exhausted(self) -> bool:
        return self.are_proposed

    def _propose(self) -> np.ndarray:
        self.are_proposed = True
        plans = np.repeat(self.candidates[:, None], self.problem.n_queries, axis=1)
        return plans.astype(self.problem.assignment_dtype)


def single_llms(**options: Any) -> SingleLLMs:
    """Build the evaluation of all plans that send the whole batch to one LLM. Ends by itself.

    LLMs that are not allowed for every query are left out. ``res.pop`` holds all plans by rising LLM number,
    ``res.X`` and ``res.F`` the non-dominated ones.

    Args:
        **options: pymoo's own, for example ``callback``.

    Returns:
        The algorithm, ready for `minimize`, which raises ValueError if no LLM is allowed for every query.

    Raises:
        TypeError: If pymoo has no such option.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> minimize(make_problem(50, 4), single_llms()).pop.get("F").shape
        (4, 2)
    """
    return build(SingleLLMs, {}, options, factory="single_llms", termination=NoTermination)
