"""An untruncated archive of non-dominated individuals, and the gaps between them."""

from __future__ import annotations

import numpy as np
from moocore import is_nondominated
from pymoo.core.population import Population


class NonDominatedArchive:
    """Everything non-dominated that a run has seen, by rising cost.

    Never truncated: what is dropped from a bounded archive can make its hypervolume fall while the search goes on.
    Of individuals with the same objective values the first is kept.
    """

    def __init__(self) -> None:
        self.individuals = Population()
        self.F = np.empty((0, 2))

    def __len__(self) -> int:
        return len(self.individuals)

    def add(self, pop: Population) -> None:
        """Merge evaluated individuals into the archive, O(n log n)."""
        merged = Population.merge(self.individuals, pop)
        F = np.concatenate([self.F, np.reshape(pop.get("F"), (-1, 2))])
        kept = np.flatnonzero(is_nondominated(F, keep_weakly=False))
        kept = kept[np.argsort(F[kept, 0], kind="stable")]
        self.individuals, self.F = merged[kept], F[kept]


class GapSplitting:
    """Chooses which gaps of an archive to split next, and remembers which of them can't be split.

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
        self.n_failures: dict[tuple[float, ...], int] = {}
        self._pending: list[tuple[float, ...]] = []

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
        floor = 1.0 if np.any(widths > 1.0) else 0.0
        return chosen[widths[chosen] > floor]

    def is_filled(self, F: np.ndarray) -> bool:
        """Whether no open gap is wider than the grid asks for."""
        return not np.any(self._open_widths(F) > 1.0)

    def split(self, F: np.ndarray, gaps: np.ndarray) -> None:
        """Note which gaps are being split: those that are still there afterwards have failed."""
        self._pending = [_key(F, k) for k in gaps]

    def settle(self, F: np.ndarray) -> None:
        """Count a failure for every pending gap that survived, forget the rest."""
        if not self._pending:
            return
        present = {_key(F, k) for k in range(len(F) - 1)}
        for key in self._pending:
            if key in present:
                self.n_failures[key] = self.n_failures.get(key, 0) + 1
        self._pending = []

    def _open_widths(self, F: np.ndarray) -> np.ndarray:
        if len(F) < 2:
            return np.zeros(0)
        # a front that is flat in one objective has one point, so the cell of a longer one is positive
        widths = np.min(np.abs(np.diff(F, axis=0)) / self.cell, axis=1)
        closed = {key for key, n in self.n_failures.items() if n >= self.n_tries}
        if closed:
            widths[[_key(F, k) in closed for k in range(len(F) - 1)]] = 0.0
        return np.asarray(widths)


def _key(F: np.ndarray, k: int) -> tuple[float, ...]:
    """Name a gap by its two ends."""
    return (*F[k].tolist(), *F[k + 1].tolist())
