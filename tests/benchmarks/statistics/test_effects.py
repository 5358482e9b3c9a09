"""Effect sizes, intervals, wins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics.effects import effect_sizes, magnitude, median_interval, vargha_delaney, wins_ties_losses

numbers = st.lists(st.integers(-5, 5), min_size=1, max_size=8)
SCORES = pd.DataFrame({"ours": [3.0, 5, 7, 9], "rival": [1.0, 5, 8, 4], "gap": [1.0, np.nan, np.nan, 10]})


def test_by_hand():
    """Of 6 pairs of (3, 4) and (1, 3, 5): 3>1, 3=3, 4>1, 4>3 make 3.5."""
    assert vargha_delaney([3, 4], [1, 3, 5]) == pytest.approx(3.5 / 6)
    assert vargha_delaney([3, 4, 5], [1, 4, 9], paired=True) == pytest.approx(1.5 / 3)
    assert np.isnan(vargha_delaney([], []))
    with pytest.raises(ValueError, match="got 2 and 3 numbers"):
        vargha_delaney([1, 2], [1, 2, 3], paired=True)


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
    """Ours wins 2, ties 1, loses 1 of 4: A = 2.5/4; differences 2, 0, -1, 5 have the median 1."""
    row = effect_sizes(SCORES, "ours", random_state=np.random.default_rng(0)).set_index("algorithm").loc["rival"]
    assert row[["n_blocks", "vargha_delaney", "cliffs_delta", "magnitude"]].tolist() == [4, 0.625, 0.25, "small"]
    assert row["median_difference"] == 1
    assert -1 <= row["low"] <= 1 <= row["high"] <= 5


def test_smaller_is_better():
    """The effect turns round, the difference stays in its units."""
    options = {"random_state": np.random.default_rng(0), "higher_is_better": False}
    row = effect_sizes(SCORES, "ours", **options).iloc[0]
    assert (row["vargha_delaney"], row["median_difference"]) == (0.375, 1)


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
