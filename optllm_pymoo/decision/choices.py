"""Choosing one plan: by a budget, by a target accuracy, or at the knee of the front."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import numpy as np
from pymoo.core.decision_making import DecisionMaking
from pymoo.core.result import Result

from optllm_pymoo.decision.confidence import promised_along, quantile
from optllm_pymoo.decision.plan import Plan
from optllm_pymoo.decision.text import probability
from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.exact.surface import SupportedSurface
from optllm_pymoo.limits.limit import Additive
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.tolerances import SAME_TOTAL
from optllm_pymoo.validation import UserError, as_budget, in_full, rounded_down, rounded_up


class Choice(DecisionMaking, abc.ABC):
    """Chooses one plan from a front. Subclasses write `_do` on objectives.

    Plans may be given as objectives (pymoo's ``res.F``), a pymoo result, an `AllocationProblem` or a
    `SupportedFront`. The last two mean the exact front, and the choice is exact to the single step; for a result, it is
    the best of its plans.

    With a third objective there are three columns, but choices use cost and accuracy only; a problem then means its
    exact front of these two. To bound the third, give the problem a `Ceiling`.
    """

    limits: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes that are passed to `Plan`, which certifies its gap at them."""

    promise: float | None = None
    """Probability of the promised accuracy; None for expected accuracy."""

    def do(self, F: Any, *args: Any, **kwargs: Any) -> int:
        """Find the chosen plan.

        Args:
            F: Objectives (n, 2), total US$ and negated mean accuracy; or a result, a problem or a supported front.
            *args: Ignored; pymoo's signature.
            **kwargs: Ignored; pymoo's signature.

        Returns:
            Its index: the row of F, or the point of the supported front.

        Raises:
            UserError: If there is no plan, F doesn't hold pairs (with a third objective: triples) of finite numbers, no
                plan meets the choice, or the choice is by promised accuracy, see `plan`.
        """
        if self.promise is not None:
            raise UserError("a promise needs the plans and their sigma; use plan(source, sigma=...) instead of do(F)")
        return int(super().do(_objectives(self._candidates(F))))

    def _candidates(self, source: Any) -> Any:
        """Return the plans to choose from; for a problem its front."""
        problem = source.problem if isinstance(source, Result) else source
        if isinstance(problem, AllocationProblem):
            problem.refuse_extended(f"{type(self).__name__}()")
        if not isinstance(source, AllocationProblem):
            return source
        _refuse_limits(source)
        return source.supported_front

    def plan(self, source: Any, /, *, sigma: Any = None, n_labelled: int | None = None) -> Plan:
        """Choose a plan and return it as a `Plan`.

        Args:
            source: A pymoo result of an `AllocationProblem`, the problem itself, or a supported front (its queries and
                LLMs are then named by numbers).
            sigma: (N, M) standard deviation of the accuracies, as `SuccessPredictor` returns it.
            n_labelled: Number of labelled queries behind the accuracies, see `Plan`.

        Raises:
            UserError: If ``source`` is something else; as `do`, and if ``sigma`` or ``n_labelled`` does not fit.
        """
        limits = {name: getattr(self, name) for name in (*self.limits, "promise")}
        found = self._candidates(source)
        if isinstance(found, Result):
            problem = found.problem
        elif isinstance(found, (SupportedFront, SupportedSurface)):
            problem = source if isinstance(source, AllocationProblem) else _problem_of(found)
        else:
            kind = f"objectives of shape {source.shape}" if isinstance(source, np.ndarray) else type(source).__name__
            raise UserError(f"a plan needs the queries; got {kind}. Pass the result, problem or front itself")
        F = _objectives(found)
        if self.promise is not None:
            promised = promised_along(problem, found, sigma, probability=self.promise, n_labelled=n_labelled)
            F = np.column_stack([F[:, 0], -promised, F[:, 2:]])
        index = int(super().do(F))
        x = np.atleast_2d(found.X)[index] if isinstance(found, Result) else found.assignment(index)
        return Plan(problem, x, sigma=sigma, n_labelled=n_labelled, **limits)

    @abc.abstractmethod
    def _do(self, F: np.ndarray, *args: Any, **kwargs: Any) -> int:
        """Choose a row of F (n, 2), or with a third objective (n, 3), n >= 1, in any order, all finite.

        For a choice by promise, the second column is the negated promised accuracy.
        """


def _objectives(source: Any, /) -> np.ndarray:
    """Return the objectives of any source of plans.

    Args:
        source: (n, 2) or (2,) objectives, with a third (n, 3) or (3,); a pymoo result, an `AllocationProblem`, a
            `SupportedFront` or a `SupportedSurface`.

    Returns:
        (n, 2) or (n, 3) with n >= 1; of a problem always (n, 2), its exact front.

    Raises:
        UserError: If there is no plan, or F doesn't hold pairs of finite numbers.
    """
    if isinstance(source, AllocationProblem):
        _refuse_limits(source)
        return source.supported_front.F
    F = source.F if isinstance(source, (SupportedFront, SupportedSurface, Result)) else source
    if F is None or np.size(F) == 0:
        raise UserError("there is no plan to choose from; has the search found any?")
    points = np.atleast_2d(np.asarray(F, dtype=float))
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise UserError(
            "F must have shape (n, 2), total US$ and negated mean accuracy, or (n, 3), with a third objective;"
            f" got {np.shape(F)}"
        )
    if not np.isfinite(points).all():
        k, m = np.argwhere(~np.isfinite(points))[0].tolist()
        raise UserError(f"F must be finite; F[{k}, {m}] = {points[k, m]}")
    return points


def _refuse_limits(problem: AllocationProblem, /) -> None:
    """Refuse to choose from the front of a problem whose plans may exceed its limits.

    Raises:
        UserError: If its limits bind.
    """
    if problem.limits_bind:
        raise UserError(
            "the exact front of a problem whose limits bind is unknown; search it with OptLLM and choose from"
            " the result"
        )


def _problem_of(front: SupportedFront | SupportedSurface, /) -> AllocationProblem:
    """Build the problem of a front without building the front again; names are numbers.

    Args:
        front: The exact front of some tables, or the surface of three.
    """
    if isinstance(front, SupportedSurface):
        of = front.scalarisation
        third = Additive("third objective", of.latency, unit="", mean=True)
        problem = AllocationProblem(of.cost, of.accuracy, allowed=of.allowed, objectives=[third])
        problem.known.take(front)
        return problem
    problem = AllocationProblem(front.cost, front.accuracy, allowed=front.allowed)
    problem.known.take(front)
    return problem


class WithinBudget(Choice):
    """The most accurate plan within a budget (ties: the cheaper).

    Args:
        budget_usd: Total US$ for the batch, >= 0.
        promise: Probability in [0.5, 1): the plan with the highest promised accuracy is chosen. None: the highest
            expected accuracy. For a promise, pass ``sigma`` to `plan`; without it, only chance is taken into account.

    Raises:
        UserError: If the budget is negative or no number, or the probability is out of range.

    Example:
        >>> from optllm_pymoo import SupportedFront
        >>> front = SupportedFront([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]])
        >>> WithinBudget(6.5).do(front.F), WithinBudget(6.5).plan(front)
        (2, Plan(2 queries, 6 US$, expected accuracy 0.7500))
        >>> WithinBudget(1.5).plan(front)
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: a budget of 1.5 US$ is below the cheapest plan, which costs 2 US$; give at least as much
    """

    limits = ("budget_usd",)

    def __init__(self, budget_usd: float, *, promise: float | None = None) -> None:
        super().__init__()
        self.promise = _checked(promise)
        self.budget_usd = as_budget("budget_usd", budget_usd)

    def _do(self, F: np.ndarray, *args: Any, **kwargs: Any) -> int:
        within = np.flatnonzero(F[:, 0] <= self.budget_usd * (1 + SAME_TOTAL))
        if not len(within):
            raise UserError(
                f"a budget of {in_full(self.budget_usd)} US$ is below the cheapest plan, which costs"
                f" {rounded_up(F[:, 0].min())} US$; give at least as much"
            )
        return int(within[np.lexsort((F[within, 0], F[within, 1]))[0]])


class AtLeastAccuracy(Choice):
    """The cheapest plan that reaches an expected mean accuracy (ties: the more accurate).

    Args:
        target: Mean accuracy in [0, 1].
        promise: Probability in [0.5, 1): the promised accuracy must reach the target. None: the expected accuracy. For
            a promise, pass ``sigma`` to `plan`; without it, only chance is taken into account.

    Raises:
        UserError: If the target is outside [0, 1] or the probability out of range.

    Example:
        >>> from optllm_pymoo import SupportedFront
        >>> front = SupportedFront([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]])
        >>> AtLeastAccuracy(0.6).plan(front)
        Plan(2 queries, 6 US$, expected accuracy 0.7500)
        >>> AtLeastAccuracy(0.9).plan(front)
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: an accuracy of 0.9 is above the most accurate plan, which reaches 0.8
    """

    limits = ("target",)

    def __init__(self, target: float, *, promise: float | None = None) -> None:
        super().__init__()
        self.promise = _checked(promise)
        if not 0 <= target <= 1:
            raise UserError(f"target must be a mean accuracy in [0, 1]; got {target}. For 70 % write 0.7")
        self.target = float(target)

    def _do(self, F: np.ndarray, *args: Any, **kwargs: Any) -> int:
        reaching = np.flatnonzero(-F[:, 1] >= self.target - SAME_TOTAL)
        if not len(reaching) and self.promise is not None:
            raise UserError(
                f"a promised accuracy of {in_full(self.target)} is out of reach: promised accuracy reaches at most"
                f" {rounded_down(-F[:, 1].min())} with {probability(self.promise)}"
            )
        if not len(reaching):
            raise UserError(
                f"an accuracy of {in_full(self.target)} is above the most accurate plan,"
                f" which reaches {rounded_down(-F[:, 1].min())}"
            )
        return int(reaching[np.lexsort((F[reaching, 1], F[reaching, 0]))[0]])


class Knee(Choice):
    """The plan at the knee of the front, beyond which the price of accuracy is above its average.

    Both objectives are scaled to [0, 1] between the cheapest and the most accurate plan; the knee is farthest above the
    straight line between these two (Das 1999). On a supported front it is the last plan whose steps all gain more
    accuracy per dollar than the front does on average. Ties: the cheaper. A third objective is ignored.

    Example:
        >>> from optllm_pymoo import SupportedFront
        >>> front = SupportedFront([[0, 1], [0, 3]], [[0.5, 1.0], [0.5, 1.0]])
        >>> Knee().plan(front)
        Plan(2 queries, 1 US$, expected accuracy 0.7500)
    """

    def __init__(self) -> None:
        super().__init__()

    def _do(self, F: np.ndarray, *args: Any, **kwargs: Any) -> int:
        F = F[:, :2]
        # totals that differ only by rounding are the same extremes
        (cheapest, most_accurate), scale = F.min(axis=0), (1 + SAME_TOTAL)
        low = F[F[:, 0] <= cheapest * scale]
        high = F[F[:, 1] <= most_accurate + SAME_TOTAL]
        low, high = low[np.lexsort((low[:, 0], low[:, 1]))[0]], high[np.lexsort((high[:, 1], high[:, 0]))[0]]
        span = high - low
        # dominated plans are below the front and never chosen; a front of one point has no span
        scaled = (F - low) / np.where(span == 0, 1.0, span)
        height = scaled[:, 1] - scaled[:, 0]
        best = np.flatnonzero(height >= height.max() - SAME_TOTAL)
        return int(best[np.lexsort((F[best, 1], F[best, 0]))[0]])


def _checked(promise: float | None) -> float | None:
    if promise is not None:
        quantile(promise)
    return promise
