"""Algorithms that only propose plans and keep the non-dominated ones, also those of a search with its own loop."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
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

    Subclasses write `_propose`, which is called once per iteration, and `_is_exhausted` if there is an end. The
    population is the latest batch; the optimum holds all non-dominated plans found so far.

    Args:
        **kwargs: pymoo's own.

    Attributes:
        only_cost_and_accuracy: Whether it uses nothing else; then problems with limits, a third objective, or
            additional objectives or constraints are refused.
    """

    only_cost_and_accuracy: ClassVar[bool] = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seen = NonDominatedArchive()

    def setup(self, problem: Any, **kwargs: Any) -> Algorithm:
        """Refuse other problems, then call pymoo's method.

        Raises:
            UserError: If it is no `AllocationProblem`; if it has limits or a third objective that the algorithm doesn't
                support.
        """
        name = type(self).__name__
        # only algorithms restricted to cost and accuracy would ignore a subclass's additions
        if self.only_cost_and_accuracy or not isinstance(problem, AllocationProblem):
            require_allocation_problem(problem, name)
        if self.only_cost_and_accuracy and problem.limits_bind:
            raise UserError(f"{name} doesn't support limits, so its plans may exceed them; use OptLLM")
        if self.only_cost_and_accuracy and problem.third is not None:
            raise UserError(
                f"{name} supports cost and accuracy, but no third objective; problem.supported_surface sweeps the"
                " weights of all three objectives"
            )
        return super().setup(problem, **kwargs)

    @abc.abstractmethod
    def _propose(self) -> np.ndarray:
        """Return the next (n, N) plans, n >= 1; called only while `_is_exhausted` is False."""

    def _is_exhausted(self) -> bool:
        """Return whether all plans have been proposed."""
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
    """Order n evenly spaced points: first and last, then along the van der Corput sequence of base 2.

    Each point splits one of the widest remaining gaps, and successive points are far apart, so a sweep that is stopped
    early covers its whole range.

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

    For many queries random plans are alike (each is a mean over N random choices), so they cover only a small part of
    the front.

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
    """Build an algorithm that proposes the exact supported front, thinned evenly, its extremes first.

    It doesn't search: it is a reference for searches, or replaces them. Ends by itself.

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


