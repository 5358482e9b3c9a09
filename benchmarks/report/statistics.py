"""Tables of blocks × algorithms, missing measurements, and tests."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats


class Complete(NamedTuple):
    """A table without gaps, and the algorithms and blocks left out for it."""

    scores: pd.DataFrame
    """Blocks × algorithms, no NaN."""
    algorithms: tuple[str, ...]
    """Left out."""
    blocks: tuple[str, ...]
    """Left out."""

    def sentences(self) -> list[str]:
        """Return a sentence on what was left out."""
        return [
            f"Left out because of failed measurements: {', '.join(names)} ({kind})."
            for kind, names in (("algorithms", self.algorithms), ("blocks", self.blocks))
            if names
        ]


def blocks_table(frame: pd.DataFrame, value: str, /, *, block: str | Sequence[str], algorithm: str) -> pd.DataFrame:
    """Arrange measurements as blocks × algorithms, the shape that every test here takes.

    Args:
        frame: One row per measurement; several of the same block and algorithm are averaged.
        value: Column that is compared.
        block: Column or columns of the conditions, such as data set and split; equal values are one block.
        algorithm: Column with the algorithm.

    Returns:
        Float table in the order of first appearance, NaN where there is no measurement.

    Raises:
        ValueError: If a column is missing.

    Example:
        >>> runs = pd.DataFrame({"data": ["a", "a", "b"], "algorithm": ["x", "y", "x"], "v": [1.0, 2.0, 3.0]})
        >>> blocks_table(runs, "v", block="data", algorithm="algorithm").to_numpy().tolist()
        [[1.0, 2.0], [3.0, nan]]
    """
    keys = [block] if isinstance(block, str) else list(block)
    missing = [name for name in (*keys, algorithm, value) if name not in frame.columns]
    if missing:
        raise ValueError(f"there is no column {missing[0]!r}; the columns are {', '.join(map(str, frame.columns))}")
    means = frame.groupby([*keys, algorithm], sort=False, dropna=False)[value].mean()
    return means.unstack(algorithm, sort=False).astype(float).rename_axis(columns=None)


def complete(scores: pd.DataFrame, /, *, keep: str | None = None) -> Complete:
    """Leave out algorithms and blocks until nothing is missing.

    In each round the algorithm or block that lacks the largest share of its measurements is left out; in a tie the
    algorithm, and the later one.

    Args:
        scores: Blocks × algorithms.
        keep: Algorithm that must stay; blocks in which it failed are left out.

    Example:
        >>> table = pd.DataFrame({"x": [1, 2, 3], "y": [None, None, 1], "z": [3, 4, None]})
        >>> left = complete(table, keep="z")
        >>> list(left.scores.columns), left.algorithms, left.blocks
        (['x', 'z'], ('y',), ('2',))
    """
    absent = scores.isna().reset_index(drop=True)
    algorithms, blocks = [], []
    while absent.to_numpy().any():
        per_algorithm = absent.mean(axis=0).drop(labels=[keep] if keep in absent.columns else [])[::-1]
        per_block = absent.mean(axis=1)[::-1]
        if len(per_algorithm) and per_algorithm.max() >= per_block.max():
            worst = per_algorithm.idxmax()
            algorithms.append(str(worst))
            absent = absent.drop(columns=worst)
        else:
            worst = per_block.idxmax()
            block = scores.index[worst]
            blocks.append(" / ".join(map(str, block)) if isinstance(block, tuple) else str(block))
            absent = absent.drop(index=worst)
    return Complete(scores.iloc[absent.index][list(absent.columns)], tuple(algorithms), tuple(blocks))


# Smallest |A - 1/2| of each name: A = 0.71, 0.64, 0.56 in Vargha and Delaney (2000), "A critique and improvement
# of the CL common language effect size statistics of McGraw and Wong", JEBS 25(2), table 1.
MAGNITUDES = ((0.21, "large"), (0.14, "medium"), (0.06, "small"))

RESAMPLES = 9999
LEVEL = 0.95


class Pairs(NamedTuple):
    """Scores of a reference and a rival in the blocks in which both have one."""

    rival: str
    ours: np.ndarray
    """(n,) scores of the reference."""
    theirs: np.ndarray
    """(n,) scores of the rival in the same blocks."""
    data: np.ndarray
    """(n,) number of each block's data set."""


def vargha_delaney(ours: np.ndarray, theirs: np.ndarray, /) -> float:
    """Return Vargha and Delaney's A: how often one of ours exceeds one of theirs, a tie counting half.

    Args:
        ours: (n,) numbers.
        theirs: (m,) numbers; all n m pairs are compared.

    Returns:
        In [0, 1]; 1/2 where neither is ahead. NaN without numbers. Cliff's delta is 2 A - 1.

    Example:
        Of the pairs (1, 2), (1, 3), (2, 2), (2, 3) none is won and one is tied:

        >>> vargha_delaney([1, 2], [2, 3])
        0.125
    """
    difference = np.subtract.outer(np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float))
    if not difference.size:
        return np.nan
    return float(((difference > 0).sum() + 0.5 * (difference == 0).sum()) / difference.size)


