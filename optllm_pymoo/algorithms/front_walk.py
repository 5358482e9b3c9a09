"""OptLLM on cost and accuracy: two walks along the front, then the widest gaps that they left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from moocore import is_nondominated
from pymoo.core.individual import Individual
from pymoo.core.population import Population

from optllm_pymoo.operators.destruction import Destruction, Gap
from optllm_pymoo.operators.reconstruction import Reconstruction
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.tolerances import TOO_WIDE

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


class PoolSearch:
    """State of a search whose answer is all that is non-dominated among what it has evaluated."""

    certificate = None

    def __init__(self) -> None:
        self.pool = NonDominatedArchive()

    @property
    def found(self) -> Population:
        """The non-dominated individuals, by rising cost."""
        return self.pool.individuals

    optimum = found


class FrontSearch(PoolSearch):
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

    def __init__(self, problem: AllocationProblem, operators: FrontOperators, n_grid: int, n_rounds: int) -> None:
        super().__init__()
        self.problem, self.operators = problem, operators
        self.n_grid, self.n_rounds = n_grid, n_rounds
        self.walks: list[Walk] = []
        self.splittable: list[tuple[NonDominatedArchive, GapSplitting]] = []

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
        return Plans.of(np.stack(ends), scored=scored + [True] * (len(ends) - len(scored)))

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
        return Plans.of(np.stack(plans), scored=scored) if plans else None

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
        self, archive: NonDominatedArchive, gaps: np.ndarray, have_failed: np.ndarray, random_state: np.random.Generator
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


@dataclass
class Walk:
    """State of a walk along the front, from one of its ends.

    Args:
        problem: The batch, with the accuracies that steer this walk.
        destruction: Pushes the current plan onward.
        reconstruction: Makes the outcome efficient.
        gap: How far each destruction should go.
        x: (N,) current plan.
        rounds_left: Rounds that are still allowed.
    """

    problem: AllocationProblem
    destruction: Destruction
    reconstruction: Reconstruction
    gap: Gap
    x: np.ndarray
    rounds_left: int

    def step(self, random_state: np.random.Generator) -> np.ndarray | None:
        """Do one round.

        Returns:
            (N,) the next plan, or None when the walk has ended: no rounds are left, the destruction can't gain a
            whole gap any more, or the reconstruction leads back to where the walk stands.
        """
        if self.rounds_left < 1:
            return None
        self.rounds_left -= 1
        given: dict[str, Any] = {"gap": self.gap, "random_state": random_state}
        destroyed = self.destruction.apply(self.problem, self.x[None], **given)
        before = self.x.tobytes()
        if destroyed.tobytes() != before:
            reconstructed = self.reconstruction.apply(self.problem, destroyed, **given)[0]
            if reconstructed.tobytes() != before:
                self.x = reconstructed
                return self.x
        self.rounds_left = 0
        return None


class GapSplitting:
    """Chooses which gaps of a front to split next, and remembers which of them can't be split.

    The width of a gap between two neighbours is the smaller of their distances in cost and in accuracy, each in
    units of the grid: the upward walk spaces its plans by accuracy and the downward walk by cost, so a gap is wider
    than the grid asks for only if it is too wide in both.

    Args:
        cell: (2,) US$ and mean accuracy of one grid cell.
        n_tries: Failures after which a gap counts as closed.
    """

    def __init__(self, cell: np.ndarray, *, n_tries: int = 3) -> None:
        self.cell = cell
        self.n_tries = n_tries
        # gaps are named by the costs of their two ends: along a front costs rise strictly
        self.n_failures: dict[tuple[float, float], int] = {}
        self._closed = np.empty((0, 2))
        self._pending = np.empty((0, 2))

    def widest(self, F: np.ndarray, n: int) -> np.ndarray:
        """Return the lower ends of the widest open gaps.

        While some open gap is wider than the grid, only such gaps are returned.

        Args:
            F: (n_points, 2) non-dominated, by rising cost.
            n: At most so many.

        Returns:
            Indices k of gaps between F[k] and F[k + 1], widest first.
        """
        widths = self._open_widths(F)
        chosen = np.argsort(-widths, kind="stable")[:n]
        floor = TOO_WIDE if np.any(widths > TOO_WIDE) else 0.0
        return chosen[widths[chosen] > floor]

    def is_filled(self, F: np.ndarray) -> bool:
        """Whether no open gap is wider than the grid asks for."""
        return not np.any(self._open_widths(F) > TOO_WIDE)

    def split(self, F: np.ndarray, gaps: np.ndarray) -> None:
        """Note which gaps are being split: those that are still there afterwards have failed."""
        self._pending = _ends(F, gaps)

    def settle(self, F: np.ndarray) -> None:
        """Count a failure for every pending gap that survived, forget the rest."""
        found = _find_gaps(F, self._pending)
        self._pending = np.empty((0, 2))
        self.fail(F, found[found >= 0])

    def have_failed(self, F: np.ndarray, gaps: np.ndarray) -> np.ndarray:
        """Tell of which gaps a split has failed before."""
        return np.array([tuple(ends) in self.n_failures for ends in _ends(F, gaps).tolist()], dtype=bool)

    def fail(self, F: np.ndarray, gaps: np.ndarray) -> None:
        """Count a failure for each of some gaps, and close those that have failed too often."""
        for low, high in _ends(F, gaps).tolist():
            n_failures = self.n_failures.get((low, high), 0) + 1
            self.n_failures[low, high] = n_failures
            if n_failures == self.n_tries:
                self._closed = np.vstack([self._closed, [low, high]])

    def _open_widths(self, F: np.ndarray) -> np.ndarray:
        """Width of every gap, 0 for those that are closed."""
        if len(F) < 2:
            return np.zeros(0)
        # a front that is flat in one objective has one point, so the cell of a longer one is positive
        widths = np.min(np.abs(np.diff(F, axis=0)) / self.cell, axis=1)
        closed = _find_gaps(F, self._closed)
        widths[closed[closed >= 0]] = 0.0
        return np.asarray(widths)


def _ends(F: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """US$ at the two ends of gaps, (k, 2)."""
    return np.column_stack([F[gaps, 0], F[gaps + 1, 0]])


def _find_gaps(F: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Find gaps among the neighbours of a front.

    Args:
        F: (n_points, 2) by strictly rising cost.
        gaps: (k, 2) US$ at the lower and upper ends.

    Returns:
        (k,) index of the point at the lower end, or -1 where the gap isn't there any more. O(k log n_points).
    """
    if len(F) < 2:
        return np.full(len(gaps), -1)
    lower = np.minimum(np.searchsorted(F[:, 0], gaps[:, 0]), len(F) - 2)
    found = (F[lower, 0] == gaps[:, 0]) & (F[lower + 1, 0] == gaps[:, 1])
    return np.where(found, lower, -1)


