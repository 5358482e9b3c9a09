"""pymoo's multi-objective genetic algorithms."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
from pymoo.algorithms.base.genetic import GeneticAlgorithm
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.moo.nsga3 import NSGA3, ReferenceDirectionSurvival
from pymoo.algorithms.moo.rnsga2 import RNSGA2, RankAndModifiedCrowdingSurvival
from pymoo.algorithms.moo.sms import SMSEMOA, cv_and_dom_tournament
from pymoo.core.population import Population
from pymoo.core.survival import Survival
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.util.ref_dirs import get_reference_directions

from optllm_pymoo.baselines._build import NumericVariation, best_front, build, operator_set
from optllm_pymoo.exact.surface import partitions_for
from optllm_pymoo.problems import AllocationProblem, allocation_of
from optllm_pymoo.validation import UserError

NSGA2_PUBLISHED = NumericVariation(latin_hypercube=True)


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
        UserError: If a choice is unknown.

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
    chosen = operator_set(operators, start, published=NSGA2_PUBLISHED)
    return build(NSGA2, {"pop_size": pop_size, **chosen.options()}, options, factory="nsga2")


def fair_tournament(pop: Population, P: np.ndarray, *, random_state: np.random.Generator, **kwargs: Any) -> np.ndarray:
    """Decide each tournament at random, as NSGA-III does among feasible plans; pymoo's function can't be pickled.

    Args:
        pop: The population.
        P: (n, 2) indices into the population: the two of each tournament.
        random_state: The run's generator.
        **kwargs: Ignored.
    """
    return duel_winners(P, np.zeros(len(P)), random_state)


class OnLattice(GeneticAlgorithm, abc.ABC):
    """Mix-in for a pymoo algorithm: its reference directions depend on the number of objectives.

    They are the largest Das-Dennis lattice of at most ``pop_size``. The result is all feasible, non-dominated plans of
    the population, not only the plan nearest to each direction; if no plan is feasible, the one with the least
    violation.
    """

    ref_dirs: np.ndarray

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        allocation_of(problem, type(self).__name__)
        self.ref_dirs = largest_lattice(problem.n_obj, self.pop_size)
        self.survival = self._survival()

    @abc.abstractmethod
    def _survival(self) -> Survival:
        """Build the survival for the directions, which depend on the problem."""

    def _set_optimum(self, **kwargs: Any) -> None:
        self.opt = best_front(self.pop)


class LatticeNSGA3(OnLattice, NSGA3):
    """NSGA-III; see `nsga3`.

    Args:
        pop_size: Size of the population.
        **kwargs: pymoo's own.
    """

    def __init__(self, *, pop_size: int = 100, **kwargs: Any) -> None:
        super().__init__(np.ones((1, 1)), pop_size=pop_size, **kwargs)

    def _survival(self) -> Survival:
        return ReferenceDirectionSurvival(self.ref_dirs)


def largest_lattice(n_obj: int, n_points: int, /) -> np.ndarray:
    """Spread at most so many directions evenly: the largest Das-Dennis lattice that fits.

    Args:
        n_obj: Number of objectives.
        n_points: Largest number of directions.

    Returns:
        (n, n_obj), rows with the sum 1.

    Raises:
        UserError: If there is not even one direction per objective.

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
        UserError: If a choice is unknown, or (by ``minimize``) the population is smaller than the number of objectives.

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


def niche_tournament(pop: Population, P: np.ndarray, *, random_state: np.random.Generator, **kwargs: Any) -> np.ndarray:
    """Decide tournaments by less violation; near the same direction by better front, then by distance; else at random.

    pymoo's own function draws some random numbers from an unseeded generator.

    Args:
        pop: The population.
        P: (n, 2) indices into the population: the two of each tournament.
        random_state: The run's generator.
        **kwargs: Ignored.
    """
    a, b = P.T
    violation = np.reshape(pop.get("CV"), -1)
    ahead = np.sign(violation[a] - violation[b])
    niche, rank, distance = pop.get("niche", "rank", "dist_to_niche")
    same = np.flatnonzero((ahead == 0) & (violation[a] <= 0) & (niche[a] == niche[b]))
    for value in (rank, distance):
        tied = same[ahead[same] == 0]
        ahead[tied] = np.sign(value[a[tied]].astype(float) - value[b[tied]].astype(float))
    return duel_winners(P, ahead, random_state)


def duel_winners(P: np.ndarray, ahead: np.ndarray, random_state: np.random.Generator, /) -> np.ndarray:
    """Return the first of each pair if ``ahead`` is negative, the second if it is positive; else one at random.

    Args:
        P: (n, 2) indices into the population: the two of each tournament.
        ahead: (n,) numbers.
        random_state: The run's generator.

    Returns:
        (n, 1) numbers of the winners.
    """
    coin = random_state.integers(0, 2, len(P))
    return np.asarray(P[np.arange(len(P)), np.where(ahead == 0, coin, ahead > 0)][:, None])


