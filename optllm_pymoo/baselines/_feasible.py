"""Which members of a population an answer may hold."""

from __future__ import annotations

import numpy as np
from pymoo.core.population import Population


def best_feasible(pop: Population, /) -> Population:
    """Keep the individuals that meet all constraints, or, where none does, the one that violates them least.

    Args:
        pop: Evaluated individuals.
    """
    violation = np.reshape(pop.get("CV"), -1)
    met = violation <= 0.0
    return pop[met if met.any() else [int(np.argmin(violation))]]
