"""Searches that call the objective themselves, as pymoo algorithms."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np
from pymoo.core.population import Population

from optllm_pymoo.baselines._proposing import ProposingAlgorithm
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError


class DrivenAlgorithm(ProposingAlgorithm, abc.ABC):
    """Run somebody else's search loop within pymoo's: what it wants evaluated becomes the next infill.

    Subclasses write `_search`. It runs in a thread of its own that works only while pymoo waits for plans. pymoo
    evaluates and counts them, so every termination, callback and evaluator works as usual; the answer is the best of
    all that was seen. When the run ends, in whatever way, ``evaluate`` raises `SearchEnded` in the search and the
    thread is gone before pymoo returns. An exception in the search is raised in pymoo's loop.

    A search sees values only, so problems with quotas, floors or latency are refused.

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
            random_state: The run's generator, the only source of chance.
        """

    def close(self) -> None:
        """End the search and its thread; the answer stays. Called when a run ends; harmless if it has."""
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
    """Raised out of ``evaluate`` when nobody will answer any more; a search lets it pass.

    Not an `Exception`, so that a search's handling of errors doesn't swallow it.
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
        """Run the search up to its first question; what goes wrong in it is raised here."""
        self._thread.start()
        self._wait()

    def answer(self, F: np.ndarray, /) -> None:
        """Hand over the values of the pending plans, and wait for the next question or the end.

        Args:
            F: (n, 2) values.

        Raises:
            Exception: Whatever the search raises.
        """
        self._answers.put(F)
        self._wait()

    def stop(self) -> None:
        """Unwind the search, if it hasn't ended, and wait until the thread is gone."""
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
