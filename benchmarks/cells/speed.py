"""Ratios of two ways to the same result, checked for being the same before they are timed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pymoo.optimize import minimize

from benchmarks.cells.probe import run_python
from benchmarks.cells.rows import Row
from benchmarks.cells.sources import load_problems, same_tables
from benchmarks.cells.timing import Comparison, compare, median_seconds
from optllm_pymoo import AllocationProblem, OptLLM, SupportedFront, make_problem
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.problems.synthetic import FAMILIES

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


FIRST_MINIMIZE = """
from pymoo.optimize import minimize
from optllm_pymoo import OptLLM, make_problem
print(len(minimize(make_problem({n_queries}, {n_llms}), OptLLM(n_grid=50), seed=1).F))
"""


def memory_row(n_queries: int, n_llms: int, /, *, target: float | None) -> Row:
    """Measure how far a run's memory rises above tables and result; see `benchmarks.memory_probe`."""
    problem = make_problem(n_queries, n_llms, random_state=0)
    with TemporaryDirectory() as folder:
        for name in ("cost", "accuracy"):
            np.save(Path(folder) / f"{name}.npy", getattr(problem, name))
        del problem
        probed = json.loads(run_python("-m", "benchmarks.memory_probe", folder))
    beyond = max(0, probed["peak"] - probed["before"] - probed["result"])
    mib = {name: f"{n_bytes / 2**20:,.0f} MiB" for name, n_bytes in probed.items()}
    return Row(
        "peak memory of minimize with OptLLM(n_grid=50) beyond tables and result, times the tables",
        f"{n_queries:,} × {n_llms}",
        beyond / probed["tables"],
        "×",
        "≤",
        target,
        f"peak {mib['peak']}, before {mib['before']} with the tables' {mib['tables']}, result {mib['result']}",
    )


def first_minimize_row(n_queries: int, n_llms: int, /, *, target: float | None, repeats: int) -> Row:
    """Time a fresh interpreter that imports, solves one batch and ends; compiled kernels are on the disk."""
    program = FIRST_MINIMIZE.format(n_queries=n_queries, n_llms=n_llms)
    n_plans = _plans_here(n_queries, n_llms)
    printed = int(run_python("-c", program))
    if printed != n_plans:
        raise AssertionError(f"a fresh process finds {printed} plans, this one {n_plans}")
    return Row(
        "first minimize in a fresh process with warm numba caches, imports included",
        f"{n_queries:,} × {n_llms}",
        median_seconds(lambda: run_python("-c", program), repeats=repeats),
        "s",
        "≤",
        target,
        f"median of {repeats}; as many plans as in this process: {n_plans}",
    )


def _plans_here(n_queries: int, n_llms: int) -> int:
    return len(minimize(make_problem(n_queries, n_llms), OptLLM(n_grid=50), seed=1).F)


TARGETS = {50: 0.99, 1000: 0.9995}
"""Hypervolume ratio to reach, by n_grid."""

ON_FRONT = 1e-9
DATA_SETS = ("llmrouter", "logpai", "mmlu", "routerarena")


def data_folders() -> list[Path]:
    """Find the folders of `DATA_SETS` that there are below ``$OPTLLM_SHARED/data``; none where that isn't set."""
    shared = os.environ.get("OPTLLM_SHARED")
    folders = [Path(shared) / "data" / name for name in DATA_SETS] if shared else []
    return [folder for folder in folders if folder.is_dir()]


def quality_batches(n_queries: int, /, *, with_data: bool = True) -> Iterator[tuple[str, AllocationProblem]]:
    """Yield the synthetic families, and the data sets of `data_folders`."""
    for family in FAMILIES:
        yield family, make_problem(n_queries, 12, family=family, random_state=0)
    if with_data:
        for folder in data_folders():
            yield from load_problems([folder]).items()


def quality_rows(name: str, problem: AllocationProblem, /) -> Iterator[Row]:
    """Yield hypervolume ratio and distance from the exact front for both grids."""
    size = f"{problem.n_queries:,} × {problem.n_llms}"
    front = problem.supported_front
    for n_grid, target in TARGETS.items():
        F = minimize(problem, OptLLM(n_grid=n_grid), seed=1).F
        details = f"{len(F):,} plans of {len(front):,}"
        yield Row(
            f"{name}: hypervolume ratio, n_grid={n_grid}",
            size,
            hypervolume_ratio(F, front),
            "",
            "≥",
            target,
            details,
        )
        yield Row(
            f"{name}: farthest plan from the exact front, n_grid={n_grid}",
            size,
            float(distance_from_front(F, front).max()),
            "",
            "≤",
            ON_FRONT,
            details,
        )


def distance_from_front(F: np.ndarray, front: SupportedFront, /) -> np.ndarray:
    """Measure how far plans lie off the exact front, the line through its points.

    Args:
        F: (n, 2) total US$ and negated mean accuracy.
        front: The exact front.

    Returns:
        (n,) accuracy missing at a plan's cost, or the relative cost beyond the front's dearest plan where
        that is larger.
    """
    dearest = front.F[-1, 0]
    missing = np.abs(front.bound(F[:, 0]) + F[:, 1])
    excess = np.clip(F[:, 0] - dearest, 0.0, None) / (dearest or 1.0)
    distance: np.ndarray = np.maximum(missing, excess)
    return distance
