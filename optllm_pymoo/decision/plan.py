"""A plan: an LLM for every query, its cost, its certificate and its uncertainty."""

from __future__ import annotations

from functools import cached_property
from os import PathLike
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo.data.atomic import replacing
from optllm_pymoo.data.csv import write_csv
from optllm_pymoo.decision.confidence import (
    CORRELATION,
    Difference,
    Stability,
    accuracy_interval,
    check_labelled,
    difference_interval,
    promised_accuracy,
    quantile,
    stability,
)
from optllm_pymoo.decision.text import PlanFacts
from optllm_pymoo.measures.realised import PlanEvaluation, evaluate_plan
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.tolerances import FREE, SAME_TOTAL
from optllm_pymoo.validation import UserError, as_table, check_shape, read_only

CHUNK: Final = 1 << 12
"""Queries processed together: temporary arrays then fit into the cache."""


class Moves(NamedTuple):
    """One move per query, away from its LLM in a plan."""

    llm: np.ndarray
    """(N,) LLM after the move; -1 if there is no move."""
    delta_cost: np.ndarray
    """(N,) change of its cost, US$; NaN without a move."""
    delta_accuracy: np.ndarray
    """(N,) change of its expected accuracy; NaN without a move."""
    usd_per_correct: np.ndarray
    """(N,) Δcost/Δaccuracy, US$ per expected correct answer; NaN without a move. See `next_moves` for 0 and inf."""


def next_moves(
    cost: np.ndarray, accuracy: np.ndarray, x: np.ndarray, /, *, allowed: np.ndarray | None = None
) -> tuple[Moves, Moves]:
    """Find the next upgrade and the next downgrade of every query.

    The upgrade is the more accurate LLM with the lowest price per expected correct answer gained, the downgrade
    the cheaper LLM with the highest saving per expected correct answer lost. On a supported plan they are the
    neighbours on the query's convex hull. On other plans a move may be free: an upgrade without additional cost has a
    price <= 0, and a downgrade without a loss the price inf; the largest such move is chosen.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M) expected accuracy.
        x: (N,) LLM per query, in 0 ... M-1.
        allowed: (N, M) bool; None allows all.

    Returns:
        Upgrades and downgrades. O(N M), memory O(N).

    Example:
        >>> cost, accuracy = np.array([[1.0, 2.0, 5.0]]), np.array([[0.2, 0.6, 0.7]])
        >>> up, down = next_moves(cost, accuracy, np.array([1]))
        >>> up.llm, up.usd_per_correct.round(6), down.llm, down.usd_per_correct.round(6)
        (array([2]), array([30.]), array([0]), array([2.5]))
    """
    parts = []
    for first in range(0, len(x), CHUNK):
        rows = np.arange(first, min(first + CHUNK, len(x)))
        here = x[rows]
        delta_cost = cost[rows].astype(float) - cost[rows, here][:, None]
        delta_accuracy = accuracy[rows].astype(float) - accuracy[rows, here][:, None]
        gain, saving = delta_accuracy > 0, delta_cost < 0
        if allowed is not None:
            gain, saving = gain & allowed[rows], saving & allowed[rows]
        efficiency = np.where(gain, delta_accuracy / np.maximum(delta_cost, FREE), -np.inf)
        saved = np.where(saving, -delta_cost / np.maximum(-delta_accuracy, FREE), -np.inf)
        up, down = (_pick(score, delta_cost, delta_accuracy) for score in (efficiency, saved))
        is_free = down.delta_accuracy >= 0
        parts.append((up, down._replace(usd_per_correct=np.where(is_free, np.inf, down.usd_per_correct))))
    up, down = (Moves(*map(np.concatenate, zip(*moves, strict=True))) for moves in zip(*parts, strict=True))
    return up, down


def _pick(score: np.ndarray, delta_cost: np.ndarray, delta_accuracy: np.ndarray) -> Moves:
    """Return the cell with the best score of every row; a row of -inf means that there is no move."""
    rows, best = np.arange(len(score)), score.argmax(axis=1)
    none = np.isneginf(score[rows, best])
    change, gained = (np.where(none, np.nan, delta[rows, best]) for delta in (delta_cost, delta_accuracy))
    with np.errstate(divide="ignore"):
        return Moves(np.where(none, -1, best), change, gained, change / gained)


PREDICTED = "predicted:"
"""Prefix of the columns that hold the expected accuracy of each LLM."""


