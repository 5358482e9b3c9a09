"""OptLLM on cost and accuracy: two walks along the front, then splits of the widest remaining gaps."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import numpy as np
from moocore import is_nondominated
from pymoo.core.individual import Individual
from pymoo.core.population import Population

from optllm_pymoo.operators.destruction import Destruction, Gap
from optllm_pymoo.operators.reconstruction import Reconstruction
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.tolerances import TOO_WIDE

N_SPLITS = 8
"""Number of gaps split per iteration."""


@dataclass(frozen=True)
class FrontOperators:
    """The operators of a `FrontSearch`."""

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
    """For gaps whose first split failed: builds a plan halfway between their two plans; None to try again as before."""


class PoolSearch:
    """State of a search that keeps all non-dominated individuals among those evaluated."""

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
    Then the widest gaps between neighbours are split by ruin and recreate. The pool keeps all non-dominated plans. With
    robust accuracies there is a second archive, of the plans found with the scored table: the others may lie off its
    front and would hide plans between them.

    Args:
        problem: The batch, without latency.
        operators: The operators of the walks and of splits.
        n_grid: Gaps of the grid, as in `OptLLM`.
        n_rounds: Rounds of each walk per iteration.
    """

    def __init__(self, problem: AllocationProblem, operators: FrontOperators, n_grid: int, n_rounds: int) -> None:
        super().__init__()
        self.problem, self.operators = problem, operators
        self.n_grid, self.n_rounds = n_grid, n_rounds
        self.walks: list[Walk] = []
        self.splittable: list[tuple[NonDominatedArchive, GapSplitting]] = []

    def first(self) -> Population:
        """Return the start of each walk, and with robust accuracies the most accurate plan on the scored table.

        If limits bind, plans of the exact front that meet them are added, at most as many as the grid has gaps.
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
        """Continue the walks, or split gaps once both walks are over.

        Args:
            random_state: Source of randomness, passed to the operators.
            fill_only: Split only gaps wider than a grid cell.
        """
        plans, scored = self._walk(random_state)
        if not plans and not (fill_only and self.progress() >= 1.0):
            plans = self._split_gaps(random_state)
            scored = [True] * len(plans)
        return Plans.of(np.stack(plans), scored=scored) if plans else None

    def add(self, infills: Population) -> None:
        """Add plans to the pool, and those found with the scored table to their own archive, if there is one."""
        if not self.walks:
            self._begin(*infills.get("F", "X"))
        self.pool.add(infills)
        for archive, _ in self.splittable[1:]:
            archive.add(infills[infills.get("scored").astype(bool)])
        for archive, splitting in self.splittable:
            splitting.settle(archive.F)

    def progress(self) -> float:
        """Return the share of the walks' rounds that are done; 1.0 only if also no gap is wider than a grid cell."""
        n_rounds = max(1, 2 * (self.n_grid - 1))
        rounds_left = sum(walk.rounds_left for walk in self.walks)
        archive, splitting = self.splittable[0]
        if rounds_left == 0 and splitting.is_filled(archive.F):
            return 1.0
        return 0.99 * (1.0 - rounds_left / n_rounds)

    def _begin(self, F: np.ndarray, X: np.ndarray) -> None:
        """Divide the ranges between the two extremes into gaps, and start a walk at each extreme."""
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
        # several random tries; or one random and one deterministic try, if there is a second reconstruction
        n_tries = 3 if self.operators.second_try is None else 2
        self.splittable = [(archive, GapSplitting(cell, n_tries=n_tries)) for archive in archives]

    def _walk(self, random_state: np.random.Generator) -> tuple[list[np.ndarray], list[bool]]:
        """Run some rounds of both walks in turn; return the plans, and for each whether the scored table was used."""
        plans, scored = [], []
        for _ in range(self.n_rounds):
            for walk in self.walks:
                x = walk.step(random_state)
                if x is not None:
                    plans.append(x)
                    scored.append(walk.problem is self.problem)
        return plans, scored

    def _split_gaps(self, random_state: np.random.Generator) -> list[np.ndarray]:
        """Ruin and recreate between the neighbours that are farthest apart, until a new plan is found."""
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
        """Return a plan for each gap, and whether it differs from the two plans of the gap."""
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
    """State of a walk along the front, from one of its extremes.

    Args:
        problem: The batch, with the accuracies that this walk uses.
        destruction: Moves the current plan.
        reconstruction: Makes the result efficient.
        gap: Size of each destruction.
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
        """Run one round.

        Returns:
            (N,) the next plan, or None if the walk has ended: no rounds are left, the destruction can't gain a whole
            gap any more, or the reconstruction returns the current plan.
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
    """Chooses which gaps of a front to split next, and records which of them can't be split.

    The width of a gap between two neighbours is the smaller of their distances in cost and in accuracy, each in
    units of the grid: the upward walk spaces its plans by accuracy and the downward walk by cost, so a gap is too wide
    only if it exceeds a grid cell in both.

    Args:
        cell: (2,) US$ and mean accuracy of one grid cell.
        n_tries: Failures after which a gap counts as closed.
    """

    def __init__(self, cell: np.ndarray, *, n_tries: int = 3) -> None:
        self.cell = cell
        self.n_tries = n_tries
        # a gap is identified by the costs of its two plans: along a front costs rise strictly
        self.n_failures: dict[tuple[float, float], int] = {}
        self._closed = np.empty((0, 2))
        self._pending = np.empty((0, 2))
        self._widths: tuple[np.ndarray, np.ndarray] | None = None

    def widest(self, F: np.ndarray, n: int) -> np.ndarray:
        """Return the lower plans of the widest open gaps.

        While some open gap is wider than a grid cell, only such gaps are returned.

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
        """Return whether no open gap is wider than a grid cell."""
        return not np.any(self._open_widths(F) > TOO_WIDE)

    def split(self, F: np.ndarray, gaps: np.ndarray) -> None:
        """Record the gaps that are being split: those that still exist afterwards have failed."""
        self._pending = _costs(F, gaps)

    def settle(self, F: np.ndarray) -> None:
        """Count a failure for every pending gap that still exists; clear the others."""
        if len(self._pending):
            found = _find_gaps(F, self._pending)
            self._pending = np.empty((0, 2))
            self.fail(F, found[found >= 0])

    def have_failed(self, F: np.ndarray, gaps: np.ndarray) -> np.ndarray:
        """Return for which gaps a split has failed before."""
        return np.array([tuple(costs) in self.n_failures for costs in _costs(F, gaps).tolist()], dtype=bool)

    def fail(self, F: np.ndarray, gaps: np.ndarray) -> None:
        """Count a failure for each of some gaps, and close those that have failed too often."""
        for low, high in _costs(F, gaps).tolist():
            n_failures = self.n_failures.get((low, high), 0) + 1
            self.n_failures[low, high] = n_failures
            if n_failures == self.n_tries:
                self._closed, self._widths = np.vstack([self._closed, [low, high]]), None

    def _open_widths(self, F: np.ndarray) -> np.ndarray:
        """Return the width of every gap, 0 for closed gaps; computed once for a front, as long as no gap is closed."""
        if self._widths is None or self._widths[0] is not F:
            # a front that is flat in one objective has one point, so the cell of a longer one is positive
            widths = np.min(np.abs(np.diff(F, axis=0)) / self.cell, axis=1) if len(F) > 1 else np.zeros(0)
            if len(self._closed):
                closed = _find_gaps(F, self._closed)
                widths[closed[closed >= 0]] = 0.0
            self._widths = F, np.asarray(widths)
        return self._widths[1]


def _costs(F: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Return the US$ of the two plans of gaps, (k, 2)."""
    return np.asarray(F[gaps[:, None] + [0, 1], 0])


