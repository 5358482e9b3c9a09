"""Weighted sums of cost, inaccuracy and latency: one weight vector, one efficient plan."""

from __future__ import annotations

from typing import Any

import numpy as np

from optllm_pymoo.kernels.scalarised import evaluate_with_latency, least_weighted_sums
from optllm_pymoo.validation import read_only

SMALLEST_RANGE = float(np.finfo(float).tiny)
"""Ranges below it count as none: their reciprocals would be infinite."""


class Scalarisation:
    """Turns weights on three objectives into plans.

    A weighted sum of total cost, negated mean accuracy and mean latency separates by query, so its minimiser is had by
    one pass over the tables: a supported plan. Objectives are normalised first, by the ranges between the three
    individual optima (the payoff table of Benayoun et al. 1971): 0 at the best value any plan has, 1 at the worst
    that any of the three optima has. Other supported plans may lie beyond 1.

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
        self.ideal = self.optima_F.min(axis=0)
        spans = self.optima_F.max(axis=0) - self.ideal
        self.ranges = np.where(spans > SMALLEST_RANGE, spans, 1.0)

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
