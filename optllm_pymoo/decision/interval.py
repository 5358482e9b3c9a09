"""How far the realised accuracy of a plan may lie from the expected one."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.stats import norm

from optllm_pymoo.validation import UserError

CORRELATION: Final = 0.05
"""Default correlation between the prediction errors of two queries, see `accuracy_deviation`.

The smallest of the measured values 0.05, 0.2, 0.5 and 1: with it and `n_labelled`, 59 of 60 intervals of 95 % held on
synthetic batches; the larger ones cover no more and are up to 2.9 times as wide.
"""


def accuracy_deviation(
    accuracy: np.ndarray,
    sigma: np.ndarray | None = None,
    /,
    *,
    correlation: float = CORRELATION,
    n_labelled: int | None = None,
) -> float:
    r"""Standard deviation of the realised mean accuracy around the expected one.

    With p[i] the expected accuracy of the chosen LLM on query i, σ[i] the predictor's uncertainty of it, a the mean
    of p and n the number of queries that were learnt from,

        Var = (1/N²) Σ p[i] (1 - p[i])  +  (1 - ρ) (1/N²) Σ σ[i]²  +  ρ ((1/N) Σ σ[i])²  +  a (1 - a) / n.

    The first part is chance: answers turn out right or wrong one by one. The others are errors of the prediction,
    assumed to be correlated with ρ between any two queries. ρ = 0 says that errors are independent and average
    out, so that the interval shrinks with √N: that is too good to be true, since one predictor learnt from one
    small sample makes them all. ρ = 1 says that all predictions are too high, or too low, together.

    The last part is the sampling error of the labels, common to all queries: the level of the predictions is that of
    the labelled queries, assumed to be drawn at random from the same batch, and a share a of n drawn queries has the
    variance a (1 - a)/n (binomial). It takes this error as independent of the others.

    Args:
        accuracy: (N,) expected accuracy of the chosen LLMs, in [0, 1].
        sigma: (N,) standard deviation of each of them; None takes them for exact, only chance is left.
        correlation: ρ in [0, 1].
        n_labelled: n, number of queries that were learnt from, >= 1; None leaves the sampling error out.

    Raises:
        ValueError: If ``correlation`` is outside [0, 1], or ``n_labelled`` is below 1.

    Example:
        >>> p, sigma = np.full(100, 0.5), np.full(100, 0.2)
        >>> accuracy_deviation(p), accuracy_deviation(p, sigma, correlation=1.0)  # 0.5/10, then with 0.2 beside it
        (0.05, 0.206...)
    """
    if not 0 <= correlation <= 1:
        raise UserError(f"correlation must lie in [0, 1]; got {correlation}. 0 is for independent errors")
    variance = float(np.sum(accuracy * (1 - accuracy))) / len(accuracy) ** 2
    if sigma is not None:
        independent = float(np.sum(sigma**2)) / len(sigma) ** 2
        variance += (1 - correlation) * independent + correlation * float(np.mean(sigma)) ** 2
    if n_labelled is not None:
        mean = float(np.mean(accuracy))
        variance += mean * (1 - mean) / check_labelled(n_labelled)
    return float(np.sqrt(variance))


def check_labelled(n_labelled: int, /) -> int:
    """Refuse a number of labelled queries below 1.

    Args:
        n_labelled: Queries that were learnt from.

    Raises:
        ValueError: If it is below 1.
    """
    if not n_labelled >= 1:
        raise UserError(f"n_labelled must be at least 1 query; got {n_labelled}. None leaves its error out")
    return n_labelled


def accuracy_interval(
    accuracy: np.ndarray,
    sigma: np.ndarray | None = None,
    /,
    *,
    level: float = 0.95,
    correlation: float = CORRELATION,
    n_labelled: int | None = None,
) -> tuple[float, float]:
    """Interval that holds the realised mean accuracy with a given probability (normal approximation).

    Args:
        accuracy: (N,) expected accuracy of the chosen LLMs.
        sigma: (N,) standard deviation of each of them, or None.
        level: Probability, in (0, 1).
        correlation: ρ of `accuracy_deviation`, where the formula and its assumptions stand.
        n_labelled: n of `accuracy_deviation`, queries that were learnt from.

    Returns:
        Lower and upper end, cut off at 0 and 1.

    Raises:
        ValueError: If ``level`` is outside (0, 1), ``correlation`` outside [0, 1], or ``n_labelled`` below 1.

    Example:
        >>> low, high = accuracy_interval(np.full(100, 0.5))
        >>> round(low, 3), round(high, 3)
        (0.402, 0.598)
    """
    if not 0 < level < 1:
        raise UserError(f"level must lie in (0, 1); got {level}. For 95 % write 0.95")
    deviation = accuracy_deviation(accuracy, sigma, correlation=correlation, n_labelled=n_labelled)
    half = float(norm.ppf((1 + level) / 2)) * deviation
    mean = float(np.mean(accuracy))
    return max(0.0, mean - half), min(1.0, mean + half)
