"""Plans with the highest promised accuracy: expected accuracy less a multiple of its standard deviation."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from optllm_pymoo.decision.confidence import CORRELATION, check_labelled, promised_from_sums, quantile, variance_table
from optllm_pymoo.decision.plan import Plan
from optllm_pymoo.decision.text import probability as in_words
from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.measures.realised import Path, prefix_totals
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.tolerances import SAME_TOTAL
from optllm_pymoo.validation import UserError, as_limit, as_table, check_shape, in_full, rounded_down, rounded_up

N_ROUNDS: Final = 8
"""Largest number of linearisations; they converge within a few."""

SCALES: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the first penalties, which are also tried because the criterion has several local optima."""


class RobustPlan(NamedTuple):
    """A plan with the highest promised accuracy, and a certificate."""

    plan: Plan
    """The plan; its ``promise`` is the given probability."""
    promised: float
    """Promised mean accuracy at that probability."""
    bound: float
    """No plan within the budget promises more; with a target: no plan of any cost promises more."""
    bound_usd: float
    """No plan that promises the target costs less, US$; without a target the cost of the cheapest plan."""


class _Sums(NamedTuple):
    """Tables whose sums over a plan determine its promised accuracy."""

    p: np.ndarray
    variance: np.ndarray
    sigma: np.ndarray

    def along(self, front: SupportedFront) -> list[np.ndarray]:
        walk = Path.along(front)
        return [prefix_totals(table, walk) for table in self]


def robust_plan(
    problem: AllocationProblem,
    sigma: Any,
    /,
    *,
    probability: float = 0.95,
    budget_usd: float | None = None,
    target: float | None = None,
    correlation: float = CORRELATION,
    n_labelled: int | None = None,
    distribution: str = "normal",
) -> RobustPlan:
    """Find the plan with the highest promised accuracy within a budget, or the cheapest that promises a target.

    The promise is Σp/N less z deviations, and the deviation a square root of sums: for fixed multipliers α, β its
    linearisation p - α (p (1 - p) + (1 - ρ) σ²) - β σ separates by query, so the exact supported front of that table
    holds its best plans at every cost. The multipliers are those of the last plan, until the plan doesn't change; some
    multiples of them are also tried, and the best plan by the true promise is returned. With a common shift alone (ρ =
    1, many queries) the criterion is nearly linear and the result nearly exact.

    The bound: a deviation is at least its projection on any direction, and the square root of a sum at least its
    chord. So the promise is at most a separable sum, whose linear relaxation bounds all plans.

    Args:
        problem: The batch, without limits; a third objective is ignored.
        sigma: (N, M) standard deviation of its accuracies, >= 0.
        probability: In [0.5, 1).
        budget_usd: Budget in US$. None with ``target``; neither of the two: no bound.
        target: Mean accuracy to promise.
        correlation: ρ between the errors of two queries, see `accuracy_deviation`.
        n_labelled: Queries that were learnt from, or None.
        distribution: "normal" or "any", see `quantile`.

    Raises:
        UserError: If both bounds are given, the budget is below the cheapest plan, no plan that promises the target was
            found (the message has the highest promise), an option is out of range, or the problem has limits; if
            ``sigma`` doesn't hold numbers, or a bound is no number.

    Example:
        >>> problem = AllocationProblem([[1, 1]] * 4, [[0.8, 0.75]] * 4)
        >>> best = robust_plan(problem, [[0.3, 0.01]] * 4, correlation=1.0)
        >>> best.plan.x.tolist()  # what expects less, for sure
        [1, 1, 1, 1]
    """
    if budget_usd is not None and target is not None:
        raise UserError(
            "give a budget or a target, not both: within a budget the promise is made as large as it can be"
        )
    if budget_usd is not None:
        budget_usd = as_limit("budget_usd", budget_usd, "a finite number of US$, at least 0")
    if target is not None:
        target = as_limit("target", target, "a mean accuracy in [0, 1]", upper=1.0)
    if problem.has_limits:
        raise UserError(
            "robust_plan doesn't support limits; search the problem with OptLLM and choose by promise:"
            " WithinBudget(..., promise=...) or AtLeastAccuracy(..., promise=...)"
        )
    sigma = as_table("sigma", sigma, lower=0.0)
    check_shape("sigma", sigma, problem.cost.shape)
    if n_labelled is not None:
        check_labelled(n_labelled)
    if budget_usd is not None:
        problem.supported_front.within_budget(budget_usd)
    search = _Search(problem, sigma, quantile(probability, distribution), correlation, n_labelled, budget_usd, target)
    search.run()
    bound, bound_usd = search.bounds()
    if target is not None and search.best[0] == np.inf:
        raise UserError(
            f"promised accuracy reaches at most {rounded_down(search.highest)} with {in_words(probability)}"
            f" in the plans found, below the target of {in_full(target)};"
            f" no plan promises more than {rounded_up(bound)}"
        )
    plan = Plan(
        problem,
        search.x,
        sigma=sigma,
        n_labelled=n_labelled,
        budget_usd=budget_usd,
        promise=probability,
    )
    given: dict[str, Any] = {"correlation": correlation, "distribution": distribution}
    promised = plan.promised_accuracy(probability, **given)
    return RobustPlan(plan, promised, max(bound, promised), min(bound_usd, plan.cost_usd))


