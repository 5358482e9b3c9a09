"""One budget or one target: equal to HiGHS on the whole problem, how much faster, and how small certified gaps are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pymoo.optimize import minimize

from benchmarks.cells.rows import EQUAL, Row, size_of
from benchmarks.cells.sources import same_tables
from benchmarks.cells.timing import in_turns
from optllm_pymoo import AllocationProblem, MaxAccuracyProblem, MinCostProblem, OptLLM, SupportedFront, make_problem
from optllm_pymoo.data import Dataset
from optllm_pymoo.planning import problem_of
from optllm_pymoo.solver import solve_multiple_choice

# HiGHS stops within 1e-6 of the optimum, and takes 1e-6 beyond a row for within it: both are to mean little.
SCALE = 1000.0

MAX_TRIES = 20


@dataclass(frozen=True)
class Programme:
    """min c·z over 0/1 variables with one LLM per query and one limited row, in units that suit HiGHS."""

    problem: MaxAccuracyProblem | MinCostProblem
    c: np.ndarray
    row: np.ndarray
    limit: float

    @classmethod
    def of(cls, problem: MaxAccuracyProblem | MinCostProblem, /) -> Programme:
        """Write a problem down: accuracies in thousandths, costs in thousandths of the dearest plan's mean."""
        unit = float(problem.supported_front.F[-1, 0]) / problem.n_queries or 1.0
        cost, accuracy = SCALE * problem.cost.ravel() / unit, SCALE * problem.accuracy.ravel()
        if isinstance(problem, MaxAccuracyProblem):
            return cls(problem, -accuracy, cost, SCALE * problem.budget / unit)
        return cls(problem, cost, -accuracy, -SCALE * problem.min_accuracy * problem.n_queries)

    def solve(self) -> np.ndarray:
        """Return HiGHS's plan (N,); one that breaks the limit by its tolerance is refused, and asked for again."""
        problem, limit = self.problem, self.limit
        query = np.repeat(np.arange(problem.n_queries), problem.n_llms)
        upper = np.ones(self.c.size) if problem.allowed is None else problem.allowed.ravel().astype(float)
        for _ in range(MAX_TRIES):
            solved = solve_multiple_choice(self.c, query, self.row[None], np.array([limit]), exactly=True, upper=upper)
            if solved.x is None:
                raise RuntimeError("HiGHS found no plan")
            plan: np.ndarray = solved.x.reshape(problem.cost.shape).argmax(axis=1)
            if problem.evaluate(plan)[1][0] <= 0:
                return plan
            limit -= 1e-9 * max(1.0, abs(limit))
        raise RuntimeError(f"HiGHS broke the limit {MAX_TRIES} times")

    def value(self) -> float:
        """Return the objective value of the best plan that HiGHS finds."""
        return float(self.problem.evaluate(self.solve())[0][0])


Limited = MaxAccuracyProblem | MinCostProblem

# Queries from which on targets on gaps are set: one query counts for less than 1/N.
LARGE = 2_000


def limited(batch: AllocationProblem, n_limits: int, /) -> dict[str, list[Limited]]:
    """Spread budgets, and targets, over the steps of a batch's front, mostly between its points."""
    F = batch.supported_front.F
    places = (np.arange(n_limits) + 0.5) / n_limits * (len(F) - 1)
    budgets, accuracies = (np.interp(places, np.arange(len(F)), values) for values in (F[:, 0], -F[:, 1]))
    return {
        "budget": [MaxAccuracyProblem(batch, budget=float(budget)) for budget in budgets],
        "target": [MinCostProblem(batch, min_accuracy=float(target)) for target in accuracies],
    }


