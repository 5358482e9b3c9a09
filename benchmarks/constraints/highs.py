"""The whole problem with one limit as an integer programme, solved by HiGHS: what to compare with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optllm_pymoo import MaxAccuracyProblem, MinCostProblem
from optllm_pymoo.solver import solve_multiple_choice

SCALE = 1000.0
"""HiGHS stops within 1e-6 of the optimum, and takes 1e-6 beyond a row for within it: both are to mean little."""

MAX_TRIES = 20


@dataclass(frozen=True)
class Programme:
    """min c·z over 0/1 variables with one LLM per query and one limited row, in units that suit HiGHS."""

    problem: MaxAccuracyProblem | MinCostProblem
    c: np.ndarray
    row: np.ndarray
    limit: float

    @classmethod
    def of(cls, problem: MaxAccuracyProblem | MinCostProblem, /) -> Programme:
        """Write a problem down: accuracies in thousandths, costs in thousandths of the dearest plan's mean."""
        unit = float(problem.supported_front.F[-1, 0]) / problem.n_queries or 1.0
        cost, accuracy = SCALE * problem.cost.ravel() / unit, SCALE * problem.accuracy.ravel()
        if isinstance(problem, MaxAccuracyProblem):
            return cls(problem, -accuracy, cost, SCALE * problem.budget / unit)
        return cls(problem, cost, -accuracy, -SCALE * problem.min_accuracy * problem.n_queries)

    def solve(self) -> np.ndarray:
        """Return HiGHS's plan (N,); one that breaks the limit by its tolerance is refused, and asked for anew."""
        problem, limit = self.problem, self.limit
        query = np.repeat(np.arange(problem.n_queries), problem.n_llms)
        upper = np.ones(self.c.size) if problem.allowed is None else problem.allowed.ravel().astype(float)
        for _ in range(MAX_TRIES):
            solved = solve_multiple_choice(self.c, query, self.row[None], np.array([limit]), exactly=True, upper=upper)
            if solved.x is None:
                raise RuntimeError("HiGHS found no plan")
            plan: np.ndarray = solved.x.reshape(problem.cost.shape).argmax(axis=1)
            if problem.evaluate(plan)[1][0] <= 0:
                return plan
            limit -= 1e-9 * max(1.0, abs(limit))
        raise RuntimeError(f"HiGHS broke the limit {MAX_TRIES} times")


def highs_value(problem: MaxAccuracyProblem | MinCostProblem, /) -> float:
    """Objective value of the best plan that HiGHS finds."""
    return float(problem.evaluate(Programme.of(problem).solve())[0][0])
