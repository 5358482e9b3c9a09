"""Choosing one plan from a front: the base of all choices."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import numpy as np
from pymoo.core.decision_making import DecisionMaking
from pymoo.core.result import Result

from optllm_pymoo.decision.plan import Plan
from optllm_pymoo.decision.promise import promised_along
from optllm_pymoo.decision.text import rounded_up
from optllm_pymoo.exact.front import TOLERANCE, SupportedFront
from optllm_pymoo.exact.surface import SupportedSurface
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError


class Choice(DecisionMaking, abc.ABC):
    """Chooses one plan from a front. Subclasses write `_do` on objectives.

    Whatever holds plans may be given: objectives (pymoo's ``res.F``), a pymoo result, an `AllocationProblem` or a
    `SupportedFront`. The last two are the exact front, where the choice is right to the single step; a result is
    searched for the best of the plans it holds.

    With latency, objectives have three columns. A problem then stands for its exact front of cost and accuracy, of
    whatever latency; a choice that limits latency looks at its `supported_surface` instead, a sample of plans.
    """

    limits: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes that a `Plan` needs to know to certify its gap there."""

    promise: float | None = None
    """Probability with which the accuracy is to be promised; None for expected accuracy."""

    max_latency_seconds: float | None = None
    """Largest mean latency of a plan, seconds per call; None for any."""

    def do(self, F: Any, *args: Any, **kwargs: Any) -> int:
        """Find the chosen plan.

        Args:
            F: Objectives (n, 2), total US$ and negated mean accuracy; or a result, a problem or a supported front.
            *args: Ignored; pymoo's signature.
            **kwargs: Ignored; pymoo's signature.

        Returns:
            Its index: the row of F, or the point of the supported front.

        Raises:
            ValueError: If there is no plan, F holds something else than pairs (with latency: triples) of finite
                numbers, no plan meets the choice, or the choice is by promised accuracy, for which see `plan`.
        """
        if self.promise is not None:
            raise UserError("a promise needs the plans and their sigma; use plan(source, sigma=...) instead of do(F)")
        return self._choose(objectives(self._candidates(F)))

    def _choose(self, F: np.ndarray) -> int:
        """Choose among the rows that are fast enough."""
        if self.max_latency_seconds is None:
            return int(super().do(F))
        if F.shape[1] != 3:
            raise UserError("max_latency_seconds needs plans with a latency; build AllocationProblem(..., latency=...)")
        fast = np.flatnonzero(F[:, 2] <= self.max_latency_seconds * (1 + TOLERANCE))
        if not len(fast):
            raise UserError(
                f"a mean latency of {self.max_latency_seconds:g} s is below the fastest plan,"
                f" which takes {rounded_up(F[:, 2].min())} s"
            )
        return int(fast[super().do(F[fast])])

    @property
    def _fast_enough(self) -> str:
        """Which plans are chosen from, for messages."""
        seconds = self.max_latency_seconds
        return "" if seconds is None else f" of those found within a mean latency of {seconds:g} s"

    def _candidates(self, source: Any) -> Any:
        """Return what holds the plans to choose from, for a problem its front or its surface."""
        problem = source.problem if isinstance(source, Result) else source
        if isinstance(problem, AllocationProblem):
            problem.refuse_extended(f"{type(self).__name__}()")
        if not isinstance(source, AllocationProblem):
            return source
        refuse_limits(source)
        return source.supported_front if self.max_latency_seconds is None else source.supported_surface

    def plan(self, source: Any, /, *, sigma: Any = None, n_labelled: int | None = None) -> Plan:
        """Choose, and make a `Plan` of it.

        Args:
            source: A pymoo result of an `AllocationProblem`, the problem itself, or a supported front (whose queries
                and LLMs then have numbers for names).
            sigma: (N, M) standard deviation of the accuracies, as `SuccessPredictor` gives it.
            n_labelled: Queries that the accuracies were learnt from, see `Plan`.

        Raises:
            TypeError: If ``source`` is something else.
            ValueError: As `do`, and if ``sigma`` or ``n_labelled`` does not fit.
        """
        limits = {name: getattr(self, name) for name in (*self.limits, "promise")}
        found = self._candidates(source)
        if isinstance(found, Result):
            problem = found.problem
        elif isinstance(found, (SupportedFront, SupportedSurface)):
            problem = source if isinstance(source, AllocationProblem) else problem_of(found)
        else:
            raise UserError(f"a plan needs the queries; got {_kind(source)}. Pass the result, problem or front itself")
        F = objectives(found)
        if self.promise is not None:
            promised = promised_along(problem, found, sigma, probability=self.promise, n_labelled=n_labelled)
            F = np.column_stack([F[:, 0], -promised, F[:, 2:]])
        index = self._choose(F)
        x = np.atleast_2d(found.X)[index] if isinstance(found, Result) else found.assignment(index)
        return Plan(problem, x, sigma=sigma, n_labelled=n_labelled, **limits)

    @abc.abstractmethod
    def _do(self, F: np.ndarray, *args: Any, **kwargs: Any) -> int:
        """Choose a row of F (n, 2), or with latency (n, 3), n >= 1, in any order, all finite.

        Of a choice by promise the second column is the negated promised accuracy.
        """


def objectives(source: Any, /) -> np.ndarray:
    """Read the objectives off whatever holds plans.

    Args:
        source: (n, 2) or (2,) objectives, with latency (n, 3) or (3,); a pymoo result, an `AllocationProblem`, a
            `SupportedFront` or a `SupportedSurface`.

    Returns:
        (n, 2) or (n, 3) with n >= 1; of a problem always (n, 2), its exact front.

    Raises:
        ValueError: If there is no plan, or something else than pairs of finite numbers.
    """
    if isinstance(source, AllocationProblem):
        refuse_limits(source)
        return source.supported_front.F
    F = source.F if isinstance(source, (SupportedFront, SupportedSurface, Result)) else source
    if F is None or np.size(F) == 0:
        raise UserError("there is no plan to choose from; has the search found any?")
    points = np.atleast_2d(np.asarray(F, dtype=float))
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise UserError(
            "F must have shape (n, 2), total US$ and negated mean accuracy, or (n, 3), with mean seconds per call;"
            f" got {np.shape(F)}"
        )
    if not np.isfinite(points).all():
        k, m = np.argwhere(~np.isfinite(points))[0].tolist()
        raise UserError(f"F must be finite; F[{k}, {m}] = {points[k, m]}")
    return points


def refuse_limits(problem: AllocationProblem, /) -> None:
    """Refuse to choose from the front of a problem whose plans may exceed its limits.

    Raises:
        ValueError: Its quotas or floors bind.
    """
    if problem.limits_bind:
        raise UserError(
            "the exact front of a problem whose quotas or floors bind is unknown; search it with OptLLM and choose from"
            " the result"
        )


def problem_of(front: SupportedFront | SupportedSurface, /) -> AllocationProblem:
    """Build the problem of a front without building the front again; names are numbers.

    Args:
        front: The exact front of some tables, or the surface of three.
    """
    if isinstance(front, SupportedSurface):
        of = front.scalarisation
        problem = AllocationProblem(of.cost, of.accuracy, allowed=of.allowed, latency=of.latency)
        problem.__dict__.update(scalarisation=of, supported_surface=front)
        return problem
    problem = AllocationProblem(front.cost, front.accuracy, allowed=front.allowed)
    problem.__dict__["supported_front"] = front
    return problem


def _kind(source: Any) -> str:
    return f"objectives of shape {source.shape}" if isinstance(source, np.ndarray) else type(source).__name__
