"""Plans: prices, certificates, tables, and each query's next moves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import AllocationProblem, UserError
from optllm_pymoo.decision import AtLeastAccuracy, Moves, Plan, WithinBudget, next_moves
from tests.brute_force import all_plans, score
from tests.strategies import EDGE_CASES, Tables, allocations, tables

COST = [[1.0, 2.0, 5.0], [1.0, 3.0, 4.0]]
ACCURACY = [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]]


@pytest.fixture
def problem() -> AllocationProblem:
    """Two queries, three LLMs, four supported plans."""
    return AllocationProblem(COST, ACCURACY, llms=["small", "middle", "large"], query_ids=["q1", "q2"])


def test_says_who_answers_what_and_what_it_costs(problem: AllocationProblem) -> None:
    """q1 on middle and q2 on large: 2 + 4 US$, (0.6 + 0.9)/2."""
    plan = Plan(problem, np.array([1.0, 2.0]))
    assert plan.assignment == {"q1": "middle", "q2": "large"}
    assert (plan.cost_usd, plan.accuracy) == (6.0, 0.75)
    assert not plan.x.flags.writeable


def test_prices_by_hand(problem: AllocationProblem) -> None:
    """Next: q1 to large, 3 US$ for 0.1 answers. Back: q2 to small saves 3 US$ for 0.4, q1 only 1 US$ for 0.4."""
    plan = Plan(problem, [1, 2])
    assert plan.usd_per_correct == pytest.approx(30)
    assert plan.saved_usd_per_correct == pytest.approx(7.5)
    assert plan.upgrades.llm.tolist() == [2, -1]
    assert plan.downgrades.llm.tolist() == [0, 0]


def test_ends_have_no_further_price(problem: AllocationProblem) -> None:
    """The most accurate plan has no next step, the cheapest none to take back."""
    assert np.isnan(Plan(problem, [2, 2]).usd_per_correct)
    assert np.isnan(Plan(problem, [0, 0]).saved_usd_per_correct)
    assert "not possible" in Plan(problem, [2, 2]).summary()
    assert "every query is at its cheapest LLM" in Plan(problem, [0, 0]).summary()


@given(tables(max_queries=4, max_llms=3), st.floats(0, 1))
def test_certificate_at_a_budget_holds(given: Tables, share: float) -> None:
    """No plan within the budget, of all there are, is better by more than the gap."""
    problem = given.problem()
    F = problem.supported_front.F
    budget = float(F[0, 0] + share * (F[-1, 0] - F[0, 0]))
    plan = WithinBudget(budget).plan(problem)
    every = score(given, all_plans(given))
    best = -every[every[:, 0] <= budget * (1 + 1e-12), 1].min()
    assert plan.accuracy + plan.gap >= best - 1e-6
    assert plan.gap <= 1 / problem.n_queries + 1e-9


@given(tables(max_queries=4, max_llms=3), st.floats(0, 1))
def test_certificate_at_a_target_holds(given: Tables, share: float) -> None:
    """No plan that reaches the target, of all there are, is cheaper by more than the gap in US$."""
    problem = given.problem()
    F = problem.supported_front.F
    target = float(min(-F[0, 1] + share * (F[0, 1] - F[-1, 1]), -F[-1, 1]))
    plan = AtLeastAccuracy(target).plan(problem)
    every = score(given, all_plans(given))
    cheapest = every[-every[:, 1] >= target - 1e-12, 0].min()
    assert plan.cost_usd - plan.gap_usd <= cheapest * (1 + 1e-6)


@pytest.mark.parametrize("name", EDGE_CASES)
def test_supported_plans_have_no_gap_and_every_plan_can_be_told(name: str) -> None:
    """At their own cost the plans of the front are optimal; table, mix and summary come out whole."""
    problem = EDGE_CASES[name].problem()
    front = problem.supported_front
    for k in {0, len(front) // 2, len(front) - 1}:
        plan = Plan(problem, front.assignment(k))
        assert plan.gap == pytest.approx(0, abs=1e-9)
        assert plan.mix()["queries"].sum() == problem.n_queries
        assert plan.mix()["cost_usd"].sum() == pytest.approx(plan.cost_usd)
        frame = plan.to_frame(predictions=True)
        assert frame["cost_usd"].sum() == pytest.approx(plan.cost_usd)
        assert frame["accuracy"].mean() == pytest.approx(plan.accuracy)
        assert f"{problem.n_queries} on" in plan.summary()


def test_gap_of_a_poor_plan() -> None:
    """Everything on the dominated LLM 1 of the second query: 4 US$ buy 0.5 and the bound there is 0.55 + 0.2/3."""
    plan = Plan(AllocationProblem(COST, ACCURACY), [0, 1])
    assert plan.gap == pytest.approx(0.55 + 0.2 / 3 - 0.3)
    assert "gives one more correct answer" in plan.summary()


def test_interval_uses_the_sigma_of_the_chosen(problem: AllocationProblem) -> None:
    """Only σ[0, 1] and σ[1, 2] count; with ρ = 1 and no chance it would be their mean."""
    sigma = np.full((2, 3), 9.0)
    sigma[0, 1], sigma[1, 2] = 0.1, 0.2
    plan = Plan(problem, [1, 2], sigma=sigma)
    half = 1.959964 * np.sqrt((0.24 + 0.09) / 4 + 0.15**2)
    assert plan.interval(correlation=1) == pytest.approx((0.75 - half, min(1, 0.75 + half)))
    assert plan.interval(0.5)[0] > plan.interval(0.99)[0]
    assert "by chance alone" in " ".join(Plan(problem, [1, 2]).summary().split())
    assert "by chance alone" not in plan.summary()


def test_table_has_moves_with_names(problem: AllocationProblem) -> None:
    """One row per query; a missing move has no LLM and no price."""
    frame = Plan(problem, [1, 2], sigma=np.full((2, 3), 0.1)).to_frame(predictions=True).set_index("query_id")
    assert frame.loc["q1", "upgrade_to"] == "large"
    assert frame.loc["q1", "upgrade_usd_per_correct"] == pytest.approx(30)
    assert pd.isna(frame.loc["q2", "upgrade_to"])
    assert pd.isna(frame.loc["q2", "upgrade_usd"])
    assert frame.loc["q2", ["downgrade_to", "downgrade_usd"]].tolist() == ["small", -3.0]
    assert frame["predicted:large"].tolist() == [0.7, 0.9]
    assert frame["sigma"].tolist() == [0.1, 0.1]


def test_csv_is_the_table(problem: AllocationProblem, tmp_path: Path) -> None:
    """What is written reads back as the table, to the last bit; an earlier file is replaced."""
    (tmp_path / "plan.csv").write_text("old")
    plan = Plan(problem, [1, 2])
    plan.to_csv(tmp_path / "plan.csv")
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "plan.csv"), plan.to_frame(), check_dtype=False, check_exact=True
    )


def test_unwritable_csv_leaves_what_was_there(problem: AllocationProblem, tmp_path: Path, monkeypatch) -> None:
    """A disk that fills up in the middle leaves the old file, and nothing else."""
    target = tmp_path / "plan.csv"
    target.write_text("old")

    def full(self: pd.DataFrame, file: BinaryIO, **options: object) -> None:
        file.write(b"half a li")
        raise OSError("no space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OSError, match="no space left"):
        Plan(problem, [1, 2]).to_csv(target)
    assert [file.name for file in tmp_path.iterdir()] == ["plan.csv"]
    assert target.read_text() == "old"


def test_refuses_what_is_no_plan(problem: AllocationProblem) -> None:
    """An LLM that isn't there, a query too few, a σ of another shape or below 0; a σ of 0 is fine."""
    with pytest.raises(ValueError, match=r"LLM numbers 0 to 2; X\[0, 1\] = 3"):
        Plan(problem, [0, 3])
    with pytest.raises(ValueError, match="one LLM per query"):
        Plan(problem, [0])
    with pytest.raises(ValueError, match=r"sigma has shape \(2, 2\); expected \(2, 3\)"):
        Plan(problem, [0, 1], sigma=np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"sigma must be finite and at least 0; sigma\[0, 0\] = -1"):
        Plan(problem, [0, 1], sigma=np.full((2, 3), -1.0))
    assert Plan(problem, [0, 1], sigma=np.zeros((2, 3))).interval() == Plan(problem, [0, 1]).interval()


