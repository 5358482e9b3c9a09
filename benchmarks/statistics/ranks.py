"""Friedman's test over blocks and algorithms, with Nemenyi's comparison of all pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.statistics.blocks import complete

ALPHA = 0.05

MISSING = (
    "Nemenyi's p-values need scikit-posthocs, which can't be imported here:"
    " pip install 'optllm-pymoo[bench]' brings it."
)


@dataclass(frozen=True)
class Ranking:
    """Mean ranks and whether they differ by more than chance.

    Attributes:
        mean_ranks: Per algorithm, best (lowest) first; ties share their mean rank.
        n_blocks: Blocks that were compared.
        alpha: Level of significance.
        statistic: Friedman's chi-squared, NaN without a test.
        p_value: Of Friedman's test, NaN without a test.
        critical_difference: Mean ranks at least this far apart differ significantly; NaN without a test.
        nemenyi: Algorithms × algorithms p-values, None without a test or without scikit-posthocs.
        notes: Why there is no test, and what was left out.
    """

    mean_ranks: pd.Series
    n_blocks: int
    alpha: float = ALPHA
    statistic: float = np.nan
    p_value: float = np.nan
    critical_difference: float = np.nan
    nemenyi: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_significant(self) -> bool:
        """Whether Friedman's test rejects that all algorithms are alike."""
        return bool(self.p_value < self.alpha)

    def indistinct_from_best(self) -> list[str]:
        """List the algorithms whose mean rank is less than the critical difference from the best."""
        close = self.mean_ranks - self.mean_ranks.min() < self.critical_difference
        return [str(name) for name in self.mean_ranks.index[close][1:]]

    def table(self) -> pd.DataFrame:
        """Return mean ranks, differences from the best, and Nemenyi's p-value against it where there is one."""
        columns = {"mean_rank": self.mean_ranks, "behind_best": self.mean_ranks - self.mean_ranks.min()}
        if self.nemenyi is not None:
            best = self.mean_ranks.index[0]
            columns["p_against_best"] = self.nemenyi[best].drop(best)
        return pd.DataFrame(columns, index=self.mean_ranks.index).rename_axis("algorithm").reset_index()

    def sentences(self) -> list[str]:
        """Say what came of it, in plain text."""
        if np.isnan(self.p_value):
            return list(self.notes)
        verdict = "differ" if self.is_significant else "don't differ"
        return [
            f"Friedman's test over {self.n_blocks} blocks and {len(self.mean_ranks)} algorithms: the ranks {verdict}"
            f" significantly (chi-squared {self.statistic:.4g}, p = {self.p_value:.2g}, level {self.alpha:g}).",
            self._best(),
            *self.notes,
        ]

    def _best(self) -> str:
        name, rank, close = self.mean_ranks.index[0], self.mean_ranks.iloc[0], self.indistinct_from_best()
        limit = f"the critical difference of {self.critical_difference:.3g}"
        told = f"{name} ranks best on average ({rank:.3g})"
        if not close:
            return f"{told}; every other algorithm is further behind than {limit}."
        return f"{told}; within {limit} of it: {', '.join(close)}."


def rank_algorithms(
    scores: pd.DataFrame, /, *, higher_is_better: bool, alpha: float = ALPHA, keep: str | None = None
) -> Ranking:
    """Rank algorithms in every block and test whether the ranks differ.

    Friedman's test, then Nemenyi's comparison of all pairs, as Demšar (2006), "Statistical comparisons of
    classifiers over multiple data sets", JMLR 7, recommends.

    Args:
        scores: Blocks × algorithms, such as `benchmarks.statistics.blocks.blocks_table` returns. Where values are
            missing, an algorithm or a block is left out and named.
        higher_is_better: Direction of the scores; rank 1 is the best.
        alpha: Level of significance.
        keep: Algorithm that is never left out.

    Returns:
        Ranks, and tests where they are possible; notes say where not.
    """
    left = complete(scores, keep=keep)
    values = left.scores.to_numpy()
    ranks = stats.rankdata(-values if higher_is_better else values, axis=1)
    means = pd.Series(ranks.mean(axis=0) if len(ranks) else np.nan, left.scores.columns.astype(str), dtype=float)
    told = means.sort_values(kind="stable"), len(values), alpha
    reason = _why_no_test(ranks)
    if reason:
        return Ranking(*told, notes=(reason, *left.sentences()))
    statistic, p_value = stats.friedmanchisquare(*ranks.T)
    nemenyi, missing = _nemenyi(pd.DataFrame(ranks, columns=means.index))
    difference = critical_difference(len(means), len(ranks), alpha=alpha)
    notes = (*missing, *left.sentences())
    return Ranking(*told, float(statistic), float(p_value), difference, nemenyi, notes)


def critical_difference(n_algorithms: int, n_blocks: int, /, *, alpha: float = ALPHA) -> float:
    """Return how far apart two mean ranks have to be: q_α √(k (k + 1) / 6 n), Demšar (2006), section 3.2.2.

    Args:
        n_algorithms: k >= 2.
        n_blocks: n >= 1.
        alpha: Level of significance.

    Example:
        Demšar's example has 4 classifiers, 14 data sets and q = 2.569:

        >>> round(critical_difference(4, 14), 2)
        1.25
    """
    quantile = stats.studentized_range.ppf(1 - alpha, n_algorithms, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(n_algorithms * (n_algorithms + 1) / (6 * n_blocks)))


def _why_no_test(ranks: np.ndarray) -> str:
    n_blocks, n_algorithms = ranks.shape
    if n_algorithms < 3:
        return (
            f"No Friedman test: it takes at least 3 algorithms with a measurement in every block, not {n_algorithms}."
        )
    if n_blocks < 2:
        return f"No Friedman test: it takes at least 2 blocks in which every algorithm was measured, not {n_blocks}."
    if (ranks == ranks[:, :1]).all():
        return f"No Friedman test: all {n_algorithms} algorithms are tied in every one of the {n_blocks} blocks."
    return ""


def _nemenyi(ranks: pd.DataFrame) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    try:
        from scikit_posthocs import posthoc_nemenyi_friedman
    except ImportError:
        return None, (MISSING,)
    p_values = np.asarray(posthoc_nemenyi_friedman(ranks.to_numpy()))
    return pd.DataFrame(p_values, ranks.columns, ranks.columns), ()
