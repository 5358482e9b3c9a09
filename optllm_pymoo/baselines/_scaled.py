"""pymoo's genetic algorithms that measure distances between objectives, here on scaled objectives."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.base.genetic import GeneticAlgorithm
from pymoo.algorithms.moo.age import AGEMOEA, AGEMOEASurvival
from pymoo.algorithms.moo.age2 import AGEMOEA2, AGEMOEA2Survival
from pymoo.algorithms.moo.ctaea import CTAEA, CADASurvival, RestrictedMating
from pymoo.algorithms.moo.rvea import RVEA, APDSurvival, calc_gamma, calc_V
from pymoo.algorithms.moo.spea2 import SPEA2, SPEA2Survival
from pymoo.core.population import Population

from optllm_pymoo.baselines._build import build, operator_set, scaled
from optllm_pymoo.baselines._pymoo import OnLattice, duel_winners
from optllm_pymoo.measures.search import non_dominated
from optllm_pymoo.tolerances import FLAT


class OnOneScale:
    """Mix-in for a pymoo survival: it works on objectives scaled to [0, 1]."""

    def do(self, problem: Any, pop: Population, *args: Any, **kwargs: Any) -> Any:
        """Call pymoo's survival on scaled objectives, then restore the individuals' own."""
        groups = [pop, *(arg for arg in args if isinstance(arg, Population))]
        individuals = list({id(individual): individual for group in groups for individual in group}.values())
        own = [individual.F for individual in individuals]
        for individual, F in zip(individuals, scaled(np.array(own), problem, None), strict=True):
            individual.F = F
        try:
            return super().do(problem, pop, *args, **kwargs)  # type: ignore[misc]
        finally:
            for individual, F in zip(individuals, own, strict=True):
                individual.F = F


class ScaledAGE(OnOneScale, AGEMOEASurvival):
    """Of `age_moea`."""


class ScaledAGE2(OnOneScale, AGEMOEA2Survival):
    """Survival of `age_moea2`: a plan at the ideal point, which has no direction from it, is moved slightly off it."""

    @staticmethod
    def pairwise_distances(front: np.ndarray, p: float) -> np.ndarray:
        """Return distances (n, n) along the curve that was fitted to the front."""
        return np.asarray(AGEMOEA2Survival.pairwise_distances(np.maximum(front, FLAT), p))


class ScaledSPEA2(OnOneScale, SPEA2Survival):
    """Survival of `spea2` and `cmopso`."""


class ScaledAPD(OnOneScale, APDSurvival):
    """Survival of `rvea`: the penalty on angles grows with the progress of any termination."""

    def _do(self, problem: Any, pop: Population, *, n_survive: int, algorithm: Any, **kwargs: Any) -> Population:
        progress = algorithm.termination.perc
        # the cosine of a plan and its own direction may round to more than 1
        with np.errstate(invalid="ignore"):
            return super()._do(problem, pop, n_survive, algorithm=algorithm, n_gen=progress, n_max_gen=1.0, **kwargs)

    def adapt(self) -> None:
        """Scale the directions to the ranges of the population, unless these are zero."""
        if self.nadir is not None:
            ranges = self.nadir - self.ideal
            self.V = calc_V(calc_V(self.ref_dirs) * np.where(ranges > FLAT, ranges, 1.0))
            self.gamma = calc_gamma(self.V)


class ScaledCADA(OnOneScale, CADASurvival):
    """Survival of `ctaea`: archives may hold fewer plans than directions."""

    def do(self, problem: Any, pop: Population, da: Population, n_survive: int, **kwargs: Any) -> Any:
        """Call pymoo's method, which would not end with fewer distinct plans than directions."""
        return super().do(problem, pop, da, n_survive=min(n_survive, len(pop)), **kwargs)

    def _updateDA(self, pop: Population, Hd: Population, n_survive: int) -> Population:
        """Fill the niches with few plans in ``pop``, best first; pymoo's loop uses only the first ``n_survive``."""
        niche, worth = self._associate(Hd)
        rich = np.bincount(self._associate(pop)[0], minlength=len(self.ref_dirs))
        taken: list[int] = []
        n_wanted = 0
        while len(taken) < n_survive:
            n_wanted += 1
            for k in np.flatnonzero(rich < n_wanted).tolist():
                for _ in range(n_wanted - rich[k]):
                    here = np.flatnonzero(niche == k)
                    if not len(here):
                        break
                    front = here[non_dominated(Hd[here].get("F"))]
                    best = int(front[np.argmin(worth[front])])
                    niche[best] = -1
                    taken.append(best)
        return Hd[taken[:n_survive]]


def dominance_duel(pop: Population, P: np.ndarray, *, random_state: np.random.Generator, **kwargs: Any) -> np.ndarray:
    """Decide tournaments by feasibility, then by dominance; pymoo's function can't be pickled.

    Args:
        pop: Both archives.
        P: (n, 2) places in the population: the two of each duel.
        random_state: The run's generator.
        **kwargs: Ignored.
    """
    infeasible, F = np.reshape(pop.get("CV"), -1) > 0, pop.get("F")
    a, b = P.T
    ahead = infeasible[a].astype(int) - infeasible[b].astype(int)
    no_worse = np.all(F[a] <= F[b], axis=1).astype(int) - np.all(F[b] <= F[a], axis=1).astype(int)
    both = ~(infeasible[a] | infeasible[b])
    return duel_winners(P, np.where(both, -no_worse, ahead), random_state)


