"""What `OptLLM` asks of a search: the part of a run that depends on the kind of problem."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from pymoo.core.population import Population

from optllm_pymoo.algorithms.single_objective import Certificate


class Search(Protocol):
    """State of one run, from its first plans on.

    `OptLLM` asks for plans, has them evaluated and hands them back, all of them and in the same order, before it asks
    again. A search is owned by its run and is copied and pickled with it, so it holds no random generator of its own.
    """

    def first(self) -> Population:
        """Return the plans of the first iteration."""

    def next(self, random_state: np.random.Generator, *, fill_only: bool) -> Population | None:
        """Return the plans of a further iteration, or None when there is nothing left to do.

        Args:
            random_state: Source of randomness, the run's own.
            fill_only: End when `progress` is 1.0, instead of when nothing can be improved.
        """

    def add(self, infills: Population) -> None:
        """Take note of what the plans of an iteration are worth."""

    def progress(self) -> float:
        """Return how much of a run without a termination of the user's is done, 1.0 once it may end."""

    @property
    def found(self) -> Population:
        """The individuals that the search keeps."""

    @property
    def optimum(self) -> Population:
        """The best of them: what is non-dominated, or the best plan within the limit."""

    @property
    def certificate(self) -> Certificate | None:
        """What is proved about the optimum; None before there is one, or with several objectives."""
