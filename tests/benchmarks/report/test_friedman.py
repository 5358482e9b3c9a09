"""Friedman and Nemenyi."""

from __future__ import annotations

import re
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.report.statistics import critical_difference, rank_algorithms

TABLE = pd.DataFrame({"a": [9, 9, 9, 8.0], "b": [8, 8, 8, 9.0], "c": [7, 7, 9, 7.0]}, index=list("wxyz"))
"""Ranks, larger is better: 1 2 3 | 1 2 3 | 1.5 3 1.5 | 2 1 3; sums 5.5, 8, 10.5."""


def test_ranks_by_hand():
    """Mean ranks are sums / 4, ties share, best first; the other direction turns them round."""
    ranking = rank_algorithms(TABLE, higher_is_better=True)
    assert ranking.mean_ranks.to_dict() == {"a": 1.375, "b": 2.0, "c": 2.625}
    assert list(ranking.mean_ranks.index) == ["a", "b", "c"]
    turned = rank_algorithms(TABLE, higher_is_better=False)
    assert turned.mean_ranks.to_dict() == {"c": 1.375, "b": 2.0, "a": 2.625}


def test_statistic_by_hand():
    """12/(n k (k+1)) Σ R² - 3 n (k+1), over 1 - Σ(t³ - t)/(n k (k² - 1)) for the tie of two."""
    ranking = rank_algorithms(TABLE, higher_is_better=True)
    plain = 12 / (4 * 3 * 4) * (5.5**2 + 8**2 + 10.5**2) - 3 * 4 * 4
    assert ranking.statistic == pytest.approx(plain / (1 - 6 / (4 * 3 * 8)))
    assert ranking.p_value == pytest.approx(stats.chi2.sf(ranking.statistic, 2))
    assert not ranking.is_significant


def test_critical_difference_by_hand():
    """Demšar (2006), table 5: q for 3 algorithms at 0.05 is 2.343, for 10 at 0.10 2.920."""
    assert critical_difference(3, 20) == pytest.approx(2.343 * np.sqrt(3 * 4 / 120), rel=1e-3)
    assert critical_difference(10, 7, alpha=0.1) == pytest.approx(2.920 * np.sqrt(10 * 11 / 42), rel=1e-3)


def test_nemenyi_agrees_with_the_critical_difference():
    """A p-value is below the level where and only where the ranks are further apart than the difference."""
    pytest.importorskip("scikit_posthocs")
    rng = np.random.default_rng(1)
    scores = pd.DataFrame(rng.random((12, 6)) + np.arange(6) / 6, columns=list("abcdef"))
    ranking = rank_algorithms(scores, higher_is_better=True)
    ranks = ranking.mean_ranks
    apart = np.abs(np.subtract.outer(ranks.to_numpy(), ranks.to_numpy())) > ranking.critical_difference
    significant = ranking.nemenyi.loc[ranks.index, ranks.index].to_numpy() < ranking.alpha
    np.testing.assert_array_equal(apart, significant)
    assert 0 < apart.sum() < 30
    best = ranks.index[0]
    assert set(ranking.indistinct_from_best()) == set(ranks.index[~significant[0]]) - {best}


def test_p_value_by_hand():
    """For two mean ranks d apart it is the studentized range's tail at d √2 / √(k (k+1) / 6 n)."""
    pytest.importorskip("scikit_posthocs")
    ranking = rank_algorithms(TABLE, higher_is_better=True)
    expected = stats.studentized_range.sf(1.25 * np.sqrt(2) / np.sqrt(3 * 4 / 24), 3, np.inf)
    assert ranking.nemenyi.loc["a", "c"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (TABLE[["a", "b"]], "at least 3 algorithms .* not 2"),
        (TABLE[:1], "at least 2 blocks .* not 1"),
        (TABLE[:0], "at least 2 blocks .* not 0"),
        (TABLE * 0, "all 3 algorithms are tied in every one of the 4 blocks"),
        (TABLE.assign(b=np.nan), "at least 3 algorithms .* not 2"),
    ],
    ids=["two algorithms", "one block", "no block", "all tied", "one failed"],
)
@pytest.mark.filterwarnings("error")
def test_no_test_and_why(scores, reason):
    """Where there is no test the ranks still come, the reason is told, and nothing is claimed."""
    ranking = rank_algorithms(scores, higher_is_better=True)
    assert len(ranking.mean_ranks) >= 2
    assert np.isnan(ranking.p_value)
    assert ranking.nemenyi is None
    assert not ranking.is_significant
    assert ranking.indistinct_from_best() == []
    text = " ".join(ranking.sentences())
    assert re.search(reason, text)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scores", [TABLE * np.nan, TABLE[[]]], ids=["all failed", "no algorithm"])
def test_nothing_left(scores):
    """Neither ranks nor a fault, but a reason."""
    ranking = rank_algorithms(scores, higher_is_better=True)
    assert len(ranking.mean_ranks) == 0
    assert ranking.sentences()[0].endswith("in every block, not 0.")


def test_failures_are_named():
    """An algorithm that failed twice goes and is named; the test is on the rest."""
    scores = TABLE.assign(bad=[1.0, np.nan, np.nan, 1.0])
    ranking = rank_algorithms(scores, higher_is_better=True)
    assert ranking.mean_ranks.to_dict() == rank_algorithms(TABLE, higher_is_better=True).mean_ranks.to_dict()
    assert "Left out because of failed measurements: bad (algorithms)." in ranking.sentences()


def test_without_scikit_posthocs(monkeypatch):
    """Friedman's test and the critical difference still come, and a sentence names the extra."""
    whole = rank_algorithms(TABLE, higher_is_better=True)
    monkeypatch.setitem(sys.modules, "scikit_posthocs", None)
    ranking = rank_algorithms(TABLE, higher_is_better=True)
    assert ranking.p_value == whole.p_value
    assert ranking.critical_difference == whole.critical_difference
    assert ranking.nemenyi is None
    assert ranking.nemenyi is None
    assert any("optllm-pymoo[bench]" in sentence for sentence in ranking.sentences())
