"""Choosing one plan from a front: the base of all choices."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import numpy as np
from pymoo.core.decision_making import DecisionMaking
from pymoo.core.result import Result

from optllm_pymoo.decision.plan import Plan
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.supported_front import SupportedFront


class Choice(DecisionMaking, abc.ABC):
    """Chooses one plan from a front. Subclasses write `_do` on objectives.

    Whatever holds plans may be given: objectives (pymoo's ``res.F``), a pymoo result, an `AllocationProblem` or a
    `SupportedFront`. The last two are the exact front, where the choice is right to the single step; a result is
    searched for the best of the plans it holds.
    """

    limits: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes that a `Plan` needs to know to certify its gap there."""

    def do(self, F: Any, *args: Any, **kwargs: Any) -> int:
        """Find the chosen plan.

        Args:
            F: Objectives (n, 2), total US$ and negated mean accuracy; or a result, a problem or a supported front.
            *args: Ignored; pymoo's signature.
            **kwargs: Ignored; pymoo's signature.

        Returns:
            Its index: the row of F, or the point of the supported front.

        Raises:
            ValueError: If there is no plan, F holds something else than pairs of finite numbers, or no plan
                meets the choice.
        """
        return int(super().do(objectives(F)))

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
        index, limits = self.do(source), {name: getattr(self, name) for name in self.limits}
        if isinstance(source, Result):
            problem, x = source.problem, np.atleast_2d(source.X)[index]
        elif isinstance(source, (AllocationProblem, SupportedFront)):
            problem = source if isinstance(source, AllocationProblem) else problem_of(source)
            x = problem.supported_front.assignment(index)
        else:
            raise TypeError(f"a plan needs the queries; got {_kind(source)}. Pass the result, problem or front itself")
        return Plan(problem, x, sigma=sigma, n_labelled=n_labelled, **limits)

    @abc.abstractmethod
    def _do(self, F: np.ndarray, *args: Any, **kwargs: Any) -> int:
        """Choose a row of F (n, 2), n >= 1, in any order, all finite."""


def objectives(source: Any, /) -> np.ndarray:
    """Read the objectives off whatever holds plans.

    Args:
        source: (n, 2) or (2,) objectives, a pymoo result, an `AllocationProblem` or a `SupportedFront`.

    Returns:
        (n, 2) with n >= 1.

    Raises:
        ValueError: If there is no plan, or something else than pairs of finite numbers.
    """
    if isinstance(source, AllocationProblem):
        if source.has_limits:
            raise ValueError(
                "the exact front of a problem with quotas or floors is unknown; search it with OptLLM and choose from"
                " the result"
            )
        return source.supported_front.F
    F = source.F if isinstance(source, (SupportedFront, Result)) else source
    if F is None or np.size(F) == 0:
        raise ValueError("there is no plan to choose from; has the search found any?")
    points = np.atleast_2d(np.asarray(F, dtype=float))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"F must have shape (n, 2), total US$ and negated mean accuracy; got {np.shape(F)}")
    if not np.isfinite(points).all():
        k, m = np.argwhere(~np.isfinite(points))[0].tolist()
        raise ValueError(f"F must be finite; F[{k}, {m}] = {points[k, m]}")
    return points


def problem_of(front: SupportedFront, /) -> AllocationProblem:
    """Build the problem of a front without building the front again; names are numbers.

    Args:
        front: The exact front of some tables.
    """
    problem = AllocationProblem(front.cost, front.accuracy, allowed=front.allowed)
    problem.__dict__["supported_front"] = front
    return problem


def _kind(source: Any) -> str:
    return f"objectives of shape {source.shape}" if isinstance(source, np.ndarray) else type(source).__name__
