"""Targets of the package: ratios of two ways to one result, memory, start, and the quality of OptLLM's fronts.

Both sides of a ratio are checked for equal results before they are timed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pymoo.optimize import minimize

from benchmarks.cells.probe import run_python
from benchmarks.cells.rows import EQUAL, Row, size_of
from benchmarks.cells.scaling import ScalingCell
from benchmarks.cells.sources import same_tables
from benchmarks.cells.timing import in_turns, median_seconds
from optllm_pymoo import AllocationProblem, OptLLM, Policy, SupportedFront, WithinBudget, make_problem
from optllm_pymoo.data import Dataset, make_dataset
from optllm_pymoo.kernels.jit import jit, over_queries
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.planning import front_writers, plan_front, problem_of, write_files

N_PLANS = 100

# Hypervolume ratio to reach, by n_grid.
RATIOS = {50: 0.99, 1000: 0.9995}


def evaluation(*, n_queries: int, n_llms: int, target: float | None) -> Iterator[Row]:
    """Compare ``problem.evaluate`` of 100 allocations with NumPy's fancy indexing."""
    problem, plans = _with_plans(n_queries, n_llms)
    np.testing.assert_allclose(problem.evaluate(plans), fancy_indexing(problem, plans), rtol=EQUAL)
    comparison = in_turns(
        lambda _: fancy_indexing(problem, plans), lambda _: problem.evaluate(plans), repeats=_repeats(n_queries, 100)
    )
    what = f"evaluating {N_PLANS} allocations (int8), times faster than NumPy's fancy indexing"
    details = f"{comparison}; objectives equal to {EQUAL:g}"
    yield Row(what, size_of(problem), comparison.ratio, "×", "≥", target, details)
    if n_queries * n_llms >= CELLS_IN_REACH:
        details = f"places known beforehand, {CELLS_IN_REACH:,} cells of either table in a first-level cache"
        loads = in_turns(
            lambda _: problem.evaluate(plans),
            lambda _: load_cells(plans.size, n_llms),
            repeats=_repeats(n_queries, 100),
        )
        what = f"evaluating {N_PLANS} allocations (int8), times as long as loading as many cells alone"
        yield Row(what, size_of(problem), loads.ratio, "×", "≤", None, f"{loads}; {details}")


CELLS_IN_REACH = 1 << 11


def load_cells(n: int, n_llms: int, /) -> None:
    """Load and add n cells of two tables that fit into a first-level cache, on all cores: the limit of loads."""
    rows = CELLS_IN_REACH // n_llms
    drawn = np.random.default_rng(0).integers(n_llms, size=1 << 13)
    places = (np.arange(len(drawn)) % rows * n_llms + drawn).astype(np.uint16)
    over_queries(_load_cells, n, places, np.ones(CELLS_IN_REACH), np.ones(CELLS_IN_REACH))


