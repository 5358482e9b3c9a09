"""Are promises kept? Realised accuracy against promised accuracy, on held-out outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.cells.rows import Row
from optllm_pymoo.data import Dataset, make_dataset
from optllm_pymoo.decision import WithinBudget, robust_plan
from optllm_pymoo.planning import Front, plan_front

# Independent errors, the default assumption, and one common shift; None: measured errors.
CORRELATIONS = (0.0, 0.05, 1.0, None)

PROBABILITY = 0.95


class Kept(NamedTuple):
    """One promise and its outcome."""

    batch: str
    size: str
    """Queries planned × LLMs."""
    labels: str
    chosen_by: str
    """"expected": most accurate within the budget; "promised": `robust_plan` within it."""
    correlation: float | None
    expected: float
    promised: float
    realised: float


def promises(batch: str, labels: str, dataset: Dataset, share: float, seed: int, /) -> Iterator[Kept]:
    """Promise at every correlation, on one draw of the labels, for plans within the middle budget.

    Args:
        batch: Name for the table.
        labels: How many, for the table.
        dataset: With all outcomes known; those of the planned queries are used for checking only.
        share: Of the queries that are labelled.
        seed: Of the draw and the predictor.
    """
    front = plan_front(dataset, share, random_state=seed)
    row_of = {query: row for row, query in enumerate(dataset.query_ids)}
    truth = dataset.correct[[row_of[query] for query in front.problem.query_ids]]
    F = front.problem.supported_front.F
    budget = float((F[0, 0] + F[-1, 0]) / 2)
    given: dict[str, Any] = {"sigma": front.sigma, "n_labelled": front.n_labelled}
    expected = WithinBudget(budget).plan(front.problem, **given)
    for correlation in CORRELATIONS:
        if correlation is None:
            plans = {"expected": front.choose(WithinBudget(budget))}
            plans["promised"] = front.choose(WithinBudget(budget, promise=PROBABILITY))
        else:
            options = {"probability": PROBABILITY, "budget_usd": budget, "n_labelled": front.n_labelled}
            robust = robust_plan(front.problem, front.sigma, correlation=correlation, **options)
            plans = {"expected": expected, "promised": robust.plan}
        for chosen_by, plan in plans.items():
            promised = plan.promised_accuracy(PROBABILITY, correlation=correlation)
            found = plan.corrected_accuracy, promised, plan.evaluate(truth).accuracy
            yield Kept(batch, f"{truth.shape[0]:,} × {truth.shape[1]}", labels, chosen_by, correlation, *found)


def promise(*, n_labelled: int, n_seeds: int) -> Iterator[Row]:
    """Count the promises that are kept on synthetic batches of 600 queries and 4 LLMs."""
    size = 600 + n_labelled
    batches = [(make_dataset(size, 4, random_state=seed), seed) for seed in range(n_seeds)]
    kept = [promises("synthetic", str(n_labelled), batch, n_labelled / size, seed) for batch, seed in batches]
    yield from promise_rows(list(chain.from_iterable(kept)))


def promise_of_data_set(name: str, dataset: Dataset, /, *, labels: float, n_seeds: int) -> Iterator[Row]:
    """Count the promises that are kept on a data set, with labels that are drawn again for every seed."""
    kept = [promises(name, f"{labels:.0%}", dataset, labels, seed) for seed in range(n_seeds)]
    yield from promise_rows(list(chain.from_iterable(kept)))


def interval_after(*, n_queries: int, n_labelled: int, n_seeds: int) -> Iterator[Row]:
    """Count the 95 % intervals that hold for the rest of a synthetic batch, after 30 % of it followed a plan.

    In each draw a first plan at the middle of the budgets is followed on a random part and graded. The open queries are
    then planned at five budgets, most of which send queries to other LLMs than the first plan did.
    """
    batches = [make_dataset(n_queries, 5, random_state=seed) for seed in range(n_seeds)]
    found = [each for seed, batch in enumerate(batches) for each in _intervals_after(batch, n_labelled, seed)]
    frame = pd.DataFrame(found, columns=["held", "error", "width", "n_labelled"])
    details = f"{frame['held'].sum()} of {len(frame)} in {n_seeds} draws; mean width {frame['width'].mean():.3f}"
    error = f"realised - expected {frame['error'].mean():+.3f}, worst {frame['error'].abs().max():.3f}"
    yield Row(
        f"synthetic, {n_labelled} labels and 30 % along a plan: share of 95 % intervals that hold",
        f"{n_queries:,} × 5",
        float(frame["held"].mean()),
        "",
        "≥",
        None,
        f"{details}, {error}, as {frame['n_labelled'].mean():.0f} labels",
    )


def _intervals_after(dataset: Dataset, n_labelled: int, seed: int) -> Iterator[tuple[bool, float, float, int]]:
    """Whether each interval holds, the error, its width, and the equivalent number of labels."""
    share, random = n_labelled / len(dataset), np.random.default_rng(seed)
    first = plan_front(dataset, share, random_state=seed)
    plan = first.choose(WithinBudget(_budget(first, 0.25)))
    row_of = {query: row for row, query in enumerate(dataset.query_ids)}
    rows = np.array([row_of[query] for query in first.problem.query_ids])
    back = random.random(len(rows)) < 0.3
    calls = pd.DataFrame(
        {
            "query_id": np.array(first.problem.query_ids)[back],
            "llm": np.array(plan.llm_names)[back],
            "score": dataset.correct[rows, plan.x][back],
            "cost_usd": plan.chosen_cost[back],
            "billed_usd": plan.chosen_cost[back],
            "error": "",
        }
    )
    front = plan_front(dataset, share, random_state=seed, calls=calls)
    truth = dataset.correct[[row_of[query] for query in front.problem.query_ids]]
    for part in (0.02, 0.1, 0.25, 0.5, 0.8):
        plan = front.choose(WithinBudget(_budget(front, part)))
        (low, high), true = plan.interval(), plan.evaluate(truth).accuracy
        assert plan.n_labelled is not None
        yield low <= true <= high, true - plan.corrected_accuracy, high - low, plan.n_labelled


def _budget(front: Front, share: float) -> float:
    """A budget between the cheapest plan and the most expensive single LLM."""
    low, high = front.problem.supported_front.F[0, 0], front.problem.cost.sum(axis=0).max()
    return float(low + share * (high - low))


def promise_rows(kept: list[Kept], /) -> Iterator[Row]:
    """Yield the share of kept promises, and their mean distance below the expected accuracy.

    There is a row per way to choose the plan and correlation; none has a target, since 95 % of a few draws is none.
    """
    frame = pd.DataFrame(kept)
    frame["held"] = frame["realised"] >= frame["promised"]
    frame["margin"] = frame["expected"] - frame["promised"]
    groups = frame.groupby(["batch", "labels", "chosen_by", "correlation"], dropna=False)
    for (batch, labels, chosen_by, correlation), rows in groups:
        errors = "errors as measured" if pd.isna(correlation) else f"ρ = {correlation:g}"
        error = (rows["realised"] - rows["expected"]).mean()
        details = f"{rows['held'].sum()} of {len(rows)}; mean margin {rows['margin'].mean():.3f}"
        yield Row(
            f"{batch}, {labels} labels: share of promises of {PROBABILITY:.0%} kept, {chosen_by} plan, {errors}",
            rows["size"].iloc[0],
            float(rows["held"].mean()),
            "",
            "≥",
            None,
            f"{details}, realised - expected {error:+.3f}",
        )
