"""Which search a problem gets, and which options it can't have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from optllm_pymoo.algorithms.front_search import FrontOperators, FrontSearch
from optllm_pymoo.algorithms.search import Search
from optllm_pymoo.algorithms.single_objective import LimitedRefinement, Refinement
from optllm_pymoo.algorithms.surface_search import SurfaceSearch
from optllm_pymoo.operators.priced import PricedReconstruction
from optllm_pymoo.problems import AllocationProblem, SingleObjectiveProblem, require_allocation_problem
from optllm_pymoo.validation import UserError


def choose_search(
    problem: Any, operators: FrontOperators, /, *, given: Sequence[str], n_grid: int, n_rounds: int, exact: bool
) -> Search:
    """Build the search that suits a problem.

    With one objective neither the operators nor the grid play a part. With quotas or floors the reconstruction is
    `PricedReconstruction` unless the user gave one: it keeps the accuracy on the way up and the cost elsewhere.

    Args:
        problem: What `OptLLM` was given.
        operators: What moves plans where there are two objectives.
        given: Names of those operators that the user chose.
        n_grid: Gaps of the grid.
        n_rounds: Rounds that one iteration evaluates together.
        exact: Whether the optimum is asked for.

    Raises:
        TypeError: If it is no problem of allocation, or the optimum of several objectives is asked for.
        ValueError: If the optimum is asked for under quotas or floors, or an operator or robust accuracies are given
            with latency.
    """
    if isinstance(problem, SingleObjectiveProblem):
        problem.refuse_extended("OptLLM")
        if not problem.allocation.has_limits:
            return Refinement(problem, exact=exact)
        if exact:
            raise UserError(
                "OptLLM(exact=True) can't prove an optimum under quotas or floors. Leave exact out: the certificate"
                " bounds how far the plan can be from the optimum; or drop the quotas and floors"
            )
        return LimitedRefinement(problem)
    require_allocation_problem(problem, "OptLLM")
    if exact:
        raise UserError(
            "OptLLM(exact=True) needs one objective; got an AllocationProblem, whose exact front is"
            " problem.supported_front. For the optimum at a limit build a MaxAccuracyProblem(..., budget=...)"
            " or a MinCostProblem(..., min_accuracy=...)"
        )
    if problem.latency is not None:
        _check_latency(problem, given)
        return SurfaceSearch(problem, n_grid, n_rounds)
    if problem.limits_bind and "reconstruction" not in given:
        operators = replace(
            operators,
            reconstruction_up=PricedReconstruction("accuracy"),
            reconstruction=PricedReconstruction("cost"),
            # where nothing better costs as little, something cheaper may be as good
            second_try=PricedReconstruction("accuracy", solve=True),
        )
    return FrontSearch(problem, operators, n_grid, n_rounds)


def _check_latency(problem: AllocationProblem, given: Sequence[str]) -> None:
    """Refuse what only two objectives have, instead of passing over it."""
    if given:
        raise UserError(
            f"with latency OptLLM walks through weights on three objectives, where {given[0]} has no place;"
            " leave it out"
        )
    if problem.robust_accuracy is not None:
        raise UserError(
            "robust_accuracy steers the downward walk of two objectives; with latency there is none. Leave it out, or"
            " plan on robust accuracies: AllocationProblem(cost, robust, latency=...)"
        )
