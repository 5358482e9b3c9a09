"""Algorithms that only propose plans and keep the non-dominated ones."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import numpy as np
from pymoo.core.algorithm import Algorithm
from pymoo.core.population import Population

from optllm_pymoo.algorithms.archive import NonDominatedArchive
from optllm_pymoo.problems import allocation_of, require_allocation_problem
from optllm_pymoo.validation import UserError


class ProposingAlgorithm(Algorithm, abc.ABC):
    """Evaluate batches of plans that don't depend on earlier results; the answer is the best of all.

    Subclasses write `_propose`, which is called once per iteration, and `_is_exhausted` if there is an end.
    The population is the latest batch; the optimum holds all that is non-dominated among what was seen.

    Args:
        **kwargs: pymoo's own.

    Attributes:
        only_cost_and_accuracy: Whether it knows nothing else, so that problems with quotas, floors or latency are
            refused, as are those with objectives or constraints of a user's own.
    """

    only_cost_and_accuracy: ClassVar[bool] = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seen = NonDominatedArchive()

    def setup(self, problem: Any, **kwargs: Any) -> Algorithm:
        """Refuse other problems, then do as pymoo does.

        Raises:
            TypeError: If it is no `AllocationProblem`.
            ValueError: If it has quotas, floors or latency, and the algorithm knows nothing of them.
        """
        name = type(self).__name__
        if self.only_cost_and_accuracy:
            require_allocation_problem(problem, name)
        allocation_of(problem, name)
        if self.only_cost_and_accuracy and problem.limits_bind:
            raise UserError(f"{name} doesn't know quotas and floors, so its plans needn't meet them; use OptLLM")
        if self.only_cost_and_accuracy and problem.latency is not None:
            raise UserError(
                f"{name} trades accuracy for cost and knows no latency; problem.supported_surface sweeps the weights of"
                " all three objectives"
            )
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
