"""The supported surface of three objectives, sampled at weights that are spread evenly."""

from __future__ import annotations

from math import comb
from typing import Any

import moocore
import numpy as np

from optllm_pymoo.kernels.evaluation import evaluate_with_latency, least_weighted_sums
from optllm_pymoo.tolerances import SMALLEST_RANGE
from optllm_pymoo.validation import UserError, as_mask, as_table, as_whole, check_frame_labels, check_shape, read_only

N_DIRECTIONS = 500
"""Least number of weight vectors of a surface; a lattice of 31 partitions has 528."""

BLOCK_CELLS = 1 << 24
"""Choices that are decoded together while a surface is built: 16 MB of int8."""


class Scalarisation:
    """Turns weights on three objectives into plans.

    A weighted sum of total cost, negated mean accuracy and mean latency separates by query, so one pass over the tables
    finds its minimiser: a supported plan. Objectives are normalised first, by the ranges between the three individual
    optima (the payoff table of Benayoun et al. 1971): 0 is the best value of any plan, 1 the worst value among the
    three optima. Other supported plans may lie beyond 1.

    Args:
        cost: (N, M) checked US$ per call.
        accuracy: (N, M) checked, of the same type.
        latency: (N, M) checked seconds per call, of the same type.
        allowed: (N, M) bool or None.
        dtype: Integer type of plans.

    Attributes:
        optima: (3, N) read-only: the cheapest plan, the most accurate and the fastest. Of plans that tie, the cheaper,
            then the more accurate, then the faster.
        optima_F: (3, 3) read-only objectives of these.
        ideal: (3,) best value of each objective.
        ranges: (3,) positive; 1 where all three optima agree.
    """

    def __init__(
        self,
        cost: np.ndarray,
        accuracy: np.ndarray,
        latency: np.ndarray,
        allowed: np.ndarray | None,
        /,
        *,
        dtype: np.dtype[Any],
    ) -> None:
        self.cost, self.accuracy, self.latency, self.allowed = cost, accuracy, latency, allowed
        self.dtype = dtype
        self.ideal, self.ranges = np.zeros(3), np.ones(3)
        self.optima = read_only(self.choose(np.eye(3)))
        self.optima_F = read_only(self.evaluate(self.optima))
        self.ideal, self.ranges = payoffs(self.optima_F)

    def choose(self, weights: np.ndarray, /) -> np.ndarray:
        """Return the plan with the least weighted sum of normalised objectives, for each of some weights.

        Args:
            weights: (n, 3), >= 0, one of each row > 0. Only their proportions matter.

        Returns:
            (n, N), every row efficient and supported. O(n N M).
        """
        # each objective per query: cost is a total, the others are means
        per_query = self.ranges * (1.0, len(self.cost), len(self.cost))
        X = np.empty((len(weights), len(self.cost)), dtype=self.dtype)
        rates = np.ascontiguousarray(weights / per_query)
        least_weighted_sums(self.cost, self.accuracy, self.latency, rates, self.allowed, X)
        return X

    def evaluate(self, X: np.ndarray, /) -> np.ndarray:
        """Score checked plans (n, N): total US$, negated mean accuracy, mean seconds, (n, 3)."""
        return evaluate_with_latency(self.cost, self.accuracy, self.latency, X)

    def normalise(self, F: np.ndarray, /) -> np.ndarray:
        """Scale objectives (n, 3) so that the individual optima lie between 0 and 1."""
        return np.asarray((F - self.ideal) / self.ranges)


