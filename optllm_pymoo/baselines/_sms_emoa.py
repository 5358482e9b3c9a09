"""SMS-EMOA."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.moo.sms import SMSEMOA, cv_and_dom_tournament
from pymoo.core.population import Population
from pymoo.operators.selection.tournament import TournamentSelection

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._operators import NumericVariation, operator_set

PUBLISHED = NumericVariation(crossover_prob=0.7595, crossover_eta=5, mutation_prob=0.0675, mutation_eta=28)


def dominance_tournament(pop: Population, P: np.ndarray, **kwargs: Any) -> np.ndarray:
    """Call pymoo's binary tournament, which can't be pickled under the name it goes by there."""
    return np.asarray(cv_and_dom_tournament(pop, P, **kwargs))


def sms_emoa(
    *,
    pop_size: int = 100,
    operators: str = "categorical",
    start: str = "cold",
    n_offsprings: int | None = None,
    **options: Any,
) -> SMSEMOA:
    """Build SMS-EMOA, which drops the plans that contribute least hypervolume.

    Args:
        pop_size: Size μ of the population.
        operators: "categorical" (uniform crossover, random-reset mutation) or "published" (simulated binary
            crossover with probability .7595 and η 5, polynomial mutation .0675 and 28, rounded).
        start: "cold", or "warm" with the cheapest and the most accurate plan in the first population.
        n_offsprings: Children per generation. By default as many as the population, pymoo's (μ + μ) variant;
            1 gives the steady-state (μ + 1) of the original, which is much slower per evaluation.
        **options: pymoo's own, for example ``termination``, ``crossover``, ``callback``.

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its front stalls.

    Raises:
        TypeError: If pymoo has no such option.
        ValueError: If a choice is unknown.

    References:
        Beume, Naujoks, Emmerich (2007), European Journal of Operational Research 181(3). Parameters: Liu et
        al. (2024), arXiv 2405.15130.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> steady = sms_emoa(pop_size=20, n_offsprings=1)
        >>> minimize(make_problem(50, 4), steady, ("n_eval", 33), seed=1).algorithm.evaluator.n_eval
        33
    """
    chosen = operator_set(operators, start, published=PUBLISHED)
    defaults = {
        "pop_size": pop_size,
        "n_offsprings": n_offsprings,
        "selection": TournamentSelection(func_comp=dominance_tournament),
        **chosen.options(),
    }
    return build(SMSEMOA, defaults, options, factory="sms_emoa")