@jit
def _load_cells(start: int, stop: int, places: np.ndarray, cost: np.ndarray, accuracy: np.ndarray) -> float:
    c0 = c1 = c2 = c3 = a0 = a1 = a2 = a3 = 0.0
    for _ in range((stop - start) // places.size):
        for k in range(0, places.size, 4):
            c0 += cost[places[k]]
            a0 += accuracy[places[k]]
            c1 += cost[places[k + 1]]
            a1 += accuracy[places[k + 1]]
            c2 += cost[places[k + 2]]
            a2 += accuracy[places[k + 2]]
            c3 += cost[places[k + 3]]
            a3 += accuracy[places[k + 3]]
    return c0 + c1 + c2 + c3 + a0 + a1 + a2 + a3


def fancy_indexing(problem: AllocationProblem, plans: np.ndarray, /) -> np.ndarray:
    """Score allocations (n, N) with NumPy alone."""
    queries = np.arange(problem.n_queries)
    return np.column_stack([problem.cost[queries, plans].sum(axis=1), -problem.accuracy[queries, plans].mean(axis=1)])


def whole_run(*, n_queries: int, n_llms: int, target: float | None) -> Iterator[Row]:
    """Compare ``minimize(OptLLM(n_grid=50))`` with building the front and evaluating 100 plans at once.

    What a run says about its plans is what NumPy says, and none is off the exact front.
    """
    problem, plans = _with_plans(n_queries, n_llms)
    result = minimize(same_tables(problem), OptLLM(n_grid=50), seed=1)
    np.testing.assert_allclose(result.F, fancy_indexing(problem, result.X), rtol=EQUAL)
    bound = problem.supported_front.bound(result.F[:, 0])
    np.testing.assert_allclose(-result.F[:, 1], bound, rtol=EQUAL)
    comparison = in_turns(
        lambda fresh: minimize(fresh, OptLLM(n_grid=50), seed=1),
        lambda fresh: (len(fresh.supported_front), fresh.evaluate(plans)),
        repeats=_repeats(n_queries, 25),
        prepare=lambda: same_tables(problem),
    )
    what = f"minimize with OptLLM(n_grid=50), times building SupportedFront and evaluating {N_PLANS} plans"
    details = f"{comparison}; plans score as NumPy says and lie on the front, to {EQUAL:g}"
    yield Row(what, size_of(problem), comparison.ratio, "×", "≤", target, details)


def front(*, n_queries: int, n_llms: int, target: float | None) -> Iterator[Row]:
    """Compare building ``SupportedFront`` with sorting as many numbers as it has steps.

    Efficiencies fall as NumPy sorts them, and some plans along the front cost what their points say.
    """
    problem = make_problem(n_queries, n_llms, random_state=0)
    built = SupportedFront(problem.cost, problem.accuracy)
    efficiency = built.steps.delta_accuracy / built.steps.delta_cost
    np.testing.assert_array_equal(efficiency, efficiency[np.argsort(-efficiency, kind="stable")])
    some = built.thin(8)
    plans = np.stack([built.assignment(k) for k in some])
    np.testing.assert_allclose(built.F[some], fancy_indexing(problem, plans), rtol=EQUAL)
    values = np.random.default_rng(0).random(len(built) - 1)
    comparison = in_turns(
        lambda _: SupportedFront(problem.cost, problem.accuracy),
        lambda _: np.argsort(values),
        repeats=_repeats(n_queries, 25),
    )
    what = "building SupportedFront, times np.argsort of as many float64 as it has steps"
    details = f"{comparison}; {len(values):,} steps; their order as np.argsort's, points to {EQUAL:g}"
    yield Row(what, size_of(problem), comparison.ratio, "×", "≤", target, details)


def memory(*, n_queries: int, n_llms: int, target: float | None) -> Iterator[Row]:
    """Measure how far a run's memory rises above tables and result, in a process of its own."""
    probed = ScalingCell("minimize", n_queries, n_llms).measure().timings
    beyond = max(0.0, probed["peak_mib"] - probed["result_mib"]) / probed["tables_mib"]
    details = ", ".join(f"{name} {probed[f'{name}_mib']:,.0f} MiB" for name in ("peak", "result", "tables"))
    what = "peak memory of minimize with OptLLM(n_grid=50) beyond tables and result, times the tables"
    yield Row(what, f"{n_queries:,} × {n_llms}", beyond, "×", "≤", target, f"{details}; the peak is beyond the tables")


FIRST_MINIMIZE = """
from pymoo.optimize import minimize
from optllm_pymoo import OptLLM, make_problem
print(len(minimize(make_problem({n_queries}, {n_llms}), OptLLM(n_grid=50), seed=1).F))
"""


def first_minimize(*, n_queries: int, n_llms: int, target: float | None, repeats: int) -> Iterator[Row]:
    """Time a fresh interpreter that imports, solves one batch and ends; compiled kernels are on the disk."""
    program = FIRST_MINIMIZE.format(n_queries=n_queries, n_llms=n_llms)
    n_plans = len(minimize(make_problem(n_queries, n_llms), OptLLM(n_grid=50), seed=1).F)
    printed = int(run_python("-c", program))
    if printed != n_plans:
        raise AssertionError(f"a fresh process finds {printed} plans, this one {n_plans}")
    seconds = median_seconds(lambda: run_python("-c", program), repeats=repeats)
    what = "first minimize in a fresh process with warm numba caches, imports included"
    details = f"median of {repeats}; as many plans as in this process: {n_plans}"
    yield Row(what, f"{n_queries:,} × {n_llms}", seconds, "s", "≤", target, details)


def policy(*, n_queries: int, n_labelled: int, n_llms: int, has_targets: bool, repeats: int) -> Iterator[Row]:
    """Measure what a plan leaves behind: its policy, new queries that go by it, and another budget without learning.

    The policy that is read sends the planned queries where the plan sends them, and the other budget gives the plan of
    the front in this process.
    """
    dataset = make_dataset(n_queries + n_labelled, n_llms, random_state=0)
    found = plan_front(dataset, n_labelled / len(dataset))
    plan = found.choose()
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder / "plan", front_writers(found, plan, policy=Policy.of(found, plan)))
        file = folder / "plan" / "policy.npz"
        known = Policy.load(file)
        agrees = float((known.route(found.planned.texts, found.problem.cost).x == plan.x).mean())
        if agrees < 1 - EQUAL:
            raise AssertionError(f"the policy sends {agrees:.1%} of the planned queries where the plan does")
        texts = found.planned.texts[:1000]
        (folder / "new.jsonl").write_text(
            "".join(json.dumps({"id": k, "text": text}) + "\n" for k, text in enumerate(texts))
        )
        main = "import sys; from optllm_pymoo.cli import main; main()"
        route = (
            "-c",
            main,
            "route",
            str(file),
            "--data",
            str(folder / "new.jsonl"),
            "--out",
            str(folder / "routed.csv"),
        )
        budget = float(plan.cost_usd * 1.1)
        what_if = ("-c", main, "plan", "--from", str(folder / "plan"), "--budget", repr(budget), "--json")
        cost = json.loads(run_python(*what_if))["plan"]["cost_usd"]
        expected = found.choose(WithinBudget(budget)).cost_usd
        if abs(cost / expected - 1) > EQUAL:
            raise AssertionError(f"plan --from comes to {cost} US$, and {expected} US$ are right")
        again = folder / "again.npz"
        size = f"{n_queries:,} × {n_llms}"
        for what, value, unit, target in (
            (f"size of the policy of {n_labelled} labels", file.stat().st_size / 1e6, "MB", 15.0),
            ("writing it", median_seconds(lambda: known.save(again), repeats=repeats), "s", 0.5),
            ("reading it", median_seconds(lambda: Policy.load(file), repeats=repeats), "s", 0.3),
            (
                "one text, in a server's process",
                1e3 * median_seconds(lambda: known.route(texts[:1]), repeats=5 * repeats),
                "ms",
                30.0,
            ),
            (
                f"route: {len(texts):,} texts, the whole process",
                median_seconds(lambda: run_python(*route), repeats=repeats),
                "s",
                5.0,
            ),
            ("plan --from, the whole process", median_seconds(lambda: run_python(*what_if), repeats=repeats), "s", 2.5),
        ):
            yield Row(what, size, value, unit, "≤", target if has_targets else None, f"median of {repeats}")


