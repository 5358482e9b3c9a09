"""OptLLM: destruct and reconstruct allocations from the cheapest plan to the most accurate one."""

from __future__ import annotations

import inspect
from numbers import Real
from typing import Any, Protocol

import numpy as np
from pymoo.core.algorithm import Algorithm
from pymoo.core.population import Population
from pymoo.core.termination import Termination
from pymoo.core.variable import Integer
from pymoo.util.display.column import Column
from pymoo.util.display.output import Output

from optllm_pymoo.algorithms.front_walk import FrontOperators, FrontSearch
from optllm_pymoo.algorithms.single import Certificate, LimitedRefinement, Refinement
from optllm_pymoo.algorithms.surface_walk import SurfaceSearch
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.operators.base import of_family
from optllm_pymoo.operators.destruction import AccuracyDestruction, CostDestruction, Destruction, RelinkDestruction
from optllm_pymoo.operators.reconstruction import ExchangeReconstruction, PricedReconstruction, Reconstruction
from optllm_pymoo.problems import AllocationProblem, SingleObjectiveProblem, require_allocation_problem
from optllm_pymoo.validation import UserError

PYMOO_OPTIONS = frozenset(inspect.signature(Algorithm.__init__).parameters) - {"self", "kwargs"}
"""Options of pymoo's constructor, which ``minimize`` passes on."""


