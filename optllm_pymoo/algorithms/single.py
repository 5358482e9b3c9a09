"""OptLLM with one objective and one bound: from the supported neighbours of the bound to the optimum."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN
from typing import NamedTuple

import numpy as np
from pymoo.core.population import Population
from pymoo.util.optimum import filter_optimum

from optllm_pymoo.kernels.filling import Filling, fill_slack, find_alternatives
from optllm_pymoo.limits import Certified
from optllm_pymoo.problems import SingleObjectiveProblem
from optllm_pymoo.solver import solve_multiple_choice
from optllm_pymoo.tolerances import OPTIMAL
from optllm_pymoo.validation import UserError, rounded

N_STEPS = 32
"""Steps on either side of the bound whose queries are freed first."""

N_STATES = 1 << 12
"""Number of states of the first dynamic programmes; each later one has four times as many."""

N_ITEMS = 1 << 14
"""Number of alternatives of the first whole core; each later one has four times as many."""

MAX_STATES = 1 << 18
"""Number of states beyond which HiGHS is used, with ``exact=True``."""

MAX_NODES = 1 << 23
"""Number of states stored in total by one dynamic programme, 16 bytes each."""


class Refinement:
    """Uses up the slack of the best supported plan within a budget or target, and certifies the result.

    `first` returns the two supported neighbours of the bound. Each call of `next` frees the queries whose upgrade steps
    have about the critical efficiency, and `fill_slack` finds the best use of the slack over all their LLMs, also those
    off the hulls. By its gap, only alternatives of *any* query with a smaller loss (reduced cost) can be part of a
    better plan. One pass over the tables finds this core (Balas and Zemel 1980; Pisinger 1995), which mostly has a few
    dozen alternatives, and the result on it is optimal unless the list of states got too long. Then each further call
    has four times the space.

    Args:
        problem: The batch and its limit.
        exact: Whether to run until the optimum is proved: on the whole core, and with HiGHS beyond `MAX_STATES`. Limits
            are ignored; an optimum that exceeds one is refused.

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
        """Whether the plan is proved optimal."""
        room = self.gap - max(self.least, self.relaxation.optimal_gap)
        return self.n_rounds > 0 and room <= 2 * self.relaxation.tolerance

    @property
    def is_refined(self) -> bool:
        """Whether a run without a user's termination is over."""
        return self.is_finished or (self.n_rounds > 2 and not self.exact)

    def progress(self) -> float:
        """Return the share of the rounds up to the first search of the whole core, 1.0 once the run may end."""
        return 1.0 if self.is_refined else 0.99 * min(1.0, self.n_rounds / 3)

    def first(self) -> Population:
        """Return the supported neighbours of the bound."""
        self.n_rounds = 1
        front, relaxation = self.problem.supported_front, self.relaxation
        ends = dict.fromkeys((relaxation.inside, relaxation.outside))
        return Population.new(X=np.stack([front.assignment(k) for k in ends]))

    def next(self, random_state: np.random.Generator, *, fill_only: bool) -> Population | None:
        """Return the next plan, better than all before, or None if there is none.

        Rounds without an improvement are skipped.

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
        self._check_limits()
        return None

    def add(self, infills: Population) -> None:
        """Keep the plans of an iteration."""
        self.found = Population.merge(self.found, infills)
        if self.is_finished:
            self._check_limits()

    def _check_limits(self) -> None:
        """Refuse an optimum that exceeds a limit: limits were ignored, so the best plan within them isn't known."""
        if self.problem.allocation.has_limits:
            F, excess = self.found.get("F")[:, 0], self.found.get("G")[:, 0]
            best = self.found[int(np.argmin(np.where(excess > 0, np.inf, F)))]
            exceeded = self.problem.allocation.exceeded_limits(best.X)
            if exceeded:
                raise UserError(
                    f"OptLLM(exact=True) can't prove an optimum within {' and '.join(exceeded)}, which the best plan"
                    " without the limits exceeds. Leave exact out: the certificate bounds how far the plan can be from"
                    " the optimum; or drop the limits"
                )

    @property
    def optimum(self) -> Population:
        """The best plan within the budget or target."""
        return filter_optimum(self.found, least_infeasible=True)

    @property
    def certificate(self) -> Certificate | None:
        """Certificate of the optimum; None before the first plan."""
        return self.certify(float(self.optimum[0].F[0])) if len(self.found) else None

    def certify(self, f: float, /) -> Certificate:
        """Certify a plan.

        Args:
            f: Objective value of the best plan within the budget or target.
        """
        relaxation, value = self.relaxation, self.problem.value(f)
        sign = 1.0 if relaxation.by_cost else -1.0
        cost, loss = self.problem.supported_front.F[relaxation.inside]
        start = -float(loss) if relaxation.by_cost else float(cost)
        bound = sign * relaxation.bound
        if self.least > 0.0:
            # the gap of the start is its slack; that of every plan is at least ``least``
            bound = min(bound, sign * start + (relaxation.slack - self.least) * relaxation.unit)
        # a rounded bound must stay on the safe side
        bound = sign * max(bound, sign * value)
        return Certificate(value=value, bound=bound, unit=self.problem.unit)

    def _next_core(self) -> tuple[Core, float]:
        """Free the queries around the bound first, then all; also bound the gap of plans outside the core."""
        allocation, relaxation = self.problem.allocation, self.relaxation
        if self.n_rounds == 1:
            near = allocation.supported_front.queries_near(relaxation.inside, N_STEPS)
            is_other = np.arange(allocation.n_llms) != self.x[near][:, None]
            if allocation.allowed is not None:
                is_other &= allocation.allowed[near]
            place, llm = np.nonzero(is_other)
            return self._core_of(near[place], llm), 0.0
        tables = allocation.cost, allocation.accuracy, allocation.allowed
        core = self._core_of(*find_alternatives(*tables, self.x, relaxation.rate, self.gap))
        n_items = len(core.query) if self.exact else N_ITEMS * self._growth()
        if len(core.query) <= n_items:
            return core, self.gap
        # every move of an omitted query loses at least as much as the first move of the first such query
        n_queries = int(np.searchsorted(core.first, n_items, side="right")) - 1
        end = int(core.first[n_queries])
        kept = Core(core.first[: n_queries + 1], *(part[:end] for part in core[1:]))
        return kept, float(core.loss[end])

    def _core_of(self, query: np.ndarray, llm: np.ndarray) -> Core:
        """Collect the moves of queries (K,), grouped, to LLMs (K,) that lose less than the gap, in O(K log K).

        Moves with a larger loss are in no better plan (Dembo and Hammer 1980).
        """
        allocation, relaxation = self.problem.allocation, self.relaxation
        paid, gained = (
            table[query, llm].astype(float) - table[query, self.x[query]]
            for table in (allocation.cost, allocation.accuracy)
        )
        loss = np.maximum(0.0, relaxation.rate * paid - gained)
        used = relaxation.rate * paid if relaxation.by_cost else -gained
        kept = loss < self.gap
        query, llm, used, loss = (part[kept] for part in (query, llm, used, loss))
        starts = np.flatnonzero(np.diff(query, prepend=-1))
        sizes = np.diff(starts, append=len(query))
        least = np.minimum.reduceat(loss, starts) if len(starts) else np.empty(0)
        order = np.lexsort((llm, loss, query, np.repeat(least, sizes)))
        query, llm, used, loss = (part[order] for part in (query, llm, used, loss))
        first = np.append(np.flatnonzero(np.diff(query, prepend=-1)), len(query)).astype(np.int64)
        return Core(first, query, llm, used, loss)

    def _fill(self, core: Core) -> Filling:
        n_states = N_STATES * self._growth()
        tolerance = self.relaxation.tolerance
        given = core.first, core.used, core.loss, self.relaxation.slack, self.gap
        if self.exact and n_states > MAX_STATES:
            return fill_slack_with_highs(*given, tolerance=tolerance)
        return fill_slack(*given, tolerance=tolerance, max_states=n_states, max_nodes=min(64 * n_states, MAX_NODES))

    def _growth(self) -> int:
        """Growth of the present round's space over that of the first rounds."""
        return int(4 ** max(0, self.n_rounds - 2))