class DrivenAlgorithm(ProposingAlgorithm, abc.ABC):
    """Run a search with its own loop inside pymoo's: each plan that it evaluates becomes the next infill.

    Subclasses write `_search`. It runs in its own thread, which works only while pymoo waits for plans. pymoo evaluates
    and counts them, so every termination, callback and evaluator works as usual; the result is the best of all
    evaluated plans. When the run ends, also by an error, ``evaluate`` raises `SearchEnded` in the search, and the
    thread ends before pymoo returns. An exception in the search is raised in pymoo's loop.

    A search gets values of two objectives only, so problems with limits or a third objective are refused.

    A run that is stepped by hand and left unfinished keeps its thread until `close`. While the thread is there the
    algorithm can't be copied or pickled: ``save_history`` is not possible.

    Args:
        **kwargs: pymoo's own.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._thread: SearchThread | None = None
        self._has_ended = False

    @abc.abstractmethod
    def _search(self, evaluate: Evaluate, random_state: np.random.Generator) -> None:
        """Search; return when done.

        Args:
            evaluate: Takes (n, N) allowed plans, n >= 1, and returns their (n, 2) values.
            random_state: The run's generator, the only source of randomness.
        """

    def close(self) -> None:
        """End the search and its thread; the result is kept. Called when a run ends; a second call has no effect."""
        self._has_ended = True
        if self._thread is not None:
            thread, self._thread = self._thread, None
            thread.stop()

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        self.close()
        self._has_ended = False

    def _is_exhausted(self) -> bool:
        return self._has_ended

    def _infill(self) -> Population | None:
        if self._thread is None and not self._has_ended:
            self._thread = SearchThread(partial(self._search, random_state=self.random_state))
            self._thread.start()
            self._close_if_done()
        return super()._infill()

    def _propose(self) -> np.ndarray:
        assert self._thread is not None
        assert self._thread.pending is not None
        return np.asarray(self.problem.as_allocations(self._thread.pending))

    def _advance(self, infills: Population | None = None, **kwargs: Any) -> None:
        # what was seen comes first: the search may look at it
        super()._advance(infills, **kwargs)
        if infills is not None and self._thread is not None:
            self._thread.answer(np.array(infills.get("F")))
            self._close_if_done()
            if self._is_exhausted():
                self.termination.terminate()

    def _close_if_done(self) -> None:
        if self._thread is not None and self._thread.pending is None:
            self.close()

    def _finalize(self) -> Any:
        self.close()
        return super()._finalize()

    def infill(self) -> Population | None:
        """Call pymoo's method; if it raises, the thread is ended first."""
        with self._closing():
            return super().infill()

    def advance(self, infills: Population | None = None, **kwargs: Any) -> Any:
        """Call pymoo's method; if it raises, the thread is ended first."""
        with self._closing():
            return super().advance(infills, **kwargs)

    def next(self) -> None:
        """Call pymoo's method; if it raises, the thread is ended first."""
        with self._closing():
            super().next()

    @contextmanager
    def _closing(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def __getstate__(self) -> dict[str, Any]:
        if self._thread is not None:
            raise UserError(
                f"{type(self).__name__} can't be copied or pickled in the middle of a run: its search waits in a"
                " thread. Leave save_history=True out, or pickle it before or after the run"
            )
        return self.__dict__


Evaluate = Callable[[np.ndarray], np.ndarray]
"""Takes (n, N) plans, returns their (n, 2) objective values: total US$, negated mean accuracy."""


class SearchEnded(BaseException):
    """Raised by ``evaluate`` when the run has ended; a search must not catch it.

    Not an `Exception`, so the error handling of a search doesn't catch it.
    """


class SearchThread:
    """Runs a search in a thread that works only while its owner waits, so the two never run at the same time.

    Args:
        search: Called once, in the thread, with the ``evaluate`` it is to use.
    """

    def __init__(self, search: Callable[[Evaluate], None], /) -> None:
        self.pending: np.ndarray | None = None
        """Plans that the search is waiting for to be evaluated; None once it has ended."""
        self._search = search
        self._questions: SimpleQueue[np.ndarray | BaseException | None] = SimpleQueue()
        self._answers: SimpleQueue[np.ndarray | None] = SimpleQueue()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="driven search", daemon=True)

    def start(self) -> None:
        """Run the search up to its first evaluation; its exceptions are raised here."""
        self._thread.start()
        self._wait()

    def answer(self, F: np.ndarray, /) -> None:
        """Return values of the pending plans to the search, and wait for its next evaluation or its end.

        Args:
            F: (n, 2) values.

        Raises:
            Exception: Whatever the search raises.
        """
        self._answers.put(F)
        self._wait()

    def stop(self) -> None:
        """End the search, if it hasn't ended, and wait until the thread has ended."""
        self._is_stopped = True
        self.pending = None
        if self._thread.ident is not None:
            self._answers.put(None)
            self._thread.join()

    def _wait(self) -> None:
        question = self._questions.get()
        self.pending = None
        if isinstance(question, np.ndarray):
            self.pending = question
            return
        self._thread.join()
        if question is not None:
            raise question

    def _run(self) -> None:
        try:
            self._search(self._evaluate)
        except SearchEnded:
            self._questions.put(None)
        except BaseException as error:
            self._questions.put(error)
        else:
            self._questions.put(None)

    def _evaluate(self, X: np.ndarray) -> np.ndarray:
        if self._is_stopped:
            raise SearchEnded
        self._questions.put(X)
        F = self._answers.get()
        if F is None:
            raise SearchEnded
        return F
