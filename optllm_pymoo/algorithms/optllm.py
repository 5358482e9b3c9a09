"""OptLLM: destruct and reconstruct allocations from the cheapest plan to the most accurate one."""

from __future__ import annotations

import inspect
from numbers import Real
from typing import Any

import numpy as np
from pymoo.core.algorithm import Algorithm
from pymoo.core.population import Population
from pymoo.core.variable import Integer

from optllm_pymoo.algorithms.archive import NonDominatedArchive
from optllm_pymoo.algorithms.gaps import GapSplitting
from optllm_pymoo.algorithms.output import FrontOutput, LimitOutput
from optllm_pymoo.algorithms.single_objective import Certificate, Refinement
from optllm_pymoo.algorithms.surface_search import SurfaceSearch, check_surface_options
from optllm_pymoo.algorithms.termination import GridFilled
from optllm_pymoo.algorithms.walk import Walk
from optllm_pymoo.operators.base import of_family
from optllm_pymoo.operators.destruction import (
    AccuracyDestruction,
    CostDestruction,
    Destruction,
    Gap,
    RelinkDestruction,
)
from optllm_pymoo.operators.priced import PricedReconstruction
from optllm_pymoo.operators.reconstruction import ExchangeReconstruction, Reconstruction
from optllm_pymoo.problems import SingleObjectiveProblem, require_allocation_problem

PYMOO_OPTIONS = frozenset(inspect.signature(Algorithm.__init__).parameters) - {"self", "kwargs"}
"""What pymoo's own constructor takes, and ``minimize`` passes on."""

N_SPLITS = 8
"""Gaps that one iteration splits at once."""


