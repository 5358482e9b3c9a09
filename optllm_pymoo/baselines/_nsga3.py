"""NSGA-III."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.moo.nsga3 import NSGA3, ReferenceDirectionSurvival
from pymoo.core.population import Population
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.util.ref_dirs import get_reference_directions

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._operators import operator_set
from optllm_pymoo.exact.surface import partitions_for
from optllm_pymoo.measures.search import non_dominated
from optllm_pymoo.problems import AllocationProblem, allocation_of
from optllm_pymoo.validation import UserError


def fair_tournament(pop: Population, P: np.ndarray, *, random_state: np.random.Generator, **kwargs: Any) -> np.ndarray:
    """Let a coin decide each tournament, as NSGA-III does among feasible plans; pymoo's can't be pickled.

    Args:
        pop: The population.
        P: (n, 2) who meets whom.
        random_state: The run's generator.
        **kwargs: Ignored.
    """
    return P[np.arange(len(P)), random_state.integers(0, 2, len(P))][:, None]


class LatticeNSGA3(NSGA3):
    """NSGA-III whose reference directions follow from the number of objectives.

    The answer is all that is feasible and non-dominated in the population, not only the plan nearest to each
    direction; while nothing is feasible, the plan that exceeds the limits least.

    Args:
        pop_size: Size of the population; the directions are the largest Das-Dennis lattice of at most so many.
        **kwargs: pymoo's own.
    """

    def __init__(self, *, pop_size: int = 100, **kwargs: Any) -> None:
        # the directions aren't known before the problem; the survival is made again in `_setup`
        super().__init__(np.ones((1, 1)), pop_size=pop_size, **kwargs)

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        allocation_of(problem, "nsga3")
        self.ref_dirs = largest_lattice(problem.n_obj, self.pop_size)
        self.survival = ReferenceDirectionSurvival(self.ref_dirs)

    def _set_optimum(self, **kwargs: Any) -> None:
        feasible = self.pop[self.pop.get("FEAS")[:, 0]]
        nearest = self.pop[[int(np.argmin(self.pop.get("CV")[:, 0]))]]
        self.opt = feasible[non_dominated(feasible.get("F"))] if len(feasible) else nearest


def largest_lattice(n_obj: int, n_points: int, /) -> np.ndarray:
    """Spread at most so many directions evenly: the largest Das-Dennis lattice that fits.

    Args:
        n_obj: Number of objectives.
        n_points: Directions at the most.

    Returns:
        (n, n_obj), rows with the sum 1.

    Raises:
        ValueError: If there is not even one direction per objective.

    Example:
        >>> len(largest_lattice(3, 100)), len(largest_lattice(2, 100))
        (91, 100)
    """
    if n_points < n_obj:
        raise UserError(f"pop_size must be at least {n_obj}, a plan per objective; got {n_points}")
    n_partitions = partitions_for(n_points + 1, n_obj) - 1
    return np.asarray(get_reference_directions("das-dennis", n_obj, n_partitions=n_partitions))


def nsga3(*, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any) -> LatticeNSGA3:
    """Build NSGA-III, which keeps plans near directions that are spread over three (or two) objectives.

    Args:
        pop_size: Size of the population, and bound on the number of directions: 91 of 100 with three objectives.
        operators: "categorical" (uniform crossover, random-reset mutation) or "published" (simulated binary
            crossover and polynomial mutation, rounded; with NSGA-II's parameters, as none were published).
        start: "cold", or "warm" with the best plan of each objective in the first population.
        **options: pymoo's own, for example ``termination``, ``crossover``, ``n_offsprings``, ``callback``.

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its front stalls.

    Raises:
        TypeError: If pymoo has no such option.
        ValueError: If a choice is unknown, or (by ``minimize``) the population is smaller than the number of
            objectives.

    References:
        Deb, Jain (2014), IEEE Transactions on Evolutionary Computation 18(4).

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(50, 4, with_latency=True), nsga3(pop_size=20), ("n_eval", 200), seed=1)
        >>> res.algorithm.evaluator.n_eval, len(res.algorithm.ref_dirs), res.F.shape[1]
        (200, 15, 3)
    """
    defaults = {
        "pop_size": pop_size,
        "selection": TournamentSelection(func_comp=fair_tournament),
        **operator_set(operators, start).options(),
    }
    return build(LatticeNSGA3, defaults, options, factory="nsga3", fixed=("ref_dirs", "survival"))
