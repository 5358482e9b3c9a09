"""Tables of multiples of a fraction."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.kernels.filling import common_denominator


@pytest.mark.parametrize(
    ("values", "q"),
    [
        ([0.0, 1.0], 1),
        ([0.5, 1.0], 2),
        ([0.25, 0.5], 4),
        ([0.125, 0.5], 8),
        ([0.1, 0.3, 0.7], 10),
        ([0.07, 0.1], 100),
        ([0.123], 1000),
        ([1 / 3], 0),
        ([0.1, 0.1 + 1e-9], 0),
    ],
)
def test_least_denominator(values, q):
    """By hand; tenths needn't be exact in binary, but 1e-9 off is off."""
    assert common_denominator(np.array([values])) == q


def test_float32_tenths_are_none():
    """In float32 a tenth is 1.5e-9 off."""
    assert common_denominator(np.array([[0.1]], dtype=np.float32)) == 0
    assert common_denominator(np.array([[0.25]], dtype=np.float32)) == 4