def test_arrays_are_left_alone(problem: AllocationProblem) -> None:
    """The array of the caller stays writable, and changing it doesn't change the plan."""
    x = np.array([1, 2], dtype=np.int8)
    plan = Plan(problem, x)
    x[0] = 0
    assert plan.x.tolist() == [1, 2]


def brute_force(given: Tables, x: np.ndarray) -> tuple[list[float], list[float]]:
    """Lowest price of an upgrade and highest of a downgrade per query, by looking at every LLM; NaN without one."""
    upgrades, downgrades = [], []
    for i, here in enumerate(x):
        up, down = [], []
        for j in range(given.cost.shape[1]):
            if given.allowed is not None and not given.allowed[i, j]:
                continue
            dearer = float(given.cost[i, j]) - float(given.cost[i, here])
            better = float(given.accuracy[i, j]) - float(given.accuracy[i, here])
            if better > 0:
                up.append(max(dearer, 0) / better)
            if dearer < 0:
                down.append(dearer / better if better < 0 else np.inf)
        upgrades.append(min(up, default=np.nan))
        downgrades.append(max(down, default=np.nan))
    return upgrades, downgrades


@given(tables(max_queries=6, max_llms=5), st.integers(0, 99))
def test_prices_are_the_best_of_all_llms(given: Tables, seed: int) -> None:
    """No other allowed LLM is a cheaper upgrade or a better downgrade, from any allocation; free moves count as 0."""
    x = allocations(given, 1, seed)[0]
    up, down = next_moves(given.cost, given.accuracy, x, allowed=given.allowed)
    expected_up, expected_down = brute_force(given, x)
    np.testing.assert_allclose(np.maximum(up.usd_per_correct, 0), expected_up, rtol=1e-12)
    np.testing.assert_allclose(down.usd_per_correct, expected_down, rtol=1e-12)


