"""What held-out predictions teach: the two weights of the deviations, and by how much plans expect too much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.prediction import SuccessPredictor
from optllm_pymoo.prediction.heldout import (
    AVERAGES,
    UNCHANGED,
    HeldOut,
    Optimism,
    Shrinkage,
    plans_within,
    probabilities,
)


def held_out(
    n: int,
    m: int,
    common: float,
    specific: float,
    *,
    groups: int | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> HeldOut:
    """Random deviations from 1/2, and labels that deviate by these multiples of their parts."""
    random, groups = np.random.default_rng(seed), groups or n
    deviation = np.resize(random.normal(0, 0.1, (groups, m)), (n, m))
    labels = 0.5 + Shrinkage(common, specific).apply(deviation) + noise * random.normal(size=(n, m))
    return HeldOut(0.5 + deviation, np.full((n, m), 0.5), labels, np.arange(n) % groups)


def test_recovers_known_weights() -> None:
    """If the truth deviates by 1.5 times the difficulty and half of the rest, these are the weights."""
    assert held_out(200, 4, 1.5, 0.5).fit() == pytest.approx((1.5, 0.5))


def test_recovers_known_weights_with_holes() -> None:
    """Missing labels leave fewer equations for the same weights."""
    held = held_out(200, 4, 0.8, 0.6)
    held.labels[np.random.default_rng(1).random((200, 4)) < 0.6] = np.nan
    assert held.fit() == pytest.approx((0.8, 0.6))


def test_harmful_deviations_get_no_weight() -> None:
    """Predictions that point the wrong way are not turned round: the averages remain."""
    assert held_out(50, 3, -1.0, -1.0).fit() == AVERAGES


@pytest.mark.parametrize("truth", [0.0, 3.0])
def test_the_prior_moves_no_weight_by_more_than_its_error(truth: float) -> None:
    """Weights of 0 and 3, learned from 200 noisy sets: pulled toward 1/2, by one standard error at the most."""
    noise, n, m = 0.3, 40, 3
    found = np.array([held_out(n, m, truth, truth, noise=noise, seed=seed).fit() for seed in range(200)])
    error = noise / (0.1 * np.sqrt([n * 1, n * (m - 1)]))  # of least squares; the parts have 1 and m - 1 dimensions
    moved = np.abs(found.mean(axis=0) - truth)
    assert (moved < 1.2 * error).all()
    assert (np.sign(0.5 - truth) * (found.mean(axis=0) - truth) > 0).all()


def test_a_text_repeated_often_does_not_rule() -> None:
    """One query of 100 rows against 60 others, weights 0 and 1: as 10 rows, by hand from the weighted squares."""
    deviation = np.vstack([np.full((100, 1), 0.1), np.full((60, 1), 0.1)])
    labels = 0.5 + np.vstack([np.zeros((100, 1)), np.full((60, 1), 0.1)])
    groups = np.concatenate([np.zeros(100, dtype=int), np.arange(1, 61)])
    found = HeldOut(0.5 + deviation, np.full((160, 1), 0.5), labels, groups).fit().common
    slope, error = 60 / 70, np.sqrt((10 * 60 / 70) ** 2 + 60 * (10 / 70) ** 2) / 70  # weights of 10 and 60 in all
    assert found == pytest.approx((slope * 0.25**2 + 0.5 * error**2) / (0.25**2 + error**2))


def test_one_llm_has_no_specific_part() -> None:
    """With M = 1 all deviation is difficulty; the singular equations are no trouble."""
    held = held_out(50, 1, 1.0, 0.0)
    fitted = held.fit()
    assert fitted == pytest.approx((1.0, 0.0))
    assert held.judge(fitted) == fitted


def test_repetitions_are_no_evidence() -> None:
    """Forty copies of two queries say no more than two queries: too few groups for any skill."""
    assert held_out(80, 3, 1.0, 1.0, groups=2).fit() == AVERAGES
    assert held_out(120, 3, 1.0, 1.0, groups=3).fit() == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize("priced", [True, False])
def test_choices_and_not_all_llms_decide(priced: bool) -> None:
    """Deviations of two weak, dear LLMs are true, those of the others are noise: the fit wants weight, plans don't."""
    random = np.random.default_rng(0)
    n = 2000
    centre = np.tile([0.2, 0.2, 0.8, 0.8], (n, 1))
    deviation = random.normal(0, 0.1, (n, 4))
    labels = centre + np.where([True, True, False, False], deviation, 0.0)
    held = HeldOut(centre + deviation, centre, labels, np.arange(n))
    cost = np.tile([4.0, 4.0, 2.0, 3.0], (n, 1)) if priced else None
    fitted = held.fit()
    assert fitted.specific > 0.4
    assert held._replace(cost=cost).judge(fitted).specific < 0.1
    assert held._replace(cost=cost).judge(fitted).common == fitted.common


