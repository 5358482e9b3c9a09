"""The multiple-choice knapsack of an allocation with one bound, solved as an integer programme by HiGHS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.evaluation import evaluate_allocations
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.solver import Status, solve_multiple_choice
from optllm_pymoo.tolerances import HIGHS_WHOLE, PROVEN, SAME_TOTAL
from optllm_pymoo.validation import UserError, in_full

ATTEMPTS = 4
"""Largest number of programmes per bound: by HiGHS' tolerance a plan may exceed the bound, which is then tightened."""


class Proved(NamedTuple):
    """Solution of an integer programme."""

    plan: np.ndarray
    """(N,) LLM per query, of the problem's `assignment_dtype`; it meets the bound."""
    is_optimal: bool
    """Whether it was proved optimal within the relative gap; False if the time limit was reached.

    If HiGHS accepted a plan slightly beyond the bound, the proof holds for a bound some millionths of an average step
    tighter.
    """


@dataclass(frozen=True)
class Knapsack:
    """One binary variable per query and LLM that may improve on the query's cheapest choice.

    Every query starts at its cheapest LLM; a variable moves it to a more expensive and more accurate one, at most one
    per query. LLMs that another allowed one dominates are left out; those below the query's hull are kept, because
    whole plans may need them. For each bound, choices that no plan better than the best supported one can use are fixed
    (`_fixed`), and HiGHS proves the optimum on the rest. Both columns are divided by their means: then HiGHS' absolute
    tolerances are millionths of one query's average step, whatever the prices.

    Attributes:
        problem: The batch.
        cheapest: (N,) cheapest LLM of each query, ties the more accurate.
        query: (V,) query of each variable.
        llm: (V,) LLM of each variable.
        extra_cost: (V,) additional US$, divided by ``unit_cost``.
        extra_accuracy: (V,) additional accuracy, divided by ``unit_accuracy``.
        unit_cost: US$.
        unit_accuracy: Accuracy of one query.
    """

    problem: AllocationProblem
    cheapest: np.ndarray
    query: np.ndarray
    llm: np.ndarray
    extra_cost: np.ndarray
    extra_accuracy: np.ndarray
    unit_cost: float
    unit_accuracy: float

    @classmethod
    def of(cls, problem: AllocationProblem, /) -> Knapsack:
        """Build the variables of a batch in O(N M log M)."""
        cost, accuracy = problem.cost.astype(float), problem.accuracy.astype(float)
        query, llm = cls.undominated(cost, accuracy, problem.allowed)
        starts = np.flatnonzero(np.diff(query, prepend=-1))
        cheapest = llm[starts]
        keep = np.ones(len(query), dtype=bool)
        keep[starts] = False
        query, llm = query[keep], llm[keep]
        extra_cost = cost[query, llm] - cost[query, cheapest[query]]
        extra_accuracy = accuracy[query, llm] - accuracy[query, cheapest[query]]
        unit_cost, unit_accuracy = (
            float(extra.mean()) if len(query) else 1.0 for extra in (extra_cost, extra_accuracy)
        )
        scaled = (extra_cost / unit_cost, extra_accuracy / unit_accuracy)
        return cls(problem, cheapest, query, llm, *scaled, unit_cost, unit_accuracy)

    def most_accurate_within(
        self, budget_usd: float, /, *, relative_gap: float = 1e-6, time_limit: float = np.inf
    ) -> Proved:
        """Maximise mean accuracy subject to total cost <= a budget.

        Args:
            budget_usd: Total US$, at least the cheapest plan's.
            relative_gap: Gap to the bound, relative to the gain over the cheapest plan, at which a plan counts as
                optimal.
            time_limit: Seconds for this budget. After that, the best plan found is returned, or the best supported plan
                within the budget if none was found.

        Raises:
            UserError: If the cheapest plan exceeds the budget.
        """
        return self._solve(0, budget_usd, relative_gap, time_limit)

    def cheapest_reaching(
        self, mean_accuracy: float, /, *, relative_gap: float = 1e-6, time_limit: float = np.inf
    ) -> Proved:
        """Minimise total cost subject to mean accuracy >= a target; otherwise as `most_accurate_within`.

        Raises:
            UserError: If the most accurate plan is below the target.
        """
        return self._solve(1, -mean_accuracy, relative_gap, time_limit)

    def _solve(self, bounded: int, bound: float, relative_gap: float, time_limit: float) -> Proved:
        """Minimise one objective with the other (0 cost, 1 negated mean accuracy) at most at a bound."""
        k = self._supported_within(bounded, bound)
        fallback = np.asarray(self.problem.supported_front.assignment(k))
        fixed = self._fixed(k, bounded, bound)
        if fixed is None:
            return Proved(fallback, True)
        limit = bound + SAME_TOTAL * abs(bound)
        tightened, is_optimal = bound, True
        for _ in range(ATTEMPTS):
            plan, is_optimal = self._attempt(bounded, tightened, fixed, relative_gap, time_limit)
            if plan is None:
                break
            excess = self._score(plan)[bounded] - limit
            if excess <= 0.0:
                return Proved(plan, is_optimal)
            tightened -= 2.0 * excess + HIGHS_WHOLE * self._unit(bounded)
        return Proved(fallback, False)

    def _fixed(self, k: int, bounded: int, bound: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Fix choices by their reduced costs (Dyer, Kayal, Walker 1984; Pisinger 1995), O(V).

        At the exchange rate λ of the linear relaxation each query has a best choice; any other choice loses the
        difference in accuracy - λ·cost. Point ``k`` of the front, the best within the bound, loses nothing at that
        rate. A plan at least as good loses at most the slack of the point, in units of accuracy.

        Returns:
            (V,) 1.0 for choices that all such plans make, and (V,) 0.0 for those that none makes; None if the point is
            best.
        """
        front = self.problem.supported_front
        step = k if bounded == 0 else k - 1
        if not 0 <= step < len(front.steps.delta_cost):
            return None
        rate = float(front.steps.delta_accuracy[step] / front.steps.delta_cost[step])
        left = max(0.0, bound - float(front.F[k, bounded]))
        # slack of the budget in US$, or of the target in mean accuracy
        tolerated = rate * left if bounded == 0 else self.problem.n_queries * left
        query, paid, gained = (
            self.query,
            rate * self.extra_cost * self.unit_cost,
            self.extra_accuracy * self.unit_accuracy,
        )
        score = gained - paid
        best = np.zeros(int(query.max(initial=-1)) + 1)  # the cheapest LLM scores 0
        np.maximum.at(best, query, score)
        slack = tolerated + PROVEN * (1.0 + tolerated + gained + paid)
        is_possible = best[query] - score <= slack
        n_possible = np.bincount(query[is_possible], minlength=len(best))
        is_certain = is_possible & (n_possible == 1)[query] & (best[query] > slack)
        return is_certain.astype(float), is_possible.astype(float)

    def _attempt(
        self, bounded: int, bound: float, fixed: tuple[np.ndarray, np.ndarray], relative_gap: float, time_limit: float
    ) -> tuple[np.ndarray | None, bool]:
        base = self._score(self.cheapest)
        cost, gain = self.extra_cost, -self.extra_accuracy
        rows = (cost, gain)
        solved = solve_multiple_choice(
            rows[1 - bounded],
            self.query,
            rows[bounded][None],
            np.array([(bound - base[bounded]) / self._unit(bounded)]),
            lower=fixed[0],
            upper=fixed[1],
            relative_gap=relative_gap,
            seconds=time_limit,
        )
        return (None, False) if solved.x is None else (self._rounded(solved.x), solved.status is Status.OPTIMAL)

    def _unit(self, objective: int) -> float:
        return self.unit_accuracy / self.problem.n_queries if objective else self.unit_cost

    def _rounded(self, values: np.ndarray) -> np.ndarray:
        plan = self.cheapest.astype(self.problem.assignment_dtype)
        chosen = values > 0.5
        plan[self.query[chosen]] = self.llm[chosen]
        return plan

    def _score(self, plan: np.ndarray) -> np.ndarray:
        plans = np.ascontiguousarray(plan[None], dtype=self.problem.assignment_dtype)
        return np.asarray(evaluate_allocations(self.problem.cost, self.problem.accuracy, plans)[0])

    def _supported_within(self, bounded: int, bound: float) -> int:
        """Find the point of the front that meets a bound and is best in the other objective."""
        front = self.problem.supported_front
        within = np.flatnonzero(front.F[:, bounded] <= bound + SAME_TOTAL * abs(bound))
        if len(within) == 0:
            best = front.F[:, bounded].min()
            sides = (("a budget of", "US$", "costs"), ("a mean accuracy of", "", "reaches"))
            what, unit, verb = sides[bounded]
            raise UserError(
                f"no plan keeps {what} {in_full(abs(bound))} {unit}".rstrip()
                + f"; the best one {verb} {in_full(abs(best))}"
            )
        return int(within[-1] if bounded == 0 else within[0])

    @staticmethod
    def undominated(
        cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None, /
    ) -> tuple[np.ndarray, np.ndarray]:
        """List per query the allowed LLMs that no other allowed one dominates; of equal ones the first.

        Args:
            cost: (N, M) US$ per call.
            accuracy: (N, M).
            allowed: (N, M) bool; None allows all.

        Returns:
            (V,) queries, rising, and (V,) LLMs, by rising cost and accuracy within a query.
        """
        if allowed is not None:
            cost, accuracy = np.where(allowed, cost, np.inf), np.where(allowed, accuracy, -np.inf)
        order = np.lexsort((-accuracy, cost))
        by_cost = np.take_along_axis(accuracy, order, axis=1)
        best_before = np.full_like(by_cost, -np.inf)
        np.maximum.accumulate(by_cost[:, :-1], axis=1, out=best_before[:, 1:])
        query, place = np.nonzero(by_cost > best_before)
        return query, order[query, place]
