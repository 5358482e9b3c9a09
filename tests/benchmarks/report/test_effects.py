"""Effect sizes, intervals, wins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report.statistics import (
    effect_sizes,
    magnitude,
    mean_vargha_delaney,
    median_interval,
    vargha_delaney,
    wins_ties_losses,
)

numbers = st.lists(st.integers(-5, 5), min_size=1, max_size=8)
SCORES = pd.DataFrame({"ours": [3.0, 5, 7, 9], "rival": [1.0, 5, 8, 4], "gap": [1.0, np.nan, np.nan, 10]})


def test_by_hand():
    """Of 6 pairs of (3, 4) and (1, 3, 5): 3>1, 3=3, 4>1, 4>3 make 3.5."""
    assert vargha_delaney([3, 4], [1, 3, 5]) == pytest.approx(3.5 / 6)
    assert np.isnan(vargha_delaney([], []))


@given(numbers, numbers)
def test_both_sides_make_one(ours, theirs):
    """A(x, y) + A(y, x) = 1, and only the order of the numbers counts."""
    a = vargha_delaney(ours, theirs)
    assert a + vargha_delaney(theirs, ours) == pytest.approx(1)
    assert a == vargha_delaney(np.exp(ours), np.exp(theirs))


@pytest.mark.parametrize(
    ("a", "name"),
    [(0.5, "negligible"), (0.559, "negligible"), (0.56, "small"), (0.639, "small"), (0.64, "medium"),
     (0.709, "medium"), (0.71, "large"), (0.29, "large"), (0.36, "medium"), (0.44, "small"), (0.0, "large")],
)  # fmt: skip
def test_limits_of_the_names(a, name):
    """Vargha and Delaney's limits, on both sides of one half."""
    assert magnitude(a) == name


def test_table_by_hand():
    """3, 5, 7, 9 exceed 1, 4, 5, 8 in 1, 2.5, 3 and 4 of 4 pairs: A = 10.5/16; differences 2, 0, -1, 5: median 1."""
    row = effect_sizes(SCORES, "ours", random_state=np.random.default_rng(0)).set_index("algorithm").loc["rival"]
    assert row[["n_blocks", "vargha_delaney", "magnitude"]].tolist() == [4, 0.65625, "medium"]
    assert row["median_difference"] == 1
    assert -1 <= row["low"] <= 1 <= row["high"] <= 5


def test_smaller_is_better():
    """The effect turns round, the difference stays in its units."""
    options = {"random_state": np.random.default_rng(0), "higher_is_better": False}
    row = effect_sizes(SCORES, "ours", **options).iloc[0]
    assert (row["vargha_delaney"], row["median_difference"]) == (0.34375, 1)


def _two_data_sets(**columns):
    """Scores indexed by data set and split: three splits of a, two of b."""
    index = pd.MultiIndex.from_tuples([("a", 0), ("a", 1), ("b", 0), ("a", 2), ("b", 1)], names=["data", "split"])
    return pd.DataFrame(columns, index=index)


def test_data_sets_are_not_mixed_and_weigh_the_same():
    """In a 2, 4, 6 exceed 1, 3, 5 in 1 + 2 + 3 of 9 pairs, in b 10, 10 never exceed 11, 10: (6/9 + 1/4) / 2."""
    scores = _two_data_sets(ours=[2.0, 4.0, 10.0, 6.0, 10.0], rival=[1.0, 3.0, 11.0, 5.0, 10.0])
    row = effect_sizes(scores, "ours", random_state=np.random.default_rng(0)).iloc[0]
    assert row["vargha_delaney"] == pytest.approx((6 / 9 + 1 / 4) / 2)
    assert (row["n_blocks"], row["median_difference"]) == (5, 1.0)


@pytest.mark.parametrize(("spread", "a", "name"), [(0.001, 0.55, "negligible"), (0.000001, 1.0, "large")])
def test_leads_count_against_the_spread_over_splits(spread, a, name):
    """Ahead by 0.00004 in each of ten splits 0.001 apart: 55 of 100 pairs are won; all, if they hardly differ."""
    rival = np.arange(10) * spread
    index = pd.MultiIndex.from_product([["a"], range(10)])
    scores = pd.DataFrame({"ours": rival + 0.00004, "rival": rival}, index=index)
    row = effect_sizes(scores, "ours", random_state=np.random.default_rng(0)).iloc[0]
    assert (row["vargha_delaney"], row["magnitude"]) == (a, name)


