"""Algorithms that only propose plans and keep the non-dominated ones."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import numpy as np
from pymoo.core.algorithm import Algorithm
from pymoo.core.population import Population
from pymoo.core.sampling import Sampling
from pymoo.core.termination import NoTermination
from scipy.stats.qmc import Halton

from optllm_pymoo.algorithms.front_walk import NonDominatedArchive
from optllm_pymoo.baselines._build import build, start_sampling
from optllm_pymoo.operators.categorical import CategoricalSampling
from optllm_pymoo.problems import AllocationProblem, require_allocation_problem
from optllm_pymoo.validation import UserError


class ProposingAlgorithm(Algorithm, abc.ABC):
    """Evaluate batches of plans that don't depend on earlier results; the answer is the best of all.

    Subclasses write `_propose`, which is called once per iteration, and `_is_exhausted` if there is an end.
    The population is the latest batch; the optimum holds all that is non-dominated among what was seen.

    Args:
        **kwargs: pymoo's own.

    Attributes:
        only_cost_and_accuracy: Whether it knows nothing else, so that problems with quotas, floors or latency are
            refused, as are those with objectives or constraints of a user's own.
    """

    only_cost_and_accuracy: ClassVar[bool] = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seen = NonDominatedArchive()

    def setup(self, problem: Any, **kwargs: Any) -> Algorithm:
        """Refuse other problems, then call pymoo's method.

        Raises:
            UserError: If it is no `AllocationProblem`; if it has quotas, floors or latency, and the algorithm knows
                nothing of them.
        """
        name = type(self).__name__
        # what a subclass of a user's adds is ignored only by those that know no more than cost and accuracy
        if self.only_cost_and_accuracy or not isinstance(problem, AllocationProblem):
            require_allocation_problem(problem, name)
        if self.only_cost_and_accuracy and problem.limits_bind:
            raise UserError(f"{name} doesn't know limits, so its plans needn't meet them; use OptLLM")
        if self.only_cost_and_accuracy and problem.third is not None:
            raise UserError(
                f"{name} trades accuracy for cost and knows no third objective; problem.supported_surface sweeps the"
                " weights of all three objectives"
            )
        return super().setup(problem, **kwargs)

    @abc.abstractmethod
    def _propose(self) -> np.ndarray:
        """Return the next (n, N) plans, n >= 1; called only while `_is_exhausted` is False."""

    def _is_exhausted(self) -> bool:
        """Tell whether all there is to propose has been proposed."""
        return False

    def _initialize_infill(self) -> Population | None:
        return self._infill()

    def _infill(self) -> Population | None:
        if self._is_exhausted():
            self.termination.terminate()
            return None
        return Population.new(X=self._propose())

    def _initialize_advance(self, infills: Population | None = None, **kwargs: Any) -> None:
        self._advance(infills, **kwargs)

    def _advance(self, infills: Population | None = None, **kwargs: Any) -> None:
        if infills is not None:
            self.pop = infills
            self.seen.add(infills)
        if self._is_exhausted():
            self.termination.terminate()

    def _set_optimum(self) -> None:
        self.opt = self.seen.individuals


def spread_order(n: int, /) -> np.ndarray:
    """Order n evenly spaced points: both ends, then along the van der Corput sequence of base 2.

    Each point goes into one of the widest gaps that are left, and successive ones go far apart, so a sweep that
    a budget or a clock ends early covers its whole range.

    Args:
        n: Number of points, at least 1.

    Returns:
        (n,) permutation of 0 ... n-1. O(n).

    References:
        van der Corput (1935), Proc. Akad. Amsterdam 38. Bit-reversed numbers are its base 2.

    Example:
        >>> spread_order(9).tolist()
        [0, 8, 4, 2, 6, 1, 5, 3, 7]
    """
    if n < 3:
        return np.arange(n)
    # half a point apart: every point is then the nearest to some number of the sequence
    n_numbers = 1 << (2 * (n - 1) - 1).bit_length()
    nearest = np.rint(Halton(1, scramble=False).random(n_numbers)[:, 0] * (n - 1)).astype(int)
    order = np.concatenate([[0, n - 1], nearest])
    _, first = np.unique(order, return_index=True)
    return np.asarray(order[np.sort(first)])


class RandomSearch(ProposingAlgorithm):
    """Draw a fresh batch of allocations per iteration and keep the non-dominated ones.

    Args:
        sampling: Draws the first batch.
        pop_size: Size of a batch.
        **kwargs: pymoo's own.
    """

    only_cost_and_accuracy = False

    def __init__(self, *, sampling: Sampling, pop_size: int = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sampling = sampling
        self.pop_size = pop_size

    def _propose(self) -> np.ndarray:
        sampling = CategoricalSampling() if self.is_initialized else self.sampling
        batch = sampling(self.problem, self.pop_size, random_state=self.random_state)
        return np.asarray(batch.get("X"))


def random_search(*, pop_size: int = 100, start: str = "cold", **options: Any) -> RandomSearch:
    """Build a search that draws every query's LLM at random, uniformly among those allowed.

    For many queries random plans look alike (each is a mean over N random choices), so they cover but a small
    part of the front.

    Args:
        pop_size: Plans per iteration.
        start: "cold", or "warm" with the cheapest and the most accurate plan in the first batch.
        **options: pymoo's own, for example ``termination`` or ``callback``, and ``sampling`` for the first
            batch.

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its front stalls.

    Raises:
        TypeError: If pymoo has no such option.
        UserError: If a choice is unknown.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(50, 4), random_search(pop_size=20), ("n_eval", 200), seed=1)
        >>> res.algorithm.evaluator.n_eval
        200
    """
    defaults = {"pop_size": pop_size, "sampling": start_sampling(start)}
    return build(RandomSearch, defaults, options, factory="random_search")


class SingleLLMs(ProposingAlgorithm):
    """Propose the single-LLM plans once, then end.

    After the run ``pop`` holds all of them by rising LLM number, and the optimum the non-dominated ones.
    """

    only_cost_and_accuracy = False

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        mask = problem.allowed
        self.candidates = np.arange(problem.n_llms) if mask is None else np.flatnonzero(mask.all(axis=0))
        if not len(self.candidates):
            raise UserError("no LLM is allowed for every query, so there is no single-LLM plan to evaluate")

        self.are_proposed = False

    def _is_exhausted(self) -> bool:
        return self.are_proposed

    def _propose(self) -> np.ndarray:
        self.are_proposed = True
        plans = np.repeat(self.candidates[:, None], self.problem.n_queries, axis=1)
        return plans.astype(self.problem.assignment_dtype)


def single_llms(**options: Any) -> SingleLLMs:
    """Build the evaluation of all plans that send the whole batch to one LLM. Ends by itself.

    LLMs that are not allowed for every query are left out. ``res.pop`` holds all plans by rising LLM number,
    ``res.X`` and ``res.F`` the non-dominated ones.

    Args:
        **options: pymoo's own, for example ``callback``.

    Returns:
        The algorithm, ready for `minimize`, which raises UserError if no LLM is allowed for every query.

    Raises:
        TypeError: If pymoo has no such option.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> minimize(make_problem(50, 4), single_llms()).pop.get("F").shape
        (4, 2)
    """
    return build(SingleLLMs, {}, options, factory="single_llms", termination=NoTermination)


class ExactFront(ProposingAlgorithm):
    """Propose points of ``problem.supported_front``; see `exact_front`.

    Args:
        n_points: Number of points, >= 1.
        batch_size: Plans evaluated per iteration, >= 1.
        **kwargs: pymoo's own.

    Raises:
        UserError: If a number is too small.
    """

    def __init__(self, *, n_points: int = 100, batch_size: int = 100, **kwargs: Any) -> None:
        for name, value in (("n_points", n_points), ("batch_size", batch_size)):
            if value < 1:
                raise UserError(f"{name} must be at least 1; got {value}")
        super().__init__(**kwargs)
        self.n_points = n_points
        self.batch_size = batch_size

    def _setup(self, problem: Any, **kwargs: Any) -> None:
        points = problem.supported_front.thin(self.n_points)
        self.points = points[spread_order(len(points))]
        self.n_proposed = 0

    def _is_exhausted(self) -> bool:
        return self.n_proposed >= len(self.points)

    def _propose(self) -> np.ndarray:
        batch = self.points[self.n_proposed : self.n_proposed + self.batch_size]
        self.n_proposed += len(batch)
        front = self.problem.supported_front
        plans = {int(k): front.assignment(int(k)) for k in np.sort(batch)}  # decoding is cheapest along the front
        return np.stack([plans[int(k)] for k in batch])


def exact_front(*, n_points: int = 100, batch_size: int = 100, **options: Any) -> ExactFront:
    """Build an algorithm that proposes the exact supported front, thinned evenly, its ends first.

    No search: what a search can be measured by, or saved by. Ends by itself.

    Args:
        n_points: At most so many points.
        batch_size: Plans evaluated per iteration.
        **options: pymoo's own, for example ``termination`` or ``callback``.

    Returns:
        The algorithm, ready for `minimize`.

    Raises:
        TypeError: If pymoo has no such option.
        UserError: If a number is too small.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> len(minimize(make_problem(500, 4), exact_front(n_points=10)).F)
        10
    """
    defaults = {"n_points": n_points, "batch_size": batch_size}
    return build(ExactFront, defaults, options, factory="exact_front", termination=NoTermination)