class OptLLM(Algorithm):
    """Allocate queries to LLMs by destruction and reconstruction (OptLLM, arXiv 2405.15130, section on allocation).

    The first iteration scores the two extreme plans. Their ranges of cost and accuracy are cut into ``n_grid``
    equal gaps. Then two walks of at most ``n_grid - 1`` rounds each run in turn, some rounds of each per iteration:
    upward from the cheapest plan, where a destruction gains one accuracy gap and the reconstruction makes the result
    efficient; and downward from the most accurate plan, where it saves one cost gap. On tie-free input this is the
    published search, plan for plan.

    If the walks leave a gap that is wider than a grid cell in both objectives (possible with ties), and as long as the
    user's termination allows, the widest gaps are split by ruin and recreate: ``split`` moves the cheaper of two
    neighbours part of the way toward the more expensive one, and the reconstruction makes it efficient. All
    non-dominated plans are kept, so more time never makes the result worse. The run ends by itself when no gap can be
    split.

    The downward walk uses ``problem.robust_accuracy`` if there is such a table; plans are always scored on
    ``problem.accuracy``. The published code scores the two walks on two tables; this one never mixes them, and adds the
    plan that is most accurate on the scored table to the pool. After the walks, gaps are split in the pool first, and
    then among the plans found with the scored table: the others may lie off its front and would hide plans between
    them.

    For a `MaxAccuracyProblem` or a `MinCostProblem` it returns one plan: the feasible supported neighbour of the budget
    or target, improved until its slack is used up (`Refinement`). Operators, grid and seed have no effect then.
    ``certificate`` bounds the distance of the plan from the optimum. With limits, the plan is made from their prices in
    one iteration (`LimitedRefinement`).

    On problems with limits the walks run between the cheapest and the most accurate plan within the limits, and every
    returned plan meets them; plans of the user's operators that exceed a limit are dropped.

    With a third objective the walk visits weights on the three objectives, and the widest gaps between neighbours are
    split by the weights between them: see `SurfaceSearch`. Operators are not used then and are refused.

    Args:
        n_grid: Number of gaps, >= 1; the published default is 50.
        destruction_up: `AccuracyDestruction` by default.
        destruction_down: `CostDestruction` by default.
        reconstruction: `ExchangeReconstruction` by default; on problems with limits
            `PricedReconstruction`, which keeps the accuracy on the way up and the cost elsewhere.
        split: Destruction that splits gaps, `RelinkDestruction` by default.
        rounds_per_iteration: Rounds of each walk per iteration of pymoo's loop, >= 1. The plans don't depend on it:
            more rounds per iteration take less time; with fewer, the callback is called more often and a run stops
            closer to a budget.
        exact: With one objective: run until the plan is proved optimal, without a time limit. Limits are ignored; if
            the optimal plan meets them, it is also optimal within them.
        output: Columns for ``verbose=True``; by default `FrontOutput`, or `LimitOutput` with one objective.
        termination: When to stop; by default after the walks, once no gap is wider than the grid, or with one
            objective after one search of the whole core (`GridFilled`).
        **kwargs: pymoo's own options (``callback``, ``save_history``, ``seed``, ...).

    Attributes:
        opt: After each iteration: the non-dominated individuals found so far, by rising cost; with one objective the
            best plan within the limit.
        search: State of the run: `FrontSearch`, `SurfaceSearch`, `Refinement` or `LimitedRefinement`; None before
            ``setup``.

    Raises:
        TypeError: If an option is unknown, here or in ``minimize``.
        UserError: If ``n_grid`` or ``rounds_per_iteration`` is not a positive integer, or an operator is not of its
            family; by ``minimize``, if an operator is given for a problem with a third objective, or the optimum
            (``exact=True``) is asked for with several objectives or exceeds a limit.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(300, 6), OptLLM(n_grid=20), seed=1)
        >>> len(res.F) > 20, res.X.dtype
        (True, dtype('int8'))
        >>> from optllm_pymoo import MaxAccuracyProblem
        >>> batch = AllocationProblem([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]])
        >>> problem = MaxAccuracyProblem(batch, budget=5)
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
        self.split = of_family("split", split or RelinkDestruction(), Destruction)
        self.exact = bool(exact)
        self.search: Search | None = None

    def setup(self, problem: Any, **kwargs: Any) -> Algorithm:
        """Choose the output columns that fit the problem, then call pymoo's method."""
        if isinstance(problem, SingleObjectiveProblem) and isinstance(self.output, FrontOutput):
            self.output = LimitOutput()
        return super().setup(problem, **kwargs)

    def _setup(self, problem: Any, **kwargs: Any) -> None:
        _check_options(kwargs)
        # pymoo's set_params doesn't check values
        self.n_grid.value = _positive_integer("n_grid", self.n_grid.value)
        self.search = self._search_for(problem)

    def _search_for(self, problem: Any) -> Search:
        """Build the search for a kind of problem; refuse options that it doesn't use."""
        if isinstance(problem, SingleObjectiveProblem):
            problem.refuse_extended("OptLLM")
            if self.exact or not problem.allocation.has_limits:
                return Refinement(problem, exact=self.exact)
            return LimitedRefinement(problem)
        require_allocation_problem(problem, "OptLLM")
        if self.exact:
            raise UserError(
                "OptLLM(exact=True) needs one objective; got an AllocationProblem, whose exact front is"
                " problem.supported_front. For the optimum at a limit build a MaxAccuracyProblem(..., budget=...)"
                " or a MinCostProblem(..., min_accuracy=...)"
            )
        if problem.third is not None:
            self._check_third(problem)
            return SurfaceSearch(problem, int(self.n_grid.value), self.rounds_per_iteration)
        return FrontSearch(problem, self._operators(problem), int(self.n_grid.value), self.rounds_per_iteration)

    def _check_third(self, problem: AllocationProblem) -> None:
        """Refuse options that apply to two objectives only."""
        if self._given:
            raise UserError(
                "with a third objective OptLLM searches by weights on three objectives, which"
                f" don't use {self._given[0]}; leave it out"
            )
        if problem.robust_accuracy is not None:
            raise UserError(
                "robust_accuracy guides the downward walk for two objectives; with a third there is none. Leave it out,"
                " or plan on robust accuracies: AllocationProblem(cost, robust, objectives=...)"
            )

    def _operators(self, problem: AllocationProblem) -> FrontOperators:
        """Fill in default operators: if limits bind, keep the accuracy in the upward walk and the cost elsewhere."""
        is_priced = problem.limits_bind and "reconstruction" not in self._given
        return FrontOperators(
            destruction_up=self.destruction_up,
            destruction_down=self.destruction_down,
            reconstruction_up=PricedReconstruction("accuracy") if is_priced else self.reconstruction,
            reconstruction=PricedReconstruction("cost") if is_priced else self.reconstruction,
            split=self.split,
            # if no better plan costs so little, a cheaper plan may be as accurate
            second_try=PricedReconstruction("accuracy", solve=True) if is_priced else None,
        )

    @property
    def certificate(self) -> Certificate | None:
        """With one objective: value and bound of the best plan so far; None before the first, or with two."""
        return self.search.certificate if self.search else None

    def grid_progress(self) -> float:
        """Return the share of the grid that is done, 1.0 if no gap is wider than a grid cell.

        With one objective: the share of the refinement.
        """
        return self._search.progress()

    @property
    def _search(self) -> Search:
        assert self.search is not None, "pymoo calls setup first"
        return self.search

    def _initialize_infill(self) -> Population:
        return self._search.first()

    def _initialize_advance(self, infills: Population, **kwargs: Any) -> None:
        self._search.add(infills)

    def _infill(self) -> Population:
        plans = self._search.next(self.random_state, fill_only=isinstance(self.termination, GridFilled))
        if plans is None:
            self.termination.terminate()
            # a loop around ask and tell must not get None
            return Population()
        return plans

    def _advance(self, infills: Population | None = None, **kwargs: Any) -> None:
        if infills is not None and len(infills):
            self._search.add(infills)

    def _set_optimum(self) -> None:
        self.pop, self.opt = self._search.found, self._search.optimum


