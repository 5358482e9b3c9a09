"""Genetic algorithm, differential evolution and particle swarm for one objective."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.soo.nonconvex.de import DE, Variant
from pymoo.algorithms.soo.nonconvex.ga import GA, comp_by_cv_and_fitness
from pymoo.algorithms.soo.nonconvex.pso import PSO
from pymoo.core.algorithm import Algorithm
from pymoo.core.infill import InfillCriterion
from pymoo.core.population import Population
from pymoo.core.termination import NoTermination, Termination
from pymoo.operators.control import NoParameterControl
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.termination.default import DefaultTermination
from pymoo.termination.ftol import SingleObjectiveSpaceTermination
from pymoo.termination.robust import RobustTermination
from pymoo.util.display.single import SingleObjectiveOutput

from optllm_pymoo.baselines._build import OPERATORS, build, check_choice, operator_set, start_sampling
from optllm_pymoo.operators.categorical import AllowedRepair, RandomResetMutation
from optllm_pymoo.problems import SingleObjectiveProblem
from optllm_pymoo.validation import UserError


class OneObjective(Algorithm):
    """Mix-in for a pymoo algorithm that accepts only allocation problems with one objective."""

    def setup(self, problem: Any, **kwargs: Any) -> Algorithm:
        """Refuse other problems, then call pymoo's method."""
        if not isinstance(problem, SingleObjectiveProblem):
            raise UserError(
                f"{type(self).__name__} needs one objective and one bound; got {type(problem).__name__}. Build a"
                " MaxAccuracyProblem(allocation, budget=...) or a MinCostProblem(allocation, min_accuracy=...)"
            )
        return super().setup(problem, **kwargs)


class RelativeValueTermination(SingleObjectiveSpaceTermination):
    """pymoo's test on the objective, relative to its size: a batch may cost thousandths of a dollar, or thousands."""

    def _delta(self, prev: float, current: float) -> float:
        return float(super()._delta(prev, current) / (abs(prev) or 1.0))


def stalled_value() -> Termination:
    """Build pymoo's single-objective default termination without its test on X: numbers of LLMs have no distances.

    Ends when the best plan within the limit has improved by less than a millionth in 50 generations, after 1,000
    generations or 100,000 evaluations.
    """
    value = RobustTermination(RelativeValueTermination(1e-6, only_feas=True), 50)
    return DefaultTermination(x=NoTermination(), cv=NoTermination(), f=value)


class AllocationGA(OneObjective, GA):
    """pymoo's GA on allocations with one objective: infeasible plans lose against all others.

    Args:
        **kwargs: pymoo's own.
    """


def winners(pop: Population, pairs: np.ndarray, random_state: np.random.Generator, **kwargs: Any) -> np.ndarray:
    """Select winners of pairs as in pymoo's GA, by violation and then by value; pymoo's own function can't be pickled.

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

    An infeasible plan is never returned: if a run finds no feasible one, ``res.X`` is None.

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
        UserError: If a choice is unknown.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import MaxAccuracyProblem, make_problem
        >>> batch = make_problem(50, 4)
        >>> problem = MaxAccuracyProblem(batch, budget=batch.supported_front.F[:, 0].mean())
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


DE_FIXED = (
    "variant", "mating", "selection", "crossover", "mutation", "survival", "repair", "eliminate_duplicates",
    "n_offsprings", "advance_after_initial_infill",
)  # fmt: skip
N_PARENTS = 3
MUTATED = 0.1
"""Share of the trials that are also mutated, as in pymoo's own variant."""


class AllocationDE(OneObjective, DE):
    """pymoo's differential evolution on allocations with one objective.

    Args:
        **kwargs: pymoo's own.
    """


