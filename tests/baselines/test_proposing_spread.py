"""The order of sweeps: a permutation whose every beginning is spread over the whole."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.baselines._proposing import spread_order


@pytest.mark.parametrize("n", [*range(1, 70), 1000, 4097])
def test_every_point_comes_once_with_the_ends_first(n):
    """For sizes around and far from powers of two."""
    order = spread_order(n)
    assert sorted(order.tolist()) == list(range(n))
    assert order[:2].tolist() == [0, n - 1][:n]


@pytest.mark.parametrize("n", [9, 20, 100, 1000])
def test_any_cut_leaves_no_gap_much_wider_than_the_average(n):
    """After k points the widest gap is at most twice the average one, and a point more for rounding."""
    order = spread_order(n)
    for k in range(2, n + 1):
        widest = np.diff(np.sort(order[:k])).max()
        assert widest <= 2 * (n - 1) / (k - 1) + 1