def _check_options(options: dict[str, Any]) -> None:
    """Refuse misspelt options, which pymoo would ignore."""
    for name in options:
        if name not in PYMOO_OPTIONS:
            raise TypeError(f"OptLLM() got an unexpected keyword argument {name!r}")


def _positive_integer(name: str, value: Any) -> int:
    """Return a positive integer, given as an integer or as a float with an integral value, or raise UserError."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 1 <= value < np.inf or int(value) != value:
        raise UserError(f"{name} must be a positive integer; got {value!r}")
    return int(value)


class Search(Protocol):
    """State of one run.

    `OptLLM` gets plans from it, evaluates them and passes them back, all of them and in the same order, before it gets
    more. A search belongs to its run and is copied and pickled with it, so it holds no random generator.
    """

    def first(self) -> Population:
        """Return the plans of the first iteration."""

    def next(self, random_state: np.random.Generator, *, fill_only: bool) -> Population | None:
        """Return the plans of the next iteration, or None if the search is finished.

        Args:
            random_state: Source of randomness, the run's own.
            fill_only: End when `progress` is 1.0, instead of when no improvement is possible.
        """

    def add(self, infills: Population) -> None:
        """Add the evaluated plans of an iteration."""

    def progress(self) -> float:
        """Return the share of a run that is done, 1.0 once a run without a user's termination may end."""

    @property
    def found(self) -> Population:
        """The kept individuals."""

    @property
    def optimum(self) -> Population:
        """The best of them: the non-dominated ones, or the best plan within the budget or target."""

    @property
    def certificate(self) -> Certificate | None:
        """Certificate of the optimum; None before the first plan, or with several objectives."""


class GridFilled(Termination):
    """Ends a run of `OptLLM` when both walks are over and no gap is wider than a grid cell.

    Its progress, which ``progress=True`` shows, is the share of the walks' rounds that are done.
    """

    def _update(self, algorithm: Any) -> float:
        return float(algorithm.grid_progress())


class FrontOutput(Output):
    """Size of the front, its hypervolume relative to the exact front's, and the ranges it spans.

    ``hv_ratio`` is 1 if the whole exact supported front was found; costs are total US$, accuracies means. With a third
    objective it is the ratio to the supported surface, and there are columns for that objective. A problem with
    additional objectives or constraints has no such front, and no ratio.
    """

    def initialize(self, algorithm: Any) -> None:
        """Make the columns, for a third objective too if there is one; not before, as ``minimize`` copies an output."""
        super().initialize(algorithm)
        self.n_nds = Column("n_nds", width=6)
        self.hv_ratio = Column("hv_ratio", width=10)
        self.cost_min = Column("cost_min", width=11)
        self.cost_max = Column("cost_max", width=11)
        self.accuracy_min = Column("acc_min", width=8)
        self.accuracy_max = Column("acc_max", width=8)
        self.columns += [
            self.n_nds, self.hv_ratio, self.cost_min, self.cost_max, self.accuracy_min, self.accuracy_max
        ]  # fmt: skip
        if self._has_third(algorithm.problem):
            self.third_min, self.third_max = (Column(name, width=9) for name in ("third_min", "third_max"))
            self.columns += [self.third_min, self.third_max]

    def _has_third(self, problem: Any) -> bool:
        return getattr(problem, "third", None) is not None

    def update(self, algorithm: Any) -> None:
        """Fill the columns from the algorithm's current optimum."""
        super().update(algorithm)
        F = algorithm.opt.get("F")
        self.n_nds.set(len(F))
        if not getattr(algorithm.problem, "is_extended", False):
            self.hv_ratio.set(f"{hypervolume_ratio(F, algorithm.problem.yardstick):.6f}")
        self.cost_min.set(f"{F[:, 0].min():.5g}")
        self.cost_max.set(f"{F[:, 0].max():.5g}")
        self.accuracy_min.set(f"{-F[:, 1].max():.4f}")
        self.accuracy_max.set(f"{-F[:, 1].min():.4f}")
        if self._has_third(algorithm.problem):
            third = algorithm.problem.third.amount(F[:, 2])
            self.third_min.set(f"{third.min():.4g}")
            self.third_max.set(f"{third.max():.4g}")


class LimitOutput(Output):
    """The best plan within the budget or target, the bound on any plan, and the gap.

    Mean accuracy for a `MaxAccuracyProblem`, US$ for a `MinCostProblem`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.value = Column("value", width=14)
        self.bound = Column("bound", width=14)
        self.gap = Column("gap", width=10)
        self.columns += [self.value, self.bound, self.gap]

    def update(self, algorithm: Any) -> None:
        """Fill the columns from the algorithm's certificate."""
        super().update(algorithm)
        certificate = algorithm.certificate
        self.value.set(f"{certificate.value:.10g}")
        self.bound.set(f"{certificate.bound:.10g}")
        self.gap.set(f"{certificate.gap:.3g}")
