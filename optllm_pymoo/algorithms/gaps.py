"""The gaps between neighbouring plans: how wide they are, which to split next, which can't be split."""

from __future__ import annotations

import numpy as np

TOO_WIDE = 1.0 + 1e-9
"""Grid cells beyond which a gap is to be split: one of exactly one cell may come out a rounding error wider."""


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
