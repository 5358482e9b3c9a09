"""Algorithms of pygmo on continuous variables that stand for LLMs."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.termination.max_eval import MaximumFunctionCallTermination

from optllm_pymoo.baselines._build import STARTS, build, check_choice
from optllm_pymoo.baselines._driven import DrivenAlgorithm, Evaluate
from optllm_pymoo.operators.categorical import allowed_lists
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError, import_extra

OBJECTIVES = ("normalised", "raw")
GENERATIONS = 100
"""Of the published comparison, and of a run without a termination."""
ENDLESS = 1 << 30
"""Generations asked of pygmo: more than any run has; pymoo ends it."""
MIN_POP_SIZE = 5


class PygmoSearch(DrivenAlgorithm):
    """One of pygmo's multi-objective algorithms on a batch, see `pygmo_nspso`.

    Args:
        name: Class of the algorithm in pygmo.
        parameters: Its arguments; neighbourhoods are cut to what the population has.
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
    divided evenly among the LLMs allowed. The algorithm runs in a thread; see `DrivenAlgorithm` on what that
    rules out. The answer is the best of all plans that it tried, not its last population.

    Args:
        pop_size: Size of the population.
        start: "cold", or "warm" with the cheapest and the most accurate plan in the first population.
        objectives: "normalised" by the two extremes, which suits algorithms that add or compare objectives, or "raw"
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
        """Turn (n, N) allowed plans into the middles of their parts, (n, N)."""
        places = np.argmax(self._lists == plans[..., None], axis=-1)
        return np.asarray((places + 0.5) / self._counts * self.problem.n_llms - 0.5)

    def draw(self, n: int, random_state: np.random.Generator, /, *, with_extremes: bool) -> np.ndarray:
        """Draw (n, N) numbers uniformly, the first two replaced by the extreme plans if asked for."""
        x = random_state.uniform(-0.5, self.problem.n_llms - 0.5, (n, self.problem.n_queries))
        if with_extremes:
            x[:2] = self.encode(self.problem.extremes())
        return x


class ContinuousBatch:
    """A problem and a batch evaluator in pygmo's sense, which asks for evaluations elsewhere.

    pygmo copies problems at will; here a copy is the thing itself.

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
        """Score (N,) numbers, as pygmo asks a problem to; returns (2,)."""
        return np.asarray(self.evaluate(x[None])[0])

    def __call__(self, problem: object, x: np.ndarray) -> np.ndarray:
        """Score (n * N,) numbers, as pygmo asks a batch evaluator to; returns (n * 2,)."""
        return self.evaluate(x.reshape(-1, self.plans.problem.n_queries)).ravel()

    def get_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) lower and (N,) upper bounds."""
        return self.plans.bounds

    def get_nobj(self) -> int:
        """Return 2."""
        return 2

    def __deepcopy__(self, memo: dict[int, object]) -> ContinuousBatch:
        return self