class LimitedRefinement:
    """Makes one plan from the prices of the limits, in one iteration.

    With limits, the supported neighbours of the bound may be infeasible, so there is no core to refine. The plan is
    that of `best_within` or `cheapest_reaching`; its certificate is the LP bound for all limits together.

    Args:
        problem: The batch with limits, and its budget or target.
    """

    def __init__(self, problem: SingleObjectiveProblem, /) -> None:
        self.problem = problem
        self.found = Population()
        self._solved: Certified | None = None

    def first(self) -> Population:
        """Return the plan."""
        self._solved = self.problem.solve_priced()
        return Population.new(X=self._solved.x[None])

    def next(self, random_state: np.random.Generator, *, fill_only: bool) -> Population | None:
        """Return None: further iterations find no other plan.

        Args:
            random_state: Not used; nothing is drawn.
            fill_only: Not used.
        """
        return None

    def add(self, infills: Population) -> None:
        """Keep the plan."""
        self.found = Population.merge(self.found, infills)

    def progress(self) -> float:
        """Return 1.0 once there is a plan."""
        return float(len(self.found) > 0)

    @property
    def optimum(self) -> Population:
        """The plan."""
        return filter_optimum(self.found, least_infeasible=True)

    @property
    def certificate(self) -> Certificate | None:
        """Certificate of the plan, by the LP bound; None before there is a plan."""
        if self._solved is None or not len(self.found):
            return None
        value = self.problem.value(float(self.optimum[0].F[0]))
        # a rounded bound must stay on the safe side
        side = min if self.problem.unit == "US$" else max
        return Certificate(value=value, bound=side(value, self._solved.bound), unit=self.problem.unit)


