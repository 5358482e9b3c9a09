"""Realised quality against hand arithmetic and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optllm_pymoo import SupportedFront
from optllm_pymoo.measures.realised import (
    Path,
    calibration,
    envelope_area,
    pareto_distances,
    prefix_totals,
    quality_of_points,
    realised_area,
    realised_quality,
)

COST = np.array([[1.0, 2.0, 6.0], [1.0, 3.0, 5.0]])
CORRECT = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
WALK = Path(np.array([0, 0]), np.array([0, 1, 1]), np.array([1, 1, 2]))


def random_walk(seed: int) -> tuple[np.ndarray, np.ndarray, Path]:
    """Tables and the exact front on noisy predictions of them, as a walk."""
    random = np.random.default_rng(seed)
    n, m = random.integers(1, 12), random.integers(1, 5)
    cost, correct = random.random((n, m)) + 0.1, random.integers(0, 2, (n, m)).astype(float)
    front = SupportedFront(cost, np.clip(correct + random.normal(0, 0.5, (n, m)), 0, 1))
    return cost, correct, Path(front.assignment(0), front.steps.query, front.steps.to_llm)


def test_by_hand() -> None:
    """Costs 2, 3, 5, 7 with true accuracies 0, 1/2, 1/2, 1 on two queries; LLM 2 is best: 1.0 for 11 US$.

    Between 2 (cheapest plan) and 11 (dearest LLM): 0 on [2, 3], 1/2 on [3, 7], 1 on [7, 11]: (0 + 2 + 4) / 9.
    """
    found = realised_quality(COST, CORRECT, WALK, oracle_area=0.8)
    assert found.area == pytest.approx(6 / 9 / 0.8)
    assert found.saving == pytest.approx(1 - 7 / 11)
    assert (found.highest_accuracy, found.accuracy_at_best_cost, found.best_llm) == (1.0, 1.0, 2)
    assert (found.best_accuracy, found.best_cost_usd) == (1.0, 11.0)


def test_never_reaching_the_best_llm_saves_nan() -> None:
    """A walk that stops before its last step never is as accurate as LLM 2."""
    found = realised_quality(COST, CORRECT, Path(*(part[:2] for part in WALK)), oracle_area=1.0)
    assert np.isnan(found.saving)
    assert found.highest_accuracy == 0.5


def test_gain_and_mixed_plans_by_hand() -> None:
    """Plans at 2, 3, 7 US$ with accuracies 0, 1/2, 1; the best LLM has 1, so nothing is gained.

    Mixing plans at random gives lines between their points: mean 1/4 on [2, 3], 3/4 on [3, 7], 1 on [7, 11], so that
    the mean over 9 US$ is (1/4 + 3 + 4) / 9. A single plan for 5 US$ with accuracy 1/2 loses a half against the
    best LLM, and is worth 1/2 on [5, 11], nothing below.
    """
    found = realised_quality(COST, CORRECT, WALK, oracle_area=0.8)
    assert (found.performance_gain, found.aiq) == pytest.approx((0.0, 7.25 / 9))
    single = quality_of_points(COST, CORRECT, [5.0], [0.5], oracle_area=0.8)
    assert (single.performance_gain, single.aiq) == pytest.approx((-0.5, 3 / 9))
    inside = quality_of_points(COST, CORRECT, [2.0, 4.0, 6.0], [0.0, 0.25, 1.0], oracle_area=0.8)
    assert inside.aiq == pytest.approx((2 + 5) / 9), "the plan at 4 lies below the line from 2 to 6"


def test_mixed_plans_where_nothing_varies() -> None:
    """All LLMs cost the same, so there is one budget: the best accuracy there, or nothing if plans are dearer."""
    cost, correct = np.ones((2, 2)), np.array([[1.0, 0.0], [0.0, 0.0]])
    assert quality_of_points(cost, correct, [2.0], [0.5], oracle_area=1.0).aiq == 0.5
    assert quality_of_points(cost, correct, [3.0], [0.5], oracle_area=1.0).aiq == 0.0
    wrong = quality_of_points(cost, np.zeros((2, 2)), [2.0], [0.0], oracle_area=0.0)
    assert np.isnan(wrong.performance_gain)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_mixing_plans_never_loses(seed: int) -> None:
    """Mixed plans are worth at least the staircase of single ones, and at most the best accuracy."""
    cost, correct, path = random_walk(seed)
    found = realised_quality(cost, correct, path, oracle_area=1.0)
    assert found.area - 1e-12 <= found.aiq <= found.highest_accuracy + 1e-12


def test_distances_to_the_best_of_all_by_hand() -> None:
    """Costs 0 ... 10 and accuracies 1/2 ... 1 are scaled to [0, 1]; (10, 3/4) is half the range below (10, 1).

    The first router's dominated plan (10, 1/2) lies a whole range below, and halves with its other plan, which is best.
    """
    first, second = [[0.0, 0.5], [10.0, 0.5]], [[10.0, 1.0], [10.0, 0.75]]
    assert pareto_distances([first, second]) == pytest.approx([0.5, 0.25])
    assert pareto_distances([first[:1], first[:1]]) == [0.0, 0.0], "a single point has no range, and is the best"


def test_distances_take_the_nearest_by_brute_force() -> None:
    """The same as comparing every pair of points."""
    random = np.random.default_rng(0)
    fronts = [random.random((n, 2)) for n in (3, 5, 1)]
    points = np.vstack(fronts)
    scaled = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    best = [p for p in scaled if not any(q[0] <= p[0] and q[1] >= p[1] and (q != p).any() for q in scaled)]
    nearest = np.array([min(np.hypot(*(p - q)) for q in best) for p in scaled])
    expected = [nearest[:3].mean(), nearest[3:8].mean(), nearest[8]]
    assert pareto_distances(fronts) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_prefix_totals_equal_valuing_each_plan(seed: int) -> None:
    """The running sum equals decoding every plan of the walk and summing the table over it."""
    cost, _, path = random_walk(seed)
    plan = path.start.astype(int).copy()
    expected = [cost[np.arange(len(cost)), plan].sum()]
    for query, llm in zip(path.query, path.to_llm, strict=True):
        plan[query] = llm
        expected.append(cost[np.arange(len(cost)), plan].sum())
    np.testing.assert_allclose(prefix_totals(cost, path), expected, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_area_equals_sampling_budgets(seed: int) -> None:
    """The area is the mean of the best affordable accuracy over a fine grid of budgets."""
    cost, correct, path = random_walk(seed)
    spent, accuracy = prefix_totals(cost, path), prefix_totals(correct, path) / len(cost)
    low, high = cost.min(axis=1).sum(), cost.sum(axis=0).max()
    budgets = low + (high - low) * (np.arange(4000) + 0.5) / 4000
    sampled = [accuracy[spent <= budget + 1e-12].max() for budget in budgets]
    assert realised_area(cost, correct, path) == pytest.approx(np.mean(sampled), abs=2e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_nobody_beats_the_oracle_by_more_than_a_step(seed: int) -> None:
    """The front on the true labels bounds every other walk up to one query's worth of accuracy."""
    cost, correct, path = random_walk(seed)
    front = SupportedFront(cost, correct)
    oracle = realised_area(cost, correct, Path(front.assignment(0), front.steps.query, front.steps.to_llm))
    assert realised_area(cost, correct, path) <= oracle + 1 / len(cost) + 1e-9