def front_quality(name: str, dataset: Dataset, /) -> Iterator[Row]:
    """Yield hypervolume ratio of OptLLM's front and its distance from the exact front, for both grids."""
    problem = problem_of(dataset)
    exact, size = problem.supported_front, size_of(problem)
    for n_grid, ratio in RATIOS.items():
        F = minimize(problem, OptLLM(n_grid=n_grid), seed=1).F
        found, details = hypervolume_ratio(F, exact), f"{len(F):,} plans of {len(exact):,}"
        farthest = float(distance_from_front(F, exact).max())
        yield Row(f"{name}: hypervolume ratio, n_grid={n_grid}", size, found, "", "≥", ratio, details)
        what = f"{name}: farthest plan from the exact front, n_grid={n_grid}"
        yield Row(what, size, farthest, "", "≤", EQUAL, details)


def distance_from_front(F: np.ndarray, exact: SupportedFront, /) -> np.ndarray:
    """Measure how far plans lie off the exact front, the line through its points.

    Args:
        F: (n, 2) total US$ and negated mean accuracy.
        exact: The exact front.

    Returns:
        (n,) accuracy missing at a plan's cost, or the relative cost beyond the front's dearest plan where
        that is larger.
    """
    dearest = exact.F[-1, 0]
    missing = np.abs(exact.bound(F[:, 0]) + F[:, 1])
    excess = np.clip(F[:, 0] - dearest, 0.0, None) / (dearest or 1.0)
    return np.asarray(np.maximum(missing, excess))


def _with_plans(n_queries: int, n_llms: int) -> tuple[AllocationProblem, np.ndarray]:
    """Draw a batch, and random plans of its queries."""
    problem = make_problem(n_queries, n_llms, random_state=0)
    shape = (N_PLANS, n_queries)
    return problem, np.random.default_rng(1).integers(0, n_llms, shape, dtype=problem.assignment_dtype)


def _repeats(n_queries: int, many: int) -> int:
    """Fewer calls where each takes long."""
    return max(5, min(many, 1_000_000 // n_queries))
