"""Quotas at a fifth of the batch per LLM: feasibility, certified gaps, speed against HiGHS, search against NSGA-II."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from pymoo.optimize import minimize
from pymoo.termination.max_time import TimeBasedTermination
from scipy.optimize import linprog
from scipy.sparse import coo_array

from benchmarks.cells.rows import EQUAL, Row, size_of
from benchmarks.cells.search import WARM_UP_QUERIES
from benchmarks.cells.single import LARGE
from benchmarks.cells.sources import same_tables
from benchmarks.cells.timing import median_seconds
from optllm_pymoo import AllocationProblem, OptLLM, Quota, make_problem
from optllm_pymoo.baselines import nsga2
from optllm_pymoo.data import Dataset
from optllm_pymoo.limits import LinearLimits, Weights, best_within, relax
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.planning import problem_of

# Quota of each LLM, as a share of the queries.
SHARE = 0.2

# With few LLMs the quotas together hold this many times the batch: a fifth each would be infeasible.
ROOM = 1.2


def with_quotas(problem: AllocationProblem, /) -> AllocationProblem:
    """Put a quota of calls on every LLM: `SHARE` of the queries, or as much as leaves `ROOM`."""
    calls = int(max(SHARE, ROOM / problem.n_llms) * problem.n_queries)
    quotas = [Quota(name, calls=calls) for name in problem.llms]
    return AllocationProblem(problem.cost, problem.accuracy, allowed=problem.allowed, llms=problem.llms, limits=quotas)


def middle_budget(problem: AllocationProblem, /) -> float:
    """US$ halfway between the cheapest and the most accurate end of the bound front."""
    ends = problem.bound_front().F[[0, -1], 0]
    return float(ends.mean())


def quota_gap(name: str, dataset: Dataset, /, *, target: float) -> Iterator[Row]:
    """Yield whether all plans are feasible, and the certified gap at a budget in the middle.

    Args:
        name: Of the batch.
        dataset: Its queries; each LLM gets a quota.
        target: For the gap, relative to the bound, if there are at least `LARGE` queries.
    """
    problem = with_quotas(problem_of(dataset))
    budget = middle_budget(problem)
    found = best_within(problem.limits, budget)
    met = bool(problem.limits.within(budget_usd=budget).are_met(found.x[None])[0])
    result = minimize(problem, OptLLM(), seed=1)
    n_feasible = int(problem.limits.are_met(np.atleast_2d(result.X)).sum())
    share = (n_feasible + met) / (len(result.F) + 1)
    size, n_plans = size_of(problem), len(result.F) + 1
    yield Row(f"{name}: share of plans within the quotas", size, share, "", "≥", 1.0, f"{n_plans} plans")
    details = f"accuracy {found.value:.5f}, bound {found.bound:.5f}, budget {budget:.6g} US$"
    gap = found.gap / found.bound if found.bound else found.gap
    required = target if problem.n_queries >= LARGE else None
    yield Row(f"{name}: gap to the LP bound within quotas and budget", size, gap, "", "≤", required, details)


def quota_speed(*, n_queries: int, n_llms: int, target: float | None) -> Iterator[Row]:
    """Compare plan and certificate with HiGHS solving the linear relaxation alone, once: that takes minutes."""
    problem = with_quotas(make_problem(n_queries, n_llms, random_state=0))
    bounded = problem.limits.within(budget_usd=middle_budget(problem))
    start = time.perf_counter()
    reference = highs_relaxation(bounded)
    theirs = time.perf_counter() - start
    solved = relax(bounded, Weights(1.0, 0.0))
    np.testing.assert_allclose([solved.value, solved.bound], reference, rtol=EQUAL)
    ours = median_seconds(lambda: best_within(bounded), repeats=3)
    what = "plan within quotas and budget with its LP bound, times faster than HiGHS on the LP alone"
    details = f"{theirs:.3g} s : {ours:.3g} s; bounds equal to {EQUAL:g}"
    yield Row(what, size_of(problem), theirs / ours, "×", "≥", target, details)


def highs_relaxation(limits: LinearLimits, /) -> float:
    """Maximise summed accuracy under limits by scipy's HiGHS on the whole linear programme."""
    n_queries, n_llms = limits.cost.shape
    queries, llms = np.repeat(np.arange(n_queries), n_llms), np.tile(np.arange(n_llms), n_queries)
    one_each = coo_array((np.ones(len(queries)), (queries, np.arange(len(queries)))))
    upper = np.ones(len(queries)) if limits.allowed is None else limits.allowed.ravel().astype(float)
    found = linprog(
        -limits.accuracy.ravel().astype(float),
        A_ub=coo_array(limits.weights(queries, llms)).tocsr(),
        b_ub=limits.limit,
        A_eq=one_each.tocsr(),
        b_eq=np.ones(n_queries),
        bounds=np.column_stack([np.zeros(len(queries)), upper]),
        method="highs",
    )
    return -float(found.fun)


def quota_search(name: str, dataset: Dataset, /, *, seconds: float, seconds_ratio: float) -> Iterator[Row]:
    """Compare the hypervolume ratio with warm, categorical NSGA-II's, which gets many times the seconds.

    Both run on a few queries first, which compiles their kernels. OptLLM continues after its walks, since more plans
    raise the ratio to the bound front, which has no steps; it ends earlier if no gap can be split any more.

    Args:
        name: Of the batch.
        dataset: Its queries; each LLM gets a quota.
        seconds: Time limit of OptLLM.
        seconds_ratio: NSGA-II's seconds, as a multiple of OptLLM's.
    """
    problem = problem_of(dataset)
    few = with_quotas(same_tables(problem, WARM_UP_QUERIES))
    for algorithm, termination in ((OptLLM(), None), (nsga2(start="warm"), ("n_gen", 3))):
        minimize(few, algorithm, termination, seed=1)
    start = time.perf_counter()
    ours = minimize(with_quotas(problem), OptLLM(), TimeBasedTermination(seconds), seed=1)
    taken = time.perf_counter() - start
    limit = TimeBasedTermination(taken * seconds_ratio)
    theirs = minimize(with_quotas(problem), nsga2(start="warm"), limit, seed=1)
    yardstick = with_quotas(problem).yardstick
    ratios = [hypervolume_ratio(F, yardstick) if F is not None else 0.0 for F in (ours.F, theirs.F)]
    what = f"{name}: hypervolume ratio to the bound front, less that of NSGA-II (warm, {seconds_ratio:g} × the seconds)"
    details = f"{ratios[0]:.5f} in {taken:.2f} s : {ratios[1]:.5f} in {theirs.exec_time:.1f} s"
    yield Row(what, size_of(problem), ratios[0] - ratios[1], "", ">", 0.0, details)
