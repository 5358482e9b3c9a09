"""Sweeps of one integer programme per bound: the ε-constraint method and budgets."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
from pymoo.core.termination import NoTermination

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._knapsack import Knapsack, Proved
from optllm_pymoo.baselines._proposing import ProposingAlgorithm, spread_order
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError

SECONDS = 60.0


class IntegerSweep(ProposingAlgorithm, abc.ABC):
    """Solve one integer programme per evenly spaced bound on one objective, one per iteration, then end.

    Subclasses say which objective is bounded, and how a programme is solved. The ends of the range come first, which
    need no programme: there the cheapest and the most accurate plan are best. The others follow in
    `spread_order`.

    Args:
        n_points: Number of bounds, the two ends among them.
        relative_gap: Gap at which HiGHS ends a programme, see `Knapsack.most_accurate_within`.
        time_limit: Seconds per programme. What is found by then is used, so results may depend on the machine where
            ``n_unproved`` isn't 0 after the run.
        **kwargs: pymoo's own.

    Attributes:
        n_unproved: Programmes that ended without a proof that their plan is best.

    Raises:
        UserError: If there are fewer than two points, or a limit isn't positive.
    """

    bounded: int
    """Objective that is bounded: 0 cost, 1 negated mean accuracy."""

    def __init__(
        self, *, n_points: int = 20, relative_gap: float = 1e-6, time_limit: float = SECONDS, **kwargs: Any
    ) -> None:
        if n_points < 2:
            raise UserError(f"a sweep needs at least its two ends; got {n_points} points")
        for name, value in (("relative_gap", relative_gap), ("time_limit", time_limit)):
            if not value > 0.0:
                raise UserError(f"{name} must be positive; got {value}")
        super().__init__(**kwargs)
        self.n_points, self.relative_gap, self.time_limit = n_points, relative_gap, time_limit
        self.n_unproved = 0

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        first, last = problem.supported_front.F[[0, -1], self.bounded].tolist()
        bounds = np.linspace(first, last, self.n_points if first != last else 1)
        self.bounds = bounds[spread_order(len(bounds))]
        self.knapsack = Knapsack.of(problem)
        self.n_proposed = 0
        self.n_unproved = 0

    def _is_exhausted(self) -> bool:
        return self.n_proposed >= len(self.bounds)

    def _propose(self) -> np.ndarray:
        turn = self.n_proposed
        self.n_proposed += 1
        if turn < 2:
            return np.asarray(self.problem.extremes()[[turn]])
        solved = self._solve(float(self.bounds[turn]))
        self.n_unproved += not solved.is_optimal
        return solved.plan[None]

    @abc.abstractmethod
    def _solve(self, bound: float) -> Proved:
        """Solve the programme of one bound on the objective, strictly between its ends."""

    @property
    def effort(self) -> dict[str, float]:
        """Options of a programme."""
        return {"relative_gap": self.relative_gap, "time_limit": self.time_limit}


class EpsilonConstraint(IntegerSweep):
    """Minimise total cost subject to mean accuracy >= ε, for evenly spaced ε; see `IntegerSweep`."""

    bounded = 1

    def _solve(self, bound: float) -> Proved:
        return self.knapsack.cheapest_reaching(-bound, **self.effort)


class BudgetSweep(IntegerSweep):
    """Maximise mean accuracy subject to total cost <= B, for evenly spaced B; see `IntegerSweep`."""

    bounded = 0

    def _solve(self, bound: float) -> Proved:
        return self.knapsack.most_accurate_within(bound, **self.effort)


def epsilon_constraint(
    *, n_points: int = 20, relative_gap: float = 1e-6, time_limit: float = SECONDS, **options: Any
) -> EpsilonConstraint:
    """Build a sweep of integer programmes: minimum cost subject to mean accuracy >= ε, ε evenly spaced.

    The plans are efficient within the gap, and need not be supported ones. Each costs seconds for a few thousand
    queries, so a budget of time ends the sweep between two of them. Ends by itself.

    Args:
        n_points: Number of ε, from the cheapest plan's accuracy to the highest.
        relative_gap: Gap between a plan and HiGHS' bound at which it counts as best.
        time_limit: Seconds per programme. After that its best plan so far is used, or the best supported plan that
            reaches ε; the algorithm's ``n_unproved`` counts such cases, in which another run may differ.
        **options: pymoo's own, for example ``termination`` or ``callback``.

    Returns:
        The algorithm, ready for `minimize`.

    Raises:
        TypeError: If pymoo has no such option.
        UserError: If there are fewer than two points, or a limit isn't positive; in ``minimize``, if the problem has
            limits.

    References:
        Haimes, Lasdon, Wismer (1971), IEEE Trans. SMC 1. Huangfu, Hall (2018), the solver HiGHS.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> len(minimize(make_problem(30, 4), epsilon_constraint(n_points=6)).F)
        6
    """
    defaults = {"n_points": n_points, "relative_gap": relative_gap, "time_limit": time_limit}
    return build(EpsilonConstraint, defaults, options, factory="epsilon_constraint", termination=NoTermination)


def forc(
    *, n_budgets: int = 20, relative_gap: float = 1e-6, time_limit: float = SECONDS, **options: Any
) -> BudgetSweep:
    """Build a sweep of integer programmes as FORC's: maximum mean accuracy subject to cost <= B, B evenly spaced.

    FORC predicts each LLM's accuracy on a query and then solves one programme for the budget at hand; a front takes
    one for each of many budgets.

    Args:
        n_budgets: Number of budgets in US$, from the cheapest plan's cost to the most accurate one's.
        relative_gap: See `epsilon_constraint`.
        time_limit: Seconds per programme, see `epsilon_constraint`.
        **options: pymoo's own, for example ``termination`` or ``callback``.

    Returns:
        The algorithm, ready for `minimize`.

    Raises:
        TypeError: If pymoo has no such option.
        UserError: If there are fewer than two budgets, or a limit isn't positive; in ``minimize``, if the problem has
            limits.

    References:
        Šakota, Peyrard, West (2024), Fly-Swat or Cannon? Cost-Effective Language Model Choice via Meta-Modeling, WSDM.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> len(minimize(make_problem(30, 4), forc(n_budgets=6)).F)
        6
    """
    defaults = {"n_points": n_budgets, "relative_gap": relative_gap, "time_limit": time_limit}
    return build(BudgetSweep, defaults, options, factory="forc", termination=NoTermination)
