"""Sweeps: per query, accuracy against a rate times cost; or one integer programme per bound."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
from pymoo.core.termination import NoTermination

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._knapsack import Knapsack, Proved
from optllm_pymoo.baselines._proposing import ProposingAlgorithm, spread_order
from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.tolerances import LARGEST_WEIGHT
from optllm_pymoo.validation import UserError

BLOCK = 1 << 14
"""Number of queries scored at a time, which bounds the memory for scores."""


class LambdaSweep(ProposingAlgorithm):
    """Propose the plan of each of some exchange rates λ once, in `spread_order`, then end.

    Args:
        n_weights: Largest number of rates.
        batch_size: Plans per iteration.
        **kwargs: pymoo's own.

    Raises:
        UserError: If there are fewer than two rates, or a batch is empty.
    """

    def __init__(self, *, n_weights: int = 100, batch_size: int = 100, **kwargs: Any) -> None:
        if n_weights < 2:
            raise UserError(f"n_weights must be at least 2, the two extremes of the sweep; got {n_weights}")
        if batch_size < 1:
            raise UserError(f"batch_size must be at least 1; got {batch_size}")
        super().__init__(**kwargs)
        self.n_weights = n_weights
        self.batch_size = batch_size

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        rates = self._rates(problem)
        self.rates = rates[spread_order(len(rates))]
        self.n_proposed = 0

    def _rates(self, problem: AllocationProblem) -> np.ndarray:
        return exchange_rates(problem.supported_front, self.n_weights)

    def _is_exhausted(self) -> bool:
        return self.n_proposed >= len(self.rates)

    def _propose(self) -> np.ndarray:
        batch = self.rates[self.n_proposed : self.n_proposed + self.batch_size]
        self.n_proposed += len(batch)
        problem = self.problem
        plans = self.best_at(batch, problem.cost, problem.accuracy, problem.allowed)
        return plans.astype(problem.assignment_dtype)

    @staticmethod
    def best_at(rates: np.ndarray, cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None) -> np.ndarray:
        """Send each query to the LLM with the greatest accuracy - λ·cost; ties go to the cheaper one.

        Args:
            rates: (n,) finite λ >= 0, accuracy of one query per US$.
            cost: (N, M) US$ per call.
            accuracy: (N, M).
            allowed: (N, M) bool; None allows all.

        Returns:
            (n, N) LLM numbers, int32. O(n N M).
        """
        plans = np.empty((len(rates), len(cost)), dtype=np.int32)
        for first in range(0, len(cost), BLOCK):
            rows = slice(first, first + BLOCK)
            price, quality = cost[rows].astype(float), accuracy[rows].astype(float)
            if allowed is not None:
                quality[~allowed[rows]] = -np.inf
            for k, rate in enumerate(rates):
                score = quality - rate * price
                tied = score == score.max(axis=1, keepdims=True)
                plans[k, rows] = np.where(tied, price, np.inf).argmin(axis=1)
        return plans


def exchange_rates(front: SupportedFront, n_rates: int, /) -> np.ndarray:
    """Spread rates λ over the efficiencies of a front's upgrade steps.

    The rates are evenly spaced quantiles of the S efficiencies Δaccuracy/Δcost: between two rates lie about
    S/(n - 1) steps. Each is the geometric mean of two neighbouring efficiencies, since these range over
    orders of magnitude; the first is twice the highest efficiency (the cheapest plan) and the last 0 (the
    most accurate).

    Args:
        front: The exact front of the batch.
        n_rates: How many at the most, at least 2.

    Returns:
        At most ``min(n_rates, S + 1)`` falling rates, accuracy of one query per US$.
    """
    steps = front.steps
    # a step may cost almost nothing, but a rate must be finite: infinity times zero cost is NaN
    with np.errstate(over="ignore"):
        efficiency = np.minimum(steps.delta_accuracy / steps.delta_cost, np.finfo(float).max / 4)
    taken = np.unique(np.linspace(0, len(efficiency), n_rates).round().astype(int))
    beyond = 4 * efficiency[:1] if len(efficiency) else [0.0]
    roots = np.sqrt(np.concatenate([beyond, efficiency, [0.0]]))
    return np.asarray(roots[taken] * roots[taken + 1])


def lambda_sweep(*, n_weights: int = 100, batch_size: int = 100, **options: Any) -> LambdaSweep:
    """Build a sweep over λ in argmax(accuracy - λ·cost) per query, as routers trade cost for accuracy.

    Each plan is a supported efficient one; the λ are those of `exchange_rates`. Ends by itself; if it is stopped
    earlier, its plans are spread over the whole front, with the two extremes.

    Args:
        n_weights: Number of λ, including those of the two extremes; fewer if the front has fewer points.
        batch_size: Plans evaluated per iteration.
        **options: pymoo's own, for example ``termination`` or ``callback``.

    Returns:
        The algorithm, ready for `minimize`.

    Raises:
        TypeError: If pymoo has no such option.
        UserError: If there are fewer than two λ, or a batch is empty; in ``minimize``, if the problem has quotas,
            floors or latency.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> len(minimize(make_problem(500, 4), lambda_sweep(n_weights=10)).F)
        10
    """
    defaults = {"n_weights": n_weights, "batch_size": batch_size}
    return build(LambdaSweep, defaults, options, factory="lambda_sweep", termination=NoTermination)


class WeightSweep(LambdaSweep):
    """A `LambdaSweep` over the rates of evenly spaced weights instead of the front's rates; see `carrot`."""

    def _rates(self, problem: AllocationProblem) -> np.ndarray:
        cost = problem.cost if problem.allowed is None else problem.cost[problem.allowed]
        return self.rates_of(self.n_weights, float(cost.max()))

    @staticmethod
    def rates_of(n_weights: int, dearest_usd: float, /) -> np.ndarray:
        """Turn evenly spaced weights of cost into exchange rates.

        Minimising μ·cost/dearest + (1 - μ)·(1 - accuracy) is maximising accuracy - λ·cost with
        λ = μ / (1 - μ) / dearest.

        Args:
            n_weights: Number of weights μ, from 0 to `LARGEST_WEIGHT`, at least 2.
            dearest_usd: Cost per call that counts as 1, in US$; if it is 0, so are all rates.

        Returns:
            (n_weights,) rising λ, accuracy of one query per US$.

        Example:
            >>> WeightSweep.rates_of(3, 2.0)[:2].tolist()
            [0.0, 0.5]
        """
        weights = np.minimum(np.linspace(0.0, 1.0, n_weights), LARGEST_WEIGHT)
        odds = weights / (1.0 - weights)
        # a price may be almost zero, but a rate must be finite
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            rates = np.minimum(odds / dearest_usd, np.finfo(float).max / 4)
        return np.asarray(np.where(odds > 0.0, rates, 0.0) if dearest_usd > 0.0 else np.zeros(n_weights))


