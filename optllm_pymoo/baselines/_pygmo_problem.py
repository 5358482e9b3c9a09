"""An allocation problem as pygmo wants it: boxes of real numbers, and objectives of comparable size."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.baselines._search_thread import Evaluate
from optllm_pymoo.operators._categories import allowed_lists
from optllm_pymoo.problems import AllocationProblem


class Relaxation:
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
        relaxation: Turns numbers into plans.
        evaluate: Scores plans.
        is_normalised: Subtract the ideal point of the exact front, and divide by the distance to its nadir.
    """

    def __init__(self, relaxation: Relaxation, evaluate: Evaluate, /, *, is_normalised: bool) -> None:
        self.relaxation = relaxation
        self._evaluate = evaluate
        self._ideal, self._range = np.zeros(2), np.ones(2)
        if is_normalised:
            F = relaxation.problem.supported_front.F
            ranges = F.max(axis=0) - F.min(axis=0)
            self._ideal, self._range = F.min(axis=0), np.where(ranges > 0.0, ranges, 1.0)

    def evaluate(self, x: np.ndarray, /) -> np.ndarray:
        """Score (n, N) numbers; returns (n, 2)."""
        return np.asarray((self._evaluate(self.relaxation.decode(x)) - self._ideal) / self._range)

    def fitness(self, x: np.ndarray) -> np.ndarray:
        """Score (N,) numbers, as pygmo asks a problem to; returns (2,)."""
        return np.asarray(self.evaluate(x[None])[0])

    def __call__(self, problem: object, x: np.ndarray) -> np.ndarray:
        """Score (n * N,) numbers, as pygmo asks a batch evaluator to; returns (n * 2,)."""
        return self.evaluate(x.reshape(-1, self.relaxation.problem.n_queries)).ravel()

    def get_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) lower and (N,) upper bounds."""
        return self.relaxation.bounds

    def get_nobj(self) -> int:
        """Return 2."""
        return 2

    def __deepcopy__(self, memo: dict[int, object]) -> ContinuousBatch:
        return self
