"""The picture of the fronts."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import image

from benchmarks.head_to_head import Run, draw_fronts
from optllm_pymoo import AllocationProblem, make_problem


@pytest.mark.parametrize(
    "problem",
    [
        make_problem(20, 4),
        AllocationProblem([[1.0, 2.0]], [[0.9, 0.1]]),
        AllocationProblem([[0.0, 0.0]], [[0.5, 0.5]]),
        AllocationProblem([[1.0]], [[0.5]]),
    ],
    ids=["usual", "one point", "free", "one LLM"],
)
def test_it_is_drawn(problem, tmp_path):
    """Degenerate fronts are drawn like any other, failed runs are left out, and something is on the picture."""
    good = Run("batch", "nsga2", 1, 50, 100, F=problem.evaluate(problem.extremes()))
    failed = Run("batch", "moead", 1, 50, 100, error="ValueError: no")
    draw_fronts({"batch": problem}, [failed, good], tmp_path / "front.png")
    pixels = image.imread(tmp_path / "front.png")
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 10
