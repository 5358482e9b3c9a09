"""Destruction and reconstruction as the mating of pymoo's own genetic algorithms."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.infill import InfillCriterion
from pymoo.core.population import Population
from pymoo.core.repair import Repair
from pymoo.operators.selection.rnd import RandomSelection

from optllm_pymoo.operators.base import of_family
from optllm_pymoo.operators.categorical import RowDuplicateElimination
from optllm_pymoo.operators.destruction import Destruction, RandomDestruction
from optllm_pymoo.operators.reconstruction import ExchangeReconstruction, Reconstruction
from optllm_pymoo.problems import AllocationProblem


class RuinAndRecreate(InfillCriterion):
    """Makes offspring by destroying and reconstructing random parents: ``NSGA2(mating=RuinAndRecreate())``.

    Args:
        destruction: `RandomDestruction` by default.
        reconstruction: `ExchangeReconstruction` by default.
        n_max_iterations: Attempts at finding offspring that are not in the population yet.
        repair: pymoo's, of the offspring.
        eliminate_duplicates: pymoo's; by default equal allocations are dropped.

    Example:
        >>> from pymoo.algorithms.moo.nsga2 import NSGA2
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> from optllm_pymoo.operators import CategoricalSampling
        >>> algorithm = NSGA2(20, sampling=CategoricalSampling(), mating=RuinAndRecreate())
        >>> res = minimize(make_problem(50, 4), algorithm, ("n_gen", 5), seed=1)
        >>> res.X.shape[1]
        50
    """

    def __init__(
        self,
        destruction: Destruction | None = None,
        reconstruction: Reconstruction | None = None,
        *,
        n_max_iterations: int = 10,
        repair: Repair | None = None,
        eliminate_duplicates: DuplicateElimination | None = None,
    ) -> None:
        unique = RowDuplicateElimination() if eliminate_duplicates is None else eliminate_duplicates
        super().__init__(n_max_iterations=n_max_iterations, repair=repair, eliminate_duplicates=unique)
        self.destruction = of_family("destruction", destruction or RandomDestruction(), Destruction)
        self.reconstruction = of_family("reconstruction", reconstruction or ExchangeReconstruction(), Reconstruction)
        self.selection = RandomSelection()

    def _do(
        self,
        problem: AllocationProblem,
        pop: Population,
        n_offsprings: int,
        random_state: np.random.Generator | None = None,
        **kwargs: Any,
    ) -> Population:
        parents = self.selection(problem, pop, n_offsprings, 1, random_state=random_state)[:, 0]
        destroyed = self.destruction.do(problem, parents, random_state=random_state)
        return self.reconstruction.do(problem, destroyed, random_state=random_state)