def test_choices_without_known_outcomes_say_nothing() -> None:
    """Where no query has the outcomes of both LLMs that plans choose between, the prior stands: (2/M)^(1/3) b0."""
    held = held_out(60, 3, 1.0, 1.0)
    held.labels[:] = np.where(np.eye(3)[np.arange(60) % 3] == 1, held.labels, np.nan)
    assert held.judge(UNCHANGED).specific == pytest.approx((2 / 3) ** (1 / 3))


def test_rows_never_held_out_are_left_out() -> None:
    """NaN predictions of half the rows: the weights are those of the other half."""
    held = held_out(100, 3, 1.0, 0.5)._replace(cost=np.random.default_rng(0).random((100, 3)))
    half = HeldOut(*(table[::2] for table in held))
    held.prediction[1::2] = np.nan
    found = HeldOut.of(*held)
    assert found.fit() == half.fit()
    assert found.judge(UNCHANGED) == half.judge(UNCHANGED)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 2), st.floats(0, 1))
def test_apply_keeps_choices_up_to_the_specific_weight(seed: int, common: float, specific: float) -> None:
    """Differences between LLMs only scale by `specific`; the mean over LLMs only by `common`."""
    deviation = np.random.default_rng(seed).normal(0, 0.2, (5, 3))
    weighted = Shrinkage(common, specific).apply(deviation)
    np.testing.assert_allclose(weighted.mean(axis=1), common * deviation.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(np.diff(weighted, axis=1), specific * np.diff(deviation, axis=1), atol=1e-12)
    np.testing.assert_allclose(UNCHANGED.apply(deviation), deviation, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_probabilities_keep_the_order_at_the_top(seed: int, spread: float) -> None:
    """In [0, 1]; the best LLM of a query stays the only best; what lies in [0, 1] already stays."""
    values = np.random.default_rng(seed).normal(0.8, spread, (20, 4))
    found = probabilities(values)
    assert ((found >= 0) & (found <= 1)).all()
    positive = values.max(axis=1) > 0
    np.testing.assert_array_equal(found[positive].argmax(axis=1), values[positive].argmax(axis=1))
    inside = ((values >= 0) & (values <= 1)).all(axis=1)
    np.testing.assert_array_equal(found[inside], values[inside])


def test_plans_within_are_those_of_the_front() -> None:
    """At 0, 1/2 and 1 of the way from the cheapest plan to the dearest LLM, checked against the exact front."""
    random = np.random.default_rng(0)
    cost, accuracy = random.random((30, 3)), random.random((30, 3))
    front = SupportedFront(cost, accuracy)
    low, high = cost.min(axis=1).sum(), cost.sum(axis=0).max()
    for share, x in zip((0, 0.5, 1), plans_within(cost, accuracy, [0, 0.5, 1]), strict=True):
        budget = low + share * (high - low)
        np.testing.assert_array_equal(x, front.assignment(front.within_budget(budget)))
        assert cost[np.arange(30), x].sum() <= budget * (1 + 1e-9)


def best_of_many(n: int, m: int, seed: int) -> tuple[float, Optimism]:
    """LLMs that are right with probability 1/2: what the best of m averages exceeds that by, and the estimate."""
    labels = (np.random.default_rng(seed).random((n, m)) < 0.5).astype(float)
    fold = np.arange(n) % 10
    centre = np.array([(labels[fold != k].sum(axis=0) + 1) / ((fold != k).sum() + 2) for k in fold])
    held = HeldOut(centre, centre, labels, np.arange(n), np.tile(np.arange(m) / m, (n, 1)))
    found = held.optimism(AVERAGES, np.random.RandomState(seed))
    return float(labels.mean(axis=0).max() - 0.5), found


def test_the_best_of_many_averages_is_too_high() -> None:
    """Twenty equal LLMs, 40 labels: the estimate at the largest budget is between half of the truth and double."""
    found = [best_of_many(40, 20, seed) for seed in range(10)]
    truth = np.mean([excess for excess, _ in found])
    estimate = np.mean([optimism.excess[-1] for _, optimism in found])
    assert 0.5 * truth < estimate < 2 * truth


def test_more_labels_less_optimism() -> None:
    """A hundred times as many labels leave about a tenth."""
    few, many = (np.mean([best_of_many(n, 5, seed)[1].excess[-1] for seed in range(3)]) for n in (20, 2000))
    assert many < 0.3 * few


def test_one_llm_leaves_no_choice() -> None:
    """Nothing is chosen, so nothing is chosen for being overrated; a share of 40 labels has its sampling error."""
    labels = np.resize([0.0, 1.0], (40, 1))
    held = HeldOut(np.full((40, 1), 0.5), np.full((40, 1), 0.5), labels, np.arange(40), np.ones((40, 1)))
    found = held.optimism(UNCHANGED, np.random.RandomState(0))
    np.testing.assert_allclose(found.excess, 0, atol=1e-12)
    np.testing.assert_allclose(found.error, np.sqrt(1 / 4 / 40))


def test_held_out_errors_are_heard_as_far_as_they_are_sure() -> None:
    """The dear LLM is predicted 1/2 above the other and is as good: 1/4 above both, found with 4,000 queries, not 8."""
    found = []
    for n in (8, 4000):
        labels = np.resize([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], (n, 2))
        held = HeldOut(np.tile([0.5, 1.0], (n, 1)), np.full((n, 2), 0.5), labels, np.arange(n))
        cost = np.tile([1.0, 2.0], (n, 1))
        found.append(held._replace(cost=cost).optimism(UNCHANGED, np.random.RandomState(0)))
    assert found[0].excess[-1] < 0.1
    assert found[1].excess[-1] == pytest.approx(0.25, abs=0.05)
    assert (found[1].error < found[0].error).all()


def test_a_text_that_is_repeated_is_one_observation() -> None:
    """Ten texts, each ten times: the level of 100 labels is known as well as that of ten."""
    labels = np.tile(np.resize([0.0, 1.0], (10, 1)), (10, 2))
    held = HeldOut(np.full((100, 2), 0.5), np.full((100, 2), 0.5), labels, np.arange(100), np.ones((100, 2)))
    each, repeated = (
        table.optimism(AVERAGES, np.random.RandomState(0)).error[0]
        for table in (held, held._replace(groups=held.groups % 10))
    )
    assert repeated == pytest.approx(np.sqrt(10) * each, rel=0.01)


def test_a_text_repeated_often_does_not_make_the_draws() -> None:
    """Two texts repeated 100 times count as ten each, beside 100 others: the better of two averages is too high by .06.

    Their difference has the variance 300 / 120**2, and half of its mean absolute value is the excess; by rows, the
    variance would be 20,100 / 300**2, and the excess .19.
    """
    labels = np.concatenate(
        [np.repeat([[0.0, 1.0], [1.0, 0.0]], 100, axis=0), np.resize([[1.0, 0.0], [0.0, 1.0]], (100, 2))]
    )
    groups = np.concatenate([np.repeat([0, 1], 100), np.arange(2, 102)])
    held = HeldOut(np.full((300, 2), 0.5), np.full((300, 2), 0.5), labels, groups, np.tile([1.0, 2.0], (300, 1)))
    assert 0.03 < held.optimism(AVERAGES, np.random.RandomState(0)).excess[-1] < 0.09


def test_averages_that_lie_apart_by_chance_are_drawn_together() -> None:
    """Equal LLMs look different on few labels: drawn from equal ones the best is overrated by more than from these."""
    found = np.array([best_of_many(20, 10, seed) for seed in range(20)], dtype=object)
    truth = 20 / 22 * found[:, 0].mean()  # the rule of succession adds two labels, one right and one wrong
    estimate = np.mean([optimism.excess[-1] for optimism in found[:, 1]])
    assert estimate == pytest.approx(truth, rel=0.25)


def test_without_predictions_nothing_is_known() -> None:
    """No row was held out: no excess is known, and any accuracy can be."""
    unknown = np.full((3, 2), np.nan)
    held = HeldOut.of(unknown, unknown, np.ones((3, 2)), np.arange(3), np.ones((3, 2)))
    found = held.optimism(AVERAGES, np.random.RandomState(0))
    assert not found.excess.any()
    assert (found.error == 0.5).all()


def test_of_a_predictor() -> None:
    """Known with costs, unknown without, and the same for any order of the rows."""
    random = np.random.default_rng(0)
    X, y, cost = random.normal(size=(40, 3)), random.integers(0, 2, (40, 4)).astype(float), random.random((40, 4))
    one = SuccessPredictor(random_state=0).fit(X, y, cost=cost).optimism_
    other = SuccessPredictor(random_state=0).fit(X[::-1], y[::-1], cost=cost[::-1]).optimism_
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert one.at(-1.0) == pytest.approx((one.excess[0], one.error[0]))
    assert SuccessPredictor(random_state=0).fit(X, y).optimism_ is None


def test_skill_is_what_plans_gain() -> None:
    """Two LLMs at one price, right on every other query: seen through, plans gain a half; by averages nothing."""
    labels = np.resize(np.eye(2), (40, 2))
    held = HeldOut(labels, np.full((40, 2), 0.5), labels, np.arange(40), np.ones((40, 2)))
    gained = held.skill(UNCHANGED)
    assert (gained.weight, gained.gain) == (1.0, 0.5)
    assert gained.error == pytest.approx(0.5 / np.sqrt(40))  # half of the queries gain 1, the others 0
    assert held.skill(AVERAGES) == (0.0, 0.0, 0.0)
    blind = held._replace(labels=np.where(np.arange(40)[:, None] < 20, labels, np.nan))
    assert blind.skill(UNCHANGED).gain == pytest.approx(0.5)
    alone = held._replace(labels=np.where(labels > 0, labels, np.nan))  # each tried on one LLM
    assert alone.skill(UNCHANGED) == (1.0, 0.0, np.inf)
    assert held._replace(cost=None).skill(UNCHANGED) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_skill_of_noise_lies_within_its_error(seed: int) -> None:
    """Predictions that say nothing gain nothing but for chance, and the order of the rows says nothing either."""
    random = np.random.default_rng(seed)
    labels = (random.random((300, 3)) < 0.6).astype(float)
    held = HeldOut(random.random((300, 3)), np.full((300, 3), 0.6), labels, np.arange(300), random.random((300, 3)))
    found = held.skill(UNCHANGED)
    assert abs(found.gain) < 3.5 * found.error
    order = random.permutation(300)
    turned = HeldOut(*(table[order] for table in held))
    assert turned.skill(UNCHANGED) == pytest.approx(found)
