"""What the baselines with one objective share."""

from __future__ import annotations

from typing import Any

from pymoo.core.algorithm import Algorithm
from pymoo.core.termination import NoTermination, Termination
from pymoo.termination.default import DefaultTermination
from pymoo.termination.ftol import SingleObjectiveSpaceTermination
from pymoo.termination.robust import RobustTermination

from optllm_pymoo.problems import require_single_objective


class OneObjective(Algorithm):
    """Mix-in in front of an algorithm of pymoo's that takes problems of allocation with one objective only."""

    def setup(self, problem: Any, **kwargs: Any) -> Algorithm:
        """Refuse other problems, then do as pymoo does."""
        require_single_objective(problem, type(self).__name__)
        return super().setup(problem, **kwargs)


class RelativeValueTermination(SingleObjectiveSpaceTermination):
    """pymoo's look at the objective, relative to its size: batches cost thousandths of a dollar, or thousands."""

    def _delta(self, prev: float, current: float) -> float:
        return float(super()._delta(prev, current) / (abs(prev) or 1.0))


def stalled_value() -> Termination:
    """Build pymoo's single-objective default without its look at X: numbers of LLMs have no distances.

    Ends when the best plan within the limit has improved by less than a millionth in 50 generations, after 1,000
    generations or 100,000 evaluations.
    """
    value = RobustTermination(RelativeValueTermination(1e-6, only_feas=True), 50)
    return DefaultTermination(x=NoTermination(), cv=NoTermination(), f=value)
