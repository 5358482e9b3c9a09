"""OptLLM with latency as a third objective: a walk through weights, then the widest gaps between neighbours."""

from __future__ import annotations

import numpy as np
from pymoo.core.population import Population

from optllm_pymoo.algorithms.archive import NonDominatedArchive
from optllm_pymoo.algorithms.weight_mesh import WeightMesh
from optllm_pymoo.exact.surface import lattice, partitions_for
from optllm_pymoo.problems import AllocationProblem

N_SPLITS = 32
"""Gaps that one iteration splits at once."""

CELL = 2.5
"""Widest gap that the grid asks for, in n_grid-ths of the ranges: a surface has the square of a front's cells."""

STRIDE = 5
"""Of the grid's gaps the walk makes one step out of: 50 gaps are ten partitions, 66 directions."""


class SurfaceSearch:
    """State of a search over three objectives.

    From the three individual optima a walk visits the weights of a coarse lattice, each a neighbour of the one before.
    A step destroys what the next weights no longer stand for, the choices that another LLM now beats, and reconstructs
    it with that LLM: since the weighted sum separates by query, the outcome is supported. Then the widest gaps between
    the plans of neighbouring weights are split by the weights halfway, see `WeightMesh`.

    Args:
        problem: The batch, with latency.
        n_grid: Gaps of the grid, as in `OptLLM`.
        n_steps: Steps of the walk that one iteration evaluates together.
    """

    certificate = None

    def __init__(self, problem: AllocationProblem, n_grid: int, n_steps: int) -> None:
        self.problem, self.n_steps = problem, n_steps
        self.pool = NonDominatedArchive()
        self.floor = CELL / n_grid
        n_partitions = max(1, n_grid // STRIDE)
        n_directions = (n_partitions + 1) * (n_partitions + 2) // 2
        weights = lattice(n_directions)
        assert partitions_for(n_directions) == n_partitions
        is_corner = weights.max(axis=1) == 1.0
        corners = weights[is_corner]
        self.weights = np.concatenate([corners[np.argsort(-corners @ (2.0, 1.0, 0.0))], weights[~is_corner]])
        self.points = np.empty((0, 3))
        self.mesh: WeightMesh | None = None
        self._pending: list[tuple[int, int]] = []

    @property
    def found(self) -> Population:
        """The non-dominated individuals, by rising cost."""
        return self.pool.individuals

    @property
    def optimum(self) -> Population:
        """All that is found."""
        return self.pool.individuals

    def first(self) -> Population:
        """Return the cheapest, the most accurate and the fastest plan."""
        return Population.new(X=np.array(self.problem.scalarisation.optima))

    def next(self, random_state: np.random.Generator, *, fill_only: bool) -> Population | None:
        """Return the plans of the next weights.

        Args:
            random_state: Not used; nothing is drawn.
            fill_only: End when no gap is wider than the grid asks for, instead of when none can be split.

        Returns:
            None when there is nothing left to do.
        """
        if self.mesh is None:
            done = len(self.points)
            weights = self.weights[done : done + self.n_steps]
        else:
            self._pending = self.mesh.widest(N_SPLITS, floor=self.floor if fill_only else 0.0)
            if not self._pending:
                return None
            weights = np.stack([self.mesh.middle(edge) for edge in self._pending])
        return Population.new(X=self.problem.scalarisation.choose(weights))

    def add(self, infills: Population) -> None:
        """Put plans into the pool, and note what the latest weights led to."""
        self.pool.add(infills)
        points = self.problem.scalarisation.normalise(infills.get("F"))
        if self.mesh is None:
            self.points = np.concatenate([self.points, points])
            if len(self.points) == len(self.weights):
                self.mesh = WeightMesh(self.weights, self.points)
            return
        for edge, point in zip(self._pending, points, strict=True):
            self.mesh.split(edge, point)
        self._pending = []

    def progress(self) -> float:
        """Return how much of the walk is done, 1.0 when also no gap is left that is wider than the grid asks for."""
        if self.mesh is not None and self.mesh.is_filled(self.floor):
            return 1.0
        return 0.99 * len(self.points) / len(self.weights)
