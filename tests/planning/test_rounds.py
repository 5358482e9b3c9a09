"""What came back of a plan, and what it leaves: by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo import AllocationProblem, Plan, UserError
from optllm_pymoo.data import Dataset
from optllm_pymoo.planning import Split
from optllm_pymoo.planning.rounds import Round, after, answered_queries, parts_of, read_calls, returned, total_left

NAN = float("nan")


def dataset(correct: object, ids: str) -> Dataset:
    """Queries at 1 and 10 US$."""
    table = np.array(correct, dtype=float)
    return Dataset(
        np.full(table.shape, [1.0, 10.0]),
        table,
        llms=["small", "large"],
        query_ids=list(ids),
        texts=[f"{k}?" for k in ids],
    )


SPLIT = Split(dataset([[1, 0], [0, 1]], "ab"), dataset(np.full((5, 2), NAN), "cdefg"))


def calls(*rows: tuple[object, ...]) -> pd.DataFrame:
    """Calls as they are read."""
    return pd.DataFrame(rows, columns=["query_id", "llm", "score", "cost_usd", "billed_usd", "error"])


BACK = calls(
    ("c", "small", 1.0, 1.2, 1.2, ""),
    ("d", "small", NAN, 1.2, 2.5, ""),  # with a failed attempt before
    ("e", "large", 0.25, 11.0, 11.0, ""),
    ("e", "small", 0.5, 1.2, 1.2, ""),  # a second answer
    ("f", "large", NAN, NAN, 0.3, "expired"),
)


def test_what_is_answered_stays_and_the_rest_is_planned() -> None:
    """Three answered, of which two are graded; f failed and is open, as g is; all bills count."""
    split, done = after(SPLIT, BACK)
    assert split.planned.query_ids == ("f", "g")
    assert not split.planned.tried.any()
    assert split.labelled.query_ids == ("a", "b", "c", "e")
    np.testing.assert_array_equal(split.labelled.correct, [[1, 0], [0, 1], [1, NAN], [0.5, 0.25]])
    assert (done.n_answered, done.n_graded, done.n_open, done.n_followed) == (3, 2, 2, 2)
    assert done.spent_usd == Decimal("16.2")
    assert done.lost_usd == Decimal("16.2") - Decimal("1.2") - Decimal("1.2") - Decimal("11")
    assert total_left(BACK, 20.0) == 3.8
    # three answers of small for 3.6 US$ that were planned at 3, as if five more had cost 1 US$ each; of large one
    np.testing.assert_allclose(done.cost_ratio, [(3.6 + 5) / (3 + 5), (11 + 50) / (10 + 50)])
    np.testing.assert_allclose(split.planned.cost, [[8.6 / 8, 61 / 6]] * 2)
    assert answered_queries(BACK) == ["c", "d", "e"]


def test_nothing_came_back_changes_nothing() -> None:
    """An empty round: the same queries at the same costs."""
    split, done = after(SPLIT, BACK[:0])
    assert split.planned.query_ids == SPLIT.planned.query_ids
    np.testing.assert_array_equal(split.planned.cost, SPLIT.planned.cost)
    assert (done.n_answered, done.spent_usd) == (0, 0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("z", "small", 1, 1.0, 1.0, "")], "1 of 1 calls are of queries that the batch doesn't have, first 'z'"),
        ([("c", "smal", 1, 1.0, 1.0, "")], "an LLM that the batch doesn't have: unknown LLM 'smal'; did you mean"),
        ([(k, "small", 1, 1.5, 1.5, "") for k in "cdefg"], r"all 5 queries have their answers, for 7\.5 US\$"),
    ],
)
def test_refuses(rows: list[tuple[object, ...]], message: str) -> None:
    """Other queries, another LLM, and nothing left."""
    with pytest.raises(UserError, match=message):
        after(SPLIT, calls(*rows))


def test_a_spent_budget() -> None:
    """To the last cent there is nothing left; a little more is enough."""
    with pytest.raises(UserError, match=r"16\.2 US\$ are spent already, and the budget for all is 16\.2 US\$"):
        total_left(BACK, 16.2)
    assert total_left(BACK, 16.21) == 0.01


def test_calls_from_any_log(tmp_path: Path) -> None:
    """A long table will do; an answer whose cost nobody knows is refused, as the budget couldn't be kept."""
    (tmp_path / "calls.csv").write_text("query_id,llm,score,cost_usd\nc,small,1,0.5\n")
    assert read_calls(tmp_path / "calls.csv")["billed_usd"].tolist() == [0.5]
    (tmp_path / "calls.csv").write_text("query_id,llm,score\nc,small,1\n")
    with pytest.raises(UserError, match=r"doesn't say what 1 answers cost, such as that of 'small' to 'c'.*--prices"):
        read_calls(tmp_path / "calls.csv")


