"""Tables whose values are whole multiples of a fraction, such as true labels and rounded accuracies."""

from __future__ import annotations

import numpy as np
from numba import njit

DENOMINATORS = (1, 2, 4, 5, 8, 10, 16, 20, 25, 50, 100, 1000)


def common_denominator(table: np.ndarray, /) -> int:
    """Find the least q of `DENOMINATORS` for which all values are whole multiples of 1/q; 0 if there is none.

    Args:
        table: (N, M) floats. Values that are off by 1e-12 or less count as multiples.

    Returns:
        q or 0. O(N M) for each q that fits, and mostly a look at the first row for each that doesn't.
    """
    return next((q for q in DENOMINATORS if _all_multiples(table, float(q))), 0)


@njit(cache=True, nogil=True)
def _all_multiples(table: np.ndarray, q: float) -> bool:
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            value = np.float64(table[i, j])
            if abs(np.rint(value * q) / q - value) > 1e-12:
                return False
    return True
