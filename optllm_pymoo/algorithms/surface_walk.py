"""OptLLM with a third objective: a walk through weights, then splits of the widest gaps between neighbours."""

from __future__ import annotations

import heapq

import numpy as np
from pymoo.core.population import Population

from optllm_pymoo.algorithms.front_walk import Plans, PoolSearch
from optllm_pymoo.exact.surface import lattice, partitions_for
from optllm_pymoo.problems import AllocationProblem

N_SPLITS = 32
"""Number of gaps split per iteration."""

CELL = 2.5
"""Width of a grid cell, in n_grid-ths of the ranges: a surface has the square of a front's cells."""

STRIDE = 5
"""Gaps of the grid per step of the walk: 50 gaps give ten partitions, 66 directions."""


class SurfaceSearch(PoolSearch):
    """State of a search over three objectives.

    From the three individual optima a walk visits the weights of a coarse lattice, each a neighbour of the one before.
    A step destroys the choices for which another LLM is better at the next weights, and reconstructs them with that
    LLM: since the weighted sum separates by query, the plan is supported. Then the widest gaps between the plans of
    neighbouring weights are split by the weights halfway, see `WeightMesh`.

    Args:
        problem: The batch, with latency.
        n_grid: Gaps of the grid, as in `OptLLM`.
        n_steps: Steps of the walk per iteration.
    """

    def __init__(self, problem: AllocationProblem, n_grid: int, n_steps: int) -> None:
        super().__init__()
        self.problem, self.n_steps = problem, n_steps
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

    def first(self) -> Population:
        """Return the cheapest, the most accurate and the fastest plan."""
        return Plans.of(np.array(self.problem.scalarisation.optima))

    def next(self, random_state: np.random.Generator, *, fill_only: bool) -> Population | None:
        """Return the plans of the next weights.

        Args:
            random_state: Not used; nothing is drawn.
            fill_only: End when no gap is wider than a grid cell, instead of when none can be split.

        Returns:
            (n, N) plans, or None if the search is finished.
        """
        if self.mesh is None:
            done = len(self.points)
            weights = self.weights[done : done + self.n_steps]
        else:
            self._pending = self.mesh.widest(N_SPLITS, floor=self.floor if fill_only else 0.0)
            if not self._pending:
                return None
            weights = np.stack([self.mesh.middle(edge) for edge in self._pending])
        return Plans.of(self.problem.scalarisation.choose(weights))

    def add(self, infills: Population) -> None:
        """Add plans to the pool, and record the plans of the latest weights."""
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
        """Return the share of the walk that is done; 1.0 only if also no gap is wider than a grid cell."""
        if self.mesh is not None and self.mesh.is_filled(self.floor):
            return 1.0
        return 0.99 * len(self.points) / len(self.weights)


N_TRIES = 3
"""Number of successive halvings without a new plan after which an edge is closed: its plans are neighbours."""