def the_round(labels: object) -> Round:
    """A round with these labels."""
    return Round(0, 0, 1, Decimal(0), Decimal(0), np.array(labels, dtype=float), 0, np.ones(1))


def test_labels_of_one_llm_count_one_by_one() -> None:
    """With Laplace's two labels the level of n labels, k right, is m (1 - m)/(n + 2) at the mean m."""
    labels = [[1.0]] * 12 + [[0.0]] * 6
    plan = Plan(AllocationProblem([[1.0]] * 4, [[13 / 20]] * 4), [0] * 4)
    n, error = the_round(labels).certainty(plan)
    assert n in (19, 20)  # rounded down
    assert error == pytest.approx(np.sqrt(0.65 * 0.35 / 20))


def test_labels_that_follow_a_plan_count_for_their_own_llm() -> None:
    """400 queries with labels of six LLMs, 10,000 more with labels of two: plans on the others rest on 400."""
    random = np.random.default_rng(0)
    both = np.full((10_000, 6), NAN)
    both[np.arange(10_000), random.integers(2, size=10_000)] = random.random(10_000) < 0.5
    done = the_round(np.vstack([(random.random((400, 6)) < 0.5).astype(float), both]))
    problem = AllocationProblem(np.ones((900, 6)), np.full((900, 6), 0.5))
    n_of = [done.certainty(Plan(problem, np.full(900, j)))[0] for j in range(6)]
    np.testing.assert_allclose(n_of, [5400, 5400, 400, 400, 400, 400], rtol=0.05)
    mixed = np.repeat([0, 2], 450)
    # a variance of (1/2)² (1/5400 + 1/400) of one label's
    assert done.certainty(Plan(problem, mixed))[0] == pytest.approx(4 / (1 / 5400 + 1 / 400), rel=0.1)


def test_fractions_are_surer_than_rights_and_wrongs() -> None:
    """Scores of 0.4 and 0.6 vary by a twenty-fifth of what 0 and 1 do."""
    plan = Plan(AllocationProblem([[1.0]] * 4, [[0.5]] * 4), [0] * 4)
    errors = [the_round([[low], [1 - low]] * 500).certainty(plan)[1] for low in (0.0, 0.4)]
    assert errors[1] ** 2 == pytest.approx(errors[0] ** 2 / 25, rel=0.06)


def test_parts_of_a_plan(tmp_path: Path) -> None:
    """As a whole, by LLM and by group: what is missing is planned for, what failed was paid."""
    problem = AllocationProblem([[1.0, 10.0]] * 5, [[0.5, 0.75]] * 5, llms=["small", "large"], query_ids=list("cdefg"))
    Plan(problem, [0, 0, 1, 1, 0]).to_csv(tmp_path / "plan.csv", predictions=True)
    queries = pd.DataFrame({"query_id": list("cdefg"), "group": ["x", "x", "y", "y", "y"]})
    batch = returned(tmp_path / "plan.csv", BACK, queries)
    whole, by_llm, by_group = parts_of(batch)
    assert (whole.n_planned, whole.n_answered, whole.n_graded) == (5, 3, 2)
    assert (whole.planned_usd, whole.billed_usd, whole.open_usd) == (12, Decimal("15.0"), 11)  # not the second answer
    assert (whole.expected_accuracy, whole.true_accuracy) == (0.625, 0.625)
    assert [(part.name, part.n_answered, part.billed_usd) for part in by_llm] == [
        ("small", 2, Decimal("3.7")),
        ("large", 1, Decimal("11.3")),
    ]
    assert [(part.name, part.n_planned, part.true_accuracy) for part in by_group] == [("y", 3, 0.25), ("x", 2, 1.0)]
    assert np.isnan(parts_of(returned(tmp_path / "plan.csv", BACK.assign(score=NAN), queries))[0].true_accuracy)


def test_calls_of_another_plan(tmp_path: Path) -> None:
    """No query in common is told; so is no LLM."""
    problem = AllocationProblem([[1.0]], [[0.5]], llms=["small"], query_ids=["zz"])
    Plan(problem, [0]).to_csv(tmp_path / "plan.csv")
    with pytest.raises(UserError, match="the data have no query 'zz', nor any other; is this plan of other data"):
        returned(tmp_path / "plan.csv", BACK)
    Plan(AllocationProblem([[1.0]], [[0.5]], llms=["tiny"], query_ids=["c"]), [0]).to_csv(tmp_path / "plan.csv")
    with pytest.raises(UserError, match="the data have no LLM 'tiny', only 'small', 'large'"):
        returned(tmp_path / "plan.csv", BACK)
