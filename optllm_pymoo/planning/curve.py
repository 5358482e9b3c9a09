"""Chooses queries to label next, and forecasts the effect of more labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from scipy.stats import norm

from optllm_pymoo.data import Dataset
from optllm_pymoo.data.prices import BATCH, split_mode
from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.measures import Path, realised_area
from optllm_pymoo.planning.labels import Split, draws, features_of, silent
from optllm_pymoo.prediction import SuccessPredictor
from optllm_pymoo.prediction.heldout import DEVIATION, plans_within
from optllm_pymoo.prediction.members import in_order
from optllm_pymoo.validation import FloatArray, UserError, as_whole

FACTORS: Final = (1.5, 2.0, 4.0)
"""Multiples of the number of labels at which forecasts are made."""
FEWEST: Final = 10
"""Smallest number of queries with the outcomes of all LLMs from which a curve is measured."""
_MIDDLE: Final = 0.5
"""Budget of the plan whose interval is forecast: share of the way from the cheapest plan to the dearest LLM."""
_FRACTIONS: Final = (0.4, 0.55, 0.75)  # shares of the labels at which the curve is measured, in addition to all
_REPETITIONS: Final = 3  # draws of each fraction
_BOOTSTRAPS: Final = 40
_PROBABILITY: Final = 0.9
_USUAL_RISE: Final = 0.2  # prior mean and deviation of the rise, times √n: measured on data sets
_CURVATURE: Final = 0.5  # relative deviation of a gain, since a curve may not continue as it began
_LUCK: Final = (0.05, 0.1)  # bounds of the deviation of the area between draws, times √n, as few draws are unsure
_LEAST_ERROR: Final = 0.05  # relative deviation of a width


def next_to_label(dataset: Dataset, n: int, /, *, random_state: int = 0) -> np.ndarray:
    """Draw queries to label next: a random sample of those without any label, proportional to the groups.

    The queries are sorted by group, and within a group by their `draws`; from a random start, every k-th is taken (a
    systematic sample). So all queries have the same probability, and s·n queries, rounded up or down, are drawn from a
    group with a share s of the queries. The result does not depend on the order of the rows.

    Args:
        dataset: A batch, with NaN where an LLM wasn't tried.
        n: Number of queries to draw, >= 1.
        random_state: Seed of the draw.

    Returns:
        (n,) rows of the batch, rising.

    Raises:
        UserError: If fewer than n queries have no label.

    Example:
        >>> batch = Dataset(np.ones((7, 1)), [[1]] + [[np.nan]] * 6, groups=["de"] * 5 + ["en"] * 2)
        >>> rows = next_to_label(batch, 3)
        >>> [batch.groups[row] for row in rows]  # four German and two English queries have no label
        ['de', 'de', 'en']
    """
    n, rows = as_whole("the number of queries to label", n, lower=1), np.flatnonzero(~dataset.tried.any(axis=1))
    if n > len(rows):
        raise UserError(
            f"{n:,} queries are to be drawn, but only {len(rows):,} have no label; draw at most {len(rows):,}"
        )
    groups = np.array(dataset.groups or [""] * len(dataset))
    ordered = rows[np.lexsort((draws(dataset, random_state)[rows], groups[rows]))]
    start = np.random.default_rng(random_state).random()
    return np.sort(ordered[((np.arange(n) + start) * len(rows) / n).astype(np.int64)])


def usd_per_label(dataset: Dataset, /) -> FloatArray:
    """Return the cost of running each query on all LLMs, (N,) US$.

    Args:
        dataset: The batch. A column at batch prices has the same answers as its LLM, so only the cheaper one counts.

    Example:
        >>> usd_per_label(Dataset([[2.0, 1.0, 5.0]], [[1, 1, 1]], llms=["small", "small@batch", "large"])).tolist()
        [6.0]
    """
    answers: dict[str, list[int]] = {}
    for column, (llm, (model, mode)) in enumerate((llm, split_mode(llm)) for llm in dataset.llms):
        answers.setdefault(model if mode == BATCH else llm, []).append(column)
    return np.asarray(sum(dataset.cost[:, columns].min(axis=1) for columns in answers.values()))


class Range(NamedTuple):
    """An expected value, and the interval that has it with 90 % probability."""

    expected: float
    low: float
    high: float


class Forecast(NamedTuple):
    """The forecast for more labels."""

    n_labels: int
    """Total number of labels."""
    width: Range
    """Width, in accuracy, of the 95 % interval of a plan in the middle of the budgets."""
    area: Range
    """Mean true accuracy over budgets, as a share of the oracle's."""
    gain: Range
    """Increase of the area, compared with the labels at hand."""


