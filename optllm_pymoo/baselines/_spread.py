"""An order in which the points of a sweep stay evenly spread wherever it is cut."""

from __future__ import annotations

import numpy as np
from scipy.stats.qmc import Halton


def spread_order(n: int, /) -> np.ndarray:
    """Order n evenly spaced points: both ends, then along the van der Corput sequence of base 2.

    Each point goes into one of the widest gaps that are left, and successive ones go far apart, so a sweep that
    a budget or a clock ends early covers its whole range.

    Args:
        n: Number of points, at least 1.

    Returns:
        (n,) permutation of 0 ... n-1. O(n).

    References:
        van der Corput (1935), Proc. Akad. Amsterdam 38. Bit-reversed numbers are its base 2.

    Example:
        >>> spread_order(9).tolist()
        [0, 8, 4, 2, 6, 1, 5, 3, 7]
    """
    if n < 3:
        return np.arange(n)
    # half a point apart: every point is then the nearest to some number of the sequence
    n_numbers = 1 << (2 * (n - 1) - 1).bit_length()
    nearest = np.rint(Halton(1, scramble=False).random(n_numbers)[:, 0] * (n - 1)).astype(int)
    order = np.concatenate([[0, n - 1], nearest])
    _, first = np.unique(order, return_index=True)
    return np.asarray(order[np.sort(first)])
