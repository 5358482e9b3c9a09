"""What plans are worth on true outcomes, by hand.

Three queries, 1 US$ on the first LLM and 4 US$ on the second, which is always right; the first is right once. The best
single LLM is the second: all right for 12 US$.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cells.search import realised_quality

TRUTH = np.array([[1.0, 4.0]] * 3), np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
PLANS = np.array([[1, 1, 1], [0, 1, 1], [0, 0, 1], [1, 0, 0]], dtype=np.int8)


def test_points() -> None:
    """Four plans: 12, 9, 6 and 6 US$ with 3, 3, 2 and 1 right; sorted by cost, then accuracy."""
    points, _ = realised_quality(*TRUTH, PLANS)
    np.testing.assert_allclose(points, [[6, 1 / 3], [6, 2 / 3], [9, 1], [12, 1]])


def test_measures() -> None:
    """Nothing is affordable between 3 and 6 US$, two thirds are right up to 9, all up to 12: 5/9.

    The oracle has 1/3, 2/3 and 1 there: 6/9. Its points (3, 1/3), (6, 2/3), (9, 1) are 3, 0 and 0 from the nearest
    plan. Two plans don't dominate each other, (1/2, 1/2) and (1, 0) in shares of its ranges, and the first is as far
    from the front's end (0, 1) as from the second: Δ = 1/2.
    """
    found = realised_quality(*TRUTH, PLANS)[1]
    assert found["area"] == pytest.approx(5 / 6)
    assert found["saving"] == pytest.approx(1 - 9 / 12)
    assert (found["highest_accuracy"], found["accuracy_at_best_cost"]) == (1.0, 1.0)
    assert (found["best_llm"], found["best_accuracy"], found["best_cost_usd"]) == (1, 1.0, 12.0)
    assert found["realised_igd_raw"] == pytest.approx(1.0)
    assert found["realised_spread"] == pytest.approx(0.5)


def test_the_true_front_itself() -> None:
    """Its three plans are perfect in every measure, and the dominated fourth changes none."""
    front = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 1]], dtype=np.int8)
    found = realised_quality(*TRUTH, front)[1]
    assert (found["area"], found["saving"]) == pytest.approx((1.0, 0.25))
    assert (found["realised_igd_raw"], found["realised_spread"]) == pytest.approx((0.0, 0.0))
    assert realised_quality(*TRUTH, np.vstack([front, PLANS[3:]]))[1] == pytest.approx(found)


def test_one_plan_dearer_than_it_needs() -> None:
    """All on the second LLM: affordable at 12 US$ only, which is no share of the budgets; it saves nothing."""
    found = realised_quality(*TRUTH, PLANS[:1])[1]
    assert (found["area"], found["saving"], found["realised_spread"]) == (0.0, 0.0, 1.0)
    assert found["realised_igd_raw"] == pytest.approx(np.mean([np.hypot(9, 2 / 3), np.hypot(6, 1 / 3), 3.0]))


def test_never_as_good_as_the_best() -> None:
    """One of three right at most: the saving is undefined."""
    found = realised_quality(*TRUTH, PLANS[3:])[1]
    assert np.isnan(found["saving"])
    assert found["highest_accuracy"] == pytest.approx(1 / 3)


def test_one_query_and_one_llm() -> None:
    """A single plan is the whole true front."""
    truth = np.array([[2.0]]), np.array([[1.0]])
    _, found = realised_quality(*truth, np.zeros((1, 1), dtype=np.int8))
    assert (found["area"], found["saving"]) == (1.0, 0.0)
    assert (found["realised_igd_raw"], found["realised_spread"]) == (0.0, 0.0)