class Plan:
    """One LLM for every query of a batch, with marginal prices and a certificate. It is immutable.

    Plans are usually made by `WithinBudget`, `AtLeastAccuracy` or `Knee`; any allocation is accepted. The certificate
    compares with the linear relaxation of the whole problem (`SupportedFront.bound`), so it holds for plans of any
    origin. It refers to the accuracies of the problem; `interval` and `evaluate` compare these with true ones.

    Args:
        problem: The batch.
        x: (N,) LLM per query.
        sigma: (N, M) standard deviation of ``problem.accuracy``, as `SuccessPredictor` returns it; None assumes that
            the accuracies are exact.
        n_labelled: Number of labelled queries behind the accuracies, >= 1: the interval then includes their sampling
            error. None omits it.
        budget_usd: Budget in US$: the gap is then certified at this budget. None: at the plan's own cost.
        target: Target accuracy: the cost gap is then certified at this target. None: at the plan's own accuracy.
        promise: Probability of the promised accuracy in `summary`; None: 0.95, if ``sigma`` is known.
        excess: Excess of expected over true accuracy (LLMs are chosen partly because they are overrated: the winner's
            curse), and the standard error of the corrected accuracy, as `SuccessPredictor.optimism_` measures them. The
            first corrects `corrected_accuracy`, `interval` and `promised_accuracy`; the second, if positive, replaces
            the errors that these two derive from ``sigma`` and ``n_labelled``. None: unknown.

    Attributes:
        problem: The batch.
        x: (N,) read-only LLM per query.
        sigma: (N, M) read-only or None.
        n_labelled: As given.
        budget_usd: As given.
        target: As given.
        promise: As given.
        excess: As given.
        third: Amount of the third objective in its unit; None if the problem has none. `bound`, `gap` and `gap_usd`
            compare with plans of any such amount.

    Raises:
        UserError: If ``x`` or ``sigma`` does not hold numbers; if ``x`` is no allocation of the problem, or ``sigma``
            has another shape or a negative value, or ``n_labelled`` is below 1, or ``promise`` is outside [0.5, 1);
            or if a promise is combined with limits and a third objective.

    Example:
        >>> problem = AllocationProblem([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]])
        >>> plan = Plan(problem, [1, 2], budget_usd=7.5)
        >>> plan.assignment, plan.cost_usd, plan.accuracy
        ({'0': 'llm1', '1': 'llm2'}, 6.0, 0.75)
        >>> round(plan.gap, 6), round(plan.usd_per_correct, 6)  # half of a step of 3 US$ and 0.1 correct answers
        (0.025, 30.0)
    """

    def __init__(
        self,
        problem: AllocationProblem,
        x: Any,
        /,
        *,
        sigma: Any = None,
        n_labelled: int | None = None,
        budget_usd: float | None = None,
        target: float | None = None,
        promise: float | None = None,
        excess: tuple[float, float] | None = None,
    ) -> None:
        self.problem = problem
        if not isinstance(problem, AllocationProblem):
            raise UserError(
                f"a plan is one of an AllocationProblem; got {problem!r:.60}."
                " Write Plan(AllocationProblem(cost, accuracy), x)"
            )
        self.x = read_only(problem.as_allocations(np.asarray(x).reshape(-1))[0].copy())
        exceeded = problem.exceeded_limits(self.x)
        if exceeded:
            raise UserError(f"the plan exceeds {' and '.join(exceeded)}; choose from plans that meet the limits")
        self.sigma = None
        if sigma is not None:
            self.sigma = as_table("sigma", sigma, lower=0.0)
            check_shape("sigma", self.sigma, problem.cost.shape)
        self.n_labelled = None if n_labelled is None else check_labelled(n_labelled)
        self.budget_usd, self.target = budget_usd, target
        if promise is not None:
            quantile(promise)
            if problem.third is not None and problem.has_limits:
                raise UserError(
                    "a promise can't be combined with limits and a third objective; leave out one of the three,"
                    f" or bound {problem.third.name} with a Ceiling instead of objectives="
                )
        self.promise = promise
        if excess is not None and not (np.isfinite(excess).all() and excess[1] >= 0):
            raise UserError(f"excess must be a finite number and its standard error >= 0; got {excess}")
        self.excess = excess
        (cost, negated, *others) = problem.evaluate(self.x, return_values_of=["F"])
        self._rows = np.arange(problem.n_queries)
        self.third = None if problem.third is None else float(problem.third.amount(others[0]))
        self.cost_usd, self.accuracy = float(cost), -float(negated)

    @property
    def assignment(self) -> dict[str, str]:
        """Name of the LLM by query id."""
        return dict(zip(self.problem.query_ids, self.llm_names, strict=True))

    @property
    def llm_names(self) -> list[str]:
        """N names: the LLM of each query in the order of the batch."""
        return [self.problem.llms[j] for j in self.x.tolist()]

    @property
    def chosen_accuracy(self) -> np.ndarray:
        """(N,) expected accuracy of each query on its LLM."""
        return np.asarray(self.problem.accuracy[self._rows, self.x], dtype=float)

    @property
    def chosen_cost(self) -> np.ndarray:
        """(N,) US$ of each query on its LLM."""
        return np.asarray(self.problem.cost[self._rows, self.x], dtype=float)

    @property
    def chosen_sigma(self) -> np.ndarray | None:
        """(N,) standard deviation of `chosen_accuracy`, if known."""
        return None if self.sigma is None else np.asarray(self.sigma[self._rows, self.x], dtype=float)

    @property
    def corrected_accuracy(self) -> float:
        """Expected accuracy less its measured excess; `accuracy` if that is unknown."""
        return self.accuracy if self.excess is None else min(1.0, max(0.0, self.accuracy - self.excess[0]))

    def interval(self, level: float = 0.95, *, correlation: float | None = None) -> tuple[float, float]:
        """Return an interval for the realised accuracy.

        Without ``excess`` it doesn't correct for the winner's curse.

        Args:
            level: Probability that the interval holds it.
            correlation: ρ between the prediction errors of two queries; 0 assumes that they are independent. None: the
                measured error (see ``excess``), or else 0.05. Formula and assumptions: `accuracy_deviation`.

        Returns:
            Lower and upper end. Without ``sigma`` and ``n_labelled`` it includes chance only.

        Raises:
            UserError: If ``level`` is outside (0, 1) or ``correlation`` outside [0, 1].
        """
        return accuracy_interval(
            self.chosen_accuracy,
            self.chosen_sigma,
            level=level,
            correlation=correlation,
            n_labelled=self.n_labelled,
            excess=self.excess or (0.0, 0.0),
        )

    def difference(self, other: Plan, /, level: float = 0.95, *, correlation: float | None = None) -> Difference:
        """Return an interval for this plan's accuracy less that of another plan of the same problem.

        It is narrower than the intervals of the two suggest, because queries with the same LLM in both don't count.

        Args:
            other: The other plan.
            level: Probability that the interval holds the difference.
            correlation: ρ between the prediction errors of two queries; None: 0.05.

        Raises:
            UserError: If the other plan is of another problem, or an option is out of range.

        Example:
            >>> problem = AllocationProblem([[1, 2]] * 100, [[0.5, 0.6]] * 100)
            >>> dear, cheap = Plan(problem, [1] * 20 + [0] * 80), Plan(problem, [0] * 100)
            >>> [round(value, 3) for value in dear.difference(cheap)]
            [0.02, -0.041, 0.081]
        """
        if other.problem is not self.problem:
            raise UserError("the two plans must be of one problem; compare plans of the same front")
        sigmas = self.chosen_sigma, other.chosen_sigma
        ours, theirs = (plan.excess or (0.0, 0.0) for plan in (self, other))
        return difference_interval(
            (self.chosen_accuracy, other.chosen_accuracy),
            None if sigmas[0] is None or sigmas[1] is None else (sigmas[0], sigmas[1]),
            differs=self.x != other.x,
            level=level,
            correlation=correlation,
            n_labelled=self.n_labelled,
            excess=(ours[0] - theirs[0], abs(ours[1] - theirs[1])),  # both rest on one measurement
        )

    @cached_property
    def stability(self) -> Stability | None:
        """Share of the queries whose LLM stays the same when predictions vary by sigma, and US$ of the others.

        None without sigma, and with limits or a third objective, which an exchange rate doesn't describe.
        """
        if self.sigma is None or self.problem.limits_bind or self.problem.third is not None:
            return None
        prices = np.array([self.saved_usd_per_correct, self.usd_per_correct])
        usual = prices[np.isfinite(prices) & (prices >= 0)]
        price = float(np.sqrt(usual.prod())) if len(usual) == 2 else np.inf if np.isnan(prices[1]) else 0.0
        problem = self.problem
        return stability(problem.cost, problem.accuracy, self.sigma, self.x, price=price, allowed=problem.allowed)

    def promised_accuracy(
        self, probability: float = 0.95, /, *, correlation: float | None = None, distribution: str = "normal"
    ) -> float:
        """Mean accuracy that is reached with a given probability: one-sided, on the deviation of `interval`.

        Args:
            probability: In [0.5, 1).
            correlation: ρ between the prediction errors of two queries: 0 independent, 1 the worst case. None: as
                `interval`.
            distribution: "normal", or "any" for a promise that holds for every distribution (Cantelli).

        Returns:
            In [0, 1]; without ``sigma`` and ``n_labelled`` it includes chance only.

        Raises:
            UserError: As `confidence.promised_accuracy`.
        """
        return promised_accuracy(
            self.chosen_accuracy,
            self.chosen_sigma,
            probability=probability,
            correlation=correlation,
            n_labelled=self.n_labelled,
            distribution=distribution,
            excess=self.excess or (0.0, 0.0),
        )

    @cached_property
    def bound(self) -> float:
        """No plan within the budget (or, without one, at this plan's cost) has a higher expected accuracy."""
        limit = self.cost_usd if self.budget_usd is None else max(self.budget_usd, self.cost_usd)
        if self.problem.limits_bind:
            return self.problem.bound(limit * (1 + SAME_TOTAL))
        return float(self.problem.bounding_front.bound(limit))

    @property
    def gap(self) -> float:
        """Largest possible gain in expected mean accuracy: `bound` less `accuracy`."""
        return max(0.0, self.bound - self.accuracy)

    @cached_property
    def gap_usd(self) -> float:
        """Largest possible saving, in US$, of a plan of at least the target (or this accuracy), by the LP bound.

        For a target of promised accuracy, it refers to this plan's expected accuracy.
        """
        wanted = self.accuracy
        if self.target is not None and self.promise is None:
            wanted = min(self.target, wanted)
        if self.problem.limits_bind:
            return max(0.0, self.cost_usd - self.problem.bound_usd(max(0.0, wanted - SAME_TOTAL)))
        F = self.problem.bounding_front.F
        return max(0.0, self.cost_usd - float(np.interp(wanted, -F[:, 1], F[:, 0])))

    @cached_property
    def _moves(self) -> tuple[Moves, Moves]:
        return next_moves(self.problem.cost, self.problem.accuracy, self.x, allowed=self.problem.allowed)

    @property
    def upgrades(self) -> Moves:
        """Next upgrade of each query: the more accurate LLM at the lowest price per expected correct answer gained."""
        return self._moves[0]

    @property
    def downgrades(self) -> Moves:
        """Next downgrade of every query: the cheaper LLM with the highest saving per expected correct answer lost."""
        return self._moves[1]

    @property
    def usd_per_correct(self) -> float:
        """Price of one more expected correct answer: the cheapest upgrade, US$; NaN at the most accurate plan."""
        return _reduce(np.fmin, self.upgrades.usd_per_correct)

    @property
    def saved_usd_per_correct(self) -> float:
        """Saving of one expected correct answer less: the best downgrade, US$; NaN at the cheapest plan."""
        return _reduce(np.fmax, self.downgrades.usd_per_correct)

    def mix(self) -> pd.DataFrame:
        """Mix of LLMs.

        Returns:
            One row per LLM, indexed by its name: ``queries``, ``share`` of them, ``cost_usd`` and expected
            ``accuracy`` on them (NaN for an unused LLM).
        """
        n_llms = self.problem.n_llms
        queries = np.bincount(self.x, minlength=n_llms)
        cost, correct = (
            np.bincount(self.x, weights=values, minlength=n_llms) for values in (self.chosen_cost, self.chosen_accuracy)
        )
        with np.errstate(invalid="ignore"):
            accuracy = correct / queries
        return pd.DataFrame(
            {"queries": queries, "share": queries / len(self.x), "cost_usd": cost, "accuracy": accuracy},
            index=pd.Index(list(self.problem.llms), name="llm"),
        )

    def to_frame(self, *, predictions: bool = False) -> pd.DataFrame:
        """Tabulate the plan, a row per query.

        Args:
            predictions: Whether to append the expected accuracy of every LLM, in columns ``predicted:<llm>``.

        Returns:
            Columns ``query_id``, ``llm``, ``cost_usd``, ``accuracy``, ``sigma`` and ``n_labelled`` (if
            known), then for ``upgrade`` and ``downgrade`` each ``_to`` (LLM, or missing), ``_usd`` (change of cost),
            ``_accuracy`` (change of expected accuracy) and ``_usd_per_correct``.
        """
        problem = self.problem
        columns: dict[str, Any] = {
            "query_id": list(problem.query_ids),
            "llm": self.llm_names,
            "cost_usd": self.chosen_cost,
            "accuracy": self.chosen_accuracy,
        }
        if self.chosen_sigma is not None:
            columns["sigma"] = self.chosen_sigma
        if self.n_labelled is not None:
            columns["n_labelled"] = self.n_labelled
        if self.excess is not None:
            columns["excess"], columns["excess_error"] = self.excess
        for name, moves in (("upgrade", self.upgrades), ("downgrade", self.downgrades)):
            columns[f"{name}_to"] = [None if j < 0 else problem.llms[j] for j in moves.llm.tolist()]
            columns[f"{name}_usd"] = moves.delta_cost
            columns[f"{name}_accuracy"] = moves.delta_accuracy
            columns[f"{name}_usd_per_correct"] = moves.usd_per_correct
        if predictions:
            columns.update((f"{PREDICTED}{llm}", problem.accuracy[:, j]) for j, llm in enumerate(problem.llms))
        return pd.DataFrame(columns)

    def to_csv(self, path: str | PathLike[str], /, *, predictions: bool = False) -> None:
        """Write `to_frame` as CSV, complete or not at all; an existing file is replaced.

        Args:
            path: The file.
            predictions: As in `to_frame`.

        Raises:
            OSError: If it can't be written.
        """
        with replacing(path) as temporary:
            write_csv(self.to_frame(predictions=predictions), temporary)

    def summary(self) -> str:
        """Explain the plan in a few lines of text."""
        return self.facts().summary()

    def facts(self) -> PlanFacts:
        """Return the content of `summary` as fields, for other formats."""
        promised, promised_range = None, None
        if self.promise is not None or self.sigma is not None:
            at = 0.95 if self.promise is None else self.promise
            promised = self.promised_accuracy(at)
        is_measured = self.excess is not None and self.excess[1] > 0
        if self.sigma is not None and not is_measured:
            promised_range = self.promised_accuracy(at, correlation=1.0), self.promised_accuracy(at, correlation=0.0)
        return PlanFacts(
            n_queries=len(self.x),
            n_llms=self.problem.n_llms,
            cost_usd=self.cost_usd,
            budget_usd=self.budget_usd,
            expected_accuracy=self.accuracy,
            corrected_accuracy=None if self.excess is None else self.corrected_accuracy,
            target_accuracy=self.target,
            interval_95=self.interval(),
            has_sigma=self.sigma is not None,
            n_labelled=self.n_labelled,
            accuracy_bound=self.bound,
            gap=self.gap,
            gap_usd=self.gap_usd,
            promise=self.promise,
            promised_accuracy=promised,
            promised_range=promised_range,
            correlation=None if is_measured else CORRELATION,
            stability=None if self.stability is None else self.stability.share,
            unstable_usd=None if self.stability is None else self.stability.usd,
            third=None
            if self.problem.third is None
            else {"name": self.problem.third.label, "amount": self.third, "unit": self.problem.third.unit},
            usd_per_next_correct=self.usd_per_correct,
            usd_saved_per_lost_correct=self.saved_usd_per_correct,
            has_limits=self.problem.has_limits,
            mix=self.mix(),
        )

    def evaluate(self, correct: Any, /, *, paid_usd: Any = None) -> PlanEvaluation:
        """Value the plan on true outcomes.

        Args:
            correct: In [0, 1], NaN where not known: (N, M) of all LLMs, or (N,) of the chosen ones.
            paid_usd: Actual cost of calls, US$, >= 0: (N, M) of all LLMs, or (N,) of the chosen ones. None: as planned.

        Returns:
            Realised accuracy and cost, and those of the best single LLM.

        Raises:
            UserError: If a table has another shape, a value that is no outcome or no cost, or no outcome is known.
        """
        of = self.problem
        return evaluate_plan(
            self.x,
            correct,
            cost=of.cost,
            accuracy=of.accuracy,
            llms=of.llms,
            allowed=of.allowed,
            paid_usd=paid_usd,
        )

    def __repr__(self) -> str:
        return f"Plan({len(self.x)} queries, {self.cost_usd:.6g} US$, expected accuracy {self.accuracy:.4f})"


def _reduce(best: np.ufunc, prices: np.ndarray) -> float:
    """Return the smallest or largest price, NaN if there is none."""
    return float(best.reduce(prices))
