"""The choice of gaps between neighbouring plans."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.algorithms.front_walk import GapSplitting


def test_widest_by_hand():
    """In cells of (1, 0.1) the gaps measure min(3, 1) = 1, min(2, 4) = 2 and min(0.5, 5) = 0.5."""
    F = np.array([[0.0, 0.0], [3.0, -0.1], [5.0, -0.5], [5.5, -1.0]])
    splitting = GapSplitting(np.array([1.0, 0.1]))
    assert splitting.widest(F, 8).tolist() == [1]
    assert not splitting.is_filled(F)
    assert splitting.is_filled(F[:2])
    coarse = GapSplitting(np.array([4.0, 0.4]))
    assert coarse.is_filled(F)
    assert coarse.widest(F, 8).tolist() == [1, 0, 2]
    assert coarse.widest(F, 2).tolist() == [1, 0]
    assert coarse.widest(F[:1], 8).tolist() == []


def test_rounding_widens_no_gap():
    """A gap of one cell is not too wide, even where 0.3 - 0.2 comes out above 0.1 / 1."""
    F = np.array([[0.2, -0.1], [0.3, -0.4]])
    cell = np.array([0.1 * (1 - 1e-12), 0.1])
    assert GapSplitting(cell).is_filled(F)
    assert not GapSplitting(cell * 0.999).is_filled(F)


@pytest.mark.parametrize("n_tries", [1, 3])
def test_gaps_that_stay_are_closed(n_tries):
    """A gap that is still there after as many tries is not tried again; one that was split is forgotten."""
    F = np.array([[0.0, 0.0], [3.0, -0.3], [5.0, -0.5]])
    splitting = GapSplitting(np.array([1.0, 0.1]), n_tries=n_tries)
    for _ in range(n_tries):
        assert splitting.widest(F, 8).tolist() == [0, 1]
        splitting.split(F, np.array([0]))
        splitting.settle(F)
    assert splitting.widest(F, 8).tolist() == [1]
    for _ in range(n_tries):
        splitting.split(F, np.array([1]))
        splitting.settle(np.insert(F, 2, [4.0, -0.4], axis=0))
    assert splitting.widest(F, 8).tolist() == [1]
    splitting.settle(F)
    assert splitting.widest(F, 8).tolist() == [1], "nothing was pending"


def test_failures_are_counted_by_gap():
    """Gaps that are reported as failed close by themselves; a gap with one other end is another gap."""
    F = np.array([[0.0, 0.0], [3.0, -0.3], [5.0, -0.5]])
    splitting = GapSplitting(np.array([1.0, 0.1]), n_tries=2)
    splitting.fail(F, np.array([0, 1]))
    assert splitting.widest(F, 8).tolist() == [0, 1]
    splitting.fail(F, np.array([0]))
    assert splitting.widest(F, 8).tolist() == [1]
    assert not splitting.is_filled(F)
    other = np.insert(F, 1, [1.5, -0.2], axis=0)
    assert splitting.widest(other, 8).tolist() == [2, 0]
    splitting.fail(F, np.array([1]))
    assert splitting.is_filled(F)
    assert splitting.widest(F, 8).tolist() == []
