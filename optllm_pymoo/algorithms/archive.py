"""An untruncated archive of non-dominated individuals."""

from __future__ import annotations

import numpy as np
from moocore import is_nondominated
from pymoo.core.population import Population


class NonDominatedArchive:
    """Everything non-dominated that a run has seen, by rising cost.

    Never truncated: what is dropped from a bounded archive can make its hypervolume fall while the search goes on.
    Of individuals with the same objective values the first is kept.
    """

    def __init__(self) -> None:
        self.individuals = Population()
        self.F = np.empty((0, 2))

    def __len__(self) -> int:
        return len(self.individuals)

    def add(self, pop: Population) -> None:
        """Merge evaluated individuals into the archive, but for those that break a constraint; O(n log n)."""
        feasible = np.flatnonzero(np.reshape(pop.get("CV"), -1) <= 0.0)
        pop = pop[feasible]
        merged = Population.merge(self.individuals, pop)
        added = np.reshape(pop.get("F"), (len(pop), -1)) if len(pop) else self.F[:0]
        F = np.concatenate([self.F if len(self) else added[:0], added])
        kept = np.flatnonzero(is_nondominated(F, keep_weakly=False))
        kept = kept[np.argsort(F[kept, 0], kind="stable")]
        self.individuals, self.F = merged[kept], F[kept]
