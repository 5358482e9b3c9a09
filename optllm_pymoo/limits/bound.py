"""The front of the linear relaxation: an LP bound on all plans within the limits, and the price of each limit."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from optllm_pymoo.exact.front import thinned
from optllm_pymoo.limits.limit import Kind
from optllm_pymoo.limits.linear import LinearLimits, Weights
from optllm_pymoo.limits.relaxation import Relaxation, relax
from optllm_pymoo.tolerances import FLAT, LINE_ROUNDING, PROVEN, SAME_TOTAL, TIE_BREAKER
from optllm_pymoo.validation import UserError, in_full, read_only, rounded_down, rounded_up

N_POINTS = 50
"""Default number of relaxations per front."""


class PricePath(NamedTuple):
    """Multipliers along a front: at each solved point the weights of accuracy and US$ and the prices of the limits."""

    cost_usd: np.ndarray
    """(n,) rising total US$ of the fractional plans."""
    accuracy: np.ndarray
    """(n,) rising mean accuracy of the fractional plans."""
    per_accuracy: np.ndarray
    """(n,) weight of summed accuracy."""
    per_usd: np.ndarray
    """(n,) weight of total US$."""
    prices: np.ndarray
    """(n, K) prices of the limits."""

    def at(self, place: float, /) -> tuple[Weights, np.ndarray]:
        """Blend the prices of the two points around a place in 0 ... n - 1."""
        k = min(int(place), len(self.cost_usd) - 2) if len(self.cost_usd) > 1 else 0
        share = place - k
        after = min(k + 1, len(self.cost_usd) - 1)
        blended = [(1 - share) * values[k] + share * values[after] for values in self[2:]]
        return Weights(float(blended[0]), float(blended[1])), np.asarray(blended[2])

    def place_of_cost(self, cost_usd: float, /) -> float:
        """Return the place of a total cost on the path, 0 ... n - 1."""
        return float(np.interp(cost_usd, self.cost_usd, np.arange(len(self.cost_usd))))

    def place_of_accuracy(self, accuracy: float, /) -> float:
        """Return the place of a mean accuracy on the path, 0 ... n - 1."""
        return float(np.interp(accuracy, self.accuracy, np.arange(len(self.accuracy))))


class BoundFront:
    """Front of the linear relaxation of a batch with limits: an outer bound of all plans that meet them.

    Every solved relaxation gives a line α·accuracy - β·cost <= g that no plan crosses, even if the solver stopped early
    (weak duality). At the optimum it touches the front of the relaxation. The lines enclose a polygon; `F` are its
    corners. `bound` follows its edges, so it holds at every cost and is exact where a line touches. The lines are
    chosen by the sandwich method: the next slope is that of the chord with the largest area of uncertainty.

    With limits it replaces `SupportedFront`: measures and certificates accept either.

    Attributes:
        F: (n, 2) read-only corners, cheapest first: total US$ and negated mean accuracy. No plan within the limits is
            better than the polyline through them.
        path: The prices found on the way.
        max_gap: Largest certified gap of a solved relaxation, in mean accuracy at that line's own weights.
    """

    def __init__(self, F: np.ndarray, path: PricePath, *, max_gap: float = 0.0) -> None:
        self.F, self.path, self.max_gap = read_only(F), path, max_gap

    @classmethod
    def of(cls, limits: LinearLimits, /, *, n_points: int = N_POINTS, without: np.ndarray | None = None) -> BoundFront:
        """Enclose the front of the relaxation between ``n_points`` lines.

        Args:
            limits: Tables and limits, which some fractional plan meets.
            n_points: Largest number of relaxations to solve, at least 2.
            without: (S + 1, 2) points of the exact front without the limits, which bounds plans within the limits too:
                a point of it that meets the limits is optimal.

        Raises:
            UserError: If fewer than two points are asked for.
        """
        if n_points < 2:
            raise UserError(f"n_points must be at least 2, the cheapest and the most accurate plan; got {n_points}")
        sandwich = _Sandwich(limits)
        low = sandwich.solve(TIE_BREAKER, None)
        high = sandwich.solve(1 - TIE_BREAKER, low[1].prices)
        points = [low, high]
        while len(points) < n_points:
            gaps = [sandwich.uncertainty(*pair) for pair in pairwise(points)]
            k = int(np.argmax(gaps))
            if gaps[k] <= FLAT:
                break
            start = (points[k][1].prices + points[k + 1][1].prices) / 2
            points.insert(k + 1, sandwich.solve(sandwich.chord(points[k][1], points[k + 1][1]), start))
        return sandwich.front(points, without)

    def __len__(self) -> int:
        """Count the corners."""
        return len(self.F)

    def __repr__(self) -> str:
        least, most = (f"{rounded_down(cost)} US$ at {rounded_up(-loss)}" for cost, loss in self.F[[0, -1]])
        return f"BoundFront({len(self)} corners, from {least} accuracy to {most})"

    def bound(self, cost_usd: Any, /) -> np.ndarray:
        """Bound the mean accuracy of any plan within the limits at a total cost.

        Args:
            cost_usd: Total US$, a number or an array of them, each at least the cheapest corner's.

        Returns:
            Upper bounds, of the shape of ``cost_usd``.

        Raises:
            UserError: If a cost lies below the cheapest corner's.
        """
        costs = np.asarray(cost_usd, dtype=float)
        too_low = costs[~(costs >= self.F[0, 0] * (1 - SAME_TOTAL))]
        if too_low.size:
            low, cheapest = in_full(too_low[0]), in_full(self.F[0, 0])
            raise UserError(f"no plan within the limits costs {low} US$ or less; the cheapest costs {cheapest} US$")
        return np.asarray(np.interp(costs, self.F[:, 0], -self.F[:, 1]))

    def thin(self, n_points: int, /) -> np.ndarray:
        """Choose, by index, at most so many corners that follow the polyline evenly, with its first and last."""
        return thinned(self.F, n_points)

    def along(self, n_points: int, /) -> np.ndarray:
        """Return (n, 2) points on the polyline, evenly spaced on scaled objectives, with its first and last corner."""
        if len(self) == 1:
            return np.array(self.F)
        span = np.abs(self.F[-1] - self.F[0])
        lengths = np.abs(np.diff(self.F, axis=0) / np.where(span > 0, span, 1.0)).sum(axis=1)
        way = np.concatenate([[0.0], np.cumsum(lengths)])
        wanted = np.linspace(0.0, way[-1], n_points)
        return np.column_stack([np.interp(wanted, way, column) for column in self.F.T])


Point = tuple[float, Relaxation]
"""A weight of accuracy in [0, 1] on scaled objectives, and the relaxation solved at it."""


class _Sandwich:
    """Chooses the lines of a bound front and builds it, on scaled objectives.

    The scales of US$ and summed accuracy are the spreads between queries' LLMs.
    """

    def __init__(self, limits: LinearLimits) -> None:
        self.limits, self.n_queries = limits, limits.n_queries
        self.usd, self.accuracy = (
            float((table.max(axis=1) - table.min(axis=1)).sum(dtype=float)) or 1.0
            for table in (limits.cost, limits.accuracy)
        )

    def solve(self, weight: float, start: np.ndarray | None) -> Point:
        """Solve the relaxation at a weight of accuracy."""
        n = self.n_queries
        return weight, relax(self.limits, Weights(weight / self.accuracy * n, (1 - weight) / self.usd * n), start=start)

    def _apart(self, low: Relaxation, high: Relaxation) -> tuple[float, float]:
        """Scaled distances in cost and accuracy."""
        accuracy = (high.accuracy - low.accuracy) * self.n_queries / self.accuracy
        return (high.cost_usd - low.cost_usd) / self.usd, accuracy

    def chord(self, low: Relaxation, high: Relaxation) -> float:
        """Return the weight of accuracy at which two points have equal weighted sums."""
        cost, accuracy = self._apart(low, high)
        if cost <= 0 or accuracy <= 0:
            return 0.5
        return float(np.clip(cost / (cost + accuracy), TIE_BREAKER, 1 - TIE_BREAKER))

    def uncertainty(self, low: Point, high: Point) -> float:
        """Return twice the area of the triangle of two neighbours and the corner where their lines meet."""
        (u, first), (v, second) = low, high
        cost, accuracy = self._apart(first, second)
        # the lines have slopes (1 - u)/u and (1 - v)/v in (cost, accuracy)
        steep, shallow = (1 - u) / u, (1 - v) / v
        if cost <= 0 or accuracy <= 0 or steep <= shallow:
            return 0.0
        x = (accuracy - shallow * cost) / (steep - shallow)
        return float(max(0.0, cost * min(steep * x, accuracy) - accuracy * x))

    def front(self, points: list[Point], without: np.ndarray | None) -> BoundFront:
        """Return the corners of the polygon that the lines enclose, and the prices along it."""
        n, limits = self.n_queries, self.limits
        cheapest, best = relax(limits, Weights(0.0, 1.0)), relax(limits, Weights(1.0, 0.0))
        weights, solved = np.array([w for w, _ in points]), [r for _, r in points]
        per_accuracy, per_usd = weights / self.accuracy * n, (1 - weights) / self.usd * n
        slopes = (1 - weights) / weights * self.accuracy / self.usd / n
        heights = np.array([r.bound for r in solved]) / per_accuracy / n
        # the height of a steep line is a small difference of large numbers; rounded up, it stays a bound
        heights += LINE_ROUNDING * (np.abs(heights) + slopes * np.array([abs(r.cost_usd) for r in solved]))
        corners = self._envelope(slopes, heights, -cheapest.bound, best.bound / n)
        if without is not None:
            corners = self._lower_of(corners, without * (1, -1))
        path = PricePath(
            np.maximum.accumulate([r.cost_usd for r in solved]),
            np.maximum.accumulate([r.accuracy for r in solved]),
            per_accuracy,
            per_usd,
            np.array([r.prices for r in solved]).reshape(len(points), len(limits)),
        )
        return BoundFront(corners * (1, -1), path, max_gap=max(np.array([r.gap for r in solved]) / per_accuracy / n))

    @staticmethod
    def _envelope(slopes: np.ndarray, heights: np.ndarray, c_min: float, a_max: float) -> np.ndarray:
        """Return the lower envelope of accuracy = height + slope·cost from c_min up to a_max: (n, 2) cost, accuracy."""
        slopes, heights = np.append(slopes, 0.0), np.append(heights, a_max)
        at_start = float(np.min(heights + slopes * c_min))
        corners = [(c_min, at_start)]
        cost, height = c_min, at_start
        # the lowest line just beyond the start: of equals the flattest
        values = heights + slopes * cost
        lowest = np.flatnonzero(values <= values.min())
        line = int(lowest[np.argmin(slopes[lowest])])
        while slopes[line] > 0:
            flatter = np.flatnonzero(slopes < slopes[line])
            meets = (heights[flatter] - heights[line]) / (slopes[line] - slopes[flatter])
            first = np.lexsort((slopes[flatter], meets))[0]
            cost = max(cost, float(meets[first]))
            line = int(flatter[first])
            height = max(height, float(heights[line] + slopes[line] * cost))
            if cost > corners[-1][0] and height > corners[-1][1]:
                corners.append((cost, min(height, a_max)))
        return np.array(corners)

    @staticmethod
    def _lower_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the minimum of two concave, rising polylines (n, 2) in cost and accuracy, flat beyond their ends."""
        cost = np.unique(np.concatenate([first[:, 0], second[:, 0]]))
        cost = cost[cost >= max(first[0, 0], second[0, 0])]
        apart = np.interp(cost, *first.T) - np.interp(cost, *second.T)
        cross = np.flatnonzero(apart[:-1] * apart[1:] < 0)
        share = apart[cross] / (apart[cross] - apart[cross + 1])
        crossings = cost[cross] + share * (cost[cross + 1] - cost[cross])
        kept = np.where(apart <= 0, np.isin(cost, first[:, 0]), False) | ((apart >= 0) & np.isin(cost, second[:, 0]))
        kept[0] = True
        cost = np.sort(np.concatenate([cost[kept], crossings]))
        accuracy = np.minimum(np.interp(cost, *first.T), np.interp(cost, *second.T))
        rises = np.append(True, np.diff(np.maximum.accumulate(accuracy)) > 0) & np.append(True, np.diff(cost) > 0)
        return np.asarray(np.column_stack([cost, accuracy])[rises])


