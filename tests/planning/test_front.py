"""From a batch to a front."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo.cli.text import FrontReport
from optllm_pymoo.data import Dataset, make_dataset
from optllm_pymoo.decision import AtLeastAccuracy, Plan, WithinBudget
from optllm_pymoo.measures import realised_front
from optllm_pymoo.planning import algorithm_names, find_front, front_frame, plan_front, problem_of
from optllm_pymoo.prediction.heldout import Optimism
from tests.processes import run_fresh

DATA = make_dataset(160, 3, random_state=3)


def with_outcomes(data: Dataset, correct: np.ndarray) -> Dataset:
    """The same batch with other outcomes."""
    return Dataset(data.cost, correct, llms=data.llms, query_ids=data.query_ids, texts=data.texts)


def test_outcomes_of_planned_queries_are_never_used() -> None:
    """With all other outcomes turned round the plan is the same, bit for bit; with the labels turned, it isn't."""
    front = plan_front(DATA, 0.25, random_state=1)
    planned = np.isin(DATA.query_ids, front.problem.query_ids)
    for turned, same in ((planned, True), (~planned, False)):
        correct = np.where(turned[:, None], 1 - DATA.correct, DATA.correct)
        other = plan_front(with_outcomes(DATA, correct), 0.25, random_state=1)
        assert np.array_equal(other.problem.accuracy, front.problem.accuracy) is same
        assert other.problem.query_ids == front.problem.query_ids


def test_learns_something() -> None:
    """Predicted accuracies order the queries better than chance: correlated with the outcomes that were hidden."""
    data = make_dataset(800, 4, random_state=0)
    front = plan_front(data, 0.25)
    rows = [data.query_ids.index(query_id) for query_id in front.problem.query_ids]
    correlation = np.corrcoef(front.problem.accuracy.ravel(), data.correct[rows].ravel())[0, 1]
    assert correlation > 0.3


def test_partly_labelled_batches_are_planned_where_labels_are_missing() -> None:
    """What is known is learnt from, without being told; LLMs may be missing here and there."""
    correct = DATA.correct.copy()
    correct[40:] = np.nan
    correct[:10, 1] = np.nan
    front = plan_front(with_outcomes(DATA, correct))
    assert front.n_labelled == 40
    assert front.problem.query_ids == DATA.query_ids[40:]


def test_known_outcomes_can_be_planned_on() -> None:
    """'all' asks for the front of the outcomes themselves: no prediction, no sigma, all queries."""
    front = plan_front(DATA, "all")
    assert front.sigma is None
    np.testing.assert_array_equal(front.problem.accuracy, DATA.correct)


@pytest.mark.parametrize("algorithm", ["exact", "optllm", "nsga2", "random-search", "lambda_sweep"])
def test_algorithms(algorithm: str) -> None:
    """All give plans to choose from; none beats the exact front."""
    problem = problem_of(DATA.select(slice(0, 20)))
    stages: list[str] = []
    found = find_front(problem, algorithm, random_state=1, report=stages.append)
    gap = problem.supported_front.bound(found.F[:, 0]) + found.F[:, 1]
    assert gap.min() >= -1e-12
    frame = front_frame(problem, found)
    assert frame["cost_usd"].is_monotonic_increasing
    assert algorithm in stages[0]


def test_grid_belongs_to_optllm() -> None:
    """A finer grid gives more plans; other algorithms have none."""
    problem = problem_of(make_dataset(300, 4))
    coarse, fine = (find_front(problem, "optllm", n_grid=n) for n in (4, 30))
    assert len(coarse.F) < len(fine.F)
    with pytest.raises(ValueError, match="n_grid is an option of optllm; nsga2 has none"):
        find_front(problem, "nsga2", n_grid=10)
    with pytest.raises(ValueError, match="unknown algorithm 'nsga9'; known are exact, optllm"):
        find_front(problem, "nsga9")
    assert {"exact", "optllm", "nsga2", "sms_emoa"} <= set(algorithm_names())


def test_table_of_the_exact_front_is_the_front() -> None:
    """Following the rows from the cheapest plan gives the cost of every plan."""
    front = plan_front(DATA, "all")
    problem, frame = front.problem, front_frame(front.problem, front.found)
    where = dict(zip(problem.query_ids, [problem.llms[j] for j in front.found.assignment(0)], strict=True))
    row_of, column_of = ({name: k for k, name in enumerate(names)} for names in (problem.query_ids, problem.llms))
    for row in frame.iloc[1:].itertuples():
        assert where[row.query_id] == row.from_llm
        where[row.query_id] = row.to_llm
        cost = sum(problem.cost[row_of[query], column_of[llm]] for query, llm in where.items())
        assert cost == pytest.approx(row.cost_usd)
    assert pd.isna(frame.loc[0, "query_id"])
    assert frame["usd_per_correct"].iloc[1:].is_monotonic_increasing


