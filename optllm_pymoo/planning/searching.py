"""Plans from cheap to accurate: the exact front, or what a search finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from optllm_pymoo.planning.predicting import silent
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError

EXACT: Final = "exact"
"""The default: it holds every plan that the searches aim for, in less time, and meets a budget to the single step."""

SEARCH: Final = "optllm"
"""What stands in for it where the exact front is unknown: with quotas, floors or latency."""


def normalised(algorithm: str, /) -> str:
    """Write the name of an algorithm as in `algorithm_names`.

    >>> normalised("SMS-EMOA")
    'sms_emoa'
    """
    return algorithm.replace("-", "_").lower()


def algorithm_names() -> tuple[str, ...]:
    """Name all algorithms: the exact front, OptLLM, and the baselines."""
    from optllm_pymoo import baselines

    return (EXACT, SEARCH, *baselines.__all__)


def find_front(
    problem: AllocationProblem,
    algorithm: str = EXACT,
    /,
    *,
    n_grid: int | None = None,
    random_state: int = 0,
    report: Callable[[str], None] = silent,
) -> Any:
    """Find plans from the cheapest to the most accurate.

    Args:
        problem: The batch.
        algorithm: One of `algorithm_names`; "-" may stand for "_". Baselines start with the cheapest and the most
            accurate plan in their first population where they can, and stop by their own rules.
        n_grid: Gaps of OptLLM's grid; None is its default. No other algorithm has one.
        random_state: Seed of the search; the exact front needs none.
        report: Called with the name of the stage, and then as the search goes on.

    Returns:
        The `SupportedFront` for "exact", else pymoo's result.

    Raises:
        ValueError: If there is no such algorithm, or it has no grid; if the exact front is unknown because quotas or
            floors bind; or if the search found no plan.
    """
    name = normalised(algorithm)
    if name not in algorithm_names():
        raise UserError(f"unknown algorithm {algorithm!r}; known are {', '.join(algorithm_names())}")
    if n_grid is not None and name != "optllm":
        raise UserError(f"n_grid is an option of optllm; {algorithm} has none")
    report(f"Front of {problem.n_queries:,} queries ({algorithm})")
    if name == EXACT:
        if problem.limits_bind:
            raise UserError("the exact front is unknown where quotas or floors bind; search it with optllm")
        return problem.supported_front
    from pymoo.optimize import minimize

    found = minimize(problem, _build(name, n_grid), seed=random_state, callback=_Reporter(name, report))
    if found.F is None:
        raise UserError(f"{algorithm} found no plan within the limits; {SEARCH} always does")
    return found


def _build(name: str, n_grid: int | None) -> Any:
    import inspect

    from optllm_pymoo import OptLLM, baselines

    if name == SEARCH:
        return OptLLM() if n_grid is None else OptLLM(n_grid=n_grid)
    factory = getattr(baselines, name)
    return factory(start="warm") if "start" in inspect.signature(factory).parameters else factory()


class _Reporter:
    """Reports a running search; pymoo calls it after every iteration."""

    def __init__(self, name: str, report: Callable[[str], None]) -> None:
        self.name, self.report = name, report

    def __call__(self, algorithm: Any) -> None:
        evaluations = algorithm.evaluator.n_eval
        self.report(f"{self.name}: iteration {algorithm.n_gen}, {evaluations:,} plans evaluated")
