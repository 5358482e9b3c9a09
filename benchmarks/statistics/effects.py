"""How much better, beside whether: effect sizes and intervals of a reference against each rival."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

MAGNITUDES = ((0.21, "large"), (0.14, "medium"), (0.06, "small"))
"""Smallest |A - 1/2| of each name: A = 0.71, 0.64, 0.56 in Vargha and Delaney (2000), "A critique and improvement
of the CL common language effect size statistics of McGraw and Wong", JEBS 25(2), table 1."""

RESAMPLES = 9999
LEVEL = 0.95


def vargha_delaney(ours: np.ndarray, theirs: np.ndarray, /, *, paired: bool = False) -> float:
    """Return Vargha and Delaney's A: how often one of ours exceeds one of theirs, a tie counting half.

    Args:
        ours: (n,) numbers.
        theirs: (m,) numbers; m = n if paired.
        paired: Whether only numbers at the same place are compared, as for measurements in the same blocks;
            otherwise all n m pairs are.

    Returns:
        In [0, 1]; 1/2 where neither is ahead. NaN without numbers. Cliff's delta is 2 A - 1.

    Raises:
        ValueError: If paired samples differ in size.

    Example:
        Of the pairs (1, 2), (1, 3), (2, 2), (2, 3) none is won and one is tied:

        >>> vargha_delaney([1, 2], [2, 3]), vargha_delaney([1, 2], [2, 3], paired=True)
        (0.125, 0.0)
    """
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if paired and ours.shape != theirs.shape:
        raise ValueError(f"paired samples have equal sizes; got {len(ours)} and {len(theirs)} numbers")
    difference = ours - theirs if paired else ours[:, None] - theirs
    if not difference.size:
        return np.nan
    return float(((difference > 0).sum() + 0.5 * (difference == 0).sum()) / difference.size)


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
    values: np.ndarray, /, *, random_state: np.random.Generator, level: float = LEVEL
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of a median.

    Args:
        values: (n,) independent numbers.
        random_state: Generator that draws the samples.
        level: Confidence level.

    Returns:
        Lower and upper end; NaN for fewer than two numbers, since one says nothing about the spread.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return np.nan, np.nan
    drawn = stats.bootstrap(
        (values,),
        np.median,
        n_resamples=RESAMPLES,
        batch=max(1, 10**6 // len(values)),
        confidence_level=level,
        method="percentile",
        random_state=random_state,
    )
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)


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
        scores: Blocks × algorithms; blocks are what is independent, and what the bootstrap draws.
        reference: Column that is compared with all others.
        random_state: Generator for the bootstrap.
        higher_is_better: Direction of the scores; A > 1/2 says in any case that the reference is ahead.
        level: Confidence level of the interval.

    Returns:
        One row per rival: ``algorithm``, ``n_blocks``, ``vargha_delaney`` (paired), ``cliffs_delta``,
        ``magnitude``, ``median_difference`` reference - rival in units of the scores, ``low`` and ``high`` of its
        interval.

    Raises:
        ValueError: If there is no such reference.
    """
    rows = []
    for rival, ours, theirs in pairs_with(scores, reference):
        sign = 1.0 if higher_is_better else -1.0
        a = vargha_delaney(sign * ours, sign * theirs, paired=True)
        low, high = median_interval(ours - theirs, random_state=random_state, level=level)
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
    for rival, ours, theirs in pairs_with(scores, reference):
        lead = ours - theirs if higher_is_better else theirs - ours
        allowed = np.maximum(rel_tol * np.maximum(np.abs(ours), np.abs(theirs)), abs_tol)
        tied = np.abs(lead) <= allowed
        wins, losses = int((~tied & (lead > 0)).sum()), int((~tied & (lead < 0)).sum())
        rows.append((rival, wins, int(tied.sum()), losses, len(scores) - len(lead)))
    return pd.DataFrame(rows, columns=["algorithm", "wins", "ties", "losses", "missing"])


def pairs_with(scores: pd.DataFrame, reference: str, /) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Pair a reference with each rival, in the blocks in which both have a score.

    Returns:
        Per rival its name, the reference's scores and the rival's, of equal length.

    Raises:
        ValueError: If there is no such reference.
    """
    if reference not in scores.columns:
        raise ValueError(f"no scores of {reference!r}; there are those of {', '.join(map(str, scores.columns))}")
    pairs = []
    for rival in scores.columns.drop(reference):
        both = scores[[reference, rival]].dropna().to_numpy(dtype=float)
        pairs.append((str(rival), both[:, 0], both[:, 1]))
    return pairs
