"""How much better, beside whether: effect sizes and intervals of a reference against each rival."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

MAGNITUDES = ((0.21, "large"), (0.14, "medium"), (0.06, "small"))
"""Smallest |A - 1/2| of each name: A = 0.71, 0.64, 0.56 in Vargha and Delaney (2000), "A critique and improvement
of the CL common language effect size statistics of McGraw and Wong", JEBS 25(2), table 1."""

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
    so that a lead counts as far as it stands out from the spread over splits.

    Args:
        ours: (n,) numbers.
        theirs: (n,) numbers.
        data: (n,) data set of each; all data sets weigh the same, however many splits they have.

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

    Each sample draws from every data set as many numbers as it has, and takes the median of all of them. So it tells
    what other splits of the same data sets would change; other data sets may change more.

    Args:
        values: (n,) numbers, independent within a data set.
        data: (n,) data set of each; without it all are of one.
        random_state: Generator that draws the samples.
        level: Confidence level.

    Returns:
        Lower and upper end; NaN without numbers or if a data set has only one, which says nothing about its spread.
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
        scores: Blocks × algorithms, indexed by data set and split as from `benchmarks.statistics.blocks`: the last
            level tells the blocks of one data set apart. With a single level all are of one data set.
        reference: Column that is compared with all others.
        random_state: Generator for the bootstrap.
        higher_is_better: Direction of the scores; A > 1/2 says in any case that the reference is ahead.
        level: Confidence level of the interval.

    Returns:
        One row per rival: ``algorithm``, ``n_blocks``, ``vargha_delaney`` (see `mean_vargha_delaney`),
        ``cliffs_delta``, ``magnitude``, ``median_difference`` over all blocks of reference - rival in units of the
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
        rows.append((rival, len(ours), a, 2 * a - 1, name, median, low, high))
    columns = ("vargha_delaney", "cliffs_delta", "magnitude", "median_difference", "low", "high")
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
        allowed = np.maximum(rel_tol * np.maximum(np.abs(ours), np.abs(theirs)), abs_tol)
        tied = np.abs(lead) <= allowed
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
    data = _data_sets(scores.index)
    pairs = []
    for rival in scores.columns.drop(reference):
        both = scores[[reference, rival]].to_numpy(dtype=float)
        common = ~np.isnan(both).any(axis=1)
        pairs.append(Pairs(str(rival), both[common, 0], both[common, 1], data[common]))
    return pairs


def _data_sets(blocks: pd.Index) -> np.ndarray:
    """Number the data set of each block: what its levels but the last one say."""
    if blocks.nlevels == 1:
        return np.zeros(len(blocks), dtype=int)
    return blocks.droplevel(-1).factorize(use_na_sentinel=False)[0]
