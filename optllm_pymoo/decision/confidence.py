"""Uncertainty of a plan's accuracy: intervals and promised accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from pymoo.core.result import Result
from scipy.stats import norm

from optllm_pymoo.measures.realised import Path, prefix_totals
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError

CORRELATION: Final = 0.05
"""Default correlation between the prediction errors of two queries, see `accuracy_deviation`.

An assumption, on the safe side, for predictions whose errors weren't measured.
"""


_DRAWS: Final = 50
_LOOKED_AT: Final = 2_000  # queries per draw


class Moments(NamedTuple):
    """The sums over a plan's queries that determine its deviation; they can be added over parts of a batch."""

    n_queries: int
    accuracy: float
    """Σ p of the chosen LLMs."""
    chance: float
    """Σ p (1 - p)."""
    sigma: float | None
    """Σ σ; None if the accuracies are assumed to be exact."""
    sigma_squared: float
    """Σ σ²."""

    @classmethod
    def of(cls, accuracy: np.ndarray, sigma: np.ndarray | None = None, /) -> Moments:
        """Sum up some queries.

        Args:
            accuracy: (N,) expected accuracy of the chosen LLMs.
            sigma: (N,) standard deviation of each of them, or None.
        """
        chance = float(np.sum(accuracy * (1 - accuracy)))
        own = (None, 0.0) if sigma is None else (float(np.sum(sigma)), float(np.sum(sigma**2)))
        return cls(len(accuracy), float(np.sum(accuracy)), chance, *own)

    @classmethod
    def total(cls, parts: Sequence[Moments], /) -> Moments:
        """Add up the sums of parts, rounding once.

        Args:
            parts: At least one.
        """
        n, accuracy, chance, sigma, squared = zip(*parts, strict=True)
        known = [each for each in sigma if each is not None]
        sigmas = (math.fsum(known) if known else None), math.fsum(squared)
        return cls(sum(n), math.fsum(accuracy), math.fsum(chance), *sigmas)


def accuracy_deviation(
    accuracy: np.ndarray | Moments,
    sigma: np.ndarray | None = None,
    /,
    *,
    correlation: float | None = None,
    n_labelled: int | None = None,
    excess_error: float = 0.0,
) -> float:
    r"""Standard deviation of the realised mean accuracy around the expected one.

    With p[i] the expected accuracy of the chosen LLM on query i, σ[i] the predictor's uncertainty of it, a the mean of
    p and n the number of labelled queries,

        Var = (1/N²) Σ p[i] (1 - p[i])  +  (1 - ρ) (1/N²) Σ σ[i]²  +  ρ ((1/N) Σ σ[i])²  +  a (1 - a) / n.

    The first part is chance: each answer is right or wrong at random. The others are errors of the prediction, with an
    assumed correlation ρ between any two queries. With ρ = 0, errors are independent and average out, so the interval
    shrinks with √N: this is too optimistic, because all errors come from one predictor fitted to one small sample. With
    ρ = 1, all predictions are too high, or too low, together.

    The last part is the sampling error of the labels, common to all queries: the level of the predictions is that of
    the labelled queries, assumed to be drawn at random from the same batch, and a share a of n drawn queries has the
    variance a (1 - a)/n (binomial). It takes this error as independent of the others.

    These are assumptions. A standard error of expected accuracy that was measured on labelled queries replaces all
    parts but the first, unless a correlation is given.

    Args:
        accuracy: (N,) expected accuracy of the chosen LLMs, in [0, 1]; or the sums of a batch in parts.
        sigma: (N,) standard deviation of each of them; None assumes that they are exact, which leaves only chance.
        correlation: ρ in [0, 1]; None: the measured error, or else `CORRELATION`.
        n_labelled: n, number of labelled queries, >= 1; None omits the sampling error.
        excess_error: Standard error of the corrected expectation, as `Optimism.error` measures it; 0 if it wasn't. Its
            square is added.

    Raises:
        UserError: If ``correlation`` is outside [0, 1], or ``n_labelled`` is below 1.

    Example:
        >>> p, sigma = np.full(100, 0.5), np.full(100, 0.2)
        >>> accuracy_deviation(p), accuracy_deviation(p, sigma, correlation=1.0)  # 0.5/10, then with 0.2 beside it
        (0.05, 0.206...)
    """
    is_measured = correlation is None and excess_error > 0
    correlation = _checked(correlation)
    sums = accuracy if isinstance(accuracy, Moments) else Moments.of(accuracy, sigma)
    n = sums.n_queries
    variance = sums.chance / n**2 + excess_error**2
    if n_labelled is not None:
        check_labelled(n_labelled)
    if is_measured:
        return float(np.sqrt(variance))
    if sums.sigma is not None:
        variance += (1 - correlation) * sums.sigma_squared / n**2 + correlation * (sums.sigma / n) ** 2
    if n_labelled is not None:
        mean = sums.accuracy / n
        variance += mean * (1 - mean) / n_labelled
    return float(np.sqrt(variance))


