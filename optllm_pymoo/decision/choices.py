"""Three ways to choose: by what may be spent, by what must be reached, and by where more stops paying."""

from __future__ import annotations

from typing import Any

import numpy as np

from optllm_pymoo.decision.choice import Choice
from optllm_pymoo.decision.promise import quantile
from optllm_pymoo.decision.text import rounded_down, rounded_up, usd
from optllm_pymoo.exact.front import TOLERANCE
from optllm_pymoo.validation import UserError


class WithinBudget(Choice):
    """The most accurate plan that a budget pays for (ties: the cheaper).

    Args:
        budget_usd: Total US$ for the batch, >= 0.
        promise: Probability in [0.5, 1) with which accuracy is promised: the plan that promises most is taken.
            None looks at expected accuracy. `plan` needs ``sigma`` for it, unless chance alone is to be allowed for.
        max_latency_seconds: Largest mean latency of the plan, seconds per call; None for any.

    Raises:
        ValueError: If the budget or the latency is negative or no number, or the probability is out of range.

    Example:
        >>> from optllm_pymoo import SupportedFront
        >>> front = SupportedFront([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]])
        >>> WithinBudget(6.5).do(front.F), WithinBudget(6.5).plan(front)
        (2, Plan(2 queries, 6 US$, expected accuracy 0.7500))
        >>> WithinBudget(1.5).plan(front)
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: a budget of 1.5 US$ is below the cheapest plan, which costs 2 US$
    """

    limits = ("budget_usd",)

    def __init__(
        self, budget_usd: float, *, promise: float | None = None, max_latency_seconds: float | None = None
    ) -> None:
        super().__init__()
        self.promise, self.max_latency_seconds = _checked(promise, max_latency_seconds)
        if not budget_usd >= 0:
            raise UserError(f"budget_usd must be a number of US$, at least 0; got {budget_usd}")
        self.budget_usd = float(budget_usd)

    def _do(self, F: np.ndarray, *args: Any, **kwargs: Any) -> int:
        within = np.flatnonzero(F[:, 0] <= self.budget_usd * (1 + TOLERANCE))
        if not len(within):
            raise UserError(
                f"a budget of {usd(self.budget_usd)} US$ is below the cheapest plan{self._fast_enough},"
                f" which costs {rounded_up(F[:, 0].min())} US$"
            )
        return int(within[np.lexsort((F[within, 0], F[within, 1]))[0]])


class AtLeastAccuracy(Choice):
    """The cheapest plan that reaches an expected mean accuracy (ties: the more accurate).

    Args:
        target: Mean accuracy in [0, 1].
        promise: Probability in [0.5, 1) with which the target is to be reached: what is promised must reach it.
            None looks at expected accuracy. `plan` needs ``sigma`` for it, unless chance alone is to be allowed for.
        max_latency_seconds: Largest mean latency of the plan, seconds per call; None for any.

    Raises:
        ValueError: If the target is outside [0, 1], the probability out of range, or the latency negative.

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

    def __init__(
        self, target: float, *, promise: float | None = None, max_latency_seconds: float | None = None
    ) -> None:
        super().__init__()
        self.promise, self.max_latency_seconds = _checked(promise, max_latency_seconds)
        if not 0 <= target <= 1:
            raise UserError(f"target must be a mean accuracy in [0, 1]; got {target}. For 70 % write 0.7")
        self.target = float(target)

    def _do(self, F: np.ndarray, *args: Any, **kwargs: Any) -> int:
        reaching = np.flatnonzero(-F[:, 1] >= self.target - TOLERANCE)
        if not len(reaching) and self.promise is not None:
            raise UserError(
                f"a promised accuracy of {self.target:g} is out of reach: promised accuracy reaches at most"
                f" {rounded_down(-F[:, 1].min())} at {100 * self.promise:.6g} %"
            )
        if not len(reaching):
            raise UserError(
                f"an accuracy of {self.target:g} is above the most accurate plan{self._fast_enough},"
                f" which reaches {rounded_down(-F[:, 1].min())}"
            )
        return int(reaching[np.lexsort((F[reaching, 1], F[reaching, 0]))[0]])


class Knee(Choice):
    """The plan at the bend of the front, from where the price of accuracy rises above its average.

    Both objectives are scaled to [0, 1] between the cheapest and the most accurate plan; the knee lies farthest above
    the straight line between these two (Das 1999). On a supported front it is the last plan whose steps all
    buy more accuracy per dollar than the front does on average. Ties: the cheaper.

    Example:
        >>> from optllm_pymoo import SupportedFront
        >>> front = SupportedFront([[0, 1], [0, 3]], [[0.5, 1.0], [0.5, 1.0]])
        >>> Knee().plan(front)
        Plan(2 queries, 1 US$, expected accuracy 0.7500)
    """

    def __init__(self) -> None:
        super().__init__()

    def _do(self, F: np.ndarray, *args: Any, **kwargs: Any) -> int:
        if F.shape[1] != 2:
            raise UserError(
                "the knee is defined for cost and accuracy alone; with latency choose WithinBudget or AtLeastAccuracy"
                " with max_latency_seconds, or give the problem itself, whose front of cost and accuracy has a knee"
            )
        # the same totals, summed or scaled otherwise, are the same ends
        (cheapest, most_accurate), scale = F.min(axis=0), (1 + TOLERANCE)
        low = F[F[:, 0] <= cheapest * scale]
        high = F[F[:, 1] <= most_accurate + TOLERANCE]
        low, high = low[np.lexsort((low[:, 0], low[:, 1]))[0]], high[np.lexsort((high[:, 1], high[:, 0]))[0]]
        span = high - low
        # dominated plans lie below the front and never win; a front of one point has no span
        scaled = (F - low) / np.where(span == 0, 1.0, span)
        height = scaled[:, 1] - scaled[:, 0]
        best = np.flatnonzero(height >= height.max() - TOLERANCE)
        return int(best[np.lexsort((F[best, 1], F[best, 0]))[0]])


def _checked(promise: float | None, max_latency_seconds: float | None) -> tuple[float | None, float | None]:
    if promise is not None:
        quantile(promise)
    if max_latency_seconds is not None and not max_latency_seconds >= 0:
        raise UserError(f"max_latency_seconds must be a number of seconds, at least 0; got {max_latency_seconds}")
    return promise, max_latency_seconds
