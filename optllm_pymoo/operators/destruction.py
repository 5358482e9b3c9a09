"""Destruction: operators that move allocations off the front; a reconstruction returns them to another point of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from pymoo.core.variable import Real

from optllm_pymoo.exact.front import FrontEnd
from optllm_pymoo.kernels.destruction import N_BINS, move_to_ends
from optllm_pymoo.kernels.steps import steps_between
from optllm_pymoo.operators.base import AllocationOperator
from optllm_pymoo.operators.categorical import draw_other
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError


class Gap(NamedTuple):
    """Size of one destruction: a cell of a grid over the ranges of the two objectives.

    Example:
        >>> Gap(cost_usd=0.2, accuracy=4.0).accuracy
        4.0
    """

    cost_usd: float
    """Total US$."""
    accuracy: float
    """Accuracy summed over the queries (N times the mean)."""

    @classmethod
    def between(cls, F_cheapest: np.ndarray, F_most_accurate: np.ndarray, n_queries: int, n_grid: int, /) -> Gap:
        """Cut the ranges between two points into equal gaps.

        Args:
            F_cheapest: (2,) objective values of the cheapest plan.
            F_most_accurate: (2,) objective values of the most accurate plan.
            n_queries: N.
            n_grid: Number of gaps.

        Example:
            >>> Gap.between(np.array([1.0, -0.5]), np.array([3.0, -0.9]), 100, 10)
            Gap(cost_usd=0.2, accuracy=4.0)
        """
        cost, loss = (F_most_accurate - F_cheapest) / n_grid
        return cls(float(cost), float(-loss * n_queries))


class Destruction(AllocationOperator):
    """Family of operators that perturb allocations.

    Write ``_do(self, problem, X, *, random_state, gap, toward=None, **kwargs)`` and return the destroyed (n, N)
    allocations; X is a copy and may be changed. A row that is returned unchanged means that no further move is
    possible, and ends a walk of `OptLLM`. The arguments:

    * ``gap``: a `Gap`, the size of the destruction;
    * ``toward``: (n, N) target plans, if a gap between two known plans is split, else None.
    """

    def do(self, problem: AllocationProblem, elem: Any, *args: Any, random_state: Any, **kwargs: Any) -> Any:
        """Destroy allocations; see `AllocationOperator.do`.

        Args:
            problem: The batch.
            elem: Population or array of allocations; it is not changed.
            *args: Passed on.
            random_state: Generator or seed.
            **kwargs: ``gap``: by default a fiftieth of the exact front's ranges; ``toward``.

        Returns:
            The destroyed allocations, of the type of ``elem``.
        """
        if kwargs.get("gap") is None:
            F = problem.supported_front.F
            kwargs["gap"] = Gap.between(F[0], F[-1], problem.n_queries, 50)
        return super().do(problem, elem, *args, random_state=random_state, **kwargs)


class AccuracyDestruction(Destruction):
    """Published destruction upward: to the most accurate LLMs, largest gain first, until one accuracy gap is gained.

    It ignores cost and so overpays on purpose; the reconstruction then finds the same number of upgrade steps where
    they are cheapest (arXiv 2405.15130, destruction of the first half). Allocations that can't gain the gap are
    returned unchanged.

    Example:
        >>> problem = AllocationProblem([[1, 2], [1, 9]], [[0.5, 0.6], [0.5, 0.9]])
        >>> AccuracyDestruction().do(problem, np.array([0, 0]), gap=Gap(1.0, 0.3), random_state=1).tolist()
        [0, 1]
    """

    def _do(
        self, problem: AllocationProblem, X: np.ndarray, *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> np.ndarray:
        _, most_accurate = problem.supported_front.ends
        return _move_rows(problem.accuracy, most_accurate, kwargs["gap"].accuracy, X)


class CostDestruction(Destruction):
    """Published destruction downward: to the cheapest LLMs, largest saving first, until one cost gap is saved.

    Allocations that can't save the gap are returned unchanged (arXiv 2405.15130, destruction of the second half).

    Example:
        >>> problem = AllocationProblem([[1, 2], [1, 9]], [[0.5, 0.6], [0.5, 0.9]])
        >>> CostDestruction().do(problem, np.array([1, 1]), gap=Gap(4.0, 0.1), random_state=1).tolist()
        [1, 0]
    """

    def _do(
        self, problem: AllocationProblem, X: np.ndarray, *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> np.ndarray:
        cheapest, _ = problem.supported_front.ends
        return _move_rows(problem.cost, cheapest, kwargs["gap"].cost_usd, X)


def _move_rows(table: np.ndarray, end: FrontEnd, target: float, X: np.ndarray) -> np.ndarray:
    """Move queries of each row of X toward an extreme plan, largest gain first; in place."""
    # finite also for tiny gains: an infinite scale would make NaN of a gain of 0
    scale = min(N_BINS / end.largest_gain, 1e300)
    for x in X:
        move_to_ends(table, end.x, end.values, scale, target, x)
    return X


class RandomDestruction(Destruction):
    """Sends a random share of the queries to other allowed LLMs at random: the classical random ruin.

    Args:
        share: Expected share of the queries that move, in (0, 1].

    Raises:
        UserError: If the share is out of range.

    Example:
        >>> problem = AllocationProblem(np.ones((6, 3)), np.ones((6, 3)))
        >>> RandomDestruction(0.5).do(problem, np.zeros(6, int), random_state=2).tolist()
        [2, 1, 0, 2, 0, 0]
    """

    def __init__(self, share: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0.0 < share <= 1.0:
            raise UserError(f"share must lie in (0, 1]; got {share}")
        self.share = Real(share, bounds=(0.01, 0.5), strict=(0.0, 1.0))

    def _do(
        self, problem: AllocationProblem, X: np.ndarray, *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> np.ndarray:
        plans, queries = np.nonzero(random_state.random(X.shape) < self.share.value)
        X[plans, queries] = draw_other(problem.n_llms, problem.allowed, queries, X[plans, queries], random_state)
        return X


class RelinkDestruction(Destruction):
    """Takes a random share of the upgrade steps between an allocation and a more accurate one.

    Each query's steps along its hull, from its LLM in the one plan to that in the other, are counted; a random share of
    all these is taken. A reconstruction that keeps the number of steps then gives a plan strictly between the two, if
    there is one. `OptLLM` splits its widest gaps in this way. Without ``toward`` the target is the most accurate plan.

    With limits, plans may lie off the hulls. Then a random share of the differing queries moves to the other plan's
    LLM: both objectives are sums, so half of these queries move a plan about halfway in both.

    Args:
        share: Share of the separating steps (or queries), in (0, 1); at least one is taken and at least one is not.

    Raises:
        UserError: If the share is out of range.

    Example:
        >>> from optllm_pymoo import make_problem
        >>> problem = make_problem(200, 4)
        >>> cheapest, most_accurate = problem.extremes()
        >>> between = RelinkDestruction().do(problem, cheapest, random_state=np.random.default_rng(1))
        >>> moved, all_that_differ = (int((x != cheapest).sum()) for x in (between, most_accurate))
        >>> 0 < moved < all_that_differ
        True
    """

    def __init__(self, share: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0.0 < share < 1.0:
            raise UserError(f"share must lie in (0, 1); got {share}")
        self.share = Real(share, bounds=(0.1, 0.9), strict=(0.0, 1.0))

    def _do(
        self,
        problem: AllocationProblem,
        X: np.ndarray,
        *args: Any,
        random_state: np.random.Generator,
        toward: np.ndarray | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        goal = problem.extremes()[1:] if toward is None else problem.as_allocations(toward)
        for x, y in zip(X, np.broadcast_to(goal, X.shape), strict=True):
            self._relink(problem, x, y, random_state)
        return X

    def _relink(
        self, problem: AllocationProblem, x: np.ndarray, y: np.ndarray, random_state: np.random.Generator
    ) -> None:
        if problem.limits_bind:
            differing = np.flatnonzero(x != y)
            chosen = self._some(differing, random_state)
            x[chosen] = y[chosen]
            return
        front = problem.supported_front
        taken = np.bincount(self._some(steps_between(front.levels, x, y), random_state), minlength=len(x))
        queries = np.flatnonzero(taken)
        first = front.offset[queries] + queries + front.levels[queries, x[queries]]
        x[queries] = front.vertices[first + taken[queries]]

    def _some(self, steps: np.ndarray, random_state: np.random.Generator) -> np.ndarray:
        """Draw the share of the steps; none if there are fewer than two."""
        if len(steps) < 2:
            return steps[:0]
        n_taken = min(max(1, round(self.share.value * len(steps))), len(steps) - 1)
        return np.asarray(random_state.choice(steps, n_taken, replace=False))
