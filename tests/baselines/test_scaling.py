"""Objective ranges, with and without extent."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo import AllocationProblem
from optllm_pymoo.baselines._scaling import objective_ranges

CASES = {
    "by hand": ([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]], [2, -0.75], [3, 0.4]),
    "equal costs": ([[2, 2], [3, 3]], [[0.2, 0.6], [0.5, 0.9]], [5, -0.75], [5, 0.75]),
    "no costs": ([[0, 0]], [[0.2, 0.6]], [0, -0.6], [1, 0.6]),
    "never right": ([[1, 2]], [[0, 0]], [1, 0], [1, 1]),
}


@pytest.mark.parametrize(("cost", "accuracy", "ideal", "span"), CASES.values(), ids=CASES)
def test_ranges(cost, accuracy, ideal, span):
    """Ends of the front, or the size of the ideal value, or 1; worked out by hand."""
    found = objective_ranges(AllocationProblem(cost, accuracy))
    np.testing.assert_allclose(found, [ideal, span])
