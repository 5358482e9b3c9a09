"""Realised quality: the value, on true labels, of a front planned on predicted accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import moocore
import numpy as np
from numpy.typing import NDArray

from optllm_pymoo.kernels.steps import upper_hulls
from optllm_pymoo.tolerances import SUM_ROUNDING
from optllm_pymoo.validation import UserError, as_table

if TYPE_CHECKING:
    from optllm_pymoo.exact.front import SupportedFront

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]


class Path(NamedTuple):
    """A front as one walk: the cheapest plan, then one query after another moved to a more expensive LLM.

    Attributes:
        start: LLM of every query in the cheapest plan, integers (N,).
        query: Query moved by each step, integers (S,), in the order of the walk.
        to_llm: LLM after the step, integers (S,).
    """

    start: Integers
    query: Integers
    to_llm: Integers

    @classmethod
    def along(cls, front: SupportedFront, /) -> Path:
        """Describe an exact front as the walk from its cheapest to its most accurate plan.

        Args:
            front: The front.

        Examples:
            >>> from optllm_pymoo import SupportedFront
            >>> walk = Path.along(SupportedFront([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]]))
            >>> walk.start.tolist(), walk.query.tolist(), walk.to_llm.tolist()
            ([0, 0], [0, 1, 0], [1, 2, 2])
        """
        return cls(front.assignment(0), front.steps.query, front.steps.to_llm)


class RealisedQuality(NamedTuple):
    """The measures of one front on true labels.

    Attributes:
        area: Mean true accuracy over all budgets as a share of the oracle's; NaN if no LLM is ever right.
        saving: Saving of the cheapest plan that reaches the true accuracy of the best single LLM, as a share of that
            LLM's cost; NaN if no plan reaches it, negative if the plan costs more. Also known as CostSave.
        highest_accuracy: Largest true mean accuracy of any plan on the front.
        accuracy_at_best_cost: Largest true mean accuracy within the cost of the best single LLM; NaN if the cheapest
            plan costs more.
        best_llm: Column of the best single LLM on the true labels (ties: the cheaper).
        best_accuracy: Its true mean accuracy.
        best_cost_usd: Its total cost, US$.
        performance_gain: Share by which the highest accuracy exceeds that of the best single LLM (PerfGain); NaN if no
            LLM is ever right.
        aiq: Mean accuracy over the same budgets if plans are mixed at random, which reaches the convex hull of their
            points (average improvement in quality, RouterBench, arXiv 2403.12031).
    """

    area: float
    saving: float
    highest_accuracy: float
    accuracy_at_best_cost: float
    best_llm: int
    best_accuracy: float
    best_cost_usd: float
    performance_gain: float
    aiq: float


def prefix_totals(table: Floats, path: Path, /) -> Floats:
    """Sum a table over every plan along a walk.

    Each step changes one query, so one running sum values all S + 1 plans in O(N + S log S).

    Args:
        table: Cost or correctness per query and LLM, (N, M).
        path: The walk.

    Returns:
        Totals, (S + 1,): of the cheapest plan first, then after each step.

    Examples:
        >>> walk = Path(np.array([0, 0]), np.array([1, 0, 1]), np.array([1, 1, 2]))
        >>> prefix_totals(np.array([[1.0, 4.0, 9.0], [2.0, 3.0, 7.0]]), walk)
        array([ 3.,  4.,  7., 11.])
    """
    start, query, to_llm = np.asarray(path.start), np.asarray(path.query), np.asarray(path.to_llm)
    order = np.argsort(query, kind="stable")
    grouped, moved = query[order], to_llm[order]
    from_llm = start[query]
    later = np.flatnonzero(grouped[1:] == grouped[:-1]) + 1
    from_llm[order[later]] = moved[later - 1]
    change = table[query, to_llm] - table[query, from_llm]
    first = table[np.arange(len(start)), start].sum()
    return np.concatenate([[first], first + np.cumsum(change)])


def envelope_area(cost: Floats, accuracy: Floats, /, low: float, high: float) -> float:
    """Average the best accuracy over budgets spread evenly between two amounts.

    The envelope is a staircase: within a budget the most accurate of all plans that cost no more.

    Args:
        cost: Cost of each plan, non-decreasing, US$ (P,).
        accuracy: True mean accuracy of each plan, (P,).
        low: Smallest budget, US$; the first plan must fit it.
        high: Largest budget, US$, >= low.

    Returns:
        Mean accuracy; at `high` if both budgets are equal.

    Examples:
        >>> float(envelope_area(np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.4, 1.0]), low=1.0, high=5.0))
        0.75
    """
    best = np.maximum.accumulate(accuracy)
    if high <= low:
        affordable = int(np.searchsorted(cost, high * (1 + SUM_ROUNDING), side="right"))
        return float(best[max(affordable - 1, 0)])
    edges = np.append(np.clip(cost, low, high), high)
    return float(np.sum(np.diff(edges) * best) / (high - low))


def _checked(cost: Any, correct: Any) -> tuple[Floats, Floats]:
    cost, correct = np.asarray(cost, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if cost.ndim != 2 or cost.shape != correct.shape or not cost.size:
        raise UserError(f"cost and correct must share one shape (N, M); got {cost.shape} and {correct.shape}")
    for name, table in (("cost", cost), ("correct", correct)):
        if not np.isfinite(table).all():
            i, j = np.argwhere(~np.isfinite(table))[0]
            raise UserError(f"{name} must be finite; {name}[{i}, {j}] = {table[i, j]}. Leave such queries out")
    return cost, correct


def realised_area(cost: Floats, correct: Floats, path: Path, /) -> float:
    """Mean true accuracy of a walk over budgets from the cheapest plan to the most expensive single LLM.

    Args:
        cost: US$ per call, (N, M).
        correct: True labels in [0, 1], (N, M).
        path: The walk.

    Returns:
        Mean accuracy, not divided by the oracle's.

    Example:
        >>> cost, correct = np.array([[1.0, 3.0], [1.0, 3.0]]), np.array([[1.0, 1.0], [0.0, 1.0]])
        >>> from optllm_pymoo.exact import SupportedFront
        >>> realised_area(cost, correct, Path.along(SupportedFront(cost, correct)))  # from 2 to 6 US$, a step at 4
        0.75
    """
    walked = prefix_totals(correct, path) / len(cost)
    low, high = float(cost.min(axis=1).sum()), float(cost.sum(axis=0).max())
    return envelope_area(prefix_totals(cost, path), walked, low=low, high=high)


def realised_quality(cost: Any, correct: Any, path: Path, /, *, oracle_area: float) -> RealisedQuality:
    """Value every plan of a front, from the cheapest to the most expensive, on the true labels.

    Args:
        cost: US$ per call, (N, M).
        correct: True labels in [0, 1], (N, M), not used to make the front.
        path: The front as a walk, built on predicted accuracies.
        oracle_area: `realised_area` of the walk built on `correct`.

    Returns:
        The measures.

    Raises:
        UserError: If the tables disagree in shape or hold NaN or infinity.

    Examples:
        >>> cost, correct = np.array([[1.0, 3.0], [1.0, 3.0]]), np.array([[1.0, 1.0], [0.0, 1.0]])
        >>> walk = Path(np.array([0, 0]), np.array([1]), np.array([1]))
        >>> found = realised_quality(cost, correct, walk, oracle_area=realised_area(cost, correct, walk))
        >>> found.area, round(found.saving, 3), found.highest_accuracy
        (1.0, 0.333, 1.0)
    """
    cost, correct = _checked(cost, correct)
    spent, accuracy = prefix_totals(cost, path), prefix_totals(correct, path) / len(cost)
    return _quality(cost, correct, spent, accuracy, oracle_area)


def quality_of_points(cost: Any, correct: Any, spent: Any, accuracy: Any, /, *, oracle_area: float) -> RealisedQuality:
    """Value a set of plans, given the cost and true accuracy of each.

    Args:
        cost: US$ per call, (N, M).
        correct: True labels in [0, 1], (N, M).
        spent: Total cost of each plan, US$, non-decreasing, (P,).
        accuracy: Its true mean accuracy, (P,).
        oracle_area: `realised_area` of the walk built on `correct`.

    Returns:
        The measures. Budgets below the cheapest plan count as accuracy 0 in the area.

    Raises:
        UserError: If the tables disagree in shape or hold NaN or infinity, or there are no plans, or they aren't finite
            or not sorted by cost.

    Examples:
        >>> cost, correct = np.array([[1.0, 3.0], [1.0, 3.0]]), np.array([[1.0, 1.0], [0.0, 1.0]])
        >>> quality_of_points(cost, correct, np.array([4.0]), np.array([1.0]), oracle_area=1.0).area
        0.5
    """
    cost, correct = _checked(cost, correct)
    spent, accuracy = np.asarray(spent, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    if spent.ndim != 1 or spent.shape != accuracy.shape or not spent.size:
        raise UserError(f"spent and accuracy must hold one number per plan, (P,); got {spent.shape}, {accuracy.shape}")
    for name, values in (("spent", spent), ("accuracy", accuracy)):
        if not np.isfinite(values).all():
            k = int(np.flatnonzero(~np.isfinite(values))[0])
            raise UserError(f"{name} must be finite; {name}[{k}] = {values[k]}")
    falls = np.flatnonzero(np.diff(spent) < 0)
    if len(falls):
        k = int(falls[0])
        raise UserError(f"spent must not fall; spent[{k}] = {spent[k]}, spent[{k + 1}] = {spent[k + 1]}. Sort by it")
    return _quality(cost, correct, spent, accuracy, oracle_area)


def _quality(cost: Floats, correct: Floats, spent: Floats, accuracy: Floats, oracle_area: float) -> RealisedQuality:
    total, mean = cost.sum(axis=0), correct.mean(axis=0)
    best = int(np.lexsort((total, -mean))[0])
    reached = np.flatnonzero(accuracy >= mean[best] - SUM_ROUNDING)
    within = accuracy[spent <= total[best] * (1 + SUM_ROUNDING)]
    low, high, highest = float(cost.min(axis=1).sum()), float(total.max()), float(accuracy.max())
    area = envelope_area(spent, accuracy, low=low, high=high)
    hull = upper_hulls(spent[None], accuracy[None], None)[1]
    # the hull is flat beyond its last plan, and 0 before its first
    budgets = np.unique(np.clip([low, *spent[hull], high], low, high))
    budgets = budgets[budgets >= spent[hull[0]] * (1 - SUM_ROUNDING)]
    mixed = np.interp(budgets, spent[hull], accuracy[hull])
    if high > low:
        aiq = float(np.sum(np.diff(budgets) * (mixed[1:] + mixed[:-1])) / 2 / (high - low))
    else:
        aiq = float(mixed[-1]) if len(mixed) else 0.0
    return RealisedQuality(
        area=area / oracle_area if oracle_area > 0 else float("nan"),
        saving=float(1 - spent[reached[0]] / total[best]) if len(reached) and total[best] > 0 else float("nan"),
        highest_accuracy=highest,
        accuracy_at_best_cost=float(within.max()) if len(within) else float("nan"),
        best_llm=best,
        best_accuracy=float(mean[best]),
        best_cost_usd=float(total[best]),
        performance_gain=highest / float(mean[best]) - 1 if mean[best] > 0 else float("nan"),
        aiq=aiq,
    )


def pareto_distances(fronts: Sequence[Any], /) -> list[float]:
    """Measure how far the plans of each of several routers lie from the best plans of all of them (ParetoDist).

    Args:
        fronts: A table per router: total cost, US$, and true accuracy of each of its plans, (P, 2).

    Returns:
        For each router, the mean distance of its plans to the nearest non-dominated plan of all routers; cost and
        accuracy are scaled to [0, 1] over all plans.

    Examples:
        >>> pareto_distances([[[0.0, 0.5], [10.0, 1.0]], [[10.0, 0.75]]])
        [0.0, 0.5]
    """
    # negated accuracies: both columns are minimised
    points = [np.asarray(front, dtype=np.float64) * (1.0, -1.0) for front in fronts]
    low, span = np.min(np.vstack(points), axis=0), np.ptp(np.vstack(points), axis=0)
    points = [(of - low) / np.where(span > 0, span, 1.0) for of in points]
    best = moocore.filter_dominated(np.vstack(points))
    return [float(moocore.igd(best, ref=of)) for of in points]


class Calibration(NamedTuple):
    """Predictions in groups of about equal size, by rising prediction.

    Attributes:
        predicted: Mean prediction of each group, (B,).
        realised: Share of correct outcomes, (B,).
        n_predictions: Number of predictions, (B,).
        error: Expected calibration error: mean of |realised - predicted|, weighted by their number.
    """

    predicted: Floats
    realised: Floats
    n_predictions: Integers
    error: float


def calibration(predicted: Any, outcome: Any, /, *, n_groups: int = 10) -> Calibration:
    """Compare predictions with outcomes in groups.

    Equal predictions share a group, so there may be fewer groups. O(n log n).

    Args:
        predicted: Probabilities, any shape.
        outcome: In [0, 1], NaN where unknown; same shape.
        n_groups: Largest number of groups.

    Raises:
        UserError: If shapes differ, or no outcome is known.

    Examples:
        >>> calibration([0.25, 0.25, 0.75, 0.75], [0, 1, 1, 1], n_groups=2)
        Calibration(predicted=array([0.25, 0.75]), realised=array([0.5, 1. ]), n_predictions=array([2, 2]), error=0.25)
    """
    p, y = np.asarray(predicted, dtype=float), np.asarray(outcome, dtype=float)
    if p.shape != y.shape:
        raise UserError(f"predicted has shape {p.shape} and outcome {y.shape}; expected the same")
    known = ~np.isnan(y)
    p, y = p[known], y[known]
    if not len(p):
        raise UserError("no outcome is known; there is nothing to compare predictions with")
    edges = np.unique(np.quantile(p, np.linspace(0, 1, n_groups + 1)[1:-1]))
    group = np.unique(np.searchsorted(edges, p, side="left"), return_inverse=True)[1]
    count = np.bincount(group)
    mean, share = np.bincount(group, p) / count, np.bincount(group, y) / count
    return Calibration(mean, share, count, float(np.sum(np.abs(share - mean) * count) / len(p)))


class PlanEvaluation(NamedTuple):
    """A plan on the queries with known outcomes, compared with the best single LLM on the same queries."""

    n_queries: int
    """Number of queries with known outcomes; all other numbers refer to these."""
    cost_usd: float
    """Actual cost of the plan, US$."""
    planned_usd: float
    """Planned cost, US$."""
    accuracy: float
    """True accuracy of the plan."""
    expected_accuracy: float
    """Expected accuracy of the plan."""
    best_llm: str | None
    """Most accurate single LLM (ties: the cheaper); None if only the plan's own outcomes are known, or if no LLM is
    allowed for all queries."""
    best_accuracy: float
    """Its true accuracy; NaN without one."""
    best_cost_usd: float
    """Its cost for all these queries, US$; NaN without one."""

    @property
    def saving(self) -> float:
        """Saving of the plan against the best single LLM, as a share of its cost; NaN without one."""
        return 1 - self.cost_usd / self.best_cost_usd if self.best_cost_usd > 0 else float("nan")

    @property
    def reaches_best(self) -> bool:
        """Whether the plan reaches the true accuracy of the best single LLM."""
        return bool(self.accuracy >= self.best_accuracy - SUM_ROUNDING)


def evaluate_plan(
    x: np.ndarray,
    correct: Any,
    /,
    *,
    cost: np.ndarray,
    accuracy: np.ndarray,
    llms: Sequence[str],
    allowed: np.ndarray | None = None,
    paid_usd: Any = None,
) -> PlanEvaluation:
    """Value a plan on true outcomes.

    Args:
        x: (N,) LLM per query.
        correct: True outcomes in [0, 1], NaN where not known: (N, M), of all LLMs; or (N,), of the chosen ones. Of a
            table, only queries whose outcomes are all known count, so plan and LLMs are compared on the same queries.
        cost: (N, M) US$ per call as planned.
        accuracy: (N, M) as expected.
        llms: M names.
        allowed: (N, M) mask; None allows all.
        paid_usd: Actual cost of calls, US$: (N, M), or (N,) of the chosen ones; None: as planned.

    Raises:
        UserError: If a table has another shape, a value that is no outcome or no cost, or no outcome is known.
    """
    outcomes = _of_all_or_chosen("correct", correct, cost.shape, upper=1.0, missing=True)
    known = np.flatnonzero(~np.isnan(outcomes.reshape(len(x), -1)).any(axis=1))
    if not len(known):
        raise UserError("no query has outcomes of all LLMs, so nothing can be evaluated; add outcomes")
    chosen, paid = x[known], cost
    if paid_usd is not None:
        paid = _of_all_or_chosen("paid_usd", paid_usd, cost.shape)
        if paid.ndim == 1:
            of_chosen, paid = paid, cost.astype(float)
            paid[np.arange(len(x)), x] = of_chosen
    won = outcomes[known] if outcomes.ndim == 1 else outcomes[known, chosen]
    best, usable = None, np.arange(cost.shape[1]) if allowed is None else np.flatnonzero(allowed[known].all(axis=0))
    if outcomes.ndim > 1 and len(usable):
        # the most accurate LLM that is allowed for all queries; of equals the cheapest
        ranks = paid[known][:, usable].sum(axis=0), -outcomes[known][:, usable].mean(axis=0)
        best = int(usable[np.lexsort(ranks)[0]])
    return PlanEvaluation(
        n_queries=len(known),
        cost_usd=float(paid[known, chosen].sum(dtype=float)),
        planned_usd=float(cost[known, chosen].sum(dtype=float)),
        accuracy=float(won.mean()),
        expected_accuracy=float(accuracy[known, chosen].mean(dtype=float)),
        best_llm=None if best is None else llms[best],
        best_accuracy=float("nan") if best is None else float(outcomes[known, best].mean()),
        best_cost_usd=float("nan") if best is None else float(paid[known, best].sum(dtype=float)),
    )


def comparable_outcomes(correct: np.ndarray, x: np.ndarray, /) -> np.ndarray:
    """Choose between all outcomes, which allow a comparison with single LLMs, and those of the chosen LLMs.

    After a plan has run, the outcomes of the chosen LLMs are known, and no others. The comparison needs queries on
    which the outcomes of all LLMs are known. It is made if these are at least half of the queries on which the
    outcome of the chosen LLM is known.

    Args:
        correct: (N, M) outcomes, NaN where not known.
        x: (N,) LLM per query.

    Returns:
        (N, M) outcomes of all LLMs, or (N,) of the chosen ones; NaN where not known. For `evaluate_plan`.

    Raises:
        UserError: If the outcome of the chosen LLM is known for no query.
    """
    chosen = correct[np.arange(len(x)), x]
    n_chosen = int((~np.isnan(chosen)).sum())
    if n_chosen == 0:
        raise UserError(
            "the data have no outcome of the chosen LLM on any query of the plan, so nothing can be evaluated;"
            " run the plan, and enter the outcomes of its LLMs"
        )
    n_complete = int((~np.isnan(correct)).all(axis=1).sum())
    return correct if 2 * n_complete >= n_chosen else np.asarray(chosen)


def realised_front(front: SupportedFront, correct: Any, paid_usd: Any = None, /) -> RealisedQuality:
    """Value the exact front of expected accuracies on true outcomes, compared with the best front in hindsight.

    Args:
        front: Of costs and expected accuracies.
        correct: (N, M) true outcomes in [0, 1], all known.
        paid_usd: (N, M) actual cost of calls, US$; None: as planned.

    Raises:
        UserError: If ``correct`` has another shape, or a value is unknown or out of range.
    """
    cost = np.asarray(front.cost if paid_usd is None else paid_usd, dtype=float)
    oracle = type(front)(cost, correct, front.allowed)
    outcomes = np.asarray(correct, dtype=float)
    best_area = realised_area(cost, outcomes, Path.along(oracle))
    return realised_quality(cost, outcomes, Path.along(front), oracle_area=best_area)


def _of_all_or_chosen(
    name: str, values: Any, shape: tuple[int, ...], *, upper: float = np.inf, missing: bool = False
) -> np.ndarray:
    """Check values >= 0 of all LLMs (N, M), or of the chosen ones (N,)."""
    given = np.asanyarray(values)  # a Boolean array stays one, and is refused
    if given.shape not in (shape, shape[:1]):
        raise UserError(f"{name} has shape {given.shape}; expected {shape}, or {shape[:1]} of the chosen LLMs")
    table = as_table(name, given.reshape(len(given), -1), lower=0.0, upper=upper, missing=missing)
    return table.reshape(given.shape)