def test_one_split_is_one_pair():
    """A data set with one split adds 1, 1/2 or 0; there is no interval, since its spread isn't known."""
    scores = pd.DataFrame({"ours": [2.0, 5, 3, 3], "rival": [1.0, 5, 4, 4], "gap": [np.nan, 4, 2, np.nan]})
    scores.index = pd.MultiIndex.from_tuples([("a", 0), ("b", 0), ("c", 0), ("c", 1)])
    table = effect_sizes(scores, "ours", random_state=np.random.default_rng(0)).set_index("algorithm")
    assert table.loc["rival", "vargha_delaney"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert table.loc["gap", "vargha_delaney"] == 1.0
    assert table[["low", "high"]].isna().all(axis=None)


def test_no_data_set_has_no_mean():
    """NaN, without a warning."""
    none = np.array([])
    assert np.isnan(mean_vargha_delaney(none, none, none))


def test_intervals_draw_within_data_sets():
    """0 and 0 of one data set, 4 and 6 of another: always two of each, so medians are 2, 2.5 and 3; mixed, 0 to 6."""
    values, data = np.array([0.0, 4.0, 0.0, 6.0]), np.array([0, 1, 0, 1])
    assert median_interval(values, data, random_state=np.random.default_rng(0)) == (2.0, 3.0)
    assert median_interval(values, random_state=np.random.default_rng(0)) == (0.0, 6.0)


@pytest.mark.filterwarnings("error")
def test_gaps_and_nothing():
    """Only common blocks count; with one of them there is no interval, with none no effect."""
    none = SCORES.assign(none=np.nan)
    table = effect_sizes(none, "ours", random_state=np.random.default_rng(0)).set_index("algorithm")
    assert table.loc["gap", "n_blocks"] == 2
    assert table.loc["none", ["n_blocks", "magnitude"]].tolist() == [0, "–"]
    assert np.isnan(table.loc["none", "vargha_delaney"])
    assert np.isnan(median_interval([1.0], random_state=np.random.default_rng(0))).all()
    with pytest.raises(ValueError, match="no scores of 'theirs'; there are those of ours, rival, gap"):
        effect_sizes(SCORES, "theirs", random_state=np.random.default_rng(0))


def test_interval_by_order_statistics():
    """For 1 ... 20 the 95 % percentile interval is about the 6th to the 15th number, the sign test's."""
    low, high = median_interval(np.arange(1.0, 21), random_state=np.random.default_rng(3))
    assert 5.5 <= low <= 7.5
    assert 13.5 <= high <= 15.5


def test_same_seed_same_interval():
    """The same generator gives the same interval, and a wider level contains a narrower one."""
    values = np.random.default_rng(9).random(30)
    first, again = (median_interval(values, random_state=np.random.default_rng(1)) for _ in range(2))
    assert first == again
    narrow = median_interval(values, random_state=np.random.default_rng(1), level=0.5)
    assert first[0] <= narrow[0] <= narrow[1] <= first[1]


def test_wins_by_hand():
    """A tolerance of 15 % of the larger makes 7 against 8 a tie; an absolute one of 2 also 3 against 1."""

    def count(**options):
        return wins_ties_losses(SCORES, "ours", **options).iloc[0].tolist()

    assert count() == ["rival", 2, 1, 1, 0]
    assert count(rel_tol=0.15) == ["rival", 2, 2, 0, 0]
    assert count(abs_tol=2.0) == ["rival", 1, 3, 0, 0]
    assert count(higher_is_better=False) == ["rival", 1, 1, 2, 0]
    assert wins_ties_losses(SCORES, "ours").iloc[1].tolist() == ["gap", 1, 0, 1, 2]
    with pytest.raises(ValueError, match="can't be negative; got rel_tol=-1"):
        count(rel_tol=-1)