def unsga3(*, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any) -> LatticeNSGA3:
    """Build U-NSGA-III: NSGA-III whose parents compete near the same direction. Otherwise as `nsga3`.

    Args:
        pop_size: Size of the population, and bound on the number of directions.
        operators: "categorical" or "published".
        start: "cold" or "warm".
        **options: pymoo's own.

    References:
        Seada, Deb (2016), IEEE Transactions on Evolutionary Computation 20(3).

    Example:
        >>> unsga3(pop_size=50).pop_size
        50
    """
    defaults = {
        "pop_size": pop_size,
        "selection": TournamentSelection(func_comp=niche_tournament),
        **operator_set(operators, start).options(),
    }
    return build(LatticeNSGA3, defaults, options, factory="unsga3", fixed=("ref_dirs", "survival"))


class GuardedPreferenceSurvival(RankAndModifiedCrowdingSurvival):
    """pymoo's survival by reference points, without NaN when the first front is flat in one objective.

    Args:
        *args: Those of pymoo's class.
        ideal: (2,) ideal point before the first front is known.
        span: (2,) positive width that replaces that of a flat front.
    """

    def __init__(self, *args: Any, ideal: np.ndarray, span: np.ndarray) -> None:
        self.span = span
        super().__init__(*args)
        self.ideal_point = ideal
        self.nadir_point = ideal + span

    @property
    def nadir_point(self) -> np.ndarray:
        """(2,) nadir point by which distances are normalised; always beyond the ideal point."""
        return self._nadir_point

    @nadir_point.setter
    def nadir_point(self, nadir: np.ndarray) -> None:
        # pymoo divides by nadir - ideal, and always sets the ideal point first
        self._nadir_point = np.where(nadir > self.ideal_point, nadir, self.ideal_point + self.span)


class ExtremesRNSGA2(RNSGA2):
    """R-NSGA-II that takes its reference points from the problem.

    Args:
        ref_points: (k, 2) reference points, US$ and negated mean accuracy; None for the two extremes of the exact
            front, with a third objective (k, 3) and the three individual optima. For a subclass with additional
            objectives or constraints: the cheapest and the most accurate plan without them.
        **kwargs: pymoo's own.
    """

    survival: RankAndModifiedCrowdingSurvival

    def __init__(self, *, ref_points: Any = None, **kwargs: Any) -> None:
        # the points depend on the problem; the survival is built again in `_setup`
        super().__init__(np.zeros((1, 2)), **kwargs)
        self.ref_points = None if ref_points is None else np.array(ref_points, dtype=float, ndmin=2)

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        super()._setup(problem, **kwargs)
        if problem.is_extended:
            extremes = problem.evaluate(problem.extremes(), return_values_of=["F"])
        else:
            extremes = problem.yardstick.F[[0, -1]] if problem.third is None else problem.scalarisation.optima_F
        ideal, span = extremes.min(axis=0), np.ptp(extremes, axis=0)
        self.survival = GuardedPreferenceSurvival(
            extremes if self.ref_points is None else self.ref_points,
            self.epsilon,
            self.weights,
            self.normalization,
            self.survival.extreme_points_as_reference_points,
            ideal=ideal,
            # a front of one point has no extent: any fixed extent is valid
            span=np.where(span > 0, span, 1.0),
        )


def rnsga2(
    *, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any
) -> ExtremesRNSGA2:
    """Build R-NSGA-II, which searches near reference points: by default the two extremes of the exact front.

    Args:
        pop_size: Size of the population.
        operators: "categorical" (uniform crossover, random-reset mutation) or "published" (simulated binary
            crossover and polynomial mutation, rounded; with NSGA-II's parameters, as none were published).
        start: "cold", or "warm" with the cheapest and the most accurate plan in the first population.
        **options: pymoo's own, for example ``termination``, ``ref_points`` as (k, 2) objective values, or
            ``epsilon``, the published .9964 by default.

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its front stalls.

    Raises:
        TypeError: If pymoo has no such option.
        UserError: If a choice is unknown.

    References:
        Deb, Sundar (2006), GECCO. Parameters: Liu et al. (2024), arXiv 2405.15130.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(50, 4), rnsga2(pop_size=20), ("n_eval", 200), seed=1)
        >>> res.algorithm.survival.ref_points.shape
        (2, 2)
    """
    defaults = {"pop_size": pop_size, "epsilon": 0.9964, **operator_set(operators, start).options()}
    return build(ExtremesRNSGA2, defaults, options, factory="rnsga2", fixed=("survival",))


SMS_EMOA_PUBLISHED = NumericVariation(crossover_prob=0.7595, crossover_eta=5, mutation_prob=0.0675, mutation_eta=28)


def dominance_tournament(pop: Population, P: np.ndarray, **kwargs: Any) -> np.ndarray:
    """Call pymoo's binary tournament, which can't be pickled under its name in pymoo."""
    return np.asarray(cv_and_dom_tournament(pop, P, **kwargs))


def sms_emoa(
    *,
    pop_size: int = 100,
    operators: str = "categorical",
    start: str = "cold",
    n_offsprings: int | None = None,
    **options: Any,
) -> SMSEMOA:
    """Build SMS-EMOA, which removes the plans with the smallest hypervolume contribution.

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
        UserError: If a choice is unknown.

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
    chosen = operator_set(operators, start, published=SMS_EMOA_PUBLISHED)
    defaults = {
        "pop_size": pop_size,
        "n_offsprings": n_offsprings,
        "selection": TournamentSelection(func_comp=dominance_tournament),
        **chosen.options(),
    }
    return build(SMSEMOA, defaults, options, factory="sms_emoa")
