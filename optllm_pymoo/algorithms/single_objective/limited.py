"""The best plan within a limit where quotas or floors tie queries together."""

from __future__ import annotations

import numpy as np
from pymoo.core.population import Population
from pymoo.util.optimum import filter_optimum

from optllm_pymoo.algorithms.single_objective.certificate import Certificate
from optllm_pymoo.limits.within import Certified
from optllm_pymoo.problems import SingleObjectiveProblem


class LimitedRefinement:
    """Makes one plan from the prices of the limits, in one iteration.

    With quotas or floors the supported neighbours of the limit needn't be allowed, so there is no core to refine. The
    plan is `best_within` or `cheapest_reaching`, and the certificate is the linear relaxation's: prices, and so a
    bound, for all limits together.

    Args:
        problem: The batch with quotas or floors, and its limit.
    """

    def __init__(self, problem: SingleObjectiveProblem, /) -> None:
        self.problem = problem
        self.found = Population()
        self._solved: Certified | None = None

    def first(self) -> Population:
        """Return the plan."""
        self._solved = self.problem.solve_priced()
        return Population.new(X=self._solved.x[None])

    def next(self, random_state: np.random.Generator, *, fill_only: bool) -> Population | None:
        """Return None: more time finds no other plan.

        Args:
            random_state: Not used; nothing is drawn.
            fill_only: Makes no difference.
        """
        return None

    def add(self, infills: Population) -> None:
        """Keep the plan."""
        self.found = Population.merge(self.found, infills)

    def progress(self) -> float:
        """Return 1.0 once there is a plan."""
        return float(len(self.found) > 0)

    @property
    def optimum(self) -> Population:
        """The plan."""
        return filter_optimum(self.found, least_infeasible=True)

    @property
    def certificate(self) -> Certificate | None:
        """How far the plan can be from the best one, by the linear relaxation; None before there is a plan."""
        if self._solved is None or not len(self.found):
            return None
        value = self.problem.value(float(self.optimum[0].F[0]))
        # rounding must not put the bound on the wrong side
        side = min if self.problem.unit == "US$" else max
        return Certificate(value=value, bound=side(value, self._solved.bound), unit=self.problem.unit)
