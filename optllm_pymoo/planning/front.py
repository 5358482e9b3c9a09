"""From a batch with a few labels to a front and a plan: the composition of all parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo.data import Dataset, make_dataset
from optllm_pymoo.decision import (
    AtLeastAccuracy,
    Choice,
    Knee,
    Plan,
    WithinBudget,
    accuracy_interval,
    robust_plan,
)
from optllm_pymoo.decision.confidence import CORRELATION, Difference
from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.limits import LinearLimits, Quota
from optllm_pymoo.planning.choose import check_budget, including, plan_within
from optllm_pymoo.planning.constraints import NO_CONSTRAINTS, Constraints, groups_of
from optllm_pymoo.planning.labels import (
    Learner,
    Prediction,
    predict_accuracy,
    silent,
    split_by,
)
from optllm_pymoo.planning.rounds import Round, after
from optllm_pymoo.prediction import QueryFeatures
from optllm_pymoo.prediction.heldout import Optimism, Shift, Skill
from optllm_pymoo.problems import AllocationProblem, make_problem
from optllm_pymoo.validation import UserError, in_full, rounded_down

EXACT: Final = "exact"
"""The default: the exact front holds every plan that the searches approximate, and uses a budget to the single step."""

SEARCH: Final = "optllm"
"""The replacement if the exact front is unknown: with limits or a third objective."""


def normalised(algorithm: str, /) -> str:
    """Write the name of an algorithm as in `algorithm_names`.

    >>> normalised("SMS-EMOA")
    'sms_emoa'
    """
    return algorithm.replace("-", "_").lower()


def algorithm_names() -> tuple[str, ...]:
    """Return the names of all algorithms: the exact front, OptLLM, and the baselines."""
    from optllm_pymoo import baselines

    return (EXACT, SEARCH, *baselines.__all__)


def find_front(
    problem: AllocationProblem,
    algorithm: str = EXACT,
    /,
    *,
    n_grid: int | None = None,
    random_state: int = 0,
    report: Callable[[str], None] = silent,
) -> Any:
    """Find plans from the cheapest to the most accurate.

    Args:
        problem: The batch.
        algorithm: One of `algorithm_names`; "-" may stand for "_". Baselines start with the cheapest and the most
            accurate plan in their first population where they can, and use their default terminations.
        n_grid: Gaps of OptLLM's grid; None is its default. No other algorithm has one.
        random_state: Seed of the search; the exact front needs none.
        report: Called with the name of the stage, and then as the search goes on.

    Returns:
        The `SupportedFront` for "exact", else pymoo's result.

    Raises:
        UserError: If there is no such algorithm, or it has no grid; if the exact front is unknown because quotas or
            floors bind; or if the search found no plan.
    """
    name = normalised(algorithm)
    if name not in (EXACT, SEARCH) and name not in algorithm_names():  # all baselines take a moment to import
        raise UserError(f"unknown algorithm {algorithm!r}; known are {', '.join(algorithm_names())}")
    if n_grid is not None and name != "optllm":
        raise UserError(f"n_grid is an option of optllm; {algorithm} has none")
    report(f"Front of {problem.n_queries:,} queries ({algorithm})")
    if name == EXACT:
        if problem.limits_bind:
            raise UserError("the exact front is unknown where limits bind; search it with optllm")
        return problem.supported_front
    from pymoo.optimize import minimize

    def show(search: Any) -> None:
        report(f"{name}: iteration {search.n_gen}, {search.evaluator.n_eval:,} plans evaluated")

    found = minimize(problem, _build(name, n_grid), seed=random_state, callback=show)
    if found.F is None:
        raise UserError(f"{algorithm} found no plan within the limits; {SEARCH} always does")
    return found


def _build(name: str, n_grid: int | None) -> Any:
    import inspect

    from optllm_pymoo import OptLLM, baselines

    if name == SEARCH:
        return OptLLM() if n_grid is None else OptLLM(n_grid=n_grid)
    factory = getattr(baselines, name)
    return factory(start="warm") if "start" in inspect.signature(factory).parameters else factory()


ALL = "all"
"""In the place of labels: all outcomes are known, plan on them."""
_STEPS = 6  # until the promise is near the target; two suffice if the excess changes slowly


class GroupTotal(NamedTuple):
    """Totals of a plan in one group of queries."""

    group: str
    n_queries: int
    cost_usd: float
    expected_accuracy: float
    interval_95: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Front:
    """Plans, from the cheapest to the most accurate, for the queries of a batch without labels.

    Attributes:
        problem: The queries to plan, with their expected accuracies.
        sigma: (N, M) standard deviation of these; None if outcomes were taken as known.
        found: The `SupportedFront`, or the result of a search.
        algorithm: Its algorithm.
        n_labelled: Number of labelled queries.
        optimism: Excess of expected over true accuracy of plans; None if it wasn't measured.
        shift: Difference between the labelled and the planned queries; None without learning.
        asked_for: The algorithm that was asked for: "exact" is replaced where the exact front is unknown.
        groups: Name of each query's group, None where it has none; None without groups.
        prices: File, SHA-256 and date of the lists of prices that costs come from, as far as the batch says.
        planned: The queries to plan, as the batch has them.
        skill: How well texts predict which LLM suits which query; None if it wasn't measured.
        learner: The source of the expected accuracies; None if it isn't kept.
        constraints: Constraints, as given.
        done: Former answers; None if there are none.
    """

    problem: AllocationProblem
    sigma: np.ndarray | None
    found: Any
    algorithm: str
    n_labelled: int
    asked_for: str = EXACT
    optimism: Optimism | None = None
    shift: Shift | None = None
    groups: list[str | None] | None = None
    prices: Sequence[Mapping[str, str]] = ()
    planned: Dataset | None = None
    skill: Skill | None = None
    learner: Learner | None = None
    constraints: Constraints = NO_CONSTRAINTS
    done: Round | None = None

    @property
    def is_exact(self) -> bool:
        """Whether `found` is the exact front."""
        return isinstance(self.found, SupportedFront)

    def choose(self, choice: Choice | None = None, /) -> Plan:
        """Choose a plan.

        Within limits, the plan at a budget or a target is searched at exactly that point; likewise a promise on an
        exact front, see `robust_plan`. For other algorithms than the default, one of their plans is chosen.

        Args:
            choice: How; the knee of the front if not given.

        Raises:
            UserError: If no plan meets the choice.
        """
        choice = choice or Knee()
        if self.optimism is None or not isinstance(choice, AtLeastAccuracy) or choice.promise is None:
            return self._corrected(self._choose(choice))
        # the excess is similar along the whole front: the plan with the highest expectation promises most
        plan, best, raised = None, None, choice.target
        for _ in range(_STEPS):
            try:
                found = self._choose(AtLeastAccuracy(raised))
            except UserError:
                break
            plan = self._corrected(found, target=choice.target, promise=choice.promise)
            promised = plan.promised_accuracy(choice.promise)
            if promised >= choice.target and (best is None or plan.cost_usd < best.cost_usd):
                best = plan
            raised = min(max(raised + (choice.target - promised) * 1.001, 0.0), 1.0)
        if best is not None:
            return best
        nearest = "; lower the target"
        if plan is not None:
            nearest = f": the nearest plan found promises {rounded_down(promised)}; use that as the target"
        raise UserError(f"a promised accuracy of {in_full(choice.target)} is out of reach{nearest}")

    def _corrected(self, plan: Plan, *, target: float | None = None, promise: float | None = None) -> Plan:
        """Return the plan with its excess, at its place in the budget range."""
        if self.optimism is None:
            return plan
        cost, mask = self.problem.cost, self.problem.allowed
        low = float((cost if mask is None else np.where(mask, cost, np.inf)).min(axis=1).sum(dtype=float))
        width = float(cost.sum(axis=0, dtype=float).max()) - low
        return Plan(
            plan.problem,
            plan.x,
            sigma=plan.sigma,
            n_labelled=plan.n_labelled if self.done is None else self.done.certainty(plan)[0],
            budget_usd=plan.budget_usd,
            target=plan.target if target is None else target,
            promise=plan.promise if promise is None else promise,
            excess=self.optimism.at((plan.cost_usd - low) / width if width > 0 else 1.0),
        )

    def _choose(self, choice: Choice) -> Plan:
        """Choose a plan by expected or promised accuracy, before the excess is corrected."""
        # known outcomes have no sampling error
        known: dict[str, Any] = {"sigma": self.sigma, "n_labelled": None if self.sigma is None else self.n_labelled}
        limits = self.limits
        if normalised(self.asked_for) not in (EXACT, SEARCH):
            return choice.plan(self.found, **known)
        if limits is not None and not self.is_exact:
            return plan_within(self.problem, limits, self.found, choice, **known)
        if limits is not None and choice.promise is not None:
            return plan_within(self.problem, limits, self.problem, choice, **known)
        if normalised(self.asked_for) == SEARCH:
            return choice.plan(self.found, **known)
        if choice.promise is not None and self.sigma is not None:
            return self._promised(choice)
        return choice.plan(self.problem, **known)

    def by_group(self, plan: Plan, /) -> list[GroupTotal]:
        """Return the totals of a plan in each group, the largest first; empty without groups.

        Args:
            plan: A plan of this front.
        """
        of = {} if self.groups is None else pd.Series(self.groups).groupby(pd.Series(self.groups)).indices
        excess = plan.excess or (0.0, 0.0)
        found = []
        for name, rows in of.items():
            accuracy = plan.chosen_accuracy[rows]
            sigma = None if plan.chosen_sigma is None else plan.chosen_sigma[rows]
            # the error was measured for all queries; for a group it is assumed
            known: dict[str, Any] = {"n_labelled": plan.n_labelled, "correlation": CORRELATION, "excess": excess}
            interval = accuracy_interval(accuracy, sigma, **known)
            cost = float(plan.chosen_cost[rows].sum())
            found.append(GroupTotal(str(name), len(rows), cost, float(accuracy.mean()), interval))
        return sorted(found, key=lambda each: (-each.n_queries, each.group))

    def for_share(self, plan: Plan, share: float, /) -> tuple[Plan, Difference] | None:
        """Choose the plan for a share of a plan's cost.

        Args:
            plan: A plan of this front.
            share: Of its cost, such as 1.25.

        Returns:
            The most accurate plan of the front at that cost, and its difference to the other plan; None if there is
            none.
        """
        known: dict[str, Any] = {"sigma": plan.sigma, "n_labelled": plan.n_labelled}
        try:
            other = WithinBudget(plan.cost_usd * share).plan(self.problem if self.is_exact else self.found, **known)
        except UserError:  # below the cheapest plan
            return None
        other = self._corrected(other)
        return other, other.difference(plan)

    @property
    def limits(self) -> LinearLimits | None:
        """The limits of plans; None without limits."""
        return self.problem.limits if self.problem.has_limits else None

    def including(self, plan: Plan, /) -> Front:
        """Add a plan to the plans of a search, and drop those that it dominates; an exact front has it already."""
        return self if self.is_exact else replace(self, found=including(self.found, plan))

    def _promised(self, choice: Choice) -> Plan:
        budget = choice.budget_usd if isinstance(choice, WithinBudget) else None
        target = choice.target if isinstance(choice, AtLeastAccuracy) else None
        assert choice.promise is not None
        x = robust_plan(
            self.problem,
            self.sigma,
            probability=choice.promise,
            budget_usd=budget,
            target=target,
            n_labelled=self.n_labelled,
        ).plan.x
        known: dict[str, Any] = {"sigma": self.sigma, "n_labelled": self.n_labelled, "promise": choice.promise}
        return Plan(self.problem, x, budget_usd=budget, target=target, **known)


def _learnt(
    dataset: Dataset,
    labels: float | str | Path | None,
    /,
    *,
    features: QueryFeatures | None,
    random_state: int,
    n_jobs: int | None,
    constraints: Constraints,
    budget_usd: float | None,
    calls: pd.DataFrame | None,
    report: Callable[[str], None],
) -> tuple[Dataset, Prediction | None, int, Round | None]:
    """Return the queries to plan, their prediction, the number of labelled queries, and former answers."""
    constraints.check(dataset)
    if labels == ALL:
        if calls is not None:
            raise UserError("with all outcomes known there is nothing to learn from answers")
        return dataset, None, len(dataset), None
    split, done = split_by(dataset, labels, random_state=random_state), None
    if calls is not None:
        split, done = after(split, calls)
    if constraints or constraints.forbidden or constraints.allowed or budget_usd is not None:
        costs_alone = constraints.costs_alone(split.planned)
        if budget_usd is not None:
            check_budget(costs_alone, budget_usd)
    prediction = predict_accuracy(split, features=features, random_state=random_state, n_jobs=n_jobs, report=report)
    return split.planned, prediction, len(split.labelled), done


def plan_front(
    dataset: Dataset,
    labels: float | str | Path | None = None,
    /,
    *,
    algorithm: str = EXACT,
    n_grid: int | None = None,
    features: QueryFeatures | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    constraints: Constraints = NO_CONSTRAINTS,
    budget_usd: float | None = None,
    calls: pd.DataFrame | None = None,
    report: Callable[[str], None] = silent,
) -> Front:
    """Learn, predict and find the front of a batch.

    Args:
        dataset: The batch.
        labels: Source of the labels. A number: that share of the labelled queries, drawn at random, while the
            outcomes of all others are erased. A path: a file of labels, see `with_labels_from`. "all": no prediction,
            all outcomes are known. None: the known outcomes; if none is missing, a share of
            `DEFAULT_SHARE`.
        algorithm: See `find_front`. OptLLM replaces "exact" with latency, and if limits bind.
        n_grid: See `find_front`.
        features: Features of texts, such as ``QueryFeatures(model)``; a clone is fitted. None: the built-in ones. A
            policy of a plan by a model of yours routes queries, but can't be saved.
        random_state: Seed of everything.
        n_jobs: As joblib counts.
        constraints: Limits and latency; they apply to the planned queries.
        budget_usd: The budget, if it is known already: one below the cheapest plan is refused before learning. The
            front is that of all budgets.
        calls: Answers to an earlier plan, see `rounds.read_calls`: only open queries are planned.
        report: Called with the name of each stage.

    Raises:
        FileNotFoundError: If there is no file of labels.
        UserError: If labels don't fit the batch, there is nothing to learn from or to plan, the budget doesn't pay for
            any plan, limits name something unknown, or no plan meets them; as `find_front` besides. Errors that don't
            depend on predictions are raised before learning.

    Example:
        >>> from optllm_pymoo.data import make_dataset
        >>> front = plan_front(make_dataset(200, 3), 0.2)
        >>> front.n_labelled, len(front.choose().x)
        (40, 160)
    """
    planned, prediction, n_labelled, done = _learnt(
        dataset,
        labels,
        features=features,
        random_state=random_state,
        n_jobs=n_jobs,
        constraints=constraints,
        budget_usd=budget_usd,
        calls=calls,
        report=report,
    )
    return front_of(
        planned.with_about({"data_sha256": dataset.fingerprint}),
        prediction,
        n_labelled,
        algorithm=algorithm,
        n_grid=n_grid,
        random_state=random_state,
        constraints=constraints,
        done=done,
        report=report,
    )


def front_of(
    planned: Dataset,
    prediction: Prediction | None,
    n_labelled: int,
    /,
    *,
    algorithm: str = EXACT,
    n_grid: int | None = None,
    random_state: int = 0,
    constraints: Constraints = NO_CONSTRAINTS,
    done: Round | None = None,
    report: Callable[[str], None] = silent,
) -> Front:
    """Find the front of queries with given predictions.

    Args:
        planned: The queries to plan.
        prediction: Their predictions; None if all their outcomes are known.
        n_labelled: Number of labelled queries.
        algorithm: As in `plan_front`.
        n_grid: See `find_front`.
        random_state: Seed of the search.
        constraints: Limits and latency.
        done: Former answers, if any.
        report: Called with the name of each stage.

    Raises:
        UserError: If no plan meets the limits; as `find_front` besides.
    """
    problem = constraints.problem(planned, None if prediction is None else prediction.accuracy)
    asked_for = algorithm
    if normalised(algorithm) == EXACT and (problem.limits_bind or problem.third is not None):
        algorithm = SEARCH
    found = find_front(problem, algorithm, n_grid=n_grid, random_state=random_state, report=report)
    return Front(
        problem=problem,
        sigma=None if prediction is None else prediction.sigma,
        found=found,
        algorithm=algorithm,
        n_labelled=n_labelled,
        asked_for=asked_for,
        optimism=None if prediction is None else done.optimism(prediction, problem) if done else prediction.optimism,
        shift=None if prediction is None else prediction.shift,
        groups=None if planned.groups is None else groups_of(planned),
        prices=planned.about.get("prices", ()),
        planned=planned,
        skill=None if prediction is None else prediction.skill,
        learner=None if prediction is None else prediction.learner,
        constraints=constraints,
        done=done,
    )


def compile_kernels(*, limits: bool) -> None:
    """Plan a tiny batch, so that the kernels of `plan_front` are compiled and kept on the disk, the last ones first.

    The command runs it in a second process while the first one compiles what reads texts.

    Args:
        limits: Whether to compile those for limits, too.
    """
    tables = make_problem(40, 3, random_state=0)
    if limits:
        problem = AllocationProblem(tables.cost, tables.accuracy, limits=[Quota(tables.llms[2], calls=13)])
        problem.price_limits(budget_usd=float(tables.supported_front.F[[0, -1], 0].mean()))
        find_front(problem, SEARCH, n_grid=5)
    find_front(tables)
    plan_front(make_dataset(60, 3, random_state=0), 0.5).choose()