def carrot(*, n_weights: int = 100, batch_size: int = 100, **options: Any) -> WeightSweep:
    """Build a sweep over μ in argmin(μ·normalised cost + (1 - μ)·(1 - accuracy)) per query, as CARROT routes.

    Costs are divided by the most expensive call of the batch. Every plan is a supported efficient one, as in
    `lambda_sweep`, but evenly spaced weights don't follow the shape of the front: many of them may give the same plan.
    Ends by itself; if it is stopped earlier, its weights are evenly spaced.

    Args:
        n_weights: Number of μ in [0, 1], including 0 and 1.
        batch_size: Plans evaluated per iteration.
        **options: pymoo's own, for example ``termination`` or ``callback``.

    Returns:
        The algorithm, ready for `minimize`.

    Raises:
        TypeError: If pymoo has no such option.
        UserError: If there are fewer than two weights, or a batch is empty; in ``minimize``, if the problem has limits.

    References:
        Somerstep et al. (2025), CARROT: A Cost Aware Rate Optimal Router, arXiv 2502.03261.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> minimize(make_problem(500, 4), carrot(n_weights=10)).algorithm.evaluator.n_eval
        10
    """
    defaults = {"n_weights": n_weights, "batch_size": batch_size}
    return build(WeightSweep, defaults, options, factory="carrot", termination=NoTermination)


SECONDS = 60.0


class IntegerSweep(ProposingAlgorithm, abc.ABC):
    """Solve one integer programme per evenly spaced bound on one objective, one per iteration, then end.

    Subclasses define which objective is bounded, and how a programme is solved. The extremes of the range come first
    and need no programme: the cheapest and the most accurate plan are optimal there. The others follow in
    `spread_order`.

    Args:
        n_points: Number of bounds, including the two extremes.
        relative_gap: Gap at which HiGHS ends a programme, see `Knapsack.most_accurate_within`.
        time_limit: Seconds per programme. The best plan found by then is used, so results may depend on the machine if
            ``n_unproved`` isn't 0 after the run.
        **kwargs: pymoo's own.

    Attributes:
        n_unproved: Number of programmes that ended without a proof of optimality.

    Raises:
        UserError: If there are fewer than two points, or a limit isn't positive.
    """

    bounded: int
    """Objective that is bounded: 0 cost, 1 negated mean accuracy."""

    def __init__(
        self, *, n_points: int = 20, relative_gap: float = 1e-6, time_limit: float = SECONDS, **kwargs: Any
    ) -> None:
        if n_points < 2:
            raise UserError(f"n_points must be at least 2, the two extremes of the sweep; got {n_points}")
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
        """Solve the programme of one bound on the objective, strictly between its extremes."""

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

    The plans are efficient within the gap, and may be unsupported. Each takes seconds for a few thousand queries, so a
    time limit ends the sweep between two of them. Ends by itself.

    Args:
        n_points: Number of ε, from the cheapest plan's accuracy to the highest.
        relative_gap: Gap between a plan and HiGHS' bound at which it counts as optimal.
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

    FORC predicts each LLM's accuracy on a query and then solves one programme for a given budget; a front needs one for
    each of many budgets.

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
