"""Particle swarms for one objective, on LLM numbers and on categories."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.soo.nonconvex.pso import PSO
from pymoo.core.population import Population
from pymoo.util.display.single import SingleObjectiveOutput

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._one_objective import OneObjective, stalled_value
from optllm_pymoo.baselines._operators import OPERATORS, check_choice, start_sampling
from optllm_pymoo.operators.mutation import RandomResetMutation
from optllm_pymoo.operators.repair import AllowedRepair


class IntegerPSO(OneObjective, PSO):
    """pymoo's swarm on allocations: a particle's new position is rounded to allowed LLM numbers.

    Args:
        **kwargs: pymoo's own.
    """

    def _infill(self) -> Population:
        return AllowedRepair()(self.problem, super()._infill(), random_state=self.random_state)

    def _adapt(self) -> None:
        # distances on a single LLM are 0/0
        if self.problem.n_llms > 1:
            super()._adapt()


class CategoricalPSO(OneObjective, PSO):
    """A swarm without distances: each query keeps its LLM, or takes that of the particle's or of the swarm's best plan.

    The three happen with probabilities in the ratio of the inertia ``w`` and the weights ``c1`` and ``c2``. Then about
    one query of each particle moves to a random LLM (`RandomResetMutation`), or the swarm could only lose LLMs.

    Args:
        **kwargs: pymoo's own; what has to do with velocities has no effect.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mutation = RandomResetMutation()

    def _infill(self) -> Population:
        X, own = self.particles.get("X"), self.pop.get("X")
        kept, with_own = np.cumsum([self.w, self.c1]) / (self.w + self.c1 + self.c2)
        drawn = self.random_state.random(X.shape)
        moved = np.where(drawn < kept, X, np.where(drawn < with_own, own, self.opt[0].X))
        return self.mutation(self.problem, Population.new(X=moved), random_state=self.random_state)


def pso(*, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any) -> PSO:
    """Build a particle swarm for a `MaxAccuracyProblem` or a `MinCostProblem`.

    A plan that breaks the limit is never the answer: where a run finds none within it, ``res.X`` is None.

    Args:
        pop_size: Number of particles.
        operators: "categorical" (moves to the LLMs of the best plans, see `CategoricalPSO`) or "published" (velocities
            on LLM numbers with adaptive weights, rounded).
        start: "cold", or "warm" with the cheapest and the most accurate plan among the first positions.
        **options: pymoo's own, for example ``termination``, ``w``, ``c1``, ``c2``.

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its best plan stays the same.

    Raises:
        TypeError: If pymoo has no such option.
        ValueError: If a choice is unknown.

    References:
        Kennedy, Eberhart (1995), ICNN; on categories in the manner of Chen et al. (2010), IEEE Transactions on
        Evolutionary Computation 14(2).

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import MinCostProblem, make_problem
        >>> problem = MinCostProblem.of(make_problem(50, 4), min_accuracy=0.6)
        >>> minimize(problem, pso(pop_size=20), ("n_eval", 400), seed=1).X.dtype
        dtype('int8')
    """
    check_choice("operators", operators, OPERATORS)
    is_categorical = operators == "categorical"
    defaults = {"pop_size": pop_size, "sampling": start_sampling(start), "output": SingleObjectiveOutput()}
    if is_categorical:
        defaults["adaptive"] = False
    swarm: type[PSO] = CategoricalPSO if is_categorical else IntegerPSO
    return build(swarm, defaults, options, factory="pso", fixed=("repair", "archive"), termination=stalled_value)