def test_realised_front_of_known_outcomes_is_the_oracle() -> None:
    """Planned on the truth, the area is all of the oracle's."""
    front = plan_front(DATA, "all")
    found = realised_front(front.found, DATA.correct)
    assert found.area == pytest.approx(1)
    assert found.highest_accuracy == pytest.approx(-front.found.F[-1, 1])


def test_same_seed_same_plan_in_a_fresh_process() -> None:
    """Another process with another hash seed and one more job finds the same plan; another seed another one."""
    code = (
        "import sys; from optllm_pymoo.data import make_dataset; from optllm_pymoo.planning import plan_front;"
        "front = plan_front(make_dataset(160, 3, random_state=3), 0.25, random_state=int(sys.argv[1]), n_jobs=2);"
        "print(repr(front.choose().cost_usd))"
    )
    here = plan_front(DATA, 0.25, random_state=1, n_jobs=1).choose().cost_usd
    assert run_fresh(code, "1") == repr(here)
    assert plan_front(DATA, 0.25, random_state=2).choose().cost_usd != here


def test_refuses_batches_without_texts_or_without_labels_of_an_llm() -> None:
    """Nothing can be predicted from nothing; known outcomes need no text."""
    bare = Dataset(DATA.cost, DATA.correct, llms=DATA.llms)
    with pytest.raises(ValueError, match="the batch has no texts, so nothing can be predicted"):
        plan_front(bare, 0.25)
    assert plan_front(bare, "all").choose(WithinBudget(1e6)).accuracy > 0
    correct = DATA.correct.copy()
    correct[:, 2] = np.nan
    with pytest.raises(ValueError, match="no labelled query has an outcome of 'model-3'"):
        plan_front(with_outcomes(DATA, correct), 0.25)


def test_intervals_hold_what_comes_true() -> None:
    """On synthetic batches the default 95 % intervals hold most plans; for independent errors they are too narrow."""
    held = {0.0: 0, 0.05: 0}
    n_plans = 0
    for seed in range(4):
        data = make_dataset(600, 4, random_state=seed)
        front = plan_front(data, 0.1, random_state=seed)
        correct = data.to_frames().correct.loc[list(front.problem.query_ids)].to_numpy()
        for k in np.linspace(0, len(front.found) - 1, 6).astype(int):
            plan = Plan(front.problem, front.found.assignment(k), sigma=front.sigma)
            n_plans += 1
            for correlation in held:
                low, high = plan.interval(correlation=correlation)
                held[correlation] += low <= plan.evaluate(correct).accuracy <= high
    assert held[0.05] >= 0.8 * n_plans
    assert held[0.0] < held[0.05]


def test_the_order_of_the_batch_changes_nothing_that_is_learnt() -> None:
    """Turned round, the same queries are labelled, and the others have the very same predictions."""
    data = make_dataset(60, 3, random_state=1)
    one, other = (plan_front(batch, 0.5) for batch in (data, data.select(np.arange(60)[::-1])))
    assert other.problem.query_ids == one.problem.query_ids[::-1]
    np.testing.assert_array_equal(other.problem.accuracy, one.problem.accuracy[::-1])
    np.testing.assert_array_equal(other.sigma, one.sigma[::-1])


def test_plans_carry_what_they_expect_too_much() -> None:
    """The excess of a plan is that at its place in the budget range, and its promise is kept after it."""
    front = plan_front(DATA, 0.25)
    assert front.optimism is not None
    cost = front.problem.cost
    low, high = cost.min(axis=1).sum(), cost.sum(axis=0).max()
    plan = front.choose(WithinBudget(float(low + 0.3 * (high - low))))
    assert plan.excess == pytest.approx(front.optimism.at((plan.cost_usd - low) / (high - low)))
    excess = Optimism(np.array([0.0]), np.array([0.1]), np.array([0.0]))
    promised = replace(front, optimism=excess).choose(AtLeastAccuracy(0.3, promise=0.9))
    assert promised.promised_accuracy(0.9) >= 0.3
    assert promised.target == 0.3
    with pytest.raises(ValueError, match=r"a promised accuracy of 0\.6 is out of reach|reaches at most"):
        replace(front, optimism=excess._replace(excess=np.array([0.9]))).choose(AtLeastAccuracy(0.6, promise=0.9))


def test_a_shift_is_seen_and_said() -> None:
    """Labels of short texts only, long ones to plan: the report warns; with labels drawn at random it doesn't."""
    data = make_dataset(160, 3, random_state=3)
    correct = data.correct.copy()
    lengths = np.array([len(text) for text in data.texts])
    correct[lengths > np.median(lengths)] = np.nan
    shifted, alike = plan_front(with_outcomes(data, correct)), plan_front(DATA, 0.25)
    assert shifted.shift.unlikeness > 0.2
    assert "Label a random sample of these queries" in " ".join(FrontReport(shifted).text().split())
    assert "Caution" not in FrontReport(alike).text()