def _checked(correlation: float | None) -> float:
    """Refuse a correlation outside [0, 1]; None is the default."""
    if correlation is None:
        return CORRELATION
    if not 0 <= correlation <= 1:
        raise UserError(f"correlation must lie in [0, 1]; got {correlation}. 0 is for independent errors")
    return correlation


def check_labelled(n_labelled: int, /) -> int:
    """Refuse a number of labelled queries below 1.

    Args:
        n_labelled: Number of labelled queries.

    Raises:
        UserError: If it is below 1.
    """
    if not n_labelled >= 1:
        raise UserError(f"n_labelled must be at least 1 query; got {n_labelled}. None omits its error")
    return n_labelled


def accuracy_interval(
    accuracy: np.ndarray | Moments,
    sigma: np.ndarray | None = None,
    /,
    *,
    level: float = 0.95,
    correlation: float | None = None,
    n_labelled: int | None = None,
    excess: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, float]:
    """Interval that holds the realised mean accuracy with a given probability (normal approximation).

    Args:
        accuracy: (N,) expected accuracy of the chosen LLMs; or the sums of a batch in parts.
        sigma: (N,) standard deviation of each of them, or None.
        level: Probability, in (0, 1).
        correlation: ρ of `accuracy_deviation`, which has the formula and its assumptions.
        n_labelled: n of `accuracy_deviation`, the number of labelled queries.
        excess: Excess of the expected accuracy, and the standard error of the corrected one, see `Plan`.

    Returns:
        Lower and upper end, clipped to [0, 1].

    Raises:
        UserError: If ``level`` is outside (0, 1), ``correlation`` outside [0, 1], or ``n_labelled`` below 1.

    Example:
        >>> low, high = accuracy_interval(np.full(100, 0.5))
        >>> round(low, 3), round(high, 3)
        (0.402, 0.598)
    """
    sums = accuracy if isinstance(accuracy, Moments) else Moments.of(accuracy, sigma)
    deviation = accuracy_deviation(sums, correlation=correlation, n_labelled=n_labelled, excess_error=excess[1])
    half = _half_width(level, deviation)
    mean = sums.accuracy / sums.n_queries - excess[0]
    return min(1.0, max(0.0, mean - half)), max(0.0, min(1.0, mean + half))


class Difference(NamedTuple):
    """Mean accuracy of one plan less that of another, for the same queries."""

    expected: float
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""