class OptLLM(Algorithm):
    """Allocate queries to LLMs by destruction and reconstruction (OptLLM, arXiv 2405.15130, section on allocation).

    The first iteration scores the two extreme plans. Their ranges of cost and accuracy are cut into ``n_grid``
    equal gaps. Then two walks of at most ``n_grid - 1`` rounds each run side by side, some rounds of each per
    iteration: upward from the cheapest plan, where a destruction gains one accuracy gap and the reconstruction makes
    the outcome efficient; and downward from the most accurate plan, where it saves one cost gap. On tie-free input
    this is the published search, plan for plan.

    Where the walks leave a gap that is wider than the grid in both objectives (with ties they may), and for as
    long as a termination given by the user has budget after them, the widest gaps are split by ruin and recreate:
    ``split`` moves the cheaper of two neighbours part of the way toward the dearer one, and the reconstruction makes
    that efficient. All that is non-dominated is kept, so more time never makes the answer worse. The run ends by
    itself when nothing is left to split.

    The downward walk is steered by ``problem.robust_accuracy`` if there is such a table; plans are scored on
    ``problem.accuracy`` always. The published code scores the two walks on two tables; this one never mixes them,
    and adds the plan that is most accurate on the scored table to the pool. With budget left after the walks, gaps are
    split in the pool first, and then among the plans that the scored table led to: the others needn't lie on its
    front, and would hide what lies between them.

    Given a `MaxAccuracyProblem` or a `MinCostProblem` it returns one plan: the better supported neighbour of the limit,
    refined until what is left over is used up (`Refinement`). The operators and the grid play no part then, and no
    seed matters. ``certificate`` says how far the plan can be from the optimum.

    On problems with quotas or floors the walks lead from the cheapest to the most accurate plan that meet the limits,
    and so does every plan of the answer; a plan of a user's own operator that doesn't is left out.

    With latency as a third objective the walk goes through weights on the three objectives, and the widest gaps between
    neighbours are split by the weights between them: see `SurfaceSearch`. Operators then have no place and are refused.

    Args:
        n_grid: Number of gaps, >= 1; the published default is 50.
        destruction_up: `AccuracyDestruction` by default.
        destruction_down: `CostDestruction` by default.
        reconstruction: `ExchangeReconstruction` by default; on problems with quotas or floors
            `PricedReconstruction`, which keeps the accuracy on the way up and the cost elsewhere.
        split: Destruction that splits gaps, `RelinkDestruction` by default.
        rounds_per_iteration: Rounds of each walk that one iteration of pymoo's loop evaluates together, >= 1. The
            plans don't depend on it: more rounds per iteration cost less time, fewer call the callback more often
            and stop closer to a budget.
        exact: With one objective: go on until the plan is proved optimal, however long that takes.
        output: Columns for ``verbose=True``; by default `FrontOutput`, or `LimitOutput` with one objective.
        termination: When to stop; by default after the walks, once no gap is wider than the grid, or with one
            objective after one search of the whole core (`GridFilled`).
        **kwargs: pymoo's own options (``callback``, ``save_history``, ``seed``, ...).

    Attributes:
        opt: After each iteration: the non-dominated individuals found so far, by rising cost; with one objective the
            best plan within the limit.

    Raises:
        TypeError: If an option is unknown, here or in ``minimize``, or an operator is not of its family; or if the
            optimum (``exact=True``) of a problem with several objectives is asked for.
        ValueError: If ``n_grid`` or ``rounds_per_iteration`` is not a positive integer, or (by ``minimize``) an
            operator is given for a problem with latency.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(300, 6), OptLLM(n_grid=20), seed=1)
        >>> len(res.F) > 20, res.X.dtype
        (True, dtype('int8'))
        >>> from optllm_pymoo import MaxAccuracyProblem
        >>> problem = MaxAccuracyProblem([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]], budget=5)
        >>> res = minimize(problem, OptLLM(exact=True))
        >>> res.X.tolist(), res.F.round(3).tolist()
        ([1, 0], [-0.55])
        >>> print(res.algorithm.certificate)
        mean accuracy 0.55, proved optimal
    """

    output: Any
    pop: Population

    def __init__(
        self,
        n_grid: int = 50,
        *,
        destruction_up: Destruction | None = None,
        destruction_down: Destruction | None = None,
        reconstruction: Reconstruction | None = None,
        split: Destruction | None = None,
        rounds_per_iteration: int = 10,
        exact: bool = False,
        output: Any = None,
        termination: Any = None,
        **kwargs: Any,
    ) -> None:
        _check_options(kwargs)
        super().__init__(output=output or FrontOutput(), termination=termination or GridFilled(), **kwargs)
        self.n_grid = Integer(_positive_integer("n_grid", n_grid), bounds=(10, 200), strict=(1, None))
        self.rounds_per_iteration = _positive_integer("rounds_per_iteration", rounds_per_iteration)
        operators = (destruction_up, destruction_down, reconstruction, split)
        names = ("destruction_up", "destruction_down", "reconstruction", "split")
        self._given = [name for name, operator in zip(names, operators, strict=True) if operator is not None]
        self.destruction_up = of_family("destruction_up", destruction_up or AccuracyDestruction(), Destruction)
        self.destruction_down = of_family("destruction_down", destruction_down or CostDestruction(), Destruction)
        self.reconstruction = of_family("reconstruction", reconstruction or ExchangeReconstruction(), Reconstruction)
        self.is_default_reconstruction = reconstruction is None
        self.split = of_family("split", split or RelinkDestruction(), Destruction)
        self.exact = bool(exact)
        self.refinement: Refinement | None = None
        self.pool = NonDominatedArchive()
        self.walks: list[Walk] = []
        self.splittable: list[tuple[NonDominatedArchive, GapSplitting]] = []
        self.surface: SurfaceSearch | None = None

    def setup(self, problem: Any, **kwargs: Any) -> Algorithm:
        """Choose columns that mean something for the problem, then do as pymoo does."""
        if isinstance(problem, SingleObjectiveProblem) and isinstance(self.output, FrontOutput):
            self.output = LimitOutput()
        return super().setup(problem, **kwargs)

    def _setup(self, problem: Any, **kwargs: Any) -> None:
        _check_options(kwargs)
        # pymoo's set_params writes whatever it is given
        self.n_grid.value = _positive_integer("n_grid", self.n_grid.value)
        if isinstance(problem, SingleObjectiveProblem):
            self.refinement = Refinement(problem, exact=self.exact)
            return
        require_allocation_problem(problem, "OptLLM")
        if self.exact:
            raise TypeError(
                "OptLLM(exact=True) needs one objective; got an AllocationProblem, whose exact front is"
                " problem.supported_front. For the optimum at a limit build a MaxAccuracyProblem(..., budget=...)"
                " or a MinCostProblem(..., min_accuracy=...)"
            )
        if problem.latency is not None:
            check_surface_options(problem, self._given)
            self.surface = SurfaceSearch(problem, int(self.n_grid.value), self.rounds_per_iteration)
            return
        self._reconstruct_up = self._reconstruct = self.reconstruction
        if problem.has_limits and self.is_default_reconstruction:
            self._reconstruct_up, self._reconstruct = PricedReconstruction("accuracy"), PricedReconstruction("cost")

    @property
    def certificate(self) -> Certificate | None:
        """With one objective: value and bound of the best plan so far; None before there is one, or with two."""
        if self.refinement is None or not self.opt:
            return None
        return self.refinement.certificate(float(self.opt[0].F[0]))

    def _initialize_infill(self) -> Population:
        problem = self.problem
        if self.refinement is not None:
            return Population.new(X=self.refinement.propose(only_refine=True))
        if self.surface is not None:
            return Population.new(X=self.surface.start())
        ends = [problem.extremes()[0], problem.robust_problem.extremes()[1]]
        if problem.robust_accuracy is not None:
            ends.append(problem.extremes()[1])
        return Population.new(X=np.stack(ends), scored=[True, problem.robust_accuracy is None, True][: len(ends)])

    def _initialize_advance(self, infills: Population, **kwargs: Any) -> None:
        if self.surface is not None:
            self._advance(infills)
            return
        problem, n_grid = self.problem, int(self.n_grid.value)
        if self.refinement is not None:
            return
        F, X = infills.get("F", "X")
        self.gap = Gap.between(F[0], F[1], problem.n_queries, n_grid)
        self.walks = [
            Walk(problem, self.destruction_up, self._reconstruct_up, self.gap, X[0], n_grid - 1),
            Walk(problem.robust_problem, self.destruction_down, self._reconstruct, self.gap, X[1], n_grid - 1),
        ]
        front = problem.yardstick.F
        cell = np.abs(front[-1] - front[0]) / n_grid
        cell[cell == 0.0] = 1.0
        archives = [self.pool] if problem.robust_accuracy is None else [self.pool, NonDominatedArchive()]
        self.splittable = [(archive, GapSplitting(cell)) for archive in archives]
        self._add(infills)

    def _infill(self) -> Population | None:
        if self.refinement is not None:
            return self._refine(self.refinement)
        if self.surface is not None:
            return self._infill_surface(self.surface)
        plans, scored = self._walk()
        is_done = isinstance(self.termination, GridFilled) and self.grid_progress() >= 1.0
        if not plans and not is_done:
            plans = self._split_gaps()
            scored = [True] * len(plans)
        if not plans:
            self.termination.terminate()
            return None
        return Population.new(X=np.stack(plans), scored=scored)

    def _refine(self, refinement: Refinement) -> Population | None:
        plans = refinement.propose(only_refine=isinstance(self.termination, GridFilled))
        if plans is None:
            self.termination.terminate()
            return None
        return Population.new(X=plans)

    def _infill_surface(self, surface: SurfaceSearch) -> Population | None:
        """Do as `_infill`, on three objectives."""
        plans = surface.next_plans(fill_only=isinstance(self.termination, GridFilled))
        if plans is None:
            self.termination.terminate()
            return None
        return Population.new(X=plans)

    def _walk(self) -> tuple[list[np.ndarray], list[bool]]:
        """Let both walks do some rounds, turn by turn; say of each plan whether the scored table led to it."""
        plans, scored = [], []
        for _ in range(self.rounds_per_iteration):
            for walk in self.walks:
                x = walk.step(self.random_state)
                if x is not None:
                    plans.append(x)
                    scored.append(walk.problem is self.problem)
        return plans, scored

    def _split_gaps(self) -> list[np.ndarray]:
        """Ruin and recreate between the neighbours that lie farthest apart, until something new comes of it."""
        for archive, splitting in self.splittable:
            while len(gaps := splitting.widest(archive.F, N_SPLITS)):
                plans, is_new = self._ruin_and_recreate(archive, gaps)
                splitting.fail(archive.F, gaps[~is_new])
                if is_new.any():
                    splitting.split(archive.F, gaps[is_new])
                    return list(plans[is_new])
        return []

    def _ruin_and_recreate(self, archive: NonDominatedArchive, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Make a plan for each gap, and say which of them is neither of the gap's two ends."""
        lower, upper = (archive.individuals[ends].get("X") for ends in (gaps, gaps + 1))
        given = {"gap": self.gap, "toward": upper, "random_state": self.random_state}
        ruined = self.split.apply(self.problem, lower, **given)
        plans = self._reconstruct.apply(self.problem, ruined, **given)
        return plans, np.any(plans != lower, axis=1) & np.any(plans != upper, axis=1)

    def _advance(self, infills: Population | None = None, **kwargs: Any) -> None:
        if infills is None:
            return
        if self.refinement is not None:
            self.pop = Population.merge(self.pop, infills)
        else:
            self._add(infills)
            if self.surface is not None:
                self.surface.settle(infills.get("F"))
            for archive, splitting in self.splittable:
                splitting.settle(archive.F)

    def _add(self, infills: Population) -> None:
        """Put plans into the pool, and those that the scored table led to into the archive of their own, if any."""
        self.pool.add(infills)
        for archive, _ in self.splittable[1:]:
            archive.add(infills[infills.get("scored").astype(bool)])

    def _set_optimum(self) -> None:
        if self.refinement is not None:
            super()._set_optimum()
            return
        self.opt = self.pop = self.pool.individuals

    def grid_progress(self) -> float:
        """Return how much of the grid is done, 1.0 when no gap is left that is wider than it asks for.

        With one objective: how much of the refinement.
        """
        if self.refinement is not None:
            return self.refinement.progress()
        if self.surface is not None:
            return self.surface.progress()
        n_rounds = max(1, 2 * (int(self.n_grid.value) - 1))
        rounds_left = sum(walk.rounds_left for walk in self.walks)
        archive, splitting = self.splittable[0]
        if rounds_left == 0 and splitting.is_filled(archive.F):
            return 1.0
        return 0.99 * (1.0 - rounds_left / n_rounds)


def _check_options(options: dict[str, Any]) -> None:
    """Refuse misspelt options, which pymoo would swallow."""
    for name in options:
        if name not in PYMOO_OPTIONS:
            raise TypeError(f"OptLLM() got an unexpected keyword argument {name!r}")


def _positive_integer(name: str, value: Any) -> int:
    """Return a positive integer, also one that came as a float with an integral value, or raise ValueError."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 1 <= value < np.inf or int(value) != value:
        raise ValueError(f"{name} must be a positive integer; got {value!r}")
    return int(value)
