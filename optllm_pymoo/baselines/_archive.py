"""Algorithms that only propose plans and keep the non-dominated ones."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
from pymoo.core.algorithm import Algorithm
from pymoo.core.population import Population
from pymoo.util.display.multi import MultiObjectiveOutput
from pymoo.util.optimum import filter_optimum

from optllm_pymoo.operators.duplicates import RowDuplicateElimination


class ProposingAlgorithm(Algorithm, abc.ABC):
    """Evaluate batches of plans that don't depend on earlier results; the answer is the best of all.

    Subclasses write `_propose`, which is called once per iteration, and `_is_exhausted` if there is an end.
    The population is the latest batch; the optimum holds all distinct non-dominated plans seen.

    Args:
        output: Display; None for pymoo's multi-objective one.
        **kwargs: pymoo's own.
    """

    opt: Population | None

    def __init__(self, *, output: Any = None, **kwargs: Any) -> None:
        super().__init__(output=MultiObjectiveOutput() if output is None else output, **kwargs)

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
        if self._is_exhausted():
            self.termination.terminate()

    def _set_optimum(self) -> None:
        seen = self.pop if self.opt is None else Population.merge(self.opt, self.pop)
        self.opt = RowDuplicateElimination().do(filter_optimum(seen))