class AreaLine(NamedTuple):
    """The area as a function of m labels: area(m) = limit - rise·√(n/m), with n labels at hand."""

    area: float
    """Area with the labels at hand."""
    error: float
    """Standard error of it."""
    rise: float
    """Increase of the area with infinitely many labels, >= 0."""
    rise_error: float
    """Standard error of it."""
    luck: float
    """Standard deviation of the area from one draw of n labels to another."""

    @classmethod
    def through(cls, fractions: FloatArray, areas: FloatArray, n: int, /) -> AreaLine:
        """Fit a line in 1/√m to areas that were measured on parts of n labels.

        The least-squares slope is combined with a normal prior of mean and deviation 0.2/√n, weighted by its standard
        error, from bootstraps and from the draws of the parts. The area is that of all labels plus one right and one
        wrong answer (Laplace); its standard error is that of a share of n queries, or that of the bootstraps if this is
        larger.

        Args:
            fractions: (k,) shares of the labels that each predictor learnt from, rising; the last is 1.
            areas: (1 + B, k), in the first row on all n labelled queries, then on bootstraps of them.
            n: Number of labelled queries.

        Examples:
            >>> m = np.array([0.25, 0.25, 0.5, 0.5, 1.0]) * 10_000
            >>> line = AreaLine.through(m / 10_000, np.tile(0.9 - 5 / np.sqrt(m), (3, 1)), 10_000)
            >>> round(line.area, 3), round(line.rise, 2)  # 5/√10,000 = 0.05
            (0.85, 0.05)
        """
        each = np.unique(fractions)
        x = 1 / np.sqrt(each) - 1
        means = np.stack([areas[:, fractions == fraction].mean(axis=1) for fraction in each], axis=1)
        away = x - x.mean()
        slopes = -(means @ away) / (away @ away)
        drawn = [areas[0, fractions == fraction] for fraction in each[:-1]]
        least, most = (luck / math.sqrt(n) for luck in _LUCK)
        seen = max(math.sqrt(np.mean([of.var(ddof=1) for of in drawn])), least)
        drawn_error = seen**2 / len(drawn[0]) / float(away @ away)
        usual, variance = _USUAL_RISE / math.sqrt(n), float(slopes[1:].var()) + drawn_error
        both = 1 / (1 / variance + 1 / usual**2)
        area = (n * float(areas[0, -1]) + 1) / (n + 2)
        return cls(
            area=area,
            error=math.sqrt(max(float(areas[1:, -1].var()), area * (1 - area) / n)),
            rise=max(0.0, both * (float(slopes[0]) / variance + 1 / usual)),
            rise_error=math.sqrt(both),
            luck=min(seen, most),
        )


