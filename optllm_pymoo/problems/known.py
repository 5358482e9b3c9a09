"""Exact, bounding and searching methods for a batch: a class per kind of problem, chosen when it is built."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.exact.surface import Scalarisation, SupportedSurface
from optllm_pymoo.kernels.evaluation import evaluate_allocations, evaluate_with_latency
from optllm_pymoo.limits.bound import N_POINTS, BoundFront
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.limits.plans import PricedScalarisation, end_plans, feasible_plan
from optllm_pymoo.validation import UserError


class Checked(NamedTuple):
    """Tables and limits of a batch, checked."""

    cost: np.ndarray
    accuracy: np.ndarray
    third: np.ndarray | None
    """(N, M) numbers whose mean over the queries is the third column of F."""
    third_per: float
    """Divisor of the sum of the third objective's table."""
    allowed: np.ndarray | None
    limits: LinearLimits
    dtype: np.dtype[Any]


class Known:
    """Two objectives, no binding limit: the front is exact. Subclasses override what differs."""

    limits_bind = False

    def __init__(self, batch: Checked, front: SupportedFront | None = None) -> None:
        self.batch = batch
        if front is not None:
            self.front = front

    @classmethod
    def of(cls, batch: Checked, /) -> Known:
        """Choose the class for a batch.

        Raises:
            UserError: If no plan meets the limits.
        """
        if not len(batch.limits):
            return cls(batch) if batch.third is None else _Surface(batch)
        found = cls(batch)
        found.any_feasible  # noqa: B018  no plan at all is refused here
        if batch.third is None and len(found.exact_points) == len(found.front):
            return found
        kind = _Bounded if batch.third is None else _SurfaceWithin
        bound = kind(batch, found.front)
        bound.exact_points, bound.any_feasible = found.exact_points, found.any_feasible
        return bound

    @cached_property
    def front(self) -> SupportedFront:
        """The exact front of cost and accuracy without the limits."""
        return SupportedFront.from_checked(self.batch.cost, self.batch.accuracy, self.batch.allowed)

    def take(self, front: SupportedFront | SupportedSurface) -> None:
        """Reuse a front that has been built."""
        if isinstance(front, SupportedFront):
            self.front = front
        else:
            self.__dict__.update(weighted=front.scalarisation, surface=front)

    @cached_property
    def exact_points(self) -> np.ndarray:
        """Points of the exact front that meet all limits."""
        steps, limits = self.front.steps, self.batch.limits
        if not len(limits):
            return np.arange(len(self.front))
        return np.flatnonzero(limits.are_met_along(self.front.assignment(0), steps.query, steps.from_llm, steps.to_llm))

    @cached_property
    def any_feasible(self) -> np.ndarray:
        """Return a plan that meets the limits."""
        if len(self.exact_points):
            return self.front.assignment(int(self.exact_points[0]))
        return feasible_plan(self.batch.limits)

    @cached_property
    def bound_fronts(self) -> dict[int, BoundFront]:
        """Bound fronts by number of points."""
        return {}

    def bound_front(self, n_points: int = N_POINTS) -> BoundFront:
        """The front of the relaxation."""
        if n_points not in self.bound_fronts:
            found = BoundFront.of(self.batch.limits, n_points=n_points, without=self.front.F)
            self.bound_fronts[n_points] = found
        return self.bound_fronts[n_points]

    def evaluate(self, plans: np.ndarray) -> np.ndarray:
        """Objectives of checked plans."""
        return evaluate_allocations(self.batch.cost, self.batch.accuracy, plans)

    def extremes(self) -> np.ndarray:
        """The best plan of each objective."""
        return np.stack([self.front.assignment(0), self.front.assignment(-1)])

    @property
    def exact(self) -> SupportedFront | SupportedSurface | None:
        """The source of `AllocationProblem.pareto_front`; None if it is unknown."""
        return self.front

    @property
    def bounding_front(self) -> SupportedFront | BoundFront:
        """The bound on accuracy at a cost."""
        return self.front

    @property
    def yardstick(self) -> SupportedFront | BoundFront | SupportedSurface:
        """The reference for measures."""
        return self.front

    @property
    def scalarisation(self) -> Scalarisation | PricedScalarisation:
        """The scalarisation that turns weights on three objectives into plans."""
        raise UserError(
            "weights need a third objective, and this problem has none; its supported_front is exact."
            " Build it with AllocationProblem(cost, accuracy, objectives=[Additive(...)])"
        )

    @property
    def surface(self) -> SupportedSurface:
        """The supported surface of three objectives without the limits."""
        raise UserError("a surface needs a third objective, and this problem has none; its supported_front is exact")


class _Bounded(Known):
    """Two objectives, and limits that some plan of the exact front exceeds: searched, and bounded by relaxation."""

    limits_bind = True
    exact = None

    @cached_property
    def ends(self) -> np.ndarray:
        """The cheapest and the most accurate plan found within the limits."""
        exact = super().extremes()
        is_exact = np.isin([0, len(self.front) - 1], self.exact_points)
        if is_exact.all():
            return exact
        found = end_plans(self.batch.limits, self.bound_front().path, self.any_feasible)
        return np.where(is_exact[:, None], exact, found)

    def extremes(self) -> np.ndarray:
        return self.ends.copy()

    @property
    def bounding_front(self) -> BoundFront:
        return self.bound_front()

    @property
    def yardstick(self) -> BoundFront:
        return self.bound_front()


class _Surface(Known):
    """Three objectives without limits: a sample of the supported plans is computed, and a search finds more."""

    def evaluate(self, plans: np.ndarray) -> np.ndarray:
        cost, accuracy, third, *_ = self.batch
        assert third is not None
        return evaluate_with_latency(cost, accuracy, third, plans)

    def extremes(self) -> np.ndarray:
        return np.array(self.scalarisation.optima)

    @property
    def exact(self) -> SupportedSurface | None:
        return self.surface

    @property
    def yardstick(self) -> SupportedSurface:
        return self.surface

    @cached_property
    def weighted(self) -> Scalarisation:
        """The scalarisation without limits."""
        cost, accuracy, third, _, allowed, _, dtype = self.batch
        assert third is not None
        return Scalarisation(cost, accuracy, third, allowed, dtype=dtype)

    @property
    def scalarisation(self) -> Scalarisation | PricedScalarisation:
        return self.weighted

    @cached_property
    def surface(self) -> SupportedSurface:
        return SupportedSurface.from_scalarisation(self.weighted)


class _SurfaceWithin(_Surface):
    """Three objectives and limits: searched by weights, bounded by the relaxation and by the surface without limits."""

    limits_bind = True
    exact = None

    bounding_front = _Bounded.bounding_front

    @cached_property
    def priced(self) -> PricedScalarisation:
        """The scalarisation within the limits."""
        return PricedScalarisation(self.batch.limits, self.weighted, self.any_feasible, per=self.batch.third_per)

    @property
    def scalarisation(self) -> Scalarisation | PricedScalarisation:
        return self.priced
