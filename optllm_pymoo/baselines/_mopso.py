"""Multi-objective particle swarms on LLM numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.moo.cmopso import CMOPSO, CrowdingDistanceTournamentSurvival, cmopso_equation
from pymoo.algorithms.moo.mopso_cd import MOPSO_CD
from pymoo.core.population import Population

from optllm_pymoo.baselines._build import best_front, build, start_sampling
from optllm_pymoo.baselines._scaled import ScaledSPEA2
from optllm_pymoo.operators.categorical import AllowedRepair
from optllm_pymoo.problems import AllocationProblem


class Leaders(Population):
    """The archive of a swarm, which the swarm itself updates.

    pymoo adds every generation to an algorithm's ``archive`` again, and truncates it with an unseeded generator; this
    archive ignores that.
    """

    def add(self, sols: Population) -> Leaders:
        """Return the leaders unchanged."""
        return self


class IntegerMOPSO(MOPSO_CD):
    """pymoo's MOPSO-CD on allocations: a particle's new position is rounded to allowed LLM numbers.

    Unlike pymoo's it evaluates only its generations, and truncates its archive by crowding alone, so the same seed
    gives the same result.

    Args:
        **kwargs: pymoo's own.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.random_state = None
        self.repair = AllowedRepair()

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        self.archive = Leaders()
        self.v_max = self.max_velocity_rate * (problem.xu - problem.xl)

    def _initialize_infill(self) -> Population:
        return self.repair(self.problem, super()._initialize_infill(), random_state=self.random_state)

    def _infill(self) -> Population:
        return self.repair(self.problem, super()._infill(), random_state=self.random_state)

    def _update_archive(self, pop: Population) -> Leaders:
        front = best_front(Population.merge(Population.create(*self.archive), pop))
        if len(front) > self.archive_size:
            crowding = self.cd.do(front.get("F"))
            front = front[np.argsort(-crowding, kind="stable")[: self.archive_size]]
        leaders: Leaders = front.view(Leaders)
        return leaders


def mopso(*, pop_size: int = 100, start: str = "cold", **options: Any) -> IntegerMOPSO:
    """Build a multi-objective particle swarm with the published parameters.

    A swarm moves by differences of LLM numbers, so there is one operator set only, the numeric one.

    Args:
        pop_size: Number of particles.
        start: "cold", or "warm" with the cheapest and the most accurate plan among the first positions.
        **options: pymoo's own, for example ``termination``, ``archive_size``, ``w``, ``c1``, ``c2`` and
            ``max_velocity_rate`` (published: .7887, .7497, .1537, .9518).

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its front stalls.

    Raises:
        TypeError: If pymoo has no such option.
        UserError: If a choice is unknown.

    References:
        Raquel, Naval (2005), GECCO. Parameters: Liu et al. (2024), arXiv 2405.15130.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(50, 4), mopso(pop_size=20), ("n_eval", 200), seed=1)
        >>> res.algorithm.evaluator.n_eval, res.X.dtype
        (200, dtype('int8'))
    """
    defaults = {
        "pop_size": pop_size,
        "w": 0.7887,
        "c1": 0.7497,
        "c2": 0.1537,
        "max_velocity_rate": 0.9518,
        "sampling": start_sampling(start),
    }
    return build(IntegerMOPSO, defaults, options, factory="mopso", fixed=("archive",))


class IntegerCMOPSO(CMOPSO):
    """pymoo's competitive swarm on allocations: a particle's new position is rounded to allowed LLM numbers.

    Unlike pymoo's it draws everything from the run's generator, also when its elites are thinned.

    Args:
        **kwargs: pymoo's own.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.survival = ScaledSPEA2()

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        self.elites = Leaders()
        self.V_max = self.max_velocity_rate * (problem.xu - problem.xl)

    def _infill(self) -> Population:
        X, V = self.pop.get("X", "V")
        bounds, given = self.problem.bounds(), {"random_state": self.random_state}
        moved, V = cmopso_equation(X, self.elites.get("X"), V, self.V_max, **given)
        off = Population.new(X=np.clip(moved, *bounds), V=V)
        if self.problem.n_llms > 1:
            off = self.mutation(self.problem, off, **given)
        return AllowedRepair()(self.problem, off, **given)

    def _initialize_advance(self, infills: Population, **kwargs: Any) -> None:
        super()._initialize_advance(infills, **kwargs)
        self._keep_elites(infills)

    def _advance(self, infills: Population, **kwargs: Any) -> None:
        super()._advance(infills, **kwargs)
        self._keep_elites(infills)

    def _keep_elites(self, pop: Population) -> None:
        front = best_front(Population.merge(Population.create(*self.elites), pop))
        if len(front) > self.pop_size:
            thinning = CrowdingDistanceTournamentSurvival()
            front = thinning.do(self.problem, front, n_survive=self.elite_size, random_state=self.random_state)
        self.elites = front.view(Leaders)

    def _set_optimum(self) -> None:
        self.opt = best_front(self.pop)


def cmopso(*, pop_size: int = 100, start: str = "cold", **options: Any) -> IntegerCMOPSO:
    """Build a competitive particle swarm: each particle follows the better of two elites. See `mopso`.

    Args:
        pop_size: Number of particles.
        start: "cold" or "warm".
        **options: pymoo's own, for example ``elite_size``, ``max_velocity_rate`` and ``mutation_rate``.

    References:
        Zhang, Zheng, Cheng, Qiu, Jin (2018), Information Sciences 427.

    Example:
        >>> cmopso(pop_size=50, elite_size=5).elite_size
        5
    """
    defaults = {"pop_size": pop_size, "sampling": start_sampling(start)}
    return build(IntegerCMOPSO, defaults, options, factory="cmopso", fixed=("archive", "repair"))
