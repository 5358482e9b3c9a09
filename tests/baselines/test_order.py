"""The order of sweeps."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.baselines._order import spread_order


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 31, 32, 33, 1000])
def test_each_number_comes_once_and_the_ends_come_first(n):
    """It is a permutation that begins with both ends."""
    order = spread_order(n)
    assert sorted(order) == list(range(n))
    assert set(order[:2]) == {0, n - 1}


@pytest.mark.parametrize("n", [9, 100, 1000])
def test_any_first_part_is_spread_evenly(n):
    """After 2 + k of the numbers no gap is wider than four times what k even cuts would leave, rounded up."""
    order = spread_order(n)
    for k in range(1, n - 1):
        gaps = np.diff(np.sort(order[: 2 + k]))
        assert gaps.max() <= 4 * np.ceil(n / (k + 1))