@given(tables(max_queries=6, max_llms=5), st.integers(0, 99))
def test_deltas_belong_to_the_llm_named(given: Tables, seed: int) -> None:
    """Moving to the LLM named changes cost and accuracy by what is said; -1 has NaN everywhere."""
    x = allocations(given, 1, seed)[0]
    for moves in next_moves(given.cost, given.accuracy, x, allowed=given.allowed):
        there = np.flatnonzero(moves.llm >= 0)
        to, here = moves.llm[there], x[there]
        for table, delta in ((given.cost, moves.delta_cost), (given.accuracy, moves.delta_accuracy)):
            np.testing.assert_array_equal(delta[there], table[there, to].astype(float) - table[there, here])
            assert np.isnan(np.delete(delta, there)).all()
        assert np.isnan(np.delete(moves.usd_per_correct, there)).all()


@pytest.mark.parametrize("name", [name for name in EDGE_CASES if name != "collinear"])
def test_moves_from_a_supported_plan_are_its_neighbouring_steps(name: str) -> None:
    """On every plan of the front, the best move of all queries has the price of the next step and of the last."""
    front = EDGE_CASES[name].front()
    price = front.steps.delta_cost / front.steps.delta_accuracy
    for k in range(len(front)):
        up, down = next_moves(front.cost, front.accuracy, front.assignment(k), allowed=front.allowed)
        if k < len(price):
            assert np.nanmin(up.usd_per_correct) == pytest.approx(price[k], rel=1e-5)
        else:
            assert (up.llm == -1).all()
        if k > 0:
            assert np.nanmax(down.usd_per_correct) == pytest.approx(price[k - 1], rel=1e-5)
        else:
            assert (down.llm == -1).all()


def test_free_moves_are_found() -> None:
    """From the dominated LLM 1, LLM 0 is an upgrade of price -1/0.3; as a downgrade it loses nothing."""
    up, down = next_moves(np.array([[1.0, 2.0, 9.0]]), np.array([[0.5, 0.2, 0.9]]), np.array([1]))
    assert up.llm.tolist() == down.llm.tolist() == [0]
    assert up.usd_per_correct[0] == pytest.approx(-1 / 0.3)
    assert down.usd_per_correct[0] == np.inf


