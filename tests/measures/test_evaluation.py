"""Plans against true outcomes."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo import AllocationProblem
from optllm_pymoo.decision import Plan
from optllm_pymoo.validation import UserError

COST = [[1.0, 4.0], [1.0, 4.0], [2.0, 4.0]]
ACCURACY = [[0.5, 0.9], [0.4, 0.8], [0.6, 0.7]]
CORRECT = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])


@pytest.fixture
def plan() -> Plan:
    """Only the second query goes to the large LLM."""
    return Plan(AllocationProblem(COST, ACCURACY, llms=["small", "large"]), [0, 1, 0])


def test_by_hand(plan: Plan) -> None:
    """Right on two of three for 1 + 4 + 2 US$; large is right on all for 12 US$: 5/12 saved, but it isn't reached."""
    found = plan.evaluate(CORRECT)
    assert (found.n_queries, found.cost_usd, found.accuracy) == (3, 7.0, pytest.approx(2 / 3))
    assert (found.best_llm, found.best_accuracy, found.best_cost_usd) == ("large", 1.0, 12.0)
    assert found.expected_accuracy == pytest.approx((0.5 + 0.8 + 0.6) / 3)
    assert found.saving == pytest.approx(5 / 12)
    assert not found.reaches_best


def test_ties_of_the_best_llm_go_to_the_cheaper(plan: Plan) -> None:
    """Both LLMs always right: small is the one to beat, and is reached."""
    found = plan.evaluate(np.ones((3, 2)))
    assert found.best_llm == "small"
    assert found.reaches_best
    assert found.saving < 0


def test_outcomes_of_the_chosen_alone(plan: Plan) -> None:
    """What came back after the plan was carried out: no comparison with LLMs that weren't asked."""
    found = plan.evaluate([1, 1, 0])
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.best_llm is None
    assert np.isnan(found.saving)


def test_only_fully_known_queries_count(plan: Plan) -> None:
    """With the second query unknown in one column, plan and LLM are compared on the other two."""
    correct = CORRECT.copy()
    correct[1, 0] = np.nan
    found = plan.evaluate(correct)
    assert (found.n_queries, found.cost_usd, found.best_cost_usd) == (2, 3.0, 8.0)


def test_free_llm_has_no_saving() -> None:
    """Nothing is cheaper than an LLM that costs nothing."""
    plan = Plan(AllocationProblem([[0.0, 1.0]], [[0.5, 0.9]]), [1])
    assert np.isnan(plan.evaluate([[1, 1]]).saving)


def test_masked_llms_are_not_compared_with() -> None:
    """An LLM that isn't allowed for all queries is no single LLM to beat."""
    allowed = [[True, True], [True, False], [True, True]]
    plan = Plan(AllocationProblem(COST, ACCURACY, allowed=allowed, llms=["small", "large"]), [0, 0, 1])
    assert plan.evaluate(CORRECT).best_llm == "small"


@pytest.mark.parametrize(
    ("correct", "message"),
    [
        (np.ones((2, 2)), r"correct has shape \(2, 2\); expected \(3, 2\), or \(3,\) of the chosen"),
        (np.full((3, 2), 2.0), r"correct must lie in \[0, 1\].*correct\[0, 0\] = 2"),
        ([0, 1, -1], r"correct\[2, 0\] = -1"),
        (np.full((3, 2), np.nan), "no query has outcomes of all LLMs"),
    ],
)
def test_refuses(plan: Plan, correct: object, message: str) -> None:
    """Wrong shape, values outside [0, 1], nothing known."""
    with pytest.raises(ValueError, match=message):
        plan.evaluate(correct)


def test_refuses_text(plan: Plan) -> None:
    """Outcomes are numbers; booleans are."""
    with pytest.raises(UserError, match="correct must hold real numbers"):
        plan.evaluate(["yes", "no", "yes"])
    assert plan.evaluate([True, False, True]).accuracy == pytest.approx(2 / 3)


def test_bills_by_hand(plan: Plan) -> None:
    """Planned 7 US$; paid 1.5 + 4 + 2 by the bills of the chosen, and 9 for the best LLM by a whole table."""
    found = plan.evaluate([1, 1, 0], paid_usd=[1.5, 4, 2])
    assert (found.planned_usd, found.cost_usd) == (7.0, 7.5)
    found = plan.evaluate(CORRECT, paid_usd=[[1.5, 3], [1, 3], [2, 3]])
    assert (found.planned_usd, found.cost_usd, found.best_cost_usd) == (7.0, 6.5, 9.0)
    with pytest.raises(UserError, match=r"paid_usd has shape \(2,\); expected \(3, 2\), or \(3,\) of the chosen"):
        plan.evaluate([1, 1, 0], paid_usd=[1, 2])
