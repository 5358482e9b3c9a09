"""A search that calls its objective itself, turned inside out: a thread that asks and is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

import numpy as np

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
