"""Adaptive large neighbourhood search by the alns package, with the operators of this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pymoo.core.termination import NoTermination

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._driven import DrivenAlgorithm, Evaluate
from optllm_pymoo.baselines._proposing import spread_order
from optllm_pymoo.baselines._sweeps import exchange_rates
from optllm_pymoo.operators import (
    AccuracyDestruction,
    CostDestruction,
    Destruction,
    ExchangeReconstruction,
    Gap,
    RandomDestruction,
)
from optllm_pymoo.validation import UserError, import_extra

DESTRUCTIONS: tuple[Callable[[], Destruction], ...] = (AccuracyDestruction, CostDestruction, RandomDestruction)
N_GRID = 50
"""A destruction goes as far as one of so many gaps at the most, the published number."""
SCORES = [25, 5, 1, 0]
DECAY = 0.8
THRESHOLD = 0.02
"""Scores of the roulette wheel, its decay and the first threshold of acceptance, as in the documentation of alns."""


@dataclass(frozen=True)
class Candidate:
    """A state of the search: a plan, destroyed (without a loss) or reconstructed."""

    plan: np.ndarray
    loss: float = np.nan

    def objective(self) -> float:
        """Return what alns minimises."""
        return self.loss


class ALNSSearch(DrivenAlgorithm):
    """Minimise λ·cost + error by adaptive large neighbourhood search, for one λ after another; see `alns_search`.

    Args:
        n_weights: Number of λ at the most.
        n_iterations: Destructions per λ.
        **kwargs: pymoo's own.

    Raises:
        ImportError: If alns is missing.
        UserError: If there are fewer than two λ, or no iterations.
    """

    def __init__(self, *, n_weights: int = 100, n_iterations: int = 100, **kwargs: Any) -> None:
        if n_weights < 2:
            raise UserError(f"n_weights must be at least 2, the two ends of the sweep; got {n_weights}")
        if n_iterations < 1:
            raise UserError(f"n_iterations must be at least 1; got {n_iterations}")
        _alns()
        super().__init__(**kwargs)
        self.n_weights, self.n_iterations = n_weights, n_iterations

    def _search(self, evaluate: Evaluate, random_state: np.random.Generator) -> None:
        evaluate(self.problem.extremes())
        rates = exchange_rates(self.problem.supported_front, self.n_weights)
        for rate in rates[spread_order(len(rates))]:
            self._search_at(float(rate), evaluate, random_state)

    def _search_at(self, rate: float, evaluate: Evaluate, random_state: np.random.Generator) -> None:
        """Run alns at one λ, from the best plan seen so far."""
        alns = _alns()
        n_queries = self.problem.n_queries

        def loss(F: np.ndarray) -> np.ndarray:
            return np.asarray(rate * F[:, 0] / n_queries + 1.0 + F[:, 1])

        losses = loss(self.seen.F)
        best = int(losses.argmin())
        start = Candidate(self.seen.individuals[best].X, float(losses[best]))
        search = alns.ALNS(random_state)
        for k, destroy in enumerate(self._destroyers()):
            search.add_destroy_operator(destroy, name=DESTRUCTIONS[k].__name__)

        def repair(state: Candidate, rng: np.random.Generator) -> Candidate:
            plans = ExchangeReconstruction().apply(self.problem, state.plan[None], random_state=rng)
            return Candidate(plans[0], float(loss(evaluate(plans))[0]))

        search.add_repair_operator(repair)
        search.iterate(
            start,
            alns.select.RouletteWheel(SCORES, DECAY, len(DESTRUCTIONS), 1),
            alns.accept.RecordToRecordTravel.autofit(start.loss, THRESHOLD, 0.0, self.n_iterations),
            alns.stop.MaxIterations(self.n_iterations),
        )

    def _destroyers(self) -> Iterator[Callable[[Candidate, np.random.Generator], Candidate]]:
        problem = self.problem
        F = problem.supported_front.F
        gap = Gap.between(F[0], F[-1], problem.n_queries, N_GRID)

        def destroyer(operator: Destruction) -> Callable[[Candidate, np.random.Generator], Candidate]:
            def destroy(state: Candidate, rng: np.random.Generator) -> Candidate:
                share = rng.random()
                part = Gap(share * gap.cost_usd, share * gap.accuracy)
                return Candidate(operator.apply(problem, state.plan[None], random_state=rng, gap=part)[0])

            return destroy

        return (destroyer(make()) for make in DESTRUCTIONS)


def _alns() -> Any:
    for name in ("accept", "select", "stop"):
        import_extra(f"alns.{name}", extra="alns", purpose="alns_search()")
    return import_extra("alns", extra="alns", purpose="alns_search()")


def alns_search(*, n_weights: int = 100, n_iterations: int = 100, **options: Any) -> ALNSSearch:
    """Build an adaptive large neighbourhood search over a sequence of scalarisations λ·cost + error.

    The package alns picks among `AccuracyDestruction`, `CostDestruction` (each as far as a random part of a gap) and
    `RandomDestruction` by a roulette wheel, and accepts by record-to-record travel; `ExchangeReconstruction` repairs.
    The λ are those of `lambda_sweep`, in the same order; each search starts from the best plan seen so far. Every
    plan is evaluated and may be part of the answer. Ends by itself after ``n_weights * n_iterations`` plans. The
    search runs in a thread; see `DrivenAlgorithm` on what that rules out.

    Args:
        n_weights: Number of λ, the two that give the extremes among them; fewer if the front has fewer points.
        n_iterations: Plans per λ.
        **options: pymoo's own, for example ``termination`` or ``callback``.

    Returns:
        The algorithm, ready for `minimize`.

    Raises:
        ImportError: If alns is missing; the message has the command that installs it.
        TypeError: If pymoo has no such option.
        UserError: If there are fewer than two λ, or no iterations; in ``minimize``, if the problem has quotas or
            floors.

    References:
        Wouda, Lan (2023), ALNS, JOSS 8(81). Røpke, Pisinger (2006), Transportation Science 40(4). Acceptance:
        Santini, Ropke, Hvattum (2018), Journal of Heuristics 24.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(50, 4), alns_search(n_weights=5, n_iterations=20), seed=1)
        >>> res.algorithm.evaluator.n_eval
        102
    """
    defaults = {"n_weights": n_weights, "n_iterations": n_iterations}
    return build(ALNSSearch, defaults, options, factory="alns_search", termination=NoTermination)
