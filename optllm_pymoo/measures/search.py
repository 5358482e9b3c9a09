"""Search quality: how close a set of plans is to the exact front of the table that was optimised.

Every measure uses objectives only, (n, 2) total US$ and negated mean accuracy, and scales both to [0, 1] between the
cheapest and the most accurate plan of the exact front, so that both have the same weight. With limits the exact front
may be unknown; a `BoundFront` then replaces it: the ratio of hypervolumes is a lower bound, and the shortfalls are
upper bounds of the true ones.

With a third objective the reference is a `SupportedSurface`: F has three columns, scaled between the
individual optima, and the reference point of the hypervolume is (1, 1, 1). The surface is a sample: a search that finds
more supported plans than it holds has a ratio above 1.

None of the measures is about true outcomes, which the search doesn't use.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Union
from weakref import WeakKeyDictionary

import moocore
import numpy as np

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.exact.surface import SupportedSurface
from optllm_pymoo.limits.bound import BoundFront
from optllm_pymoo.tolerances import COVERED
from optllm_pymoo.validation import UserError

Yardstick = Union[SupportedFront, BoundFront, SupportedSurface]  # noqa: UP007
"""The reference of the measures: the exact front, with limits its outer bound, with a third objective a surface."""

REFERENCE_POINTS = 1000
"""Points to which the exact front is thinned for measures of quadratic complexity."""


_exact_hypervolumes: WeakKeyDictionary[Yardstick, float] = WeakKeyDictionary()


class SearchQuality(NamedTuple):
    """All measures of one set of plans against one exact front."""

    hypervolume_ratio: float
    """Share of the exact front's hypervolume, larger is better; see `hypervolume_ratio`."""
    additive_epsilon: float
    """Worst shortfall, smaller is better; see `additive_epsilon`."""
    igd_plus: float
    """Mean shortfall, smaller is better; see `igd_plus`."""
    spread: float
    """Unevenness and missing extremes, smaller is better; see `spread`. NaN for three objectives."""
    n_points: int
    """Distinct non-dominated points."""


def search_quality(F: Any, front: Yardstick, /) -> SearchQuality:
    """Compute all measures of a set of plans.

    Args:
        F: (n, 2) total US$ and negated mean accuracy; dominated points and duplicates change nothing. With latency
            (n, 3).
        front: The exact front of the same tables, with latency their supported surface.

    Raises:
        UserError: If F is empty, has not one column per objective, or is not finite.

    Example:
        >>> front = SupportedFront([[0, 1], [0, 3]], [[0.5, 1.0], [0.5, 1.0]])
        >>> search_quality(front.F[[0, 2]], front)
        SearchQuality(hypervolume_ratio=0.0, additive_epsilon=0.5, igd_plus=0.1666..., spread=0.0,
        n_points=2)
    """
    F = _as_points(F, front.F.shape[1])
    F = F[non_dominated(F)]
    evenness = float("nan") if isinstance(front, SupportedSurface) else spread(F, front)
    return SearchQuality(hypervolume_ratio(F, front), additive_epsilon(F, front), igd_plus(F, front), evenness, len(F))


def normalise(F: Any, front: Yardstick, /) -> np.ndarray:
    """Scale objectives to the ranges of the exact front.

    Cost becomes 0 at the cheapest and 1 at the most accurate plan, negated accuracy 1 at the cheapest and 0
    at the most accurate. Points of the search may lie beyond 1, never below 0.

    A front of a single point, which dominates every other plan, has no ranges. Then cost is measured in multiples of
    that plan's cost (in US$ if it is free) above it, and accuracy is not scaled: the point becomes (0, 0).

    On a surface every objective is 0 at its best value and 1 at the worst value among the three individual optima;
    points, also supported ones, may lie beyond 1.

    Args:
        F: (n, 2) or (2,) total US$ and negated mean accuracy; (n, 3) or (3,) on a surface.
        front: The exact front of the same tables, with latency their supported surface.

    Returns:
        (n, 2) or (n, 3) scaled objectives, all to be minimised; a new array.

    Raises:
        UserError: If F is empty, not of two columns, or not finite.

    Example:
        >>> front = SupportedFront([[0, 1], [0, 3]], [[0.5, 1.0], [0.5, 1.0]])
        >>> normalise(front.F, front).tolist()
        [[0.0, 1.0], [0.25, 0.5], [1.0, 0.0]]
    """
    if isinstance(front, SupportedSurface):
        return front.scalarisation.normalise(_as_points(F, 3))
    (cheapest, worst), (dearest, best) = front.F[0], front.F[-1]
    cost_range = dearest - cheapest or cheapest or 1.0
    accuracy_range = worst - best or 1.0
    scaled: np.ndarray = (_as_points(F) - (cheapest, best)) / (cost_range, accuracy_range)
    return scaled


def non_dominated(F: Any, /) -> np.ndarray:
    """Find the distinct non-dominated points.

    Args:
        F: (n, 2) or (n, 3) objectives to be minimised.

    Returns:
        Indices into F, cheapest first; of equal points the first. O(n log n).

    Raises:
        UserError: If F is empty, not of two columns, or not finite.

    Example:
        >>> non_dominated([[3, -0.9], [1, -0.5], [2, -0.4], [1, -0.5]]).tolist()
        [1, 0]
    """
    F = _as_points(F, *((3,) if np.shape(F)[-1:] == (3,) else ()))
    kept = np.flatnonzero(moocore.is_nondominated(F))
    return kept[np.argsort(F[kept, 0])]


