"""Algorithms that only propose plans and keep the non-dominated ones."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
from pymoo.core.algorithm import Algorithm
from pymoo.core.population import Population

from optllm_pymoo.algorithms.archive import NonDominatedArchive
from optllm_pymoo.problems import AllocationProblem, require_allocation_problem


class ProposingAlgorithm(Algorithm, abc.ABC):
    """Evaluate batches of plans that don't depend on earlier results; the answer is the best of all.

    Subclasses write `_propose`, which is called once per iteration, and `_is_exhausted` if there is an end.
    The population is the latest batch; the optimum holds all that is non-dominated among what was seen.

    Args:
        **kwargs: pymoo's own.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seen = NonDominatedArchive()

    def setup(self, problem: Any, **kwargs: Any) -> Algorithm:
        """Refuse other problems, then do as pymoo does."""
        require_allocation_problem(problem, type(self).__name__)
        return super().setup(problem, **kwargs)

    @abc.abstractmethod
    def _propose(self) -> np.ndarray:
        """Return the next (n, N) plans, n >= 1; called only while `_is_exhausted` is False."""

    def _is_exhausted(self) -> bool:
        """Tell whether all there is to propose has been proposed."""
        return False

    def _initialize_infill(self) -> Population | None:
        return self._infill()

    def _infill(self) -> Population | None:
        if self._is_exhausted():
            self.termination.terminate()
            return None
        return Population.new(X=self._propose())

    def _initialize_advance(self, infills: Population | None = None, **kwargs: Any) -> None:
        self._advance(infills, **kwargs)

    def _advance(self, infills: Population | None = None, **kwargs: Any) -> None:
        if infills is not None:
            self.pop = infills
            self.seen.add(infills)
        if self._is_exhausted():
            self.termination.terminate()

    def _set_optimum(self) -> None:
        self.opt = self.seen.individuals


def refuse_limits(problem: AllocationProblem, user: str, /) -> None:
    """Raise ValueError if a problem has quotas or floors.

    Args:
        problem: The batch.
        user: Who doesn't heed them, for the message.
    """
    if problem.has_limits:
        raise ValueError(f"{user} doesn't know quotas and floors, so its plans needn't meet them; use OptLLM")