def _find_gaps(F: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Find gaps among the neighbours of a front.

    Args:
        F: (n_points, 2) by strictly rising cost.
        gaps: (k, 2) US$ of the lower and the upper plan.

    Returns:
        (k,) index of the lower point, or -1 if the gap doesn't exist any more. O(k log n_points).
    """
    if len(F) < 2:
        return np.full(len(gaps), -1)
    lower = np.minimum(np.searchsorted(F[:, 0], gaps[:, 0]), len(F) - 2)
    found = (F[lower, 0] == gaps[:, 0]) & (F[lower + 1, 0] == gaps[:, 1])
    return np.where(found, lower, -1)


class Plans(Population):
    """A population with direct access to the attributes of its individuals.

    pymoo's population looks up every attribute of every individual by name, which takes longer than the search for
    some thousand queries.
    """

    @classmethod
    def of(cls, X: np.ndarray, **columns: Any) -> Plans:
        """Make individuals of allocations.

        Args:
            X: (n, N) LLM per query.
            **columns: Further attributes, n values each.
        """
        plans = cls([Individual() for _ in X])
        plans.set(X=X, **columns)
        return plans

    def get(self, *names: str, to_numpy: bool = True) -> Any:
        """Return a column for each name, None for an individual without the value, as `Population.get` does."""
        individuals = self.tolist()
        found: list[Any] = []
        for name in names:
            if individuals and hasattr(individuals[0], name):
                found.append(list(map(attrgetter(_STORED.get(name, name)), individuals)))
            else:
                found.append([individual.data.get(name) for individual in individuals])
        if to_numpy:
            found = [np.array(column) for column in found]
        return found[0] if len(names) == 1 else tuple(found)

    def set(self, *args: Any, **columns: Any) -> Plans:
        """Set a value for all, or one for each individual, as `Population.set` does."""
        individuals = self.tolist()
        for name, values in {**dict(zip(args[::2], args[1::2], strict=True)), **columns}.items():
            if isinstance(values, np.ndarray) and values.ndim > 1 and values.size:
                each = [row.copy() for row in values]  # a view would keep the whole array in memory
            else:
                is_column = hasattr(values, "__len__") and not isinstance(values, str)  # what pymoo takes for one
                each = values if is_column else [values] * len(individuals)
            if individuals and hasattr(individuals[0], name):
                for individual, value in zip(individuals, each, strict=True):
                    setattr(individual, _STORED.get(name, name), value)
            else:
                for individual, value in zip(individuals, each, strict=True):
                    individual.data[name] = value
        return self


_STORED: Final = {name: f"_{name}" for name in "XFGH"}
"""Attributes of pymoo's individuals behind the properties of these names."""


class NonDominatedArchive:
    """All non-dominated individuals of a run, by rising cost.

    Never truncated: the hypervolume of a bounded archive can fall during a search. Of individuals with the same
    objective values the first is kept.
    """

    def __init__(self) -> None:
        self.individuals = Plans()
        self.F = np.empty((0, 2))

    def __len__(self) -> int:
        return len(self.individuals)

    def add(self, pop: Population) -> None:
        """Merge evaluated individuals into the archive, except for those that violate a constraint; O(n log n)."""
        if len(pop) and not np.size(pop[0].G) + np.size(pop[0].H):
            pop.set(CV=np.zeros((len(pop), 1)))  # what pymoo would compute one by one
        else:
            pop = pop[np.flatnonzero(np.reshape(pop.get("CV"), -1) <= 0.0)]
        merged: Any = np.concatenate([self.individuals, pop]).view(Plans)
        added = np.reshape(pop.get("F"), (len(pop), -1)) if len(pop) else self.F[:0]
        F = np.concatenate([self.F if len(self) else added[:0], added])
        kept = np.flatnonzero(is_nondominated(F, keep_weakly=False))
        kept = kept[np.argsort(F[kept, 0], kind="stable")]
        self.individuals, self.F = merged[kept], F[kept]
