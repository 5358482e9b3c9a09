"""NSGA-II."""

from __future__ import annotations

from typing import Any

from pymoo.algorithms.moo.nsga2 import NSGA2

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._operators import NumericVariation, operator_set

PUBLISHED = NumericVariation(latin_hypercube=True)


def nsga2(*, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any) -> NSGA2:
    """Build NSGA-II for allocations.

    Args:
        pop_size: Size of the population.
        operators: "categorical" (uniform crossover, random-reset mutation) or "published" (Latin hypercube
            sampling, simulated binary crossover with probability .7780 and η 7, polynomial mutation .8119 and
            9, rounded).
        start: "cold", or "warm" with the cheapest and the most accurate plan in the first population.
        **options: pymoo's own, for example ``termination``, ``crossover``, ``n_offsprings``, ``callback``.

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its front stalls.

    Raises:
        TypeError: If pymoo has no such option.
        ValueError: If a choice is unknown.

    References:
        Deb, Pratap, Agarwal, Meyarivan (2002), IEEE Transactions on Evolutionary Computation 6(2).
        Parameters: Liu et al. (2024), arXiv 2405.15130.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(50, 4), nsga2(pop_size=20), ("n_eval", 200), seed=1)
        >>> res.algorithm.evaluator.n_eval
        200
    """
    chosen = operator_set(operators, start, published=PUBLISHED)
    return build(NSGA2, {"pop_size": pop_size, **chosen.options()}, options, factory="nsga2")