def difference_interval(
    accuracies: tuple[np.ndarray, np.ndarray],
    sigmas: tuple[np.ndarray, np.ndarray] | None = None,
    /,
    *,
    differs: np.ndarray,
    level: float = 0.95,
    correlation: float | None = None,
    n_labelled: int | None = None,
    excess: tuple[float, float] = (0.0, 0.0),
) -> Difference:
    r"""Paired interval for the difference of two plans: queries with the same LLM in both add nothing to it.

    With p, q the expected accuracies where the plans differ, σ, τ their deviations and d the expected difference,

        Var = (1/N²) Σ (p(1 - p) + q(1 - q)) + (1 - ρ) (1/N²) Σ (σ² + τ²) + ρ ((1/N) Σ √(σ² + τ²))² + v / n

    where v = (1/N) Σ (p(1 - q) + q(1 - p)) - d² is the variance of the difference of outcomes from query to query, the
    sampling error of n labels. Outcomes of two LLMs on one query are taken as independent, which is on the safe side.

    Args:
        accuracies: (N,) expected accuracy of the chosen LLMs, of either plan.
        sigmas: (N,) standard deviations of either, or None.
        differs: (N,) True where the two plans choose different LLMs.
        level: Probability, in (0, 1).
        correlation: ρ in [0, 1]; None: `CORRELATION`.
        n_labelled: Number of labelled queries, or None.
        excess: Excess of the expected difference, and its standard error.

    Raises:
        UserError: If an option is out of its range.

    Example:
        >>> p, q = np.array([0.9, 0.5, 0.5]), np.array([0.5, 0.5, 0.5])
        >>> [round(value, 3) for value in difference_interval((p, q), differs=p != q)]  # 0.133 ± 1.96 · √.34/3
        [0.133, -0.248, 0.514]
    """
    correlation = _checked(correlation)
    n = len(differs)
    p, q = (accuracy[differs] for accuracy in accuracies)
    expected = float(np.sum(p - q)) / n
    variance = float(np.sum(p * (1 - p) + q * (1 - q))) / n**2 + excess[1] ** 2
    if sigmas is not None:
        both = sigmas[0][differs] ** 2 + sigmas[1][differs] ** 2
        variance += (1 - correlation) * float(np.sum(both)) / n**2
        variance += correlation * (float(np.sum(np.sqrt(both))) / n) ** 2
    if n_labelled is not None:
        sampled = float(np.sum(p * (1 - q) + q * (1 - p))) / n - expected**2
        variance += max(0.0, sampled) / check_labelled(n_labelled)
    half = _half_width(level, float(np.sqrt(variance)))
    expected -= excess[0]
    return Difference(expected, max(-1.0, expected - half), min(1.0, expected + half))


def _half_width(level: float, deviation: float) -> float:
    """Return half the width of an interval that holds a normal variable with probability `level`."""
    if not 0 < level < 1:
        raise UserError(f"level must lie in (0, 1); got {level}. For 95 % write 0.95")
    return float(norm.ppf((1 + level) / 2)) * deviation


class Stability(NamedTuple):
    """The part of a plan that doesn't change under the uncertainty of the predictions."""

    share: float
    """Mean share of the queries whose LLM stays the same."""
    usd: float
    """Mean US$ that the plan spends on the others."""


