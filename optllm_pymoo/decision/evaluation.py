"""What a plan turned out to be worth on true outcomes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from optllm_pymoo.validation import UserError, as_table

SLACK = 1e-9
"""Relative; sums of the same numbers in another order differ by less."""


class PlanEvaluation(NamedTuple):
    """A plan on the queries whose outcomes are known, beside the best single LLM on the same queries."""

    n_queries: int
    """Queries with known outcomes; all other numbers are about these."""
    cost_usd: float
    """What the plan cost there in the end, US$."""
    planned_usd: float
    """What it was planned to cost there, US$."""
    accuracy: float
    """Share truly answered correctly."""
    expected_accuracy: float
    """What the plan expected there."""
    best_llm: str | None
    """Most accurate single LLM (ties: the cheaper); None if only the plan's own outcomes are known, or if no LLM is
    allowed for all queries."""
    best_accuracy: float
    """Its true accuracy; NaN without one."""
    best_cost_usd: float
    """What it costs for all those queries, US$; NaN without one."""

    @property
    def saving(self) -> float:
        """How much cheaper the plan is than the best single LLM, as a share of its cost; NaN without one."""
        return 1 - self.cost_usd / self.best_cost_usd if self.best_cost_usd > 0 else float("nan")

    @property
    def reaches_best(self) -> bool:
        """Whether the plan is truly as accurate as the best single LLM, or more."""
        return bool(self.accuracy >= self.best_accuracy - SLACK)


def evaluate_plan(problem: Any, x: np.ndarray, correct: Any, paid_usd: Any = None, /) -> PlanEvaluation:
    """Value a plan on true outcomes.

    Args:
        problem: The `AllocationProblem` it was made for.
        x: (N,) LLM per query.
        correct: True outcomes in [0, 1], NaN where not known: (N, M), of all LLMs; or (N,), of the chosen ones. Of a
            table only queries whose outcomes are all known count, so that plan and LLMs are compared on the same.
        paid_usd: What calls cost, US$: (N, M), or (N,) of the chosen ones; None: what was planned.

    Raises:
        UserError: If a table has another shape, a value that is no outcome or no cost, or no outcome is known.
    """
    outcomes = _check_outcomes(correct, problem.cost.shape)
    known = np.flatnonzero(~np.isnan(outcomes.reshape(len(x), -1)).any(axis=1))
    if not len(known):
        raise UserError("there is no query whose outcomes are all known; nothing can be evaluated")
    chosen = x[known]
    cost = _costs(problem.cost, x, paid_usd)
    won = outcomes[known] if outcomes.ndim == 1 else outcomes[known, chosen]
    best = _best_single(problem.allowed, cost, outcomes, known) if outcomes.ndim == 2 else None
    return PlanEvaluation(
        n_queries=len(known),
        cost_usd=float(cost[known, chosen].sum(dtype=float)),
        planned_usd=float(problem.cost[known, chosen].sum(dtype=float)),
        accuracy=float(won.mean()),
        expected_accuracy=float(problem.accuracy[known, chosen].mean(dtype=float)),
        best_llm=None if best is None else problem.llms[best],
        best_accuracy=float("nan") if best is None else float(outcomes[known, best].mean()),
        best_cost_usd=float("nan") if best is None else float(cost[known, best].sum(dtype=float)),
    )


def _check_outcomes(correct: Any, shape: tuple[int, int]) -> np.ndarray:
    outcomes = np.asarray(correct)
    if outcomes.dtype.kind not in "biuf":
        raise UserError(f"correct must hold numbers in [0, 1]; got values of type {outcomes.dtype}")
    outcomes = outcomes.astype(float)
    if outcomes.shape not in (shape, shape[:1]):
        raise UserError(f"correct has shape {outcomes.shape}; expected {shape}, or {shape[:1]} of the chosen LLMs")
    bad = (outcomes < 0) | (outcomes > 1)
    if bad.any():
        place = tuple(np.argwhere(bad)[0].tolist())
        at = ", ".join(map(str, place))
        raise UserError(f"correct must lie in [0, 1], or be NaN where unknown; correct[{at}] = {outcomes[place]:g}")
    return outcomes


def _costs(planned: np.ndarray, x: np.ndarray, paid_usd: Any) -> np.ndarray:
    """Put what was paid in the place of what was planned; (N, M)."""
    if paid_usd is None:
        return planned
    paid = np.asarray(paid_usd)
    if paid.shape == planned.shape:
        return as_table("paid_usd", paid, lower=0.0)
    if paid.shape != x.shape:
        raise UserError(f"paid_usd has shape {paid.shape}; expected {planned.shape}, or {x.shape} of the chosen LLMs")
    cost = planned.astype(float)
    cost[np.arange(len(x)), x] = as_table("paid_usd", paid[:, None], lower=0.0)[:, 0]
    return cost


def _best_single(allowed: np.ndarray | None, cost: np.ndarray, outcomes: np.ndarray, known: np.ndarray) -> int | None:
    usable = np.arange(cost.shape[1])
    if allowed is not None:
        usable = usable[allowed[known].all(axis=0)]
    if not len(usable):
        return None
    accuracy, spent = outcomes[known][:, usable].mean(axis=0), cost[known][:, usable].sum(axis=0)
    return int(usable[np.lexsort((spent, -accuracy))[0]])
