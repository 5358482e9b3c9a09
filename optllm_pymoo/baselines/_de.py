"""Differential evolution for one objective, on LLM numbers and on categories."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.soo.nonconvex.de import DE, Variant
from pymoo.core.infill import InfillCriterion
from pymoo.core.population import Population
from pymoo.operators.control import NoParameterControl
from pymoo.util.display.single import SingleObjectiveOutput

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._one_objective import OneObjective, stalled_value
from optllm_pymoo.baselines._operators import OPERATORS, check_choice, start_sampling
from optllm_pymoo.operators.mutation import RandomResetMutation
from optllm_pymoo.operators.repair import AllowedRepair
from optllm_pymoo.validation import UserError

FIXED = (
    "variant", "mating", "selection", "crossover", "mutation", "survival", "repair", "eliminate_duplicates",
    "n_offsprings", "advance_after_initial_infill",
)  # fmt: skip
N_PARENTS = 3
MUTATED = 0.1
"""Share of the trials that are mutated as well, as pymoo's own variant does."""


class AllocationDE(OneObjective, DE):
    """pymoo's differential evolution on allocations with one objective.

    Args:
        **kwargs: pymoo's own.
    """


class CategoricalVariant(InfillCriterion):
    """rand/1/bin where differences are replacements.

    For each plan three others are drawn: a base and two more, a and b. The donor is the base, in which the LLM of a
    replaces that of the base for a share ``scale`` of the queries on which a and b differ. The trial takes each query
    from the donor with probability ``crossover_prob``, at least one of them, and the rest from the plan itself.

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

    A plan that breaks the limit is never the answer: where a run finds none within it, ``res.X`` is None.

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
        ValueError: If a choice is unknown, or the population is too small.

    References:
        Storn, Price (1997), Journal of Global Optimization 11. Parameters: Liu et al. (2024), arXiv 2405.15130.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import MinCostProblem, make_problem
        >>> problem = MinCostProblem.of(make_problem(50, 4), min_accuracy=0.6)
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
    return build(AllocationDE, defaults, options, factory="de", fixed=FIXED, termination=stalled_value)