class SupportedSurface:
    """Supported plans of cost, accuracy and latency, one per weight vector.

    With three objectives the supported plans are too many to list: this is the sample of them that minimises the
    weighted sum of normalised objectives at each weight vector of a Das-Dennis lattice (Das and Dennis 1998), without
    duplicates. Every point is efficient. Building takes O(n N M), memory is O(n): plans are decoded from their weights
    on request.

    Objectives are normalised by the ranges between the three individual optima, see `Scalarisation`.

    Args:
        cost: (N, M) US$ per call, finite, >= 0.
        accuracy: (N, M) in [0, 1].
        latency: (N, M) mean seconds per call, finite, >= 0.
        allowed: (N, M) True where a query may go to an LLM; None allows all.
        n_directions: Least number of weight vectors, >= 3; the smallest lattice with as many is used.

    Attributes:
        F: (n, 3) read-only points, cheapest first: total US$, negated mean accuracy, mean seconds per call.
        weights: (n, 3) read-only, the weights that lead to each.
        scalarisation: The `Scalarisation` that turns weights into plans. Raises: UserError: If a table does not hold
            real numbers; if a table is out of range, empty, or of another shape than ``cost``, DataFrames differ in
            their labels, or ``n_directions`` is below 3.

    Example:
        >>> surface = SupportedSurface([[1, 2, 4]], [[0.5, 0.5, 0.9]], [[3, 1, 2]])
        >>> surface.F.tolist()
        [[1.0, -0.5, 3.0], [2.0, -0.5, 1.0], [4.0, -0.9, 2.0]]
        >>> surface.assignment(1).tolist()
        [1]
    """

    def __init__(
        self, cost: Any, accuracy: Any, latency: Any, /, allowed: Any = None, *, n_directions: int = N_DIRECTIONS
    ) -> None:
        check_frame_labels(cost=cost, accuracy=accuracy, latency=latency, allowed=allowed)
        cost = as_table("cost", cost, lower=0.0)
        accuracy, latency = as_table("accuracy", accuracy, lower=0.0, upper=1.0), as_table("latency", latency, lower=0)
        for name, table in (("accuracy", accuracy), ("latency", latency)):
            check_shape(name, table, cost.shape)
        common = np.result_type(cost, accuracy, latency)
        cost, accuracy, latency = (table.astype(common, copy=False) for table in (cost, accuracy, latency))
        mask = None if allowed is None else as_mask("allowed", allowed, cost.shape)
        dtype = np.dtype(np.int8 if cost.shape[1] <= 127 else np.int32)
        self._build(Scalarisation(cost, accuracy, latency, mask, dtype=dtype), n_directions)

    @classmethod
    def from_scalarisation(
        cls, scalarisation: Scalarisation, /, *, n_directions: int = N_DIRECTIONS
    ) -> SupportedSurface:
        """Build from tables that have been checked and normalised already.

        Args:
            scalarisation: The scalarisation that turns weights into plans.
            n_directions: As above.
        """
        surface = cls.__new__(cls)
        surface._build(scalarisation, n_directions)
        return surface

    def _build(self, scalarisation: Scalarisation, n_directions: int) -> None:
        self.scalarisation = scalarisation
        weights = lattice(n_directions)
        size = max(1, BLOCK_CELLS // len(scalarisation.cost))
        blocks = (weights[first : first + size] for first in range(0, len(weights), size))
        F = np.concatenate([scalarisation.evaluate(scalarisation.choose(block)) for block in blocks])
        kept = np.flatnonzero(moocore.is_nondominated(F, keep_weakly=False))
        kept = kept[np.lexsort(F[kept].T[::-1])]
        self.F, self.weights = read_only(F[kept]), read_only(weights[kept])

    def __len__(self) -> int:
        """Count the points."""
        return len(self.F)

    def __repr__(self) -> str:
        n_queries, n_llms = self.scalarisation.cost.shape
        return f"SupportedSurface({len(self)} plans for {n_queries} queries on {n_llms} LLMs)"

    def assignment(self, k: int, /) -> np.ndarray:
        """Decode the plan of point ``k`` from its weights, O(N M).

        Args:
            k: Index of a point, 0 ... len(self) - 1; negative from the end.

        Returns:
            (N,) LLM per query, int8 up to 127 LLMs and int32 beyond; a new array.

        Raises:
            UserError: If there is no such point.
        """
        k = as_whole("the index of a point", k)
        if not -len(self) <= k < len(self):
            raise UserError(f"point {k} is not on this surface; it has points 0 to {len(self) - 1}")
        return np.asarray(self.scalarisation.choose(self.weights[k % len(self)][None])[0])

    def thin(self, n_points: int, /) -> np.ndarray:
        """Choose points that cover the surface evenly.

        The optima of the three objectives come first; then, one by one, the point farthest from all chosen ones on
        normalised objectives (Gonzalez 1985). O(n_points * n).

        Args:
            n_points: How many at the most, at least 3.

        Returns:
            Rising indices.

        Raises:
            UserError: If ``n_points`` is below three.
        """
        if n_points < 3:
            raise UserError(f"a thinned surface keeps at least its three optima; got n_points = {n_points}")
        if len(self) <= n_points:
            return np.arange(len(self))
        points = self.scalarisation.normalise(self.F)
        chosen = list(dict.fromkeys(points.argmin(axis=0).tolist()))
        distance = np.full(len(points), np.inf)
        for k in chosen:
            distance = np.minimum(distance, np.linalg.norm(points - points[k], axis=1))
        while len(chosen) < n_points and distance.max() > 0:
            chosen.append(int(distance.argmax()))
            distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
        return np.sort(chosen)


def payoffs(optima_F: np.ndarray, /) -> tuple[np.ndarray, np.ndarray]:
    """Return the best value of each objective among the individual optima, and the range of each, 1 where it is 0."""
    ideal = optima_F.min(axis=0)
    spans = optima_F.max(axis=0) - ideal
    return ideal, np.where(spans > SMALLEST_RANGE, spans, 1.0)


def partitions_for(n_directions: int, /, n_obj: int = 3) -> int:
    """Find the smallest lattice of weights with at least so many points; its number of partitions of an edge.

    Args:
        n_directions: Least number of points.
        n_obj: Number of objectives.

    Example:
        >>> partitions_for(500), partitions_for(3)
        (31, 1)
    """
    n_partitions = 1
    while comb(n_partitions + n_obj - 1, n_obj - 1) < n_directions:
        n_partitions += 1
    return n_partitions


def lattice(n_directions: int, /) -> np.ndarray:
    """Spread weights of three objectives evenly: pymoo's Das-Dennis directions, neighbours next to each other.

    Args:
        n_directions: Least number of directions, >= 3; the smallest lattice with as many is used.

    Returns:
        (n, 3) weights, each row with the sum 1; neighbouring rows are neighbours in the lattice.

    Raises:
        UserError: If ``n_directions`` is below three.
    """
    from pymoo.util.ref_dirs import get_reference_directions

    if not n_directions >= 3:
        raise UserError(f"three objectives need at least three directions; got {n_directions}")
    n_partitions = partitions_for(n_directions)
    weights = np.asarray(get_reference_directions("das-dennis", 3, n_partitions=n_partitions))
    place = np.rint(weights * n_partitions).astype(int)
    # row by row, every other row backward
    along = np.where(place[:, 0] % 2 == 0, place[:, 1], -place[:, 1])
    return np.asarray(weights[np.lexsort((along, place[:, 0]))])