@dataclass(frozen=True)
class Certificate:
    """Value of a plan, and a proved bound on all plans.

    Example:
        >>> print(Certificate(value=0.75, bound=0.7501, unit="mean accuracy"))
        mean accuracy 0.75, at most 0.7501 is possible: within 0.0001 of the optimum
        >>> print(Certificate(value=2.5, bound=2.5, unit="US$"))
        2.5 US$, proved optimal
    """

    value: float
    """Mean accuracy, or total US$, of the plan."""
    bound: float
    """No plan within the budget or target has a higher mean accuracy, or costs less US$: the LP bound, or a tighter
    bound that the search has proved."""
    unit: str
    """"mean accuracy" or "US$"."""

    @property
    def gap(self) -> float:
        """Largest possible improvement, in ``unit``."""
        return abs(self.bound - self.value)

    @property
    def is_optimal(self) -> bool:
        """Whether no plan is better by more than rounding (`OPTIMAL`)."""
        return self.gap <= OPTIMAL * (self.value if self.unit == "US$" else 1.0)

    def __str__(self) -> str:
        is_usd = self.unit == "US$"
        value = rounded(self.value, ROUND_HALF_EVEN, digits=10)
        amount, unit = (f"{value} US$", " US$") if is_usd else (f"{self.unit} {value}", "")
        if self.is_optimal:
            return f"{amount}, proved optimal"
        # rounded to the side on which it still holds
        bound = rounded(self.bound, ROUND_FLOOR if is_usd else ROUND_CEILING, digits=10)
        possible = f"at least {bound} US$ is needed" if is_usd else f"at most {bound} is possible"
        return f"{amount}, {possible}: within {rounded(self.gap, ROUND_CEILING, digits=3)}{unit} of the optimum"


class Core(NamedTuple):
    """Alternatives to a supported plan, grouped by query; queries are sorted by their least loss."""

    first: np.ndarray
    """(C + 1,) int64; the alternatives of the c-th query are ``first[c] ... first[c + 1] - 1``."""
    query: np.ndarray
    """(K,) query."""
    llm: np.ndarray
    """(K,) LLM that the query could move to."""
    used: np.ndarray
    """(K,) slack that the move uses, accuracy of one query; negative if it gives some back."""
    loss: np.ndarray
    """(K,) loss of the move against the query's maximum of accuracy - λ cost, >= 0; rising within a query."""


def fill_slack_with_highs(
    first: np.ndarray, used: np.ndarray, loss: np.ndarray, slack: float, gap: float, /, *, tolerance: float
) -> Filling:
    """Solve the problem of `fill_slack` with HiGHS, for cores whose list of undominated states gets too long.

    HiGHS has its own tolerances: a row may be violated by about 1e-6, and it stops when the best solution is within
    1e-6 of its bound. So the unit is a thousandth of the gap, of which 1e-6 is negligible. A solution that uses more
    than the slack, however little, is no plan: exactly this choice of items is cut off, and HiGHS runs again. Its
    tolerances only admit too many solutions, so its proofs hold.

    Args:
        first: As for `fill_slack`.
        used: As for `fill_slack`.
        loss: As for `fill_slack`.
        slack: As for `fill_slack`.
        gap: Gap of the known plan, finite and > 0; only choices with a smaller gap are searched for.
        tolerance: Gaps that differ by less are equal.

    Returns:
        See `Filling`.

    Raises:
        RuntimeError: If HiGHS fails; the message is its own.
    """
    query = np.repeat(np.arange(len(first) - 1), np.diff(first))
    scale = gap / 1000
    rows, limits = used[None] / scale, np.array([slack / scale])
    while True:
        solved = solve_multiple_choice((loss - used) / scale, query, rows, limits)
        if solved.x is None:
            return Filling(gap, np.empty(0, dtype=np.int64), False, gap)
        items = np.flatnonzero(solved.x > 0.5)
        left = slack - float(used[items].sum())
        found = left + float(loss[items].sum())
        if slack + scale * solved.value >= gap - tolerance:
            return Filling(gap, np.empty(0, dtype=np.int64), False, gap)
        if left >= 0.0:
            return Filling(found, items, True, found)
        cut = np.full((1, len(used)), -1.0)
        cut[0, items] = 1.0
        rows, limits = np.concatenate([rows, cut]), np.append(limits, len(items) - 1.0)