class _Search:
    """State of one search; ``best`` is (cost, -promise) with a target and (-promise, cost) without."""

    def __init__(
        self,
        problem: AllocationProblem,
        sigma: np.ndarray,
        z: float,
        correlation: float,
        n_labelled: int | None,
        budget_usd: float | None,
        target: float | None,
    ) -> None:
        self.problem, self.z, self.correlation, self.n_labelled = problem, z, correlation, n_labelled
        self.budget_usd, self.target = budget_usd, target
        variance = variance_table(problem.accuracy, sigma, correlation)
        self.sums = _Sums(problem.accuracy.astype(float), variance, sigma.astype(float))
        self.best, self.highest = (np.inf, np.inf), 0.0
        self.x = problem.supported_front.assignment(0)

    def run(self) -> None:
        """Linearise at the latest plan until it doesn't change, from several multiples of the first penalties."""
        first = self._look(0.0, 0.0)
        starts = [tuple(scale * m for m in self._multipliers(first)) for scale in SCALES[1:]]
        for multipliers in starts:
            seen: set[bytes] = set()
            for _ in range(N_ROUNDS):
                x = self._look(*multipliers)
                if x.tobytes() in seen:
                    break
                seen.add(x.tobytes())
                multipliers = self._multipliers(x)

    def _look(self, alpha: float, beta: float) -> np.ndarray:
        """Value the front of a penalised table; return its best plan, and record it if it is the best so far."""
        front = self._front(self.sums.p - alpha * self.sums.variance - beta * self.sums.sigma)
        promised = self._promised(*self.sums.along(front))
        cost, n = front.F[:, 0], len(front)
        affordable = np.ones(n, dtype=bool)
        if self.budget_usd is not None:
            affordable = cost <= self.budget_usd * (1 + SAME_TOTAL)
        self.highest = max(self.highest, float(promised[affordable].max()))
        reaching = (
            np.zeros(n, dtype=bool) if self.target is None else np.maximum(promised, 0.0) >= self.target - SAME_TOTAL
        )
        if reaching.any():
            k = int(np.flatnonzero(reaching)[0])
            value = (float(cost[k]), -float(promised[k]))
        else:
            k = int(np.argmax(np.where(affordable, promised, -np.inf)))
            value = (-float(promised[k]), float(cost[k])) if self.target is None else (np.inf, np.inf)
        x = front.assignment(k)
        if value < self.best:
            self.best, self.x = value, x
        return x

    def _front(self, table: np.ndarray) -> SupportedFront:
        return SupportedFront.from_checked(self.problem.cost.astype(float), table, self.problem.allowed)

    def _promised(self, correct: np.ndarray, independent: np.ndarray, common: np.ndarray) -> np.ndarray:
        return promised_from_sums(
            correct,
            independent,
            common,
            self.problem.n_queries,
            z=self.z,
            correlation=self.correlation,
            n_labelled=self.n_labelled,
        )

    def _multipliers(self, x: np.ndarray) -> tuple[float, float]:
        """Gradient of the promise at a plan: the cost of a unit of variance and of σ, in units of Σp."""
        rows, n = np.arange(len(x)), len(x)
        correct, independent, common = (float(table[rows, x].sum()) for table in self.sums)
        mean, total = correct / n, independent + self.correlation * common**2
        weight = 1.0
        if self.n_labelled is not None:
            total += n**2 * mean * (1 - mean) / self.n_labelled
        if total <= 0:
            return 0.0, 0.0
        slope = self.z / np.sqrt(total)
        if self.n_labelled is not None:
            weight = max(0.1, 1 - slope * n * (1 - 2 * mean) / (2 * self.n_labelled))
        return float(slope / 2 / weight), float(slope * self.correlation * common / weight)

    def bounds(self) -> tuple[float, float]:
        """Bound the promise within the budget (or of all plans), and the cost of promising the target."""
        lowest, least = np.inf, float(self.problem.supported_front.F[0, 0])
        offset, chord = self._chord()
        labels = self._least_label_error()
        for u, v, w in self._directions(labels):
            front = self._front(
                self.sums.p
                - self.z * (u * chord * self.sums.variance + v * np.sqrt(self.correlation) * self.sums.sigma)
            )
            constant = -self.z * (u * offset + w * labels)
            value = constant / self.problem.n_queries - front.F[:, 1]
            limit = front.F[-1, 0] if self.budget_usd is None else min(self.budget_usd, front.F[-1, 0])
            lowest = min(lowest, float(np.interp(limit, front.F[:, 0], value)))
            if self.target is not None and self.target > 0:
                least = max(least, float(np.interp(self.target - SAME_TOTAL, value, front.F[:, 0])))
        return max(0.0, lowest), least

    def _directions(self, labels: float) -> np.ndarray:
        """Unit vectors on which the three parts of the deviation are projected: that of the plan found, and others.

        At the plan found its own direction is the best one; the others give tighter bounds for plans far from it.
        """
        rows = np.arange(len(self.x))
        _, independent, common = (float(table[rows, self.x].sum()) for table in self.sums)
        own = np.array([np.sqrt(independent), np.sqrt(self.correlation) * common, labels])
        turned = [own * weights for weights in ((1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (0, 1, 1), (1, 0, 1))]
        vectors = np.array([vector for vector in turned if vector.any()] or [np.zeros(3)])
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300))

    def _least_label_error(self) -> float:
        """Return the least error of the labels, N √(a (1 - a)/n), of plans that promise the target or the value found.

        No plan promises more than it expects, so such a plan expects at least that much.
        """
        if self.n_labelled is None:
            return 0.0
        F = self.problem.supported_front.F
        highest = -F[-1, 1] if self.budget_usd is None else np.interp(self.budget_usd, F[:, 0], -F[:, 1])
        floor = self.highest if self.target is None else min(self.target, self.highest)
        levels = np.clip([floor, highest], 0.0, 1.0)
        return float(self.problem.n_queries * np.sqrt((levels * (1 - levels)).min() / self.n_labelled))

    def _chord(self) -> tuple[float, float]:
        """Return offset and slope of the chord below √A, from the least to the largest variance of a plan."""
        variance, mask = self.sums.variance, self.problem.allowed
        low = variance if mask is None else np.where(mask, variance, np.inf)
        high = variance if mask is None else np.where(mask, variance, -np.inf)
        a, b = np.sqrt(low.min(axis=1).sum()), np.sqrt(high.max(axis=1).sum())
        chord = 1 / (a + b) if a + b > 0 else 0.0
        return float(a - chord * a**2), float(chord)
