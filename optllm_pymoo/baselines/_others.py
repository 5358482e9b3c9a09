"""Search loops of other packages, as extras: adaptive large neighbourhood search of alns, algorithms of pygmo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pymoo.core.termination import NoTermination
from pymoo.termination.max_eval import MaximumFunctionCallTermination

from optllm_pymoo.baselines._build import STARTS, build, check_choice
from optllm_pymoo.baselines._proposing import DrivenAlgorithm, Evaluate, spread_order
from optllm_pymoo.baselines._sweeps import exchange_rates
from optllm_pymoo.operators import (
    AccuracyDestruction,
    CostDestruction,
    Destruction,
    ExchangeReconstruction,
    Gap,
    RandomDestruction,
)
from optllm_pymoo.operators.categorical import allowed_lists
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError, import_extra

DESTRUCTIONS: tuple[Callable[[], Destruction], ...] = (AccuracyDestruction, CostDestruction, RandomDestruction)
N_GRID = 50
"""Number of gaps of the grid, as published; a destruction covers at most one gap."""
SCORES = [25, 5, 1, 0]
DECAY = 0.8
THRESHOLD = 0.02
"""Scores of the roulette wheel, its decay and the first threshold of acceptance, as in the documentation of alns."""


@dataclass(frozen=True)
class Candidate:
    """A state of the search: a plan, destroyed (not evaluated) or reconstructed."""

    plan: np.ndarray
    loss: float = np.nan

    def objective(self) -> float:
        """Return the value that alns minimises."""
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
            raise UserError(f"n_weights must be at least 2, the two extremes of the sweep; got {n_weights}")
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

    The package alns chooses among `AccuracyDestruction`, `CostDestruction` (each by a random part of a gap) and
    `RandomDestruction` by a roulette wheel, and accepts by record-to-record travel; `ExchangeReconstruction` repairs.
    The λ are those of `lambda_sweep`, in the same order; each search starts from the best plan seen so far. Every plan
    is evaluated and may be part of the result. Ends by itself after ``n_weights * n_iterations`` plans. The search runs
    in a thread; see `DrivenAlgorithm` for the restrictions.

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


OBJECTIVES = ("normalised", "raw")
GENERATIONS = 100
"""Number of populations of the published comparison, and of a run without a termination."""
ENDLESS = 1 << 30
"""Number of generations passed to pygmo: more than any run needs; pymoo ends it."""
MIN_POP_SIZE = 5


class PygmoSearch(DrivenAlgorithm):
    """One of pygmo's multi-objective algorithms on a batch, see `pygmo_nspso`.

    Args:
        name: Class of the algorithm in pygmo.
        parameters: Its arguments; neighbourhoods are limited to the size of the population.
        pop_size: Size of the population.
        start: "cold" or "warm".
        objectives: "normalised" or "raw".
        **kwargs: pymoo's own.

    Raises:
        ImportError: If pygmo is missing.
        UserError: If a choice is unknown, or the population too small.
    """

    def __init__(
        self,
        *,
        name: str,
        parameters: dict[str, Any],
        pop_size: int = 100,
        start: str = "cold",
        objectives: str = "normalised",
        **kwargs: Any,
    ) -> None:
        check_choice("start", start, STARTS)
        check_choice("objectives", objectives, OBJECTIVES)
        if pop_size < MIN_POP_SIZE:
            raise UserError(f"pop_size must be at least {MIN_POP_SIZE}; got {pop_size}")
        _pygmo(name)
        super().__init__(**kwargs)
        self.name, self.parameters = name, parameters
        self.pop_size, self.start, self.objectives = pop_size, start, objectives

    def _search(self, evaluate: Evaluate, random_state: np.random.Generator) -> None:
        pygmo = _pygmo(self.name)
        plans = RealPlans(self.problem)
        batch = ContinuousBatch(plans, evaluate, is_normalised=self.objectives == "normalised")
        seeds = random_state.integers(0, 1 << 31, size=2).tolist()
        population = pygmo.population(pygmo.problem(batch), 0, seed=seeds[0])
        first = plans.draw(self.pop_size, random_state, with_extremes=self.start == "warm")
        for x, f in zip(first, batch.evaluate(first), strict=True):
            population.push_back(x, f)
        parameters = dict(self.parameters)
        if "neighbours" in parameters:
            parameters["neighbours"] = min(parameters["neighbours"], self.pop_size - 1)
        search = getattr(pygmo, self.name)(gen=ENDLESS, seed=seeds[1], **parameters)
        if hasattr(search, "set_bfe"):
            search.set_bfe(pygmo.bfe(batch))
        pygmo.algorithm(search).evolve(population)


def _pygmo(name: str) -> Any:
    return import_extra("pygmo", extra="pygmo", purpose=f"pygmo's {name}")


def _build(
    factory: str, parameters: dict[str, Any], pop_size: int, start: str, objectives: str, options: dict[str, Any]
) -> PygmoSearch:
    defaults = {
        "name": factory.removeprefix("pygmo_"),
        "parameters": parameters,
        "pop_size": pop_size,
        "start": start,
        "objectives": objectives,
    }

    def generations() -> MaximumFunctionCallTermination:
        return MaximumFunctionCallTermination(GENERATIONS * pop_size)

    return build(PygmoSearch, defaults, options, factory=factory, fixed=("name",), termination=generations)


def pygmo_nspso(
    *, pop_size: int = 100, start: str = "cold", objectives: str = "normalised", **options: Any
) -> PygmoSearch:
    """Build pygmo's non-dominated sorting particle swarm with the published parameters.

    Each query is a variable from -0.5 to M - 0.5 and goes to the nearest LLM; with a mask its range is
    divided evenly among the LLMs allowed. The algorithm runs in a thread; see `DrivenAlgorithm` for the restrictions.
    The result is the best of all evaluated plans, not the last population.

    Args:
        pop_size: Size of the population.
        start: "cold", or "warm" with the cheapest and the most accurate plan in the first population.
        objectives: "normalised" by the two extremes, for algorithms that add or compare objectives, or "raw"
            US$ and accuracies.
        **options: pymoo's own, for example ``termination`` or ``callback``, and ``parameters``: a dict of pygmo's
            arguments that replaces the published ones (ω .7887, c1 .7497, c2 .1537, velocity .9518).

    Returns:
        The algorithm, ready for `minimize`. Without a termination it evaluates 100 populations.

    Raises:
        ImportError: If pygmo is missing; the message has the command that installs it.
        TypeError: If there is no such option.
        UserError: If a choice is unknown, or there are fewer than five in a population; in ``minimize``, if the problem
            has limits.

    References:
        Biscani, Izzo (2020), pagmo, JOSS 5(53). Li (2003), NSPSO, GECCO. Parameters: Liu et al. (2024),
        arXiv 2405.15130.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(50, 4), pygmo_nspso(pop_size=20), ("n_eval", 200), seed=1)
        >>> res.algorithm.evaluator.n_eval, res.X.dtype
        (200, dtype('int8'))
    """
    parameters = {"omega": 0.7887, "c1": 0.7497, "c2": 0.1537, "v_coeff": 0.9518}
    return _build("pygmo_nspso", parameters, pop_size, start, objectives, options)


def pygmo_moead(
    *, pop_size: int = 100, start: str = "cold", objectives: str = "normalised", **options: Any
) -> PygmoSearch:
    """Build pygmo's MOEA/D with the published parameters: grid weights, boundary intersection, 10 neighbours.

    It evaluates one plan at a time, so an iteration of pymoo's is one plan. Everything else is as in `pygmo_nspso`.

    Args:
        pop_size: Number of weights.
        start: "cold" or "warm".
        objectives: "normalised" or "raw".
        **options: As of `pygmo_nspso`.

    References:
        Li, Zhang (2009), MOEA/D-DE, IEEE Transactions on Evolutionary Computation 13(2).

    Example:
        >>> pygmo_moead().parameters["neighbours"]
        10
    """
    parameters = {"weight_generation": "grid", "decomposition": "bi", "neighbours": 10}
    return _build("pygmo_moead", parameters, pop_size, start, objectives, options)


def pygmo_moead_gen(
    *, pop_size: int = 100, start: str = "cold", objectives: str = "normalised", **options: Any
) -> PygmoSearch:
    """Build pygmo's generational MOEA/D with the published parameters: random weights, Tchebycheff, 24 neighbours.

    It evaluates whole generations. Everything else is as in `pygmo_nspso`.

    Args:
        pop_size: Number of weights.
        start: "cold" or "warm".
        objectives: "normalised" or "raw".
        **options: As of `pygmo_nspso`.

    Example:
        >>> pygmo_moead_gen().parameters["decomposition"]
        'tchebycheff'
    """
    parameters = {"weight_generation": "random", "decomposition": "tchebycheff", "neighbours": 24}
    return _build("pygmo_moead_gen", parameters, pop_size, start, objectives, options)


class RealPlans:
    """Real numbers for LLMs: each query's range [-0.5, M - 0.5] is cut into equal parts, one per allowed LLM.

    Without a mask that is rounding to the nearest LLM number. All LLMs are equally likely in a uniform draw.

    Args:
        problem: The batch.
    """

    def __init__(self, problem: AllocationProblem, /) -> None:
        self.problem = problem
        allowed = problem.allowed
        if allowed is None:
            allowed = np.ones((1, problem.n_llms), dtype=bool)
        counts, lists = allowed_lists(allowed)
        self._counts = np.broadcast_to(counts, problem.n_queries)
        self._lists = np.broadcast_to(lists, (problem.n_queries, problem.n_llms))

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """(N,) lower and (N,) upper bounds."""
        n_queries, n_llms = self.problem.n_queries, self.problem.n_llms
        return np.full(n_queries, -0.5), np.full(n_queries, n_llms - 0.5)

    def decode(self, x: np.ndarray, /) -> np.ndarray:
        """Turn (n, N) numbers within the bounds into (n, N) allowed plans."""
        parts = np.floor((x + 0.5) * self._counts / self.problem.n_llms).astype(int)
        places = np.clip(parts, 0, self._counts - 1)
        plans = self._lists[np.arange(self.problem.n_queries), places]
        return np.asarray(plans.astype(self.problem.assignment_dtype))

    def encode(self, plans: np.ndarray, /) -> np.ndarray:
        """Turn (n, N) allowed plans into the midpoints of their parts, (n, N)."""
        places = np.argmax(self._lists == plans[..., None], axis=-1)
        return np.asarray((places + 0.5) / self._counts * self.problem.n_llms - 0.5)

    def draw(self, n: int, random_state: np.random.Generator, /, *, with_extremes: bool) -> np.ndarray:
        """Draw (n, N) numbers uniformly, the first two replaced by the extreme plans if asked for."""
        x = random_state.uniform(-0.5, self.problem.n_llms - 0.5, (n, self.problem.n_queries))
        if with_extremes:
            x[:2] = self.encode(self.problem.extremes())
        return x


class ContinuousBatch:
    """A problem and a batch evaluator for pygmo, which pass evaluations to pymoo.

    pygmo copies problems; here a copy is the object itself.

    Args:
        plans: Turns numbers into plans.
        evaluate: Scores plans.
        is_normalised: Subtract the ideal point of the exact front, and divide by the distance to its nadir.
    """

    def __init__(self, plans: RealPlans, evaluate: Evaluate, /, *, is_normalised: bool) -> None:
        self.plans = plans
        self._evaluate = evaluate
        self._ideal, self._range = np.zeros(2), np.ones(2)
        if is_normalised:
            F = plans.problem.supported_front.F
            ranges = F.max(axis=0) - F.min(axis=0)
            self._ideal, self._range = F.min(axis=0), np.where(ranges > 0.0, ranges, 1.0)

    def evaluate(self, x: np.ndarray, /) -> np.ndarray:
        """Score (n, N) numbers; returns (n, 2)."""
        return np.asarray((self._evaluate(self.plans.decode(x)) - self._ideal) / self._range)

    def fitness(self, x: np.ndarray) -> np.ndarray:
        """Score (N,) numbers, in the form of pygmo's problems; returns (2,)."""
        return np.asarray(self.evaluate(x[None])[0])

    def __call__(self, problem: object, x: np.ndarray) -> np.ndarray:
        """Score (n * N,) numbers, in the form of pygmo's batch evaluators; returns (n * 2,)."""
        return self.evaluate(x.reshape(-1, self.plans.problem.n_queries)).ravel()

    def get_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) lower and (N,) upper bounds."""
        return self.plans.bounds

    def get_nobj(self) -> int:
        """Return 2."""
        return 2

    def __deepcopy__(self, memo: dict[int, object]) -> ContinuousBatch:
        return self