def hypervolume_ratio(F: Any, front: Yardstick, /) -> float:
    """Divide the area that the plans dominate by the area that the exact front dominates.

    Both areas are taken on scaled objectives up to the reference point (1, 1). The supported front omits the efficient
    plans between its points, so on small batches a set with many of those can have a ratio slightly above 1.

    A front of one step dominates no area: the ratio is then the share of its two points that the plans reach. For a
    front of one point see `normalise`: the ratio is 1 if that plan was found, and 0 if the nearest one costs twice as
    much.

    Args:
        F: (n, 2) total US$ and negated mean accuracy.
        front: The exact front of the same tables. Its own area is cached with it.

    Raises:
        UserError: If F is empty, not of two columns, or not finite.

    Example:
        >>> front = SupportedFront([[0, 1], [0, 3]], [[0.5, 1.0], [0.5, 1.0]])
        >>> hypervolume_ratio(front.F, front)
        1.0
        >>> hypervolume_ratio([[2, -0.75]], front)  # (1 - 0.5) * (1 - 0.5) of (1 - 0.25) * (1 - 0.5)
        0.6666666666666666
    """
    points = normalise(F, front)
    exact = _exact_hypervolumes.get(front)
    if exact is None:
        ends = normalise(front.F, front)
        exact = _hypervolume(ends)
        if isinstance(front, BoundFront):  # the area above its polyline, which no set of plans exceeds
            x, y = np.clip(ends, 0.0, 1.0).T
            exact = float(1.0 - x[-1] + np.sum(np.diff(x) * (2.0 - y[:-1] - y[1:]) / 2))
        _exact_hypervolumes[front] = exact
    if exact > 0.0:
        return _hypervolume(points) / exact
    shortfall = np.clip(points[:, None] - normalise(front.F, front), 0.0, None).max(axis=2)
    return float(np.mean(shortfall.min(axis=0) <= COVERED))


def additive_epsilon(F: Any, front: Yardstick, /) -> float:
    """Return how far the exact front must be shifted until the plans are nowhere worse.

    The unary additive epsilon indicator on scaled objectives (Zitzler et al. 2003): 0 is perfect.

    Args:
        F: (n, 2) total US$ and negated mean accuracy.
        front: The exact front of the same tables, thinned to `REFERENCE_POINTS`: O(n * `REFERENCE_POINTS`).

    Raises:
        UserError: If F is empty, not of two columns, or not finite.
    """
    return float(moocore.epsilon_additive(normalise(F, front), ref=_reference(front)))


def igd_plus(F: Any, front: Yardstick, /) -> float:
    """Average, over the exact front, the shortfall of the nearest plan.

    IGD+ on scaled objectives (Ishibuchi et al. 2015), weakly Pareto-compliant: 0 is perfect.

    Args:
        F: (n, 2) total US$ and negated mean accuracy.
        front: The exact front of the same tables, thinned to `REFERENCE_POINTS` evenly along the curve, so crowded and
            sparse parts have the same weight.

    Raises:
        UserError: If F is empty, not of two columns, or not finite.
    """
    return float(moocore.igd_plus(normalise(F, front), ref=_reference(front)))


def spread(F: Any, front: Yardstick, /) -> float:
    r"""Measure how unevenly the plans follow the front, and their distance from its extremes.

    Deb's Δ (Deb et al. 2002, section V) on scaled objectives, over the non-dominated points in order of
    cost:

    Δ = (d_f + d_l + Σ |d_i - d̄|) / (d_f + d_l + (n - 1) d̄)

    with d_i the n - 1 Euclidean distances between neighbours, d̄ their mean, d_f and d_l the distances of
    the two outermost plans from the extremes of the exact front. 0 is even and complete; a single plan has Δ = 1
    unless it is the whole front.

    Args:
        F: (n, 2) total US$ and negated mean accuracy.
        front: The exact front of the same tables.

    Raises:
        UserError: If F is empty, not of two columns, or not finite, or if there are three objectives: points on a
            surface have no order.

    Example:
        >>> front = SupportedFront([[0, 1], [0, 3]], [[0.5, 1.0], [0.5, 1.0]])
        >>> round(spread(front.F, front), 3)  # neighbours √5/4 and √13/4 apart, both ends found
        0.234
    """
    if isinstance(front, SupportedSurface):
        raise UserError("spread is defined along a front of two objectives; a surface has no order of points")
    F = _as_points(F)
    points = normalise(F[non_dominated(F)], front)
    ends = normalise(front.F[[0, -1]], front)
    to_ends = np.linalg.norm(points[[0, -1]] - ends, axis=1).sum()
    gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    length = to_ends + gaps.sum()
    if length == 0.0:
        return 0.0
    uneven = np.abs(gaps - gaps.mean()).sum() if gaps.size else 0.0
    return float((to_ends + uneven) / length)


def _as_points(F: Any, n_obj: int = 2) -> np.ndarray:
    points = np.atleast_2d(np.asarray(F, dtype=np.float64))
    if points.ndim != 2 or points.shape[1] != n_obj or not len(points):
        wanted = "(cost, -accuracy) pair" if n_obj == 2 else "(cost, -accuracy, latency) triple"
        raise UserError(f"F must hold at least one {wanted} in rows; got shape {np.shape(F)}")
    if not np.isfinite(points).all():
        k, objective = np.argwhere(~np.isfinite(points))[0].tolist()
        raise UserError(f"F must be finite; F[{k}, {objective}] = {points[k, objective]}")
    return points


def _hypervolume(points: np.ndarray) -> float:
    return float(moocore.hypervolume(points, ref=(1.0,) * points.shape[1]))


def _reference(front: Yardstick) -> np.ndarray:
    if isinstance(front, BoundFront):
        return normalise(front.along(REFERENCE_POINTS), front)
    return normalise(front.F[front.thin(REFERENCE_POINTS)], front)