class Plans(Population):
    """A population that goes to the attributes of its individuals directly.

    pymoo's looks every attribute of every individual up by its name, which at some thousand queries takes longer than
    the search.
    """

    @classmethod
    def of(cls, X: np.ndarray, **columns: Any) -> Plans:
        """Make individuals of allocations.

        Args:
            X: (n, N) LLM per query.
            **columns: What else is known of them, n values each.
        """
        plans = cls([Individual() for _ in X])
        plans.set(X=X, **columns)
        return plans

    def get(self, *names: str, to_numpy: bool = True) -> Any:
        """Return what `Population.get` does: a column for each name, None where an individual has no such value."""
        individuals = self.tolist()
        found: list[Any] = []
        for name in names:
            if individuals and hasattr(individuals[0], name):
                found.append([getattr(individual, name) for individual in individuals])
            else:
                found.append([individual.data.get(name) for individual in individuals])
        if to_numpy:
            found = [np.array(column) for column in found]
        return found[0] if len(names) == 1 else tuple(found)

    def set(self, *args: Any, **columns: Any) -> Plans:
        """Do what `Population.set` does: a value for all, or one for each individual."""
        individuals = self.tolist()
        for name, values in {**dict(zip(args[::2], args[1::2], strict=True)), **columns}.items():
            each = values if np.ndim(values) else [values] * len(individuals)
            is_attribute = bool(individuals) and hasattr(individuals[0], name)
            for individual, value in zip(individuals, each, strict=True):
                own = value.copy() if isinstance(value, np.ndarray) and not value.flags.owndata else value
                if is_attribute:
                    setattr(individual, name, own)
                else:
                    individual.data[name] = own
        return self


class NonDominatedArchive:
    """Everything non-dominated that a run has seen, by rising cost.

    Never truncated: what is dropped from a bounded archive can make its hypervolume fall while the search goes on.
    Of individuals with the same objective values the first is kept.
    """

    def __init__(self) -> None:
        self.individuals = Plans()
        self.F = np.empty((0, 2))

    def __len__(self) -> int:
        return len(self.individuals)

    def add(self, pop: Population) -> None:
        """Merge evaluated individuals into the archive, but for those that break a constraint; O(n log n)."""
        feasible = np.flatnonzero(np.reshape(pop.get("CV"), -1) <= 0.0)
        pop = pop[feasible]
        merged: Any = np.concatenate([self.individuals, pop]).view(Plans)
        added = np.reshape(pop.get("F"), (len(pop), -1)) if len(pop) else self.F[:0]
        F = np.concatenate([self.F if len(self) else added[:0], added])
        kept = np.flatnonzero(is_nondominated(F, keep_weakly=False))
        kept = kept[np.argsort(F[kept, 0], kind="stable")]
        self.individuals, self.F = merged[kept], F[kept]
