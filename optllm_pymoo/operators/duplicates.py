"""Elimination of duplicate allocations."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.population import Population


class RowDuplicateElimination(DuplicateElimination):
    """Find equal allocations by a set of their bytes, O(n N) instead of pymoo's O(n² N) distances.

    Decides like pymoo's `DefaultDuplicateElimination` on integer values, whatever integer types the
    allocations have: the first of equal ones stays, and one that equals a member of another population goes.

    Example:
        >>> pop = Population.new(X=np.array([[0, 1], [2, 0], [0, 1]]))
        >>> RowDuplicateElimination().do(pop).get("X").tolist()
        [[0, 1], [2, 0]]
    """

    def _do(self, pop: Population, other: Population | None, is_duplicate: np.ndarray) -> np.ndarray:
        """Mark in ``is_duplicate`` (n,) what equals an earlier member of ``pop``, or any of ``other``."""
        X = self.func(pop)
        rows = X if other is None else self.func(other)
        dtype = np.result_type(X, rows)
        seen = set() if other is None else set(_row_bytes(rows, dtype))
        for k, row in enumerate(_row_bytes(X, dtype)):
            is_duplicate[k] |= row in seen
            if other is None:
                seen.add(row)
        return is_duplicate


def _row_bytes(X: np.ndarray, dtype: np.dtype[Any]) -> list[bytes]:
    """Return the bytes of each row, equal if and only if the rows are."""
    # adding zero turns the -0.0 that rounding may leave into 0.0
    rows = X.astype(dtype, copy=False) + dtype.type(0)
    return [row.tobytes() for row in rows]