def stability(
    cost: np.ndarray,
    accuracy: np.ndarray,
    sigma: np.ndarray,
    x: np.ndarray,
    /,
    *,
    price: float,
    allowed: np.ndarray | None = None,
    correlation: float = CORRELATION,
    random_state: int | np.random.Generator = 0,
) -> Stability:
    """Draw accuracies around the expected ones and choose again at the same exchange rate.

    Errors of an LLM on two queries are correlated by ρ. Each of 50 draws uses at most 2,000 random queries, so the
    share is exact to about one percentage point for any N.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M) expected accuracies.
        sigma: (N, M) their standard deviations.
        x: (N,) LLM per query, the plan.
        price: US$ that one more correct answer may cost, >= 0; infinity takes the most accurate.
        allowed: (N, M) mask, or None.
        correlation: ρ in [0, 1].
        random_state: Seed or generator of the draws.

    Example:
        >>> cost, accuracy = np.array([[1.0, 2.0]] * 4), np.array([[0.5, 0.9]] * 4)
        >>> stability(cost, accuracy, np.full((4, 2), 1e-9), np.array([1, 1, 1, 1]), price=5.0)
        Stability(share=1.0, usd=0.0)
    """
    random, n = np.random.default_rng(random_state), len(x)
    same, changed = [], []
    for _ in range(_DRAWS):
        rows = random.choice(n, _LOOKED_AT, replace=False, shuffle=False) if n > _LOOKED_AT else np.arange(n)
        shape = len(rows), cost.shape[1]
        noise = np.sqrt(correlation) * random.normal(size=shape[1]) + np.sqrt(1 - correlation) * random.normal(
            size=shape
        )
        drawn = np.clip(accuracy[rows] + sigma[rows] * noise, 0.0, 1.0)
        value = drawn if np.isinf(price) else price * drawn - cost[rows]
        if allowed is not None:
            value = np.where(allowed[rows], value, -np.inf)
        chosen = x[rows]
        stays = value[np.arange(len(rows)), chosen] >= value.max(axis=1)
        same.append(stays.mean())
        changed.append(cost[rows, chosen][~stays].sum() * n / len(rows))
    return Stability(float(np.mean(same)), float(np.mean(changed)))


DISTRIBUTIONS: Final = ("normal", "any")


def quantile(probability: float, distribution: str = "normal", /) -> float:
    """Return the number of standard deviations between expected and promised accuracy.

    Args:
        probability: Probability of the promise, in [0.5, 1).
        distribution: "normal": the one-sided quantile of the normal distribution, which approximates the mean over many
            queries unless a common error dominates. "any": Cantelli's inequality, √(p/(1 - p)), which holds for every
            distribution of that deviation.

    Raises:
        UserError: If the probability is outside [0.5, 1), or the distribution unknown.

    Example:
        >>> round(quantile(0.95), 3), round(quantile(0.95, "any"), 3)
        (1.645, 4.359)
    """
    if not 0.5 <= probability < 1:
        raise UserError(f"a promise needs a probability in [0.5, 1); got {probability}. For 95 % write 0.95")
    if distribution not in DISTRIBUTIONS:
        raise UserError(f"distribution must be one of {', '.join(map(repr, DISTRIBUTIONS))}; got {distribution!r}")
    return float(norm.ppf(probability) if distribution == "normal" else np.sqrt(probability / (1 - probability)))


def promised_accuracy(
    accuracy: np.ndarray,
    sigma: np.ndarray | None = None,
    /,
    *,
    probability: float = 0.95,
    correlation: float | None = None,
    n_labelled: int | None = None,
    distribution: str = "normal",
    excess: tuple[float, float] = (0.0, 0.0),
) -> float:
    """Mean accuracy that a plan reaches with a given probability: expected less z deviations.

    The deviation is that of the interval, `accuracy_deviation`: chance, errors of the prediction and of the labels. So
    the promise at 97.5 % is the lower end of the 95 % interval. ``correlation`` 0 means independent errors, 1 one
    common shift, the worst case.

    Args:
        accuracy: (N,) expected accuracy of the chosen LLMs.
        sigma: (N,) standard deviation of each of them, or None: then only chance is taken into account.
        probability: Probability of the promise, in [0.5, 1).
        correlation: ρ in [0, 1]; None: as `accuracy_deviation`.
        n_labelled: Number of labelled queries, or None.
        distribution: "normal" or "any", see `quantile`.
        excess: Excess of the expected accuracy, and the standard error of the corrected one, see `Plan`.

    Returns:
        In [0, 1].

    Raises:
        UserError: If an option is out of its range.

    Example:
        >>> p, sigma = np.full(100, 0.5), np.full(100, 0.2)
        >>> round(promised_accuracy(p, sigma, correlation=0.0), 4)  # 0.5 - 1.645 · √(25 + 4)/100
        0.4114
        >>> round(promised_accuracy(p, sigma, correlation=1.0), 4)  # 0.5 - 1.645 · √(0.05² + 0.2²)
        0.1609
    """
    z = quantile(probability, distribution)
    deviation = accuracy_deviation(
        accuracy, sigma, correlation=correlation, n_labelled=n_labelled, excess_error=excess[1]
    )
    return max(0.0, float(np.mean(accuracy)) - excess[0] - z * deviation)


