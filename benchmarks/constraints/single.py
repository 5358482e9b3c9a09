"""One budget or one target: equal to HiGHS, how much faster, and how small the certified gaps are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pymoo.optimize import minimize

from benchmarks.constraints.highs import Programme, highs_value
from benchmarks.problems import load_problems, same_tables
from benchmarks.rows import Row
from benchmarks.search_quality import data_folders
from benchmarks.timing import compare
from optllm_pymoo import (
    AllocationProblem,
    MaxAccuracyProblem,
    MinCostProblem,
    OptLLM,
    SupportedFront,
    make_problem,
)
from optllm_pymoo.problems.synthetic import FAMILIES

Limited = MaxAccuracyProblem | MinCostProblem

N_LLMS = 12
N_LIMITS = 20
EQUAL = 1e-9


def single_rows(*, quick: bool) -> Iterator[Row]:
    """Yield all rows on one budget or one target."""
    sizes, n_limits = ((50,), 3) if quick else ((50, 150, 500), N_LIMITS)
    for n_queries in sizes:
        for name, batch in batches(n_queries, with_data=not quick):
            for kind, problems in limited(batch, n_limits).items():
                yield equality_row(f"{name}, {n_limits} {kind}s", problems)
    yield speed_row(300 if quick else 2_117, N_LLMS, target=None if quick else 50.0)
    large = 10_000 if quick else 1_000_000
    for name, batch in batches(2_000, with_data=not quick):
        yield gap_row(name, batch, n_limits, target=1e-5)
    for family in FAMILIES:
        batch = make_problem(large, N_LLMS, family=family, random_state=0)
        yield gap_row(family, batch, 3, target=None if quick else 1e-7)
    yield seconds_row(large, N_LLMS, target=None if quick else 2.0)


def batches(n_queries: int, /, *, with_data: bool) -> Iterator[tuple[str, AllocationProblem]]:
    """Yield synthetic batches, and rows drawn from the data sets: true labels, and labels blurred by half."""
    for family in FAMILIES:
        yield family, make_problem(n_queries, N_LLMS, family=family, random_state=n_queries)
    for folder in data_folders() if with_data else ():
        for name, whole in load_problems([folder]).items():
            rng = np.random.default_rng(n_queries)
            rows = rng.permutation(whole.n_queries)[:n_queries]
            cost, labels = whole.cost[rows].astype(float), whole.accuracy[rows].astype(float)
            yield f"{name}, labels", AllocationProblem(cost, labels)
            yield f"{name}, blurred labels", AllocationProblem(cost, (labels + rng.random(labels.shape)) / 2)


def limited(batch: AllocationProblem, n_limits: int, /) -> dict[str, list[Limited]]:
    """Spread budgets, and targets, over the steps of a batch's front, mostly between its points."""
    F = batch.supported_front.F
    places = (np.arange(n_limits) + 0.5) / n_limits * (len(F) - 1)
    budgets, accuracies = (np.interp(places, np.arange(len(F)), values) for values in (F[:, 0], -F[:, 1]))
    return {
        "budget": [MaxAccuracyProblem.of(batch, budget=float(budget)) for budget in budgets],
        "target": [MinCostProblem.of(batch, min_accuracy=float(target)) for target in accuracies],
    }


def equality_row(name: str, problems: list[Limited], /) -> Row:
    """Compare the optima with HiGHS's on the whole problem; costs relative to their size."""
    worst = 0.0
    for problem in problems:
        result = minimize(problem, OptLLM(exact=True), seed=1)
        assert result.G[0] <= 0, f"{problem} broken by {result.G[0]}"
        assert result.algorithm.certificate.is_optimal, str(result.algorithm.certificate)
        scale = 1.0 if isinstance(problem, MaxAccuracyProblem) else result.F[0] or 1.0
        worst = max(worst, abs(float(result.F[0]) - highs_value(problem)) / scale)
    return Row(
        f"{name}: farthest optimum from HiGHS's on the whole problem",
        _size(problems[0]),
        worst,
        "",
        "≤",
        EQUAL,
        "exact=True; all proved optimal and within their limits",
    )


def speed_row(n_queries: int, n_llms: int, /, *, target: float | None, n_limits: int = 5) -> Row:
    """Compare ``OptLLM(exact=True)``, its front included, with HiGHS on the whole problem: median over budgets."""
    batch = make_problem(n_queries, n_llms, random_state=0)
    ratios, ours, theirs = [], [], []
    for problem in limited(batch, n_limits)["budget"]:
        programme, budget = Programme.of(problem), problem.budget
        comparison = compare(
            lambda _, programme=programme: programme.solve(),
            lambda fresh, budget=budget: minimize(
                MaxAccuracyProblem.of(fresh, budget=budget), OptLLM(exact=True), seed=1
            ),
            repeats=1,
            prepare=lambda: same_tables(batch),
        )
        ratios.append(comparison.ratio)
        theirs.append(comparison.first_seconds)
        ours.append(comparison.second_seconds)
    return Row(
        f"a budget, exact=True, front included: times faster than HiGHS, median of {n_limits} budgets",
        f"{n_queries:,} × {n_llms}",
        float(np.median(ratios)),
        "×",
        "≥",
        target,
        f"{1e3 * np.median(theirs):.3g} ms : {1e3 * np.median(ours):.3g} ms",
    )


def gap_row(name: str, batch: AllocationProblem, n_limits: int, /, *, target: float | None) -> Row:
    """Find the largest gap that a run without exact=True leaves, among some budgets."""
    certificates = [
        minimize(problem, OptLLM(), seed=1).algorithm.certificate for problem in limited(batch, n_limits)["budget"]
    ]
    return Row(
        f"{name}: largest certified gap in mean accuracy, {n_limits} budgets",
        _size(batch),
        max(certificate.gap for certificate in certificates),
        "",
        "≤",
        target,
        f"without exact; {sum(certificate.is_optimal for certificate in certificates)} proved optimal",
    )


def seconds_row(n_queries: int, n_llms: int, /, *, target: float | None) -> Row:
    """Compare a run without exact=True, its front included, with building the front alone."""
    batch = make_problem(n_queries, n_llms, random_state=0)
    budget = float(batch.supported_front.F[:, 0].mean())
    comparison = compare(
        lambda fresh: minimize(MaxAccuracyProblem.of(fresh, budget=budget), OptLLM(), seed=1),
        lambda fresh: SupportedFront(fresh.cost, fresh.accuracy),
        repeats=5,
        prepare=lambda: same_tables(batch),
    )
    return Row(
        "a budget, front included: times SupportedFront",
        f"{n_queries:,} × {n_llms}",
        comparison.ratio,
        "×",
        "≤",
        target,
        f"{1e3 * comparison.first_seconds:.3g} ms : {1e3 * comparison.second_seconds:.3g} ms",
    )


def _size(problem: AllocationProblem | Limited) -> str:
    return f"{problem.n_queries:,} × {problem.n_llms}"
