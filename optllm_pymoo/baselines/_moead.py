"""MOEA/D on normalised objectives, with grid or with random weights."""

from __future__ import annotations

from typing import Any

from pymoo.decomposition.pbi import PBI
from pymoo.decomposition.tchebicheff import Tchebicheff

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._normalized_moead import NormalizedMOEAD
from optllm_pymoo.baselines._operators import operator_set

FIXED = ("ref_dirs", "selection", "survival", "eliminate_duplicates")


def moead(
    *, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any
) -> NormalizedMOEAD:
    """Build MOEA/D with evenly spread weights and penalty boundary intersection (θ = 5).

    Objectives are normalised by the ends of the exact front, so dollars don't dictate the result.

    Args:
        pop_size: Number of weights, one plan each; at least 2.
        operators: "categorical" (uniform crossover, random-reset mutation) or "published" (simulated binary
            crossover and polynomial mutation, rounded; with NSGA-II's parameters, as none were published).
        start: "cold", or "warm" with the cheapest and the most accurate plan in the first population, each at
            the weight nearest to it.
        **options: pymoo's own, for example ``termination``, ``n_neighbors`` (the published 10 by default),
            ``prob_neighbor_mating``, ``decomposition``.

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its front stalls.

    Raises:
        TypeError: If pymoo has no such option.
        ValueError: If a choice is unknown, or there are too few weights or neighbours.

    References:
        Zhang, Li (2007), IEEE Transactions on Evolutionary Computation 11(6). Parameters: Liu et al. (2024),
        arXiv 2405.15130.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(50, 4), moead(pop_size=20), ("n_eval", 200), seed=1)
        >>> res.algorithm.evaluator.n_eval
        200
    """
    defaults = {
        "pop_size": pop_size,
        "n_neighbors": 10,
        "decomposition": PBI(theta=5),
        **operator_set(operators, start).options("sampling", "crossover", "mutation", "repair"),
    }
    return build(NormalizedMOEAD, defaults, options, factory="moead", fixed=FIXED)


def moead_gen(
    *, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any
) -> NormalizedMOEAD:
    """Build MOEA/D with random weights, Tchebycheff decomposition and 24 neighbours: MOEA/D-GEN of the paper.

    Everything else is as in `moead`, arguments and errors included. Two of the weights are the two objectives
    themselves; the seed of the run draws the others.

    Args:
        pop_size: Number of weights.
        operators: "categorical" or "published".
        start: "cold" or "warm".
        **options: pymoo's own.

    Example:
        >>> moead_gen(pop_size=50).n_neighbors
        24
    """
    defaults = {
        "pop_size": pop_size,
        "n_neighbors": 24,
        "decomposition": Tchebicheff(),
        "weights": "random",
        **operator_set(operators, start).options("sampling", "crossover", "mutation", "repair"),
    }
    return build(NormalizedMOEAD, defaults, options, factory="moead_gen", fixed=FIXED)