class WeightMesh:
    """Triangulates the visited weights, and finds the edges along which plans are still far apart.

    The mesh starts as a lattice and is refined by bisection: a new weight in the middle of an edge splits the one or
    two triangles that share it, so that the mesh always covers all weights. The width of an edge is the Euclidean
    distance of its two plans on normalised objectives.

    Args:
        weights: (n, 3) Das-Dennis lattice, each row with the sum 1.
        points: (n, 3) normalised objectives of their plans.
    """

    def __init__(self, weights: np.ndarray, points: np.ndarray, /) -> None:
        self.weights, self.points = list(weights), list(points)
        # the key of an edge is its two vertices, the lower number first; its value holds the opposite vertices
        self.opposite: dict[tuple[int, int], list[int]] = {}
        self.n_failures: dict[tuple[int, int], int] = {}
        self._seen = {point.tobytes() for point in points}
        self._heap: list[tuple[float, int, int]] = []
        for corners in self.triangles_of(weights):
            self._add_triangle(corners, 0)

    def widest(self, n: int, /, *, floor: float = 0.0) -> list[tuple[int, int]]:
        """Remove the widest edges from the mesh, at most one per triangle.

        Args:
            n: At most so many.
            floor: Edges of at most this width are kept.

        Returns:
            Edges, widest first, for `split`; empty if there is none.
        """
        taken: list[tuple[int, int]] = []
        postponed, touched = [], set[tuple[int, ...]]()
        while self._heap and len(taken) < n and -self._heap[0][0] > floor:
            entry = heapq.heappop(self._heap)
            edge = entry[1:]
            if edge not in self.opposite:
                continue
            triangles = {tuple(sorted((*edge, corner))) for corner in self.opposite[edge]}
            if triangles & touched:
                postponed.append(entry)
                continue
            touched |= triangles
            taken.append(edge)
        for entry in postponed:
            heapq.heappush(self._heap, entry)
        return taken

    def middle(self, edge: tuple[int, int], /) -> np.ndarray:
        """Return the weights halfway along an edge, (3,)."""
        return np.asarray((self.weights[edge[0]] + self.weights[edge[1]]) / 2)

    def split(self, edge: tuple[int, int], point: np.ndarray, /) -> None:
        """Add the middle of an edge to the mesh.

        Args:
            edge: As `widest` returned it.
            point: (3,) normalised objectives of the plan at its middle.
        """
        a, b = edge
        n_failures = self.n_failures[edge] + 1 if point.tobytes() in self._seen else 0
        self._seen.add(point.tobytes())
        self.weights.append(self.middle(edge))
        self.points.append(point)
        new = len(self.points) - 1
        for corner in self.opposite.pop(edge):
            for end, other in ((a, b), (b, a)):
                self._detach(end, corner, other)
                self._add_triangle((end, new, corner), n_failures)

    def is_filled(self, floor: float, /) -> bool:
        """Return whether no open edge is wider than ``floor``."""
        while self._heap and self._heap[0][1:] not in self.opposite:
            heapq.heappop(self._heap)
        return not self._heap or -self._heap[0][0] <= floor

    def _detach(self, end: int, corner: int, other: int) -> None:
        """Remove the vertex ``other`` of a split triangle from the edge between the other two."""
        self.opposite[min(end, corner), max(end, corner)].remove(other)

    def _add_triangle(self, corners: tuple[int, int, int], n_failures: int) -> None:
        for k in range(3):
            a, b = sorted((corners[k], corners[k - 1]))
            is_known = (a, b) in self.opposite
            self.opposite.setdefault((a, b), []).append(corners[k - 2])
            width = float(np.linalg.norm(self.points[a] - self.points[b]))
            if not is_known and width > 0.0 and n_failures < N_TRIES:
                self.n_failures[a, b] = n_failures
                heapq.heappush(self._heap, (-width, a, b))

    @staticmethod
    def triangles_of(weights: np.ndarray, /) -> list[tuple[int, int, int]]:
        """List the smallest triangles of a Das-Dennis lattice over three objectives.

        Args:
            weights: (n, 3) in any order; n = (p + 1)(p + 2)/2 for p partitions.

        Returns:
            p² triples of row numbers.

        Example:
            >>> WeightMesh.triangles_of(np.eye(3))
            [(0, 1, 2)]
        """
        n_partitions = round((np.sqrt(8 * len(weights) + 1) - 3) / 2)
        place = np.rint(weights * n_partitions).astype(int)[:, :2]
        at = {(i, j): row for row, (i, j) in enumerate(place.tolist())}
        triangles = []
        for i, j in at:
            if (i - 1, j) in at and (i - 1, j + 1) in at:
                triangles.append((at[i, j], at[i - 1, j + 1], at[i - 1, j]))
                if j > 0:
                    triangles.append((at[i, j], at[i, j - 1], at[i - 1, j]))
        return triangles