class LatticeRVEA(OnLattice, RVEA):
    """RVEA with directions for the number of objectives, and for any termination; see `rvea`.

    Args:
        pop_size: Size of the population; the directions are the largest Das-Dennis lattice of at most so many.
        alpha: Exponent of the growth of the penalty on angles.
        **kwargs: pymoo's own.
    """

    survival: ScaledAPD

    def __init__(self, *, pop_size: int = 100, alpha: float = 2.0, **kwargs: Any) -> None:
        super().__init__(np.eye(2), pop_size=pop_size, **kwargs)
        self.alpha = alpha

    def _setup(self, problem: Any, **kwargs: Any) -> None:
        super()._setup(problem, **kwargs)
        self.n_adapted = 0

    def _survival(self) -> ScaledAPD:
        return ScaledAPD(self.ref_dirs, alpha=self.alpha)

    def _advance(self, infills: Population | None = None, **kwargs: Any) -> None:
        GeneticAlgorithm._advance(self, infills=infills, **kwargs)
        if self.adapt_freq is not None and self.termination.perc >= (self.n_adapted + 1) * self.adapt_freq:
            self.n_adapted = int(self.termination.perc / self.adapt_freq)
            self.survival.adapt()


class LatticeCTAEA(OnLattice, CTAEA):
    """C-TAEA with directions for the number of objectives; see `ctaea`.

    Args:
        pop_size: Size of the population; the directions are the largest Das-Dennis lattice of at most so many.
        **kwargs: pymoo's own.
    """

    def __init__(self, *, pop_size: int = 100, **kwargs: Any) -> None:
        super().__init__(np.eye(2), **kwargs)
        self.pop_size = self.n_offsprings = pop_size

    def _survival(self) -> ScaledCADA:
        return ScaledCADA(self.ref_dirs)

    def _infill(self) -> Population:
        off = super()._infill()
        if not len(off):
            # like pymoo's other genetic algorithms, it ends if no new plan is found
            self.termination.force_termination = True
        return off


def age_moea(*, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any) -> AGEMOEA:
    """Build AGE-MOEA, which estimates the shape of the front and keeps plans that are near to it and far apart.

    Objectives are scaled by the extremes of the exact front for comparisons. Arguments and errors are those of
    `nsga2`; "published" operators have NSGA-II's parameters, as none were published.

    Args:
        pop_size: Size of the population.
        operators: "categorical" or "published".
        start: "cold" or "warm".
        **options: pymoo's own.

    References:
        Panichella (2019), GECCO.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> minimize(make_problem(50, 4), age_moea(pop_size=20), ("n_eval", 200), seed=1).X.dtype
        dtype('int8')
    """
    defaults = {"pop_size": pop_size, **operator_set(operators, start).options()}
    made = build(AGEMOEA, defaults, options, factory="age_moea", fixed=("survival",))
    made.survival = ScaledAGE()
    return made


def age_moea2(*, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any) -> AGEMOEA2:
    """Build AGE-MOEA-II, which finds the curvature of the front by Newton's method. Otherwise as `age_moea`.

    Args:
        pop_size: Size of the population.
        operators: "categorical" or "published".
        start: "cold" or "warm".
        **options: pymoo's own.

    References:
        Panichella (2022), GECCO.

    Example:
        >>> age_moea2(pop_size=50).pop_size
        50
    """
    defaults = {"pop_size": pop_size, **operator_set(operators, start).options()}
    made = build(AGEMOEA2, defaults, options, factory="age_moea2", fixed=("survival",))
    made.survival = ScaledAGE2()
    return made


def spea2(*, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any) -> SPEA2:
    """Build SPEA2: it counts the plans that dominate each plan, and thins the densest regions. Otherwise as `age_moea`.

    Args:
        pop_size: Size of the population.
        operators: "categorical" or "published".
        start: "cold" or "warm".
        **options: pymoo's own.

    References:
        Zitzler, Laumanns, Thiele (2001), TIK report 103.

    Example:
        >>> spea2(pop_size=50).pop_size
        50
    """
    defaults = {"pop_size": pop_size, "survival": ScaledSPEA2(), **operator_set(operators, start).options()}
    return build(SPEA2, defaults, options, factory="spea2")


def rvea(*, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any) -> LatticeRVEA:
    """Build RVEA, which keeps one plan per direction, closer to it as the run proceeds.

    The progress is that of the run's termination, of any kind; pymoo's RVEA supports numbers of generations and
    evaluations only. Otherwise as `age_moea`, except that the size of the population bounds the number of directions:
    91 of 100 with three objectives.

    Args:
        pop_size: Directions at the most, and plans in the first population and offspring.
        operators: "categorical" or "published".
        start: "cold" or "warm".
        **options: pymoo's own, for example ``alpha`` and ``adapt_freq``.

    References:
        Cheng, Jin, Olhofer, Sendhoff (2016), IEEE Transactions on Evolutionary Computation 20(5).

    Example:
        >>> rvea(alpha=3.0).alpha
        3.0
    """
    defaults = {"pop_size": pop_size, **operator_set(operators, start).options()}
    return build(LatticeRVEA, defaults, options, factory="rvea", fixed=("ref_dirs", "survival"))


def ctaea(*, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any) -> LatticeCTAEA:
    """Build C-TAEA, which has an archive for convergence and one for diversity, which may be infeasible.

    Everything else is as in `rvea`.

    Args:
        pop_size: Plans in each archive, and directions at the most.
        operators: "categorical" or "published".
        start: "cold" or "warm".
        **options: pymoo's own.

    References:
        Li, Chen, Fu, Yao (2019), IEEE Transactions on Evolutionary Computation 23(2).

    Example:
        >>> ctaea(pop_size=50).pop_size
        50
    """
    defaults = {
        "pop_size": pop_size,
        "selection": RestrictedMating(func_comp=dominance_duel),
        **operator_set(operators, start).options(),
    }
    return build(LatticeCTAEA, defaults, options, factory="ctaea", fixed=("ref_dirs", "survival", "n_offsprings"))