def mean_vargha_delaney(ours: np.ndarray, theirs: np.ndarray, data: np.ndarray, /) -> float:
    """Return the mean over data sets of Vargha and Delaney's A within each of them.

    Scores of different data sets are never compared. Within one, each split of ours is compared with each of theirs,
    so that a lead is measured relative to the spread over splits.

    Args:
        ours: (n,) numbers.
        theirs: (n,) numbers.
        data: (n,) data set of each; all data sets have the same weight for any number of splits.

    Returns:
        In [0, 1]; NaN without numbers. A data set with one split is 0, 1/2 or 1.

    Example:
        In the first data set 3 of 4 pairs are won, in the second the only one is lost:

        >>> mean_vargha_delaney(np.array([2, 4, 5]), np.array([1, 3, 9]), np.array([0, 0, 1]))
        0.375
    """
    each = [vargha_delaney(ours[data == name], theirs[data == name]) for name in np.unique(data)]
    return float(np.mean(each)) if each else np.nan


def magnitude(a: float, /) -> str:
    """Name the size of an effect; see `MAGNITUDES`.

    Example:
        >>> [magnitude(a) for a in (0.5, 0.56, 0.36, 1.0)]
        ['negligible', 'small', 'medium', 'large']
    """
    # rounded, since 0.71 - 0.5 is a little less than 0.21
    distance = round(abs(a - 0.5), 12)
    return next((name for limit, name in MAGNITUDES if distance >= limit), "negligible")