def most_accuracy(limits: LinearLimits, budget_usd: float, /) -> float:
    """Bound the mean accuracy of any plan that meets the limits within a budget, by the linear relaxation.

    Args:
        limits: Tables and limits.
        budget_usd: Total US$.

    Raises:
        UserError: If no plan is that cheap.
    """
    solved = relax(limits.within(budget_usd=budget_usd), Weights(1.0, 0.0))
    if solved.violation > 0.0:
        cheapest = -relax(limits, Weights(0.0, 1.0)).bound
        # the solver's own tolerance proves nothing
        if cheapest > budget_usd * (1 + PROVEN):
            raise UserError(
                f"no plan within the limits costs {in_full(budget_usd)} US$ or less;"
                f" none costs less than {rounded_down(cheapest)} US$"
            )
    return solved.bound / limits.n_queries


def least_usd(limits: LinearLimits, min_accuracy: float, /) -> float:
    """Bound the total US$ of any plan that meets the limits and a mean accuracy, by the linear relaxation.

    Args:
        limits: Tables and limits.
        min_accuracy: Mean accuracy.

    Raises:
        UserError: If no plan is that accurate.
    """
    solved = relax(limits.within(min_accuracy=min_accuracy), Weights(0.0, 1.0))
    if solved.violation > 0.0:
        highest = relax(limits, Weights(1.0, 0.0)).bound / limits.n_queries
        if highest < min_accuracy - PROVEN:
            raise UserError(
                f"no plan within the limits reaches an accuracy of {in_full(min_accuracy)};"
                f" none reaches more than {rounded_up(highest)}"
            )
    return -solved.bound


