"""OptLLM on cost and accuracy: two walks along the front, then the widest gaps that they left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pymoo.core.population import Population

from optllm_pymoo.algorithms.archive import NonDominatedArchive
from optllm_pymoo.algorithms.gaps import GapSplitting
from optllm_pymoo.algorithms.walk import Walk
from optllm_pymoo.operators.destruction import Destruction, Gap
from optllm_pymoo.operators.reconstruction import Reconstruction
from optllm_pymoo.problems import AllocationProblem

N_SPLITS = 8
"""Gaps that one iteration splits at once."""


@dataclass(frozen=True)
class FrontOperators:
    """What moves plans in a `FrontSearch`."""

    destruction_up: Destruction
    """Of the walk from the cheapest plan."""
    destruction_down: Destruction
    """Of the walk from the most accurate plan."""
    reconstruction_up: Reconstruction
    """Of the walk from the cheapest plan."""
    reconstruction: Reconstruction
    """Of the other walk and of gaps."""
    split: Destruction
    """Of gaps."""
    second_try: Reconstruction | None = None
    """Of gaps that could not be split at first, from their lower end halfway toward the upper; None to try again."""


class FrontSearch:
    """State of a search over two objectives.

    The first plans are the two extremes. From each a walk goes toward the other, some rounds of both per iteration.
    Then the widest gaps between neighbours are split by ruin and recreate. The pool keeps all that is non-dominated.
    With robust accuracies there is a second archive, of the plans that the scored table led to: the others needn't lie
    on its front, and would hide what lies between them.

    Args:
        problem: The batch, without latency.
        operators: What moves plans.
        n_grid: Gaps of the grid, as in `OptLLM`.
        n_rounds: Rounds of each walk that one iteration evaluates together.
    """

    certificate = None

    def __init__(self, problem: AllocationProblem, operators: FrontOperators, n_grid: int, n_rounds: int) -> None:
        self.problem, self.operators = problem, operators
        self.n_grid, self.n_rounds = n_grid, n_rounds
        self.pool = NonDominatedArchive()
        self.walks: list[Walk] = []
        self.splittable: list[tuple[NonDominatedArchive, GapSplitting]] = []

    @property
    def found(self) -> Population:
        """The non-dominated individuals, by rising cost."""
        return self.pool.individuals

    @property
    def optimum(self) -> Population:
        """All that is found."""
        return self.pool.individuals

    def first(self) -> Population:
        """Return the two ends of the walks, and with robust accuracies the most accurate plan on the scored table.

        Where limits bind, some of the exact front's plans that meet them come along, as many as the grid has gaps.
        """
        problem = self.problem
        ends = [problem.extremes()[0], problem.robust_problem.extremes()[1]]
        if problem.robust_accuracy is not None:
            ends.append(problem.extremes()[1])
        scored = [True, problem.robust_accuracy is None, True][: len(ends)]
        if problem.limits_bind and len(exact := problem.exact_points):
            few = np.unique(np.linspace(0, len(exact) - 1, self.n_grid).astype(int))
            ends += [problem.supported_front.assignment(k) for k in exact[few].tolist()]
        return Population.new(X=np.stack(ends), scored=scored + [True] * (len(ends) - len(scored)))

    def next(self, random_state: np.random.Generator, *, fill_only: bool) -> Population | None:
        """Walk on, or split gaps once both walks are over.

        Args:
            random_state: Source of randomness, handed on to the operators.
            fill_only: Split only while gaps are wider than the grid asks for.
        """
        plans, scored = self._walk(random_state)
        if not plans and not (fill_only and self.progress() >= 1.0):
            plans = self._split_gaps(random_state)
            scored = [True] * len(plans)
        return Population.new(X=np.stack(plans), scored=scored) if plans else None

    def add(self, infills: Population) -> None:
        """Put plans into the pool, and those that the scored table led to into the archive of their own, if any."""
        if not self.walks:
            self._begin(*infills.get("F", "X"))
        self.pool.add(infills)
        for archive, _ in self.splittable[1:]:
            archive.add(infills[infills.get("scored").astype(bool)])
        for archive, splitting in self.splittable:
            splitting.settle(archive.F)

    def progress(self) -> float:
        """Return the share of the walks' rounds that are done, 1.0 when also no gap is wider than the grid asks for."""
        n_rounds = max(1, 2 * (self.n_grid - 1))
        rounds_left = sum(walk.rounds_left for walk in self.walks)
        archive, splitting = self.splittable[0]
        if rounds_left == 0 and splitting.is_filled(archive.F):
            return 1.0
        return 0.99 * (1.0 - rounds_left / n_rounds)

    def _begin(self, F: np.ndarray, X: np.ndarray) -> None:
        """Cut the ranges between the two ends into gaps, and put a walk at each end."""
        problem, operators, n_rounds = self.problem, self.operators, self.n_grid - 1
        self.gap = Gap.between(F[0], F[1], problem.n_queries, self.n_grid)
        up = operators.destruction_up, operators.reconstruction_up
        down = operators.destruction_down, operators.reconstruction
        self.walks = [
            Walk(problem, *up, self.gap, X[0], n_rounds),
            Walk(problem.robust_problem, *down, self.gap, X[1], n_rounds),
        ]
        front = problem.yardstick.F
        cell = np.abs(front[-1] - front[0]) / self.n_grid
        cell[cell == 0.0] = 1.0
        archives = [self.pool] if problem.robust_accuracy is None else [self.pool, NonDominatedArchive()]
        # chance has several tries; one of chance and one that leaves nothing to it are enough
        n_tries = 3 if self.operators.second_try is None else 2
        self.splittable = [(archive, GapSplitting(cell, n_tries=n_tries)) for archive in archives]

    def _walk(self, random_state: np.random.Generator) -> tuple[list[np.ndarray], list[bool]]:
        """Let both walks do some rounds, turn by turn; say of each plan whether the scored table led to it."""
        plans, scored = [], []
        for _ in range(self.n_rounds):
            for walk in self.walks:
                x = walk.step(random_state)
                if x is not None:
                    plans.append(x)
                    scored.append(walk.problem is self.problem)
        return plans, scored

    def _split_gaps(self, random_state: np.random.Generator) -> list[np.ndarray]:
        """Ruin and recreate between the neighbours that lie farthest apart, until something new comes of it."""
        for archive, splitting in self.splittable:
            while len(gaps := splitting.widest(archive.F, N_SPLITS)):
                plans, is_new = self._ruin_and_recreate(
                    archive, gaps, splitting.have_failed(archive.F, gaps), random_state
                )
                splitting.fail(archive.F, gaps[~is_new])
                if is_new.any():
                    splitting.split(archive.F, gaps[is_new])
                    return list(plans[is_new])
        return []

    def _ruin_and_recreate(
        self,
        archive: NonDominatedArchive,
        gaps: np.ndarray,
        have_failed: np.ndarray,
        random_state: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make a plan for each gap, and say which of them is neither of the gap's two ends."""
        lower, upper = (archive.individuals[ends].get("X") for ends in (gaps, gaps + 1))
        given = {"gap": self.gap, "toward": upper, "random_state": random_state}
        ruined = self.operators.split.apply(self.problem, lower, **given)
        plans = self.operators.reconstruction.apply(self.problem, ruined, **given)
        if self.operators.second_try is not None and have_failed.any():
            given["toward"] = upper[have_failed]
            plans[have_failed] = self.operators.second_try.apply(self.problem, lower[have_failed], **given)
        return plans, np.any(plans != lower, axis=1) & np.any(plans != upper, axis=1)
