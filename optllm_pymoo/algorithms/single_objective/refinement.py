"""From the supported neighbours of a limit to the best plan within it."""

from __future__ import annotations

import numpy as np
from pymoo.core.population import Population
from pymoo.util.optimum import filter_optimum

from optllm_pymoo.algorithms.single_objective.certificate import Certificate
from optllm_pymoo.algorithms.single_objective.core import Core, alternatives_of, core_of, whole_core
from optllm_pymoo.algorithms.single_objective.highs import fill_slack_with_highs
from optllm_pymoo.kernels.filling import Filling, fill_slack
from optllm_pymoo.problems import SingleObjectiveProblem

N_STEPS = 32
"""Steps on either side of the limit whose queries are freed first."""

N_STATES = 1 << 12
"""States of the first dynamic programmes; each later one has four times as many."""

N_ITEMS = 1 << 14
"""Alternatives of the first whole core; each later one has four times as many."""

MAX_STATES = 1 << 18
"""States beyond which HiGHS takes over, where the optimum is asked for."""


MAX_NODES = 1 << 23
"""States remembered in all by one dynamic programme, 16 bytes each."""


class Refinement:
    """Uses up what the best supported plan within a limit leaves over, and proves how good the outcome is.

    `first` gives the two supported neighbours of the limit. Each call of `next` ruins the plan where a better one can
    differ, and recreates it as well as possible: the queries whose upgrade steps have about the critical efficiency are
    freed, all their LLMs considered, those off their hulls too, and `fill_slack` finds the best way to spend what is
    left. Its gap then says which alternatives of *any* query could be part of a better plan: those with a smaller loss
    (reduced cost). One pass over the tables finds this core (Balas and Zemel 1980; Pisinger 1995), which mostly has a
    few dozen alternatives, and on it the outcome is optimal unless the list of states got too long. Then each further
    call has four times the room.

    Args:
        problem: The batch and its limit.
        exact: Whether to go on until the optimum is proved: on the whole core, and with HiGHS once `MAX_STATES` is
            passed.

    Attributes:
        is_finished: Whether the plan is proved optimal.
        is_refined: Whether the whole core has been searched once: the end of a run without a termination.
    """

    def __init__(self, problem: SingleObjectiveProblem, /, *, exact: bool) -> None:
        self.problem = problem
        self.exact = exact
        self.relaxation = problem.relax()
        self.x = problem.supported_front.assignment(self.relaxation.inside)
        self.gap = self.relaxation.slack
        self.least = 0.0
        self.n_rounds = 0
        self.found = Population()

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to be gained."""
        room = self.gap - max(self.least, self.relaxation.enough)
        return self.n_rounds > 0 and room <= 2 * self.relaxation.tolerance

    @property
    def is_refined(self) -> bool:
        """Whether a run that wasn't told how long to go on is over."""
        return self.is_finished or (self.n_rounds > 2 and not self.exact)

    def progress(self) -> float:
        """Return the share of the rounds up to the first search of the whole core, 1.0 once the run may end."""
        return 1.0 if self.is_refined else 0.99 * min(1.0, self.n_rounds / 3)

    def first(self) -> Population:
        """Return the supported neighbours of the limit."""
        self.n_rounds = 1
        front, relaxation = self.problem.supported_front, self.relaxation
        ends = dict.fromkeys((relaxation.inside, relaxation.outside))
        return Population.new(X=np.stack([front.assignment(k) for k in ends]))

    def next(self, random_state: np.random.Generator, *, fill_only: bool) -> Population | None:
        """Return the next plan, better than all before, or None if there is nothing left to gain.

        Rounds that find nothing better are passed over.

        Args:
            random_state: Not used; nothing is drawn.
            fill_only: Whether to end once `is_refined`, else as soon as `is_finished`.
        """
        while not (self.is_refined if fill_only else self.is_finished):
            core, outside = self._next_core()
            filling = self._fill(core)
            self.n_rounds += 1
            self.least = max(self.least, min(filling.least, outside))
            if filling.is_better:
                self.gap = filling.gap
                x = self.x.copy()
                x[core.query[filling.items]] = core.llm[filling.items]
                return Population.new(X=x[None])
        return None

    def add(self, infills: Population) -> None:
        """Keep the plans of an iteration."""
        self.found = Population.merge(self.found, infills)

    @property
    def optimum(self) -> Population:
        """The best plan within the limit."""
        return filter_optimum(self.found, least_infeasible=True)

    @property
    def certificate(self) -> Certificate | None:
        """What is proved about the optimum; None before there is one."""
        return self.certify(float(self.optimum[0].F[0])) if len(self.found) else None

    def certify(self, f: float, /) -> Certificate:
        """State what is proved about a plan.

        Args:
            f: Objective value of the best plan within the limit.
        """
        relaxation, value = self.relaxation, self.problem.value(f)
        sign = 1.0 if relaxation.by_cost else -1.0
        cost, loss = self.problem.supported_front.F[relaxation.inside]
        start = -float(loss) if relaxation.by_cost else float(cost)
        bound = sign * relaxation.bound
        if self.least > 0.0:
            # the gap of the start is its slack; that of every plan is at least ``least``
            bound = min(bound, sign * start + (relaxation.slack - self.least) * relaxation.unit)
        # rounding must not put the bound on the wrong side
        bound = sign * max(bound, sign * value)
        return Certificate(value=value, bound=bound, unit=self.problem.unit)

    def _next_core(self) -> tuple[Core, float]:
        """Free the queries around the limit first, then all; with a gap below which no plan outside the core gets."""
        allocation, relaxation = self.problem.allocation, self.relaxation
        if self.n_rounds == 1:
            near = allocation.supported_front.queries_near(relaxation.inside, N_STEPS)
            return core_of(allocation, self.x, relaxation, *alternatives_of(allocation, self.x, near), self.gap), 0.0
        n_items = None if self.exact else N_ITEMS * self._growth()
        return whole_core(allocation, self.x, relaxation, self.gap, n_items)

    def _fill(self, core: Core) -> Filling:
        n_states = N_STATES * self._growth()
        tolerance = self.relaxation.tolerance
        given = core.first, core.used, core.loss, self.relaxation.slack, self.gap
        if self.exact and n_states > MAX_STATES:
            return fill_slack_with_highs(*given, tolerance=tolerance)
        return fill_slack(*given, tolerance=tolerance, max_states=n_states, max_nodes=min(64 * n_states, MAX_NODES))

    def _growth(self) -> int:
        """How many times the room of the first rounds the present one has."""
        return int(4 ** max(0, self.n_rounds - 2))