def test_largest_of_several_free_moves() -> None:
    """Of two free upgrades the one that gains most is taken, of two free downgrades the one that saves most."""
    cost, accuracy = np.array([[3.0, 1.0, 2.0]]), np.array([[0.1, 0.5, 0.9]])
    up, down = next_moves(cost, accuracy, np.array([0]))
    assert (up.llm[0], down.llm[0]) == (2, 1)


def test_equal_llms_are_no_moves() -> None:
    """Among copies of one LLM there is nothing to move to."""
    up, down = next_moves(np.ones((2, 3)), np.full((2, 3), 0.5), np.array([0, 2]))
    assert isinstance(up, Moves)
    assert up.llm.tolist() == down.llm.tolist() == [-1, -1]


def test_milliseconds_for_32000_queries() -> None:
    """32,000 x 8 take some ten milliseconds of the processor; a loop over queries would take a hundred times it."""
    rng = np.random.default_rng(0)
    cost, accuracy = rng.random((2, 32_000, 8))
    x = rng.integers(8, size=32_000)
    took = []
    for _ in range(5):
        start = time.process_time()
        next_moves(cost, accuracy, x)
        took.append(time.process_time() - start)
    assert min(took) < 0.15


def test_excess_corrects_what_is_expected(problem: AllocationProblem) -> None:
    """0.75 expected, 0.05 too much: 0.7, and interval and promise are lower by as much; the raw expectation stays."""
    plain, corrected = (Plan(problem, [1, 2], excess=excess) for excess in (None, (0.05, 0.0)))
    assert (corrected.accuracy, corrected.corrected_accuracy) == (0.75, pytest.approx(0.7))
    assert plain.corrected_accuracy == 0.75
    assert corrected.interval(0.1)[0] == pytest.approx(plain.interval(0.1)[0] - 0.05)
    assert corrected.promised_accuracy(0.6) == pytest.approx(plain.promised_accuracy(0.6) - 0.05)
    assert "70.00 % corrected for overrated LLMs" in " ".join(corrected.summary().split())
    assert "overrated" not in plain.summary()
    measured = Plan(problem, [1, 2], sigma=np.full((2, 3), 0.1), n_labelled=5, excess=(0.05, 0.03))
    assert "95 % probability, errors as they were on labelled queries" in " ".join(measured.summary().split())
    assert measured.facts().promised_range is None


def test_excess_is_checked(problem: AllocationProblem) -> None:
    """A negative standard error is none; no error at all is one."""
    with pytest.raises(ValueError, match="its standard error >= 0"):
        Plan(problem, [1, 2], excess=(0.1, -0.1))
    assert Plan(problem, [1, 2], excess=(-0.1, 0.0)).corrected_accuracy == pytest.approx(0.85)


def test_difference_of_two_plans(problem: AllocationProblem) -> None:
    """Only q1 differs, 0.6 against 0.2; excesses at their places in the budget range count by their difference."""
    one, other = Plan(problem, [1, 2], excess=(0.05, 0.02)), Plan(problem, [0, 2], excess=(0.03, 0.02))
    found = one.difference(other)
    assert found.expected == pytest.approx(0.2 - 0.02)
    assert found.low < 0 < found.high
    with pytest.raises(ValueError, match="of one problem"):
        one.difference(Plan(AllocationProblem(COST, ACCURACY), [1, 2]))


def test_stability_of_a_plan(problem: AllocationProblem) -> None:
    """With next to no uncertainty all LLMs stay; where it is large some change; without sigma nothing is known."""
    sure, unsure = (Plan(problem, [1, 2], sigma=np.full((2, 3), sigma)).stability for sigma in (1e-6, 0.5))
    assert sure == (1.0, 0.0)
    assert unsure.share < 1
    assert unsure.usd > 0
    assert Plan(problem, [1, 2]).stability is None


def test_a_plan_of_no_problem_is_refused():
    """Said with what to write instead."""
    with pytest.raises(UserError, match=r"one of an AllocationProblem; got 1\. Write Plan\(AllocationProblem\("):
        Plan(1, 2)
