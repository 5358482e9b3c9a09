"""Which queries to label next, and what more labels would bring: by hand, and on curves that are made up."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import UserError
from optllm_pymoo.data import Dataset, make_dataset
from optllm_pymoo.planning import LearningCurve, Split, curve, next_to_label, split_by_share, usd_per_label
from optllm_pymoo.planning.curve import AreaLine


def batch(sizes: dict[str, int], n_labelled: int = 0) -> Dataset:
    """Queries of groups, behind others of the first group that have a label."""
    groups = [*[next(iter(sizes))] * n_labelled, *(name for name, size in sizes.items() for _ in range(size))]
    correct = np.full((len(groups), 2), np.nan)
    correct[:n_labelled, 1] = 1.0
    return Dataset(np.ones(correct.shape), correct, groups=groups)


def test_groups_are_drawn_in_proportion_and_labels_never() -> None:
    """Of 60, 30 and 10 queries ten are 6, 3 and 1, whatever the seed; forty labelled ones don't count."""
    data = batch({"a": 60, "b": 30, "c": 10}, n_labelled=40)
    for seed in range(20):
        rows = next_to_label(data, 10, random_state=seed)
        assert Counter(data.groups[row] for row in rows) == {"a": 6, "b": 3, "c": 1}
        assert rows.min() >= 40
        assert len(set(rows.tolist())) == 10


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(1, 30), min_size=1), st.data())
def test_every_group_gets_its_share_rounded_up_or_down(sizes: dict[str, int], data: st.DataObject) -> None:
    """A systematic sample takes floor(s · n) or ceil(s · n) of a group that holds the share s."""
    total = sum(sizes.values())
    n, seed = data.draw(st.integers(1, total)), data.draw(st.integers(0, 9))
    drawn = batch(sizes).select(next_to_label(batch(sizes), n, random_state=seed))
    counts = Counter(drawn.groups)
    assert len(drawn) == n
    assert all(size * n // total <= counts[name] <= -(-size * n // total) for name, size in sizes.items())


def test_the_seed_decides_and_the_order_of_the_rows_does_not() -> None:
    """Same seed, same queries, also of shuffled rows; another seed, others; every query has its chance."""
    data = make_dataset(80, 2).with_outcomes(np.full((80, 2), np.nan))
    shuffled = data.select(np.random.default_rng(1).permutation(80))
    first, again, mixed, other = (
        set(of.select(next_to_label(of, 20, random_state=seed)).query_ids)
        for of, seed in ((data, 1), (data, 1), (shuffled, 1), (data, 2))
    )
    assert first == again == mixed != other
    assert len({int(row) for seed in range(60) for row in next_to_label(data, 20, random_state=seed)}) == 80


def test_no_more_than_there_are() -> None:
    """Five of five are all of them, six are refused, and so is none."""
    data = batch({"a": 5}, n_labelled=2)
    assert next_to_label(data, 5).tolist() == [2, 3, 4, 5, 6]
    with pytest.raises(UserError, match="6 queries are to be drawn, but only 5 have no label; draw at most 5"):
        next_to_label(data, 6)
    with pytest.raises(UserError, match="the number of queries to label"):
        next_to_label(data, 0)


def test_an_llm_is_run_once_at_its_lower_price() -> None:
    """3 or 1.5 US$ for x, 4 for x in another mode, 10 for y, which has batch prices only: 15.5; then 1 + 4 + 10."""
    llms = ["x", "x@batch", "x@high", "y@batch"]
    data = Dataset([[3.0, 1.5, 4.0, 10.0], [1.0, 2.0, 4.0, 10.0]], np.ones((2, 4)), llms=llms)
    assert usd_per_label(data).tolist() == [15.5, 15.0]


FRACTIONS = np.array([0.4, 0.4, 0.55, 0.55, 0.75, 0.75, 1.0])


def areas(rises: list[float]) -> np.ndarray:
    """Areas on .8 - rise · (1/√f - 1), of the labelled queries and then of bootstraps."""
    return 0.8 - np.array(rises)[:, None] * (1 / np.sqrt(FRACTIONS) - 1)


@pytest.mark.parametrize("rise", [0.0, 0.01, 0.1])
def test_a_curve_without_noise_is_found_again(rise: float) -> None:
    """A curve in 1/√m that bootstraps don't move is believed, flat or steep; all labels' area is Laplace's.

    Two draws of each part that agree are as sure as .05/√n/√2, and a least-squares slope as that by the root of the
    squares of 1/√f around their mean; the usual is .2/√n ± .2/√n.
    """
    x = 1 / np.sqrt(np.unique(FRACTIONS))
    weight = 32 * np.sum((x - x.mean()) ** 2)
    line = AreaLine.through(FRACTIONS, areas([rise] * 9), 100_000)
    assert line.rise == pytest.approx((weight * rise + 0.2 / math.sqrt(100_000)) / (weight + 1))
    assert line.area == pytest.approx((80_000 + 1) / 100_002)
    assert line.error == pytest.approx(math.sqrt(0.8 * 0.2 / 100_000), rel=1e-3)


def test_a_slope_as_unsure_as_the_usual_one_moves_half_way() -> None:
    """With 400 labels .2/√400 = .01 ± .01 is usual: measured .05 ± .01 is joined with it to .03 ± .01/√2.

    A luck of .05/√400 in the draws makes the measured one a little less sure than the bootstraps do.
    """
    line = AreaLine.through(FRACTIONS, areas([0.05, *0.05 + 0.01 * np.repeat([-1, 1], 25)]), 400)
    assert line.rise == pytest.approx(0.03, abs=2e-3)
    assert line.rise_error == pytest.approx(0.01 / math.sqrt(2), rel=0.05)


def test_a_falling_curve_is_no_gain() -> None:
    """Areas that fall with more labels, beyond doubt: nothing is gained, nothing is lost."""
    assert AreaLine.through(FRACTIONS, areas([-0.1] * 9), 10_000).rise == 0.0


LINE = AreaLine(area=0.8, error=0.02, rise=0.04, rise_error=0.01, luck=0.01)


def test_forecast_by_hand() -> None:
    """100 labels, four times as many: the width by its parts, area and gain with their errors."""
    at_hand = LearningCurve(100, 700, (), LINE, accuracy=0.9, n_distinct=100.0, excess=2e-4, chance=1e-4)
    found = at_hand.forecast(4.0)
    assert found is not None
    assert found.n_labels == 400
    # 2e-4 = (2e-2)² e/((2e-2)² + e): e = 4e-4, then 1e-4, of which 8e-5 count; 700 planned queries become 400
    variance = 0.9 * 0.1 / 400 + 8e-5 + 1e-4 * 700 / 400
    assert found.width.expected == pytest.approx(2 * 1.95996 * math.sqrt(variance), rel=1e-5)
    # a moves by √(.09/100) · √(3/4); √(a (1 - a)) by 0.8/(2 · .09) of that, and 5 % beside
    relative = math.hypot(0.8 / 0.18 * 0.03 * math.sqrt(0.75), 0.05)
    assert found.width.high == pytest.approx(found.width.expected * math.exp(1.64485 * relative), rel=1e-5)
    assert (found.area.expected, found.gain.expected) == pytest.approx((0.82, 0.02))
    unsure = (0.5 * 0.01) ** 2 + (0.5 * 0.02) ** 2
    # chance as in a share of .8: of the 400 that are left, and of these as a part of the 700 of today
    area = 0.02**2 + unsure + 0.01**2 / 4 + 0.8 * 0.2 / 400
    gain = unsure + 0.01**2 * 1.25 / 2 + 0.8 * 0.2 * (1 / 400 - 1 / 700)
    assert 0.82 - found.area.low == pytest.approx(1.64485 * math.sqrt(area), rel=1e-5)
    assert found.gain.high - 0.02 == pytest.approx(1.64485 * math.sqrt(gain), rel=1e-5)


def test_labels_that_leave_nothing_to_plan_are_not_forecast() -> None:
    """Fifty more labels need more than fifty queries."""
    at_hand = LearningCurve(100, 51, (), LINE, accuracy=0.9, n_distinct=100.0, excess=0.0, chance=0.0)
    assert at_hand.forecast(1.5) is not None
    assert at_hand._replace(n_planned=50).forecast(1.5) is None


def test_the_order_of_labelled_rows_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curve of a shuffled batch is the same, but for rounding; a gap leaves a query out. Drawn from fewer parts."""
    monkeypatch.setattr(curve, "_FRACTIONS", (0.55,))
    monkeypatch.setattr(curve, "_REPETITIONS", 2)
    split = split_by_share(make_dataset(60, 2), 0.25, random_state=1)
    gap = split.labelled.correct.copy()
    gap[3, 0] = np.nan
    split = Split(split.labelled.with_outcomes(gap), split.planned)
    order = np.random.default_rng(0).permutation(15)
    found, shuffled = (LearningCurve.of(each) for each in (split, Split(split.labelled.select(order), split.planned)))
    assert found is not None
    assert shuffled is not None
    assert found.n_labels == shuffled.n_labels == 14
    assert [n for n, _ in found.measured] == [8, 14]
    np.testing.assert_allclose(np.hstack(found.line), np.hstack(shuffled.line), rtol=1e-9)
    assert found.width() == pytest.approx(shuffled.width())


def test_too_few_labels_make_no_curve() -> None:
    """Nine queries are too few, and outcomes that are all wrong have no area."""
    data = make_dataset(40, 2)
    assert LearningCurve.of(split_by_share(data, 9 / 40)) is None
    assert LearningCurve.of(split_by_share(data.with_outcomes(np.zeros((40, 2))), 0.5)) is None