class LearningCurve(NamedTuple):
    """Quality of plans as a function of the number of labels, measured on parts of the labels at hand.

    **Area.** Predictors learn from 40, 55 and 75 % of the labelled queries, each drawn three times, and from all of
    them. Each predicts the labelled queries, by members that didn't learn from the query; the front of the
    predictions is evaluated on the outcomes. An `AreaLine` is fitted to the areas.

    **Width** of the interval of a plan in the middle of the budgets. Its variance has three parts, each of which
    is extrapolated to m labels: the sampling of the labelled queries, a(1 - a)/m; the remaining error of the excess,
    which is estimated from held-out queries (see `Optimism`); and chance among the planned queries. The width is
    uncertain because a is only known up to its standard error.

    Examples:
        >>> line = AreaLine(area=0.8, error=0.02, rise=0.04, rise_error=0.02, luck=0.01)
        >>> curve = LearningCurve(100, 900, (), line, accuracy=0.8, n_distinct=100.0, excess=0.0, chance=0.0)
        >>> round(curve.width(), 3), round(curve.width(4.0), 3)  # 2 · 1.96 · √(.8 · .2 / 100), then half of it
        (0.157, 0.078)
        >>> curve.forecast(4.0).gain.expected  # half of the rise is left with 400 labels
        0.02
    """

    n_labels: int
    """Number of queries with the outcomes of all LLMs, from which the curve is measured."""
    n_planned: int
    measured: tuple[tuple[int, float], ...]
    """Pairs of a number of labels and the mean area over draws, the smallest number first."""
    line: AreaLine
    accuracy: float
    """Predicted accuracy of a plan in the middle of the budgets, on the labelled queries."""
    n_distinct: float
    """Effective number of labelled queries, if texts are repeated (Kish)."""
    excess: float
    """Variance of the error of the excess."""
    chance: float
    """Variance of the planned queries' mean accuracy that is only chance."""

    @classmethod
    def of(
        cls,
        split: Split,
        /,
        *,
        random_state: int = 0,
        n_jobs: int | None = None,
        report: Callable[[str], None] = silent,
    ) -> LearningCurve | None:
        """Measure the curve of a batch.

        Args:
            split: The labelled and the planned queries, with texts, as in `predict_accuracy`.
            random_state: Seed.
            n_jobs: As in joblib; the result does not depend on it.
            report: Function called with the name of each stage.

        Returns:
            The curve; None if fewer than `FEWEST` different queries have the outcomes of all LLMs, or all these
            outcomes are wrong.

        Raises:
            UserError: If there are no texts.
        """
        labelled, planned = split
        report(f"Features of {len(labelled) + len(planned):,} texts")
        table = features_of(split, random_state=random_state)[-1]
        complete = np.flatnonzero(labelled.tried.all(axis=1))
        return cls.measure(
            (table[complete], labelled.correct[complete], labelled.cost[complete]),
            (table[len(labelled) :], planned.cost),
            random_state=random_state,
            n_jobs=n_jobs,
            report=report,
        )

    @classmethod
    def measure(
        cls,
        labelled: tuple[np.ndarray, FloatArray, FloatArray],
        planned: tuple[np.ndarray, FloatArray],
        /,
        *,
        random_state: int = 0,
        n_jobs: int | None = None,
        report: Callable[[str], None] = silent,
    ) -> LearningCurve | None:
        """Measure the curve on features; the result does not depend on the order of the rows.

        Args:
            labelled: Features (n, D), outcomes, all known, (n, M), and costs in US$, (n, M).
            planned: Features (N, D) and costs (N, M) of the planned queries.
            random_state: Seed.
            n_jobs: As in joblib.
            report: Function called with the name of each stage.

        Returns:
            As `of`.
        """
        if not len(labelled[0]) or labelled[1].max() == 0:
            return None
        order, unit = in_order(*labelled)
        features, correct, cost = (table[order] for table in labelled)
        n_units, random = int(unit.max()) + 1, np.random.default_rng(random_state)
        if n_units < FEWEST:
            return None
        fractions = np.array([*np.repeat(_FRACTIONS, _REPETITIONS), 1.0])
        tables = []
        for k, fraction in enumerate(fractions.tolist()):
            report(f"Learning curve: {k + 1} of {len(fractions)} predictors")
            rows = np.isin(unit, random.permutation(n_units)[: math.ceil(fraction * n_units)])
            predictor = SuccessPredictor(random_state=random_state + k, n_jobs=n_jobs)
            predictor.fit(features[rows], correct[rows], cost=cost[rows], planned=planned[0] if fraction == 1 else None)
            table = np.empty(correct.shape)
            table[rows] = predictor.heldout_
            if not rows.all():
                table[~rows] = predictor.predict(features[~rows])
            tables.append(table)
        # the last predictor has learnt from all labels
        (known, asked), optimism = (table, np.asarray(predictor.predict(planned[0]))), predictor.optimism_
        assert optimism is not None
        (x,), (there,) = plans_within(cost, known, [_MIDDLE]), plans_within(planned[1], asked, [_MIDDLE])
        accuracy, chosen = float(known[np.arange(len(x)), x].mean()), asked[np.arange(len(there)), there]
        n_distinct = float(1 / np.sum((np.bincount(unit) / len(unit)) ** 2))
        members = np.split(np.arange(len(unit)), np.cumsum(np.bincount(unit))[:-1])
        drawn = [range(n_units), *(random.integers(n_units, size=n_units).tolist() for _ in range(_BOOTSTRAPS))]
        areas = [_areas(cost, correct, tables, np.concatenate([members[k] for k in units])) for units in drawn]
        line = AreaLine.through(fractions, np.array([of for of in areas if np.isfinite(of).all()]), n_units)
        each = np.unique(fractions)
        return cls(
            n_labels=len(unit),
            n_planned=len(there),
            measured=tuple((round(f * len(unit)), float(np.mean(np.array(areas[0])[fractions == f]))) for f in each),
            line=line,
            accuracy=accuracy,
            n_distinct=n_distinct,
            excess=max(0.0, optimism.at(_MIDDLE)[1] ** 2 - accuracy * (1 - accuracy) / n_distinct),
            chance=float(np.sum(chosen * (1 - chosen))) / len(there) ** 2,
        )

    def width(self, factor: float = 1.0, /) -> float:
        """Forecast the width of the 95 % interval of a plan in the middle of the budgets.

        Args:
            factor: Multiple of the labels at hand; new labels reduce the number of planned queries.
        """
        level = self.accuracy * (1 - self.accuracy) / self.n_distinct
        # the excess combines a prior and held-out queries: only the error of the latter falls with more labels
        least = min(self.excess, 0.999 * DEVIATION**2)
        seen = least * DEVIATION**2 / (DEVIATION**2 - least) / factor
        left = self.n_planned - (factor - 1) * self.n_labels
        variance = level / factor + seen * DEVIATION**2 / (DEVIATION**2 + seen) + self.chance * self.n_planned / left
        return float(2 * norm.ppf(0.975) * np.sqrt(variance))

    def forecast(self, factor: float, /) -> Forecast | None:
        """Forecast area, gain and width for more labels.

        Args:
            factor: Multiple of the labels at hand, above 1.

        Returns:
            The forecast; None if no query would be left to plan.
        """
        n_labels = round(factor * self.n_labels)
        n_left = self.n_planned - (n_labels - self.n_labels)
        if n_left <= 0:
            return None
        line, reached, half = self.line, 1 - 1 / math.sqrt(factor), float(norm.ppf((1 + _PROBABILITY) / 2))
        gain, unsure = reached * line.rise, reached**2 * (line.rise_error**2 + (_CURVATURE * line.rise) ** 2)
        # chance among the planned queries, as in a share of them; those that are left are a part of those of today
        chance = line.area * (1 - line.area)
        area_error = math.sqrt(line.error**2 + unsure + line.luck**2 / factor + chance / n_left)
        # half the variance of two independent draws of labels, since the larger one contains the labels at hand
        fewer = chance * (1 / n_left - 1 / self.n_planned)
        gain_error = math.sqrt(unsure + line.luck**2 * (1 + 1 / factor) / 2 + fewer)
        # d ln √(a (1 - a)) / da, times the standard deviation of the change of a by the new labels
        a = min(max(self.accuracy, 1 / (self.n_distinct + 2)), 1 - 1 / (self.n_distinct + 2))
        moved = abs(1 - 2 * a) / (2 * math.sqrt(a * (1 - a) * self.n_distinct)) * math.sqrt(1 - 1 / factor)
        width, relative = min(1.0, self.width(factor)), half * math.hypot(moved, _LEAST_ERROR)
        area, most = line.area + gain, max(0.0, 1 - line.area)
        return Forecast(
            n_labels=n_labels,
            width=Range(width, width * math.exp(-relative), min(1.0, width * math.exp(relative))),
            area=Range(min(1.0, area), max(0.0, area - half * area_error), min(1.0, area + half * area_error)),
            gain=Range(min(most, gain), gain - half * gain_error, min(most, gain + half * gain_error)),
        )


def _areas(cost: FloatArray, correct: FloatArray, tables: list[np.ndarray], rows: np.ndarray) -> list[float]:
    """Return the realised area of each table's front on some queries, as a share of the oracle's area."""
    paid, true = cost[rows], correct[rows]
    oracle = realised_area(paid, true, Path.along(SupportedFront(paid, true)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return [
            float(np.divide(realised_area(paid, true, Path.along(SupportedFront(paid, table[rows]))), oracle))
            for table in tables
        ]