class CategoricalVariant(InfillCriterion):
    """rand/1/bin with replacements as differences.

    For each plan three others are drawn: a base and two more, a and b. The donor is the base, with the LLM of a instead
    of its own for a share ``scale`` of the queries on which a and b differ. The trial takes each query from the donor
    with probability ``crossover_prob``, at least one of them, and the rest from the plan itself.

    Args:
        crossover_prob: CR.
        scale: F.
    """

    def __init__(self, *, crossover_prob: float, scale: float) -> None:
        super().__init__()
        self.crossover_prob, self.scale = crossover_prob, scale
        self.mutation = RandomResetMutation(prob=MUTATED)

    def do(
        self,
        problem: Any,
        pop: Population,
        n_offsprings: int,
        *args: Any,
        random_state: np.random.Generator,
        **kwargs: Any,
    ) -> Population:
        """Return one trial for each plan of the population."""
        X = pop.get("X")
        drawn = random_state.random((len(X), len(X)))
        np.fill_diagonal(drawn, 2.0)
        base, a, b = X[np.argsort(drawn, axis=1)[:, :N_PARENTS].T]
        donor = np.where((a != b) & (random_state.random(X.shape) < self.scale), a, base)
        is_taken = random_state.random(X.shape) < self.crossover_prob
        is_taken[np.arange(len(X)), random_state.integers(0, X.shape[1], len(X))] = True
        trials = Population.new(X=np.where(is_taken, donor, X))
        return self.mutation(problem, trials, random_state=random_state)


def de(
    *,
    pop_size: int = 100,
    operators: str = "categorical",
    start: str = "cold",
    crossover_prob: float = 0.3,
    scale: float = 0.5,
    **options: Any,
) -> AllocationDE:
    """Build differential evolution (rand/1/bin) for a `MaxAccuracyProblem` or a `MinCostProblem`.

    An infeasible plan is never returned: if a run finds no feasible one, ``res.X`` is None.

    Args:
        pop_size: Size of the population, at least 4.
        operators: "categorical" (differences are replacements of LLMs, see `CategoricalVariant`) or "published"
            (differences of LLM numbers, rounded).
        start: "cold", or "warm" with the cheapest and the most accurate plan in the first population.
        crossover_prob: CR; published: .3.
        scale: F.
        **options: pymoo's own, for example ``termination`` or ``callback``.

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its best plan stays the same.

    Raises:
        TypeError: If pymoo has no such option.
        UserError: If a choice is unknown, or the population is too small.

    References:
        Storn, Price (1997), Journal of Global Optimization 11. Parameters: Liu et al. (2024), arXiv 2405.15130.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import MinCostProblem, make_problem
        >>> problem = MinCostProblem(make_problem(50, 4), min_accuracy=0.6)
        >>> minimize(problem, de(pop_size=20), ("n_eval", 400), seed=1).X.dtype
        dtype('int8')
    """
    check_choice("operators", operators, OPERATORS)
    if pop_size <= N_PARENTS:
        raise UserError(f"differential evolution needs a plan and {N_PARENTS} others; got pop_size = {pop_size}")
    if operators == "categorical":
        variant: InfillCriterion = CategoricalVariant(crossover_prob=crossover_prob, scale=scale)
    else:
        variant = Variant(
            selection="rand", CR=crossover_prob, F=scale, control=NoParameterControl, repair=AllowedRepair()
        )
    defaults = {
        "pop_size": pop_size,
        "variant": variant,
        "sampling": start_sampling(start),
        "output": SingleObjectiveOutput(),
    }
    return build(AllocationDE, defaults, options, factory="de", fixed=DE_FIXED, termination=stalled_value)


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
    one query of each particle moves to a random LLM (`RandomResetMutation`), because otherwise the swarm could only
    lose LLMs.

    Args:
        **kwargs: pymoo's own; options for velocities have no effect.
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

    An infeasible plan is never returned: if a run finds no feasible one, ``res.X`` is None.

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
        UserError: If a choice is unknown.

    References:
        Kennedy, Eberhart (1995), ICNN; on categories as in Chen et al. (2010), IEEE Transactions on
        Evolutionary Computation 14(2).

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import MinCostProblem, make_problem
        >>> problem = MinCostProblem(make_problem(50, 4), min_accuracy=0.6)
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
