"""The genetic algorithm for one objective."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.soo.nonconvex.ga import GA, comp_by_cv_and_fitness
from pymoo.core.population import Population
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.util.display.single import SingleObjectiveOutput

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._one_objective import OneObjective, stalled_value
from optllm_pymoo.baselines._operators import operator_set


class AllocationGA(OneObjective, GA):
    """pymoo's GA on allocations with one objective: plans outside the limit lose against all others.

    Args:
        **kwargs: pymoo's own.
    """


def winners(pop: Population, pairs: np.ndarray, random_state: np.random.Generator, **kwargs: Any) -> np.ndarray:
    """Let pairs compete as in pymoo's GA, by violation and then by value; pymoo's own function can't be pickled.

    Args:
        pop: The population.
        pairs: (k, 2) indices.
        random_state: Decides between equals.
        **kwargs: Ignored; pymoo's.

    Returns:
        (k, 1) indices of the winners.
    """
    return np.asarray(comp_by_cv_and_fitness(pop, pairs, random_state=random_state))


def ga(*, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any) -> AllocationGA:
    """Build a genetic algorithm for a `MaxAccuracyProblem` or a `MinCostProblem`.

    A plan that breaks the limit is never the answer: where a run finds none within it, ``res.X`` is None.

    Args:
        pop_size: Size of the population.
        operators: "categorical" (uniform crossover, random-reset mutation) or "published" (simulated binary crossover
            and polynomial mutation, rounded; with NSGA-II's parameters, as none were published).
        start: "cold", or "warm" with the cheapest and the most accurate plan in the first population.
        **options: pymoo's own, for example ``termination``, ``crossover``, ``n_offsprings``, ``callback``.

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its best plan stays the same.

    Raises:
        TypeError: If pymoo has no such option.
        ValueError: If a choice is unknown.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import MaxAccuracyProblem, make_problem
        >>> batch = make_problem(50, 4)
        >>> problem = MaxAccuracyProblem.of(batch, budget=batch.supported_front.F[:, 0].mean())
        >>> res = minimize(problem, ga(pop_size=20), ("n_eval", 400), seed=1)
        >>> res.X.shape, bool(res.G[0] <= 0)
        ((50,), True)
    """
    defaults = {
        "pop_size": pop_size,
        "selection": TournamentSelection(func_comp=winners),
        "output": SingleObjectiveOutput(),
        **operator_set(operators, start).options(),
    }
    return build(AllocationGA, defaults, options, factory="ga", termination=stalled_value)