def optimum(name: str, dataset: Dataset, /, *, limit: str, n_limits: int) -> Iterator[Row]:
    """Compare optima under budgets, or at targets, with HiGHS's on the whole problem; costs relative to their size."""
    problems, worst = limited(problem_of(dataset), n_limits)[limit], 0.0
    for problem in problems:
        result = minimize(problem, OptLLM(exact=True), seed=1)
        assert result.G[0] <= 0, f"{problem} broken by {result.G[0]}"
        assert result.algorithm.certificate.is_optimal, str(result.algorithm.certificate)
        scale = 1.0 if isinstance(problem, MaxAccuracyProblem) else result.F[0] or 1.0
        worst = max(worst, abs(float(result.F[0]) - Programme.of(problem).value()) / scale)
    what = f"{name}, {n_limits} {limit}s: farthest optimum from HiGHS's on the whole problem"
    details = "exact=True; all proved optimal and within their limits"
    yield Row(what, size_of(problems[0]), worst, "", "≤", EQUAL, details)


def budget_speed(*, n_queries: int, n_llms: int, target: float | None, n_limits: int = 5) -> Iterator[Row]:
    """Compare ``OptLLM(exact=True)``, its front included, with HiGHS on the whole problem: median over budgets."""
    batch = make_problem(n_queries, n_llms, random_state=0)
    comparisons = []
    for problem in limited(batch, n_limits)["budget"]:
        programme, budget = Programme.of(problem), problem.budget
        comparisons.append(
            in_turns(
                lambda _, programme=programme: programme.solve(),
                lambda fresh, budget=budget: minimize(
                    MaxAccuracyProblem(fresh, budget=budget), OptLLM(exact=True), seed=1
                ),
                repeats=1,
                prepare=lambda: same_tables(batch),
            )
        )
    theirs, ours = 1e3 * np.median(comparisons, axis=0)
    ratio = float(np.median([comparison.ratio for comparison in comparisons]))
    what = f"a budget, exact=True, front included: times faster than HiGHS, median of {n_limits} budgets"
    yield Row(what, size_of(batch), ratio, "×", "≥", target, f"{theirs:.3g} ms : {ours:.3g} ms")


def gap(name: str, dataset: Dataset, /, *, n_limits: int, target: float | None) -> Iterator[Row]:
    """Find the largest gap that a run without exact=True leaves, among some budgets; the target is for `LARGE` ones."""
    yield _gap_row(name, problem_of(dataset), n_limits, target)


def large_gap(*, n_queries: int, n_llms: int, family: str, n_limits: int, target: float | None) -> Iterator[Row]:
    """Find the largest gap on a synthetic batch."""
    batch = make_problem(n_queries, n_llms, family=family, random_state=0)
    yield _gap_row(family, batch, n_limits, target)


def _gap_row(name: str, batch: AllocationProblem, n_limits: int, target: float | None) -> Row:
    """Find the largest gap among some budgets."""
    found = [
        minimize(problem, OptLLM(), seed=1).algorithm.certificate for problem in limited(batch, n_limits)["budget"]
    ]
    what = f"{name}: largest certified gap in mean accuracy, {n_limits} budgets"
    details = f"without exact; {sum(certificate.is_optimal for certificate in found)} proved optimal"
    required = target if batch.n_queries >= LARGE else None
    return Row(what, size_of(batch), max(certificate.gap for certificate in found), "", "≤", required, details)


def seconds(*, n_queries: int, n_llms: int, target: float | None) -> Iterator[Row]:
    """Compare a run without exact=True, its front included, with building the front alone."""
    batch = make_problem(n_queries, n_llms, random_state=0)
    budget = float(batch.supported_front.F[:, 0].mean())
    comparison = in_turns(
        lambda fresh: minimize(MaxAccuracyProblem(fresh, budget=budget), OptLLM(), seed=1),
        lambda fresh: SupportedFront(fresh.cost, fresh.accuracy),
        repeats=5,
        prepare=lambda: same_tables(batch),
    )
    what = "a budget, front included: times SupportedFront"
    yield Row(what, size_of(batch), comparison.ratio, "×", "≤", target, str(comparison))