def test_one_llm() -> None:
    """With one LLM the range of budgets is a point: the area is its accuracy there, the saving nothing."""
    path = Path(np.array([0, 0]), np.array([], dtype=int), np.array([], dtype=int))
    found = realised_quality([[1.0], [2.0]], [[1.0], [0.0]], path, oracle_area=0.5)
    assert (found.area, found.saving, found.accuracy_at_best_cost) == (1.0, 0.0, 0.5)


def test_nobody_is_ever_right() -> None:
    """A share of nothing is undefined, not infinite."""
    found = realised_quality(COST, np.zeros((2, 3)), WALK, oracle_area=0.0)
    assert np.isnan(found.area)
    assert found.highest_accuracy == 0


def test_envelope_before_first_plan_is_clipped() -> None:
    """Budgets are counted from `low`: plans dearer than `high` add nothing."""
    assert envelope_area(np.array([0.0, 9.0]), np.array([0.2, 1.0]), low=0.0, high=5.0) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("cost", "correct", "message"),
    [
        (COST, CORRECT[:, :2], r"share one shape \(N, M\); got \(2, 3\) and \(2, 2\)"),
        (COST, np.where(CORRECT == 1, np.nan, 0.0), r"correct\[0, 1\] = nan"),
        (np.full((2, 3), np.inf), CORRECT, r"cost\[0, 0\] = inf"),
    ],
)
def test_refuses_tables_that_do_not_fit(cost: np.ndarray, correct: np.ndarray, message: str) -> None:
    """Shapes and finiteness, with the first place."""
    with pytest.raises(ValueError, match=message):
        realised_quality(cost, correct, WALK, oracle_area=1.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_points_of_a_walk_are_worth_what_the_walk_is(seed: int) -> None:
    """Following the exact front and valuing its plans one by one are the same, and so with plans repeated."""
    cost, correct, path = random_walk(seed)
    found = realised_quality(cost, correct, path, oracle_area=0.7)
    spent, accuracy = prefix_totals(cost, path), prefix_totals(correct, path) / len(cost)
    assert quality_of_points(cost, correct, spent, accuracy, oracle_area=0.7) == pytest.approx(found, nan_ok=True)
    twice = quality_of_points(cost, correct, spent.repeat(2), accuracy.repeat(2), oracle_area=0.7)
    assert twice == pytest.approx(found, nan_ok=True)


def test_points_below_and_above_the_budgets() -> None:
    """A plan for 1 US$ fits all budgets from 2 to 11, one for 20 fits none: accuracy 1/5 throughout.

    The dear plan is as good as the best LLM, for 9 US$ more.
    """
    found = quality_of_points(COST, CORRECT, [1.0, 20.0], [0.2, 1.0], oracle_area=0.8)
    assert found.area == pytest.approx(0.2 / 0.8)
    assert found.saving == pytest.approx(-9 / 11)
    assert (found.highest_accuracy, found.accuracy_at_best_cost) == (1.0, 0.2)


def test_points_above_the_budgets_alone() -> None:
    """No budget fits a plan: the area is 0, and there is no accuracy at the best LLM's cost."""
    found = quality_of_points(COST, CORRECT, [20.0], [1.0], oracle_area=0.8)
    assert found.area == 0.0
    assert np.isnan(found.accuracy_at_best_cost)


@pytest.mark.parametrize(
    ("spent", "accuracy", "message"),
    [
        ([], [], r"one number per plan, \(P,\); got \(0,\), \(0,\)"),
        ([1.0, 2.0], [0.5], r"got \(2,\), \(1,\)"),
        ([1.0, np.nan], [0.5, 0.5], r"spent must be finite; spent\[1\] = nan"),
        ([1.0, 2.0], [np.inf, 0.5], r"accuracy must be finite; accuracy\[0\] = inf"),
        ([1.0, 3.0, 2.0], [0.5] * 3, r"spent must not fall; spent\[1\] = 3.0, spent\[2\] = 2.0"),
    ],
)
def test_refuses_points_that_can_not_be_followed(spent: list[float], accuracy: list[float], message: str) -> None:
    """None, of different numbers, not finite, out of order."""
    with pytest.raises(ValueError, match=message):
        quality_of_points(COST, CORRECT, spent, accuracy, oracle_area=1.0)


def test_calibration_by_hand() -> None:
    """0.1 (wrong, wrong) and 0.9 (right, wrong): off by 0.1 and 0.4."""
    found = calibration([[0.1, 0.1], [0.9, 0.9]], [[0, 0], [1, 0]], n_groups=2)
    assert found.realised.tolist() == [0.0, 0.5]
    assert found.error == pytest.approx(0.25)


def test_calibration_true_probabilities_are_calibrated() -> None:
    """Outcomes drawn with the predicted probabilities: the error is sampling noise, and squared ones are not."""
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p).astype(float)
    assert calibration(p, y).error < 0.02
    assert calibration(p**2, y).error > 0.1


def test_calibration_groups_cover_all_known_outcomes() -> None:
    """Groups are about equal; unknown outcomes are left out; equal predictions stay together."""
    rng = np.random.default_rng(0)
    p, y = rng.random(1000), rng.integers(0, 2, 1000).astype(float)
    y[:100] = np.nan
    found = calibration(p, y, n_groups=9)
    assert found.n_predictions.tolist() == [100] * 9
    assert calibration(np.full(50, 0.5), np.ones(50)).n_predictions.tolist() == [50]


def test_calibration_refuses() -> None:
    """Shapes that differ, and nothing known; one known outcome is enough."""
    with pytest.raises(ValueError, match=r"predicted has shape \(2,\) and outcome \(3,\)"):
        calibration([0.1, 0.2], [0, 1, 1])
    with pytest.raises(ValueError, match="no outcome is known"):
        calibration([0.1, 0.2], [np.nan, np.nan])
    assert calibration([0.1, 0.2], [np.nan, 0]).n_predictions.tolist() == [1]
