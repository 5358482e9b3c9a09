"""R-NSGA-II with the two extreme plans as its reference points."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.moo.rnsga2 import RNSGA2, RankAndModifiedCrowdingSurvival

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._operators import operator_set
from optllm_pymoo.problems import AllocationProblem


class GuardedPreferenceSurvival(RankAndModifiedCrowdingSurvival):
    """pymoo's survival by reference points, without NaN when the first front is flat in one objective.

    Args:
        *args: Those of pymoo's class.
        ideal: (2,) ideal point before the first front is known.
        span: (2,) positive width that stands in for that of a flat front.
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
        ref_points: (k, 2) points to be near to, US$ and negated mean accuracy; None for the two ends of the
            exact front, with latency (k, 3) and the three individual optima. Where a user's subclass has objectives or
            constraints of its own: the cheapest and the most accurate plan without them.
        **kwargs: pymoo's own.
    """

    survival: RankAndModifiedCrowdingSurvival

    def __init__(self, *, ref_points: Any = None, **kwargs: Any) -> None:
        # the points aren't known before the problem; the survival is made again in `_setup`
        super().__init__(np.zeros((1, 2)), **kwargs)
        self.ref_points = None if ref_points is None else np.array(ref_points, dtype=float, ndmin=2)

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        super()._setup(problem, **kwargs)
        if problem.is_extended:
            extremes = problem.evaluate(problem.extremes(), return_values_of=["F"])
        else:
            extremes = problem.yardstick.F[[0, -1]] if problem.latency is None else problem.scalarisation.optima_F
        ideal, span = extremes.min(axis=0), np.ptp(extremes, axis=0)
        self.survival = GuardedPreferenceSurvival(
            extremes if self.ref_points is None else self.ref_points,
            self.epsilon,
            self.weights,
            self.normalization,
            self.survival.extreme_points_as_reference_points,
            ideal=ideal,
            # a front of one point has no extent: any fixed one will do
            span=np.where(span > 0, span, 1.0),
        )


def rnsga2(
    *, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any
) -> ExtremesRNSGA2:
    """Build R-NSGA-II, which looks for plans near reference points: here the two ends of the exact front.

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
        ValueError: If a choice is unknown.

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
