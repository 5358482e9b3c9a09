"""Reconstructions, which make allocations efficient again; with a destruction, the mating of pymoo's own algorithms."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.infill import InfillCriterion
from pymoo.core.population import Population
from pymoo.core.repair import Repair
from pymoo.operators.selection.rnd import RandomSelection

from optllm_pymoo.limits.linear import LinearLimits, Weights
from optllm_pymoo.limits.plans import best_of, best_within, cheapest_reaching, mended, priced_plan
from optllm_pymoo.operators.base import AllocationOperator, of_family
from optllm_pymoo.operators.categorical import RowDuplicateElimination
from optllm_pymoo.operators.destruction import Destruction, RandomDestruction
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.tolerances import TIE_BREAKER
from optllm_pymoo.validation import UserError


class Reconstruction(AllocationOperator):
    """Family of operators that make perturbed allocations efficient again.

    Write ``_do(self, problem, X, *, random_state, **kwargs)`` and return the reconstructed (n, N) allocations; X is a
    copy and may be changed. `OptLLM` calls it right after a `Destruction`, with the same keyword arguments, and scores
    only what it returns.
    """


class ExchangeReconstruction(Reconstruction):
    """Published reconstruction: exchange good upgrades for poor ones while any such exchange improves the plan.

    The published loop moves dominated choices first, then applies the best upgrade and the cheapest downgrade
    together while the ratio Δaccuracy/Δcost of the former is higher (arXiv 2405.15130). It stops when some exchange
    rate λ separates all upgrades from all downgrades: every query then maximises accuracy - λ·cost, so the plan is
    supported. Each exchange takes one hull step up and one down. So on tie-free input the result is *the* prefix of the
    steps, sorted by efficiency, with as many steps as the allocation had taken.

    This class computes that prefix directly, in O(N + S) instead of one scan of the tables per exchange. With ties, the
    published loop may move between equal LLMs and climb; here the number of steps is fixed.

    Example:
        >>> problem = AllocationProblem([[1, 2], [1, 9]], [[0.5, 0.6], [0.5, 0.9]])
        >>> ExchangeReconstruction().do(problem, np.array([0, 1]), random_state=1).tolist()
        [1, 0]
    """

    def _do(self, problem: AllocationProblem, X: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
        front = problem.supported_front
        for x in X:
            x[:] = front.assignment(front.count_steps(x))
        return X


Plans = tuple[np.ndarray, np.ndarray]
"""A destroyed allocation, and a plan that meets all limits."""


class PricedReconstruction(Reconstruction):
    """Rebuilds allocations from multipliers, so that they meet every limit; `OptLLM`'s default with limits.

    The cost (or the accuracy) of the destroyed allocation is kept as one more limit. The prices at this place of the
    bound front (`AllocationProblem.bound_front`) send every query to its maximiser of accuracy - μ·cost - Σ λ_k w_k.
    Excess is repaired by the moves with the least loss per unit of excess; slack is used up by the moves with the
    largest gain. Every returned plan meets all limits.

    Args:
        keep: "cost" for the most accurate plan that costs no more than the destroyed one, "accuracy" for the
            cheapest that is no less accurate. Both are clipped to the range that the limits allow.
        solve: Whether to solve the linear relaxation at exactly that cost or accuracy instead of interpolating its
            prices, and to try exchanges of two queries at the end. This takes many times as long, but splits gaps that
            interpolated prices don't. With ``toward``, the place is halfway to that plan.

    Raises:
        UserError: If ``keep`` has another value.

    Example:
        >>> from optllm_pymoo import Quota
        >>> quota = Quota("llm1", calls=1)
        >>> problem = AllocationProblem([[1, 2], [1, 9]], [[0.5, 0.6], [0.5, 0.9]], limits=[quota])
        >>> PricedReconstruction().do(problem, np.array([1, 1]), random_state=1).tolist()
        [0, 1]
    """

    def __init__(self, keep: str = "cost", *, solve: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if keep not in ("cost", "accuracy"):
            raise UserError(f"keep must be 'cost' or 'accuracy'; got {keep!r}")
        self.keep, self.solve = keep, solve

    def _do(
        self, problem: AllocationProblem, X: np.ndarray, *args: Any, toward: np.ndarray | None = None, **kwargs: Any
    ) -> np.ndarray:
        cheapest, best = _score(problem, problem.extremes()[:2])
        F = _score(problem, X)
        if self.solve and toward is not None:
            F = (F + _score(problem, problem.as_allocations(toward))) / 2
        places = np.maximum(F[:, 0], cheapest[0]) if self.keep == "cost" else np.minimum(-F[:, 1], -best[1])
        for x, place in zip(X, places.tolist(), strict=True):
            x[:] = self._at(problem, place, x)
        return X

    def _at(self, problem: AllocationProblem, place: float, destroyed: np.ndarray) -> np.ndarray:
        """Build a plan within limits at a place of the bound front, from the destroyed allocation."""
        path, on_cost = problem.bound_front().path, self.keep == "cost"
        (per_accuracy, per_usd, _), prices = path.at(
            path.place_of_cost(place) if on_cost else path.place_of_accuracy(place)
        )
        # the kept objective is one more limit, with a price
        prices = np.append(prices, per_usd if on_cost else per_accuracy)
        if self.solve:
            solve, per_raised = (best_within, per_accuracy) if on_cost else (cheapest_reaching, per_usd)
            plan: np.ndarray = solve(problem.limits, place, start=prices / per_raised).x
            return plan
        given = destroyed, problem.extremes()[0 if on_cost else 1]
        if on_cost:
            bounded, weights = problem.limits.within(budget_usd=place), Weights(per_accuracy, 0.0)
            return _rebuilt(bounded, weights, prices, Weights(per_accuracy, TIE_BREAKER * per_usd), given)
        bounded, weights = problem.limits.within(min_accuracy=place), Weights(0.0, per_usd)
        return _rebuilt(bounded, weights, prices, Weights(TIE_BREAKER * per_accuracy, per_usd), given)


def _score(problem: AllocationProblem, X: np.ndarray) -> np.ndarray:
    """Return the objectives without the constraints."""
    return np.asarray(problem.evaluate(X, return_values_of=["F"]))


def _rebuilt(limits: LinearLimits, weights: Weights, prices: np.ndarray, goal: Weights, given: Plans) -> np.ndarray:
    """Repair the priced and the destroyed plan and return the better one; if both fail, use the feasible plan given."""
    destroyed, fallback = given
    starts = (priced_plan(limits, weights, prices), destroyed)
    plans = [mended(limits, start, weights, prices, goal=goal) for start in starts]
    found = [plan for plan in plans if plan is not None]
    if not found:
        plan = mended(limits, fallback, weights, prices, goal=goal)
        found = [fallback if plan is None else plan]
    return best_of(limits, found, goal)


class RuinAndRecreate(InfillCriterion):
    """Mating by destruction and reconstruction of random parents: ``NSGA2(mating=RuinAndRecreate())``.

    Args:
        destruction: `RandomDestruction` by default.
        reconstruction: `ExchangeReconstruction` by default.
        n_max_iterations: Attempts at finding offspring that are not in the population yet.
        repair: pymoo's, of the offspring.
        eliminate_duplicates: pymoo's; by default equal allocations are dropped.

    Example:
        >>> from pymoo.algorithms.moo.nsga2 import NSGA2
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> from optllm_pymoo.operators import CategoricalSampling
        >>> algorithm = NSGA2(20, sampling=CategoricalSampling(), mating=RuinAndRecreate())
        >>> res = minimize(make_problem(50, 4), algorithm, ("n_gen", 5), seed=1)
        >>> res.X.shape[1]
        50
    """

    def __init__(
        self,
        destruction: Destruction | None = None,
        reconstruction: Reconstruction | None = None,
        *,
        n_max_iterations: int = 10,
        repair: Repair | None = None,
        eliminate_duplicates: DuplicateElimination | None = None,
    ) -> None:
        unique = RowDuplicateElimination() if eliminate_duplicates is None else eliminate_duplicates
        super().__init__(n_max_iterations=n_max_iterations, repair=repair, eliminate_duplicates=unique)
        self.destruction = of_family("destruction", destruction or RandomDestruction(), Destruction)
        self.reconstruction = of_family("reconstruction", reconstruction or ExchangeReconstruction(), Reconstruction)
        self.selection = RandomSelection()

    def _do(
        self,
        problem: AllocationProblem,
        pop: Population,
        n_offsprings: int,
        random_state: np.random.Generator | None = None,
        **kwargs: Any,
    ) -> Population:
        parents = self.selection(problem, pop, n_offsprings, 1, random_state=random_state)[:, 0]
        destroyed = self.destruction.do(problem, parents, random_state=random_state)
        return self.reconstruction.do(problem, destroyed, random_state=random_state)