class LimitPrice(NamedTuple):
    """The price of one limit at a plan, with the other limits unchanged."""

    name: str
    """The limit in words."""
    subject: str
    """The LLMs, group or table that is limited."""
    kind: Kind
    unit: str
    use: float
    """Use of the limit by the plan, in that unit; of a floor, the mean accuracy of its group."""
    limit: float
    """The limit, in that unit."""
    binds: bool
    """Whether the limit is binding at the plan."""
    correct_per_unit: float
    """Shadow price: expected correct answers gained by one more unit (of a floor: by one correct answer less)."""
    usd_per_unit: float
    """The same in US$ of budget; NaN if more budget gains nothing."""
    accuracy_lost: float
    """Mean accuracy gained at the same budget without the limit, by the LP bounds."""
    usd_lost: float
    """US$ saved at the same accuracy without the limit, by the LP bounds."""


def price_limits(limits: LinearLimits, x: np.ndarray, budget_usd: float, accuracy: float, /) -> tuple[LimitPrice, ...]:
    """Price every limit at a budget and an accuracy: multipliers of the relaxation, and the gain without the limit.

    Args:
        limits: Tables and K limits.
        x: (N,) the plan whose uses are reported.
        budget_usd: Total US$ at which to price.
        accuracy: Mean accuracy at which to price, which some plan within the limits reaches.

    Returns:
        K prices. At most 2 K + 2 relaxations are solved.

    Raises:
        UserError: If the relaxation can't meet limits and budget together.
    """
    bounded = limits.within(budget_usd=budget_usd)
    solved = relax(bounded, Weights(1.0, 0.0))
    if solved.violation > 0.0:
        raise UserError(f"no plan within the limits costs {in_full(budget_usd)} US$ or less")
    uses, per_usd = limits.uses(x[None])[0], float(solved.prices[-1])
    usd = least_usd(limits, accuracy)
    prices = []
    for k, row in enumerate(limits.rows):
        without = relax(bounded.without(k), Weights(1.0, 0.0), start=np.delete(solved.prices, k))
        lost = max(0.0, without.bound - solved.bound) / limits.n_queries
        price = float(solved.prices[k]) * (row.per if row.kind is Kind.ADDITIVE else 1.0)
        binds = price > PROVEN or lost > PROVEN
        prices.append(
            LimitPrice(
                name=row.name,
                subject=row.subject,
                kind=row.kind,
                unit=row.unit,
                use=float(limits.amounts(k, uses[k])),
                limit=float(limits.amounts(k, limits.limit[k])),
                binds=binds,
                correct_per_unit=price,
                usd_per_unit=price / per_usd if per_usd > 0 else float("nan"),
                accuracy_lost=lost,
                usd_lost=max(0.0, usd - least_usd(limits.without(k), accuracy)) if binds else 0.0,
            )
        )
    return tuple(prices)