def median_interval(
    values: np.ndarray, data: np.ndarray | None = None, /, *, random_state: np.random.Generator, level: float = LEVEL
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of a median.

    Each sample draws from every data set as many numbers as it has, and takes the median of all of them. So it shows
    the effect of other splits of the same data sets; other data sets may have a larger effect.

    Args:
        values: (n,) numbers, independent within a data set.
        data: (n,) data set of each; without it all are of one.
        random_state: Generator that draws the samples.
        level: Confidence level.

    Returns:
        Lower and upper end; NaN without numbers or if a data set has only one, whose spread is then unknown.
    """
    values = np.asarray(values, dtype=float)
    data = np.zeros(len(values), dtype=int) if data is None else np.asarray(data)
    groups = [values[data == name] for name in np.unique(data)]
    if not groups or min(map(len, groups)) < 2:
        return np.nan, np.nan
    drawn = [group[random_state.integers(len(group), size=(RESAMPLES, len(group)))] for group in groups]
    medians = np.median(np.concatenate(drawn, axis=1), axis=1)
    low, high = np.quantile(medians, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def effect_sizes(
    scores: pd.DataFrame,
    reference: str,
    /,
    *,
    random_state: np.random.Generator,
    higher_is_better: bool = True,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Compare a reference with every rival over the blocks in which both were measured.

    Args:
        scores: Blocks × algorithms, indexed by data set and split as from `benchmarks.report.statistics`: the last
            level numbers the blocks of one data set. With a single level all are of one data set.
        reference: Column that is compared with all others.
        random_state: Generator for the bootstrap.
        higher_is_better: Direction of the scores; A > 1/2 always means that the reference is ahead.
        level: Confidence level of the interval.

    Returns:
        One row per rival: ``algorithm``, ``n_blocks``, ``vargha_delaney`` (see `mean_vargha_delaney`),
        ``magnitude``, ``median_difference`` over all blocks of reference - rival in units of the
        scores, ``low`` and ``high`` of its interval (see `median_interval`).

    Raises:
        ValueError: If there is no such reference.
    """
    rows = []
    sign = 1.0 if higher_is_better else -1.0
    for rival, ours, theirs, data in pairs_with(scores, reference):
        a = mean_vargha_delaney(sign * ours, sign * theirs, data)
        low, high = median_interval(ours - theirs, data, random_state=random_state, level=level)
        name = magnitude(a) if len(ours) else "–"
        median = float(np.median(ours - theirs)) if len(ours) else np.nan
        rows.append((rival, len(ours), a, name, median, low, high))
    columns = ("vargha_delaney", "magnitude", "median_difference", "low", "high")
    return pd.DataFrame(rows, columns=["algorithm", "n_blocks", *columns])


def wins_ties_losses(
    scores: pd.DataFrame,
    reference: str,
    /,
    *,
    higher_is_better: bool = True,
    rel_tol: float = 1e-9,
    abs_tol: float = 0.0,
) -> pd.DataFrame:
    """Count the blocks in which a reference beats each rival.

    Args:
        scores: Blocks × algorithms.
        reference: Column that is compared with all others.
        higher_is_better: Direction of the scores.
        rel_tol: Two scores tie if they differ by at most this share of the larger magnitude ...
        abs_tol: ... or by at most this much.

    Returns:
        One row per rival: ``algorithm``, ``wins``, ``ties``, ``losses`` of the reference, ``missing`` for blocks in
        which one of the two has no score.

    Raises:
        ValueError: If there is no such reference, or a tolerance is negative.
    """
    if min(rel_tol, abs_tol) < 0:
        raise ValueError(f"tolerances can't be negative; got rel_tol={rel_tol:g}, abs_tol={abs_tol:g}")
    rows = []
    for rival, ours, theirs, _ in pairs_with(scores, reference):
        lead = ours - theirs if higher_is_better else theirs - ours
        tied = np.abs(lead) <= np.maximum(rel_tol * np.maximum(np.abs(ours), np.abs(theirs)), abs_tol)
        wins, losses = int((~tied & (lead > 0)).sum()), int((~tied & (lead < 0)).sum())
        rows.append((rival, wins, int(tied.sum()), losses, len(scores) - len(lead)))
    return pd.DataFrame(rows, columns=["algorithm", "wins", "ties", "losses", "missing"])


def pairs_with(scores: pd.DataFrame, reference: str, /) -> list[Pairs]:
    """Pair a reference with each rival, in the blocks in which both have a score.

    Raises:
        ValueError: If there is no such reference.
    """
    if reference not in scores.columns:
        raise ValueError(f"no scores of {reference!r}; there are those of {', '.join(map(str, scores.columns))}")
    # the data set of a block is in all levels of the index but the last
    data = np.zeros(len(scores), dtype=int)
    if scores.index.nlevels > 1:
        data = scores.index.droplevel(-1).factorize(use_na_sentinel=False)[0]
    pairs = []
    for rival in scores.columns.drop(reference):
        both = scores[[reference, rival]].to_numpy(dtype=float)
        common = ~np.isnan(both).any(axis=1)
        pairs.append(Pairs(str(rival), both[common, 0], both[common, 1], data[common]))
    return pairs


class Growth(NamedTuple):
    """A power law, value = factor · size^exponent."""

    exponent: float
    standard_error: float
    """Of the exponent; NaN for two sizes, which any power law fits."""
    factor: float

    def __str__(self) -> str:
        """Write the exponent with its standard error."""
        if np.isnan(self.exponent):
            return "unknown"
        error = "" if np.isnan(self.standard_error) else f" ± {self.standard_error:.2f}"
        return f"{self.exponent:.2f}{error}"


def fit_growth(size: np.ndarray, value: np.ndarray, /) -> Growth:
    """Fit a power law by least squares on logarithms.

    Args:
        size: (n,) sizes > 0.
        value: (n,) measurements; those that are not positive and finite are left out.

    Returns:
        NaN throughout with fewer than two different sizes.

    Example:
        >>> print(fit_growth([10, 100, 1000], [3.0, 300.0, 30000.0]))
        2.00 ± 0.00
    """
    size, value = np.asarray(size, dtype=float), np.asarray(value, dtype=float)
    good = np.isfinite(value) & (value > 0) & (size > 0)
    x, y = np.log(size[good]), np.log(value[good])
    if len(np.unique(x)) < 2:
        return Growth(np.nan, np.nan, np.nan)
    line = stats.linregress(x, y)
    return Growth(float(line.slope), float(line.stderr) if len(x) > 2 else np.nan, float(np.exp(line.intercept)))


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

    def sentences(self) -> list[str]:
        """Return the result of the tests, in plain text."""
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
        summary = f"{name} ranks best on average ({rank:.3g})"
        if not close:
            return f"{summary}; every other algorithm is further behind than {limit}."
        return f"{summary}; within {limit} of it: {', '.join(close)}."


def rank_algorithms(
    scores: pd.DataFrame, /, *, higher_is_better: bool, alpha: float = ALPHA, keep: str | None = None
) -> Ranking:
    """Rank algorithms in every block and test whether the ranks differ.

    Friedman's test, then Nemenyi's comparison of all pairs, as Demšar (2006), "Statistical comparisons of
    classifiers over multiple data sets", JMLR 7, recommends.

    Args:
        scores: Blocks × algorithms, such as `benchmarks.report.statistics.blocks_table` returns. Where values are
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
    summary = means.sort_values(kind="stable"), len(values), alpha
    n_blocks, n_algorithms = ranks.shape
    reason = ""
    if n_algorithms < 3:
        reason = f"it takes at least 3 algorithms with a measurement in every block, not {n_algorithms}."
    elif n_blocks < 2:
        reason = f"it takes at least 2 blocks in which every algorithm was measured, not {n_blocks}."
    elif (ranks == ranks[:, :1]).all():
        reason = f"all {n_algorithms} algorithms are tied in every one of the {n_blocks} blocks."
    if reason:
        return Ranking(*summary, notes=(f"No Friedman test: {reason}", *left.sentences()))
    statistic, p_value = stats.friedmanchisquare(*ranks.T)
    nemenyi, missing = None, (MISSING,)
    with suppress(ImportError):
        from scikit_posthocs import posthoc_nemenyi_friedman

        nemenyi = pd.DataFrame(np.asarray(posthoc_nemenyi_friedman(ranks)), means.index, means.index)
        missing = ()
    difference = critical_difference(len(means), len(ranks), alpha=alpha)
    return Ranking(*summary, float(statistic), float(p_value), difference, nemenyi, (*missing, *left.sentences()))


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
