"""The exact supported front as an algorithm, to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.termination import NoTermination

from optllm_pymoo.baselines._archive import ProposingAlgorithm
from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._spread import spread_order
from optllm_pymoo.validation import UserError


class ExactFront(ProposingAlgorithm):
    """Propose points of ``problem.supported_front``; see `exact_front`.

    Args:
        n_points: Number of points, >= 1.
        batch_size: Plans evaluated per iteration, >= 1.
        **kwargs: pymoo's own.

    Raises:
        ValueError: If a number is too small.
    """

    def __init__(self, *, n_points: int = 100, batch_size: int = 100, **kwargs: Any) -> None:
        for name, value in (("n_points", n_points), ("batch_size", batch_size)):
            if value < 1:
                raise UserError(f"{name} must be at least 1; got {value}")
        super().__init__(**kwargs)
        self.n_points = n_points
        self.batch_size = batch_size

    def _setup(self, problem: Any, **kwargs: Any) -> None:
        points = problem.supported_front.thin(self.n_points)
        self.points = points[spread_order(len(points))]
        self.n_proposed = 0

    def _is_exhausted(self) -> bool:
        return self.n_proposed >= len(self.points)

    def _propose(self) -> np.ndarray:
        batch = self.points[self.n_proposed : self.n_proposed + self.batch_size]
        self.n_proposed += len(batch)
        front = self.problem.supported_front
        plans = {int(k): front.assignment(int(k)) for k in np.sort(batch)}  # decoding is cheapest along the front
        return np.stack([plans[int(k)] for k in batch])


def exact_front(*, n_points: int = 100, batch_size: int = 100, **options: Any) -> ExactFront:
    """Build an algorithm that proposes the exact supported front, thinned evenly, its ends first.

    No search: what a search can be measured by, or saved by. Ends by itself.

    Args:
        n_points: At most so many points.
        batch_size: Plans evaluated per iteration.
        **options: pymoo's own, for example ``termination`` or ``callback``.

    Returns:
        The algorithm, ready for `minimize`.

    Raises:
        TypeError: If pymoo has no such option.
        ValueError: If a number is too small.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> len(minimize(make_problem(500, 4), exact_front(n_points=10)).F)
        10
    """
    defaults = {"n_points": n_points, "batch_size": batch_size}
    return build(ExactFront, defaults, options, factory="exact_front", termination=NoTermination)