def promised_from_sums(
    correct: np.ndarray,
    independent: np.ndarray,
    common: np.ndarray,
    n_queries: int,
    /,
    *,
    z: float,
    correlation: float,
    n_labelled: int | None,
) -> np.ndarray:
    """Promised accuracy of many plans from their sums over queries, not clipped at 0.

    Args:
        correct: (n,) Σ p.
        independent: (n,) Σ p (1 - p) + (1 - ρ) σ², the variances that add up.
        common: (n,) Σ σ, the errors that add up.
        n_queries: N.
        z: Deviations below the expectation, see `quantile`.
        correlation: ρ.
        n_labelled: Number of labelled queries, or None.

    Returns:
        (n,) of `accuracy_deviation`'s formula.
    """
    mean = correct / n_queries
    variance = independent / n_queries**2 + correlation * (common / n_queries) ** 2
    if n_labelled is not None:
        variance = variance + mean * (1 - mean) / check_labelled(n_labelled)
    # sums along a front leave rounding errors
    return np.asarray(mean - z * np.sqrt(np.maximum(variance, 0.0)))


def variance_table(accuracy: np.ndarray, sigma: np.ndarray | None, correlation: float, /) -> np.ndarray:
    """Tabulate the variances that add up, p (1 - p) + (1 - ρ) σ², (N, M)."""
    p = accuracy.astype(float)
    chance = p * (1 - p)
    return np.asarray(chance if sigma is None else chance + (1 - correlation) * sigma.astype(float) ** 2)


def promised_along(
    problem: AllocationProblem,
    source: Any,
    sigma: np.ndarray | None,
    /,
    *,
    probability: float,
    correlation: float = CORRELATION,
    n_labelled: int | None = None,
    distribution: str = "normal",
) -> np.ndarray:
    """Promised accuracy of every plan of a front or a result.

    Args:
        problem: The batch.
        source: A `SupportedFront` of it, whose plans are valued step by step, O(N + S log S); or pymoo's result, or
            anything else with ``assignment`` and a length.
        sigma: (N, M) or None.
        probability: As in `promised_accuracy`.
        correlation: Likewise.
        n_labelled: Likewise.
        distribution: Likewise.

    Returns:
        (n,) in the order of ``source.F``.

    Example:
        >>> problem = AllocationProblem([[1.0, 2.0]] * 50, [[0.4, 0.8]] * 50)
        >>> front = problem.supported_front
        >>> promised = promised_along(problem, front, np.full((50, 2), 0.1), probability=0.95)
        >>> bool((promised < -front.F[:, 1]).all()), promised.round(2)[[0, -1]].tolist()
        (True, [0.28, 0.7])
    """
    z = quantile(probability, distribution)
    spread = np.zeros(problem.cost.shape) if sigma is None else np.asarray(sigma, dtype=float)
    tables = (problem.accuracy.astype(float), variance_table(problem.accuracy, sigma, correlation), spread)
    if hasattr(source, "steps"):
        walk = Path.along(source)
        sums = [prefix_totals(table, walk) for table in tables]
    else:
        rows = np.arange(problem.n_queries)
        plans = _plans(source)
        sums = [np.array(column) for column in zip(*([t[rows, x].sum() for t in tables] for x in plans), strict=True)]
    correct, independent, common = sums
    promised = promised_from_sums(
        correct, independent, common, problem.n_queries, z=z, correlation=correlation, n_labelled=n_labelled
    )
    return np.asarray(np.maximum(promised, 0.0))


def _plans(source: Any) -> Any:
    if isinstance(source, Result):
        return np.atleast_2d(source.X)
    return (source.assignment(k) for k in range(len(source)))
