"""The order in which a sweep goes, so that one that is cut short has covered its range evenly."""

from __future__ import annotations

import numpy as np


def spread_order(n: int, /) -> np.ndarray:
    """Order 0 ... n-1 so that any first part of it is spread evenly: the ends, and then bit-reversed.

    The numbers between the ends are sorted by their van der Corput values in base 2, so the middle comes third,
    the quarters next, and so on.

    Args:
        n: How many, >= 1.

    Returns:
        (n,) each number once.

    Example:
        >>> spread_order(9).tolist()
        [0, 8, 4, 2, 6, 1, 5, 3, 7]
    """
    inner = np.arange(1, n - 1)
    n_bits = max(1, int(n - 1).bit_length())
    reversed_bits = sum(((inner >> k) & 1) << (n_bits - 1 - k) for k in range(n_bits))
    ends = np.unique([0, n - 1])
    return np.concatenate([ends, inner[np.argsort(reversed_bits, kind="stable")]])
