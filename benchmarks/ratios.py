"""Ratios of two ways to the same result, checked for being the same before they are timed."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.optimize import minimize

from benchmarks.problems import same_tables
from benchmarks.rows import Row
from benchmarks.timing import Comparison, compare
from optllm_pymoo import AllocationProblem, OptLLM, SupportedFront, make_problem

N_PLANS = 100
EQUAL = 1e-9
"""Relative tolerance of the checks: sums in another order may differ by rounding."""


def evaluation_row(n_queries: int, n_llms: int, /, *, target: float | None) -> Row:
    """Compare ``problem.evaluate`` of 100 allocations with NumPy's fancy indexing."""
    problem = make_problem(n_queries, n_llms, random_state=0)
    plans = _random_plans(problem)
    np.testing.assert_allclose(problem.evaluate(plans), fancy_indexing(problem, plans), rtol=EQUAL)
    comparison = compare(
        lambda _: fancy_indexing(problem, plans),
        lambda _: problem.evaluate(plans),
        repeats=_repeats(n_queries, 100),
    )
    return Row(
        f"evaluating {N_PLANS} allocations (int8), times faster than NumPy's fancy indexing",
        _size(problem),
        comparison.ratio,
        "×",
        "≥",
        target,
        _details(comparison, f"objectives equal to {EQUAL:g}"),
    )


def fancy_indexing(problem: AllocationProblem, plans: np.ndarray, /) -> np.ndarray:
    """Score allocations (n, N) the way one would with NumPy alone."""
    queries = np.arange(problem.n_queries)
    return np.column_stack([problem.cost[queries, plans].sum(axis=1), -problem.accuracy[queries, plans].mean(axis=1)])


def minimize_row(n_queries: int, n_llms: int, /, *, target: float | None) -> Row:
    """Compare ``minimize(OptLLM(n_grid=50))`` with building the front and evaluating 100 plans at once."""
    problem = make_problem(n_queries, n_llms, random_state=0)
    plans = _random_plans(problem)
    _check_result(problem, minimize(same_tables(problem), OptLLM(n_grid=50), seed=1))

    def front_and_evaluation(fresh: AllocationProblem) -> np.ndarray:
        len(fresh.supported_front)
        F: np.ndarray = fresh.evaluate(plans)
        return F

    comparison = compare(
        lambda fresh: minimize(fresh, OptLLM(n_grid=50), seed=1),
        front_and_evaluation,
        repeats=_repeats(n_queries, 25),
        prepare=lambda: same_tables(problem),
    )
    return Row(
        f"minimize with OptLLM(n_grid=50), times building SupportedFront and evaluating {N_PLANS} plans",
        _size(problem),
        comparison.ratio,
        "×",
        "≤",
        target,
        _details(comparison, f"plans score as NumPy says and lie on the front, to {EQUAL:g}"),
    )


def front_row(n_queries: int, n_llms: int, /, *, target: float | None) -> Row:
    """Compare building ``SupportedFront`` with sorting as many numbers as it has steps."""
    problem = make_problem(n_queries, n_llms, random_state=0)
    front = SupportedFront(problem.cost, problem.accuracy)
    _check_front(problem, front)
    values = np.random.default_rng(0).random(len(front) - 1)
    comparison = compare(
        lambda _: SupportedFront(problem.cost, problem.accuracy),
        lambda _: np.argsort(values),
        repeats=_repeats(n_queries, 25),
    )
    return Row(
        "building SupportedFront, times np.argsort of as many float64 as it has steps",
        _size(problem),
        comparison.ratio,
        "×",
        "≤",
        target,
        _details(comparison, f"{len(values):,} steps; their order as np.argsort's, points to {EQUAL:g}"),
    )


def _check_result(problem: AllocationProblem, result: Any) -> None:
    """What a run says about its plans is what NumPy says, and none is off the exact front."""
    np.testing.assert_allclose(result.F, fancy_indexing(problem, result.X), rtol=EQUAL)
    bound = problem.supported_front.bound(result.F[:, 0])
    np.testing.assert_allclose(-result.F[:, 1], bound, rtol=EQUAL)


def _check_front(problem: AllocationProblem, front: SupportedFront) -> None:
    """Efficiencies fall as NumPy sorts them, and some plans along the front cost what their points say."""
    steps = front.steps
    efficiency = steps.delta_accuracy / steps.delta_cost
    np.testing.assert_array_equal(efficiency, efficiency[np.argsort(-efficiency, kind="stable")])
    some = front.thin(8)
    plans = np.stack([front.assignment(k) for k in some])
    np.testing.assert_allclose(front.F[some], fancy_indexing(problem, plans), rtol=EQUAL)


def _random_plans(problem: AllocationProblem) -> np.ndarray:
    shape = (N_PLANS, problem.n_queries)
    return np.random.default_rng(1).integers(0, problem.n_llms, shape, dtype=problem.assignment_dtype)


def _repeats(n_queries: int, many: int) -> int:
    """Fewer calls where each takes long."""
    return max(5, min(many, 1_000_000 // n_queries))


def _size(problem: AllocationProblem) -> str:
    return f"{problem.n_queries:,} × {problem.n_llms}"


def _details(comparison: Comparison, checked: str) -> str:
    return f"{1e3 * comparison.first_seconds:.3g} ms : {1e3 * comparison.second_seconds:.3g} ms; {checked}"
