"""What the whole front of a plan turned out to be worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.measures.realised import Path, RealisedQuality, realised_area, realised_quality
from optllm_pymoo.problems import AllocationProblem


def realised_front(problem: AllocationProblem, correct: Any, /) -> RealisedQuality:
    """Value the exact front of expected accuracies on true outcomes.

    Args:
        problem: The batch with expected accuracies.
        correct: (N, M) true outcomes in [0, 1], all known.

    Raises:
        ValueError: If ``correct`` has another shape, or a value is unknown or out of range.
    """
    oracle = SupportedFront(problem.cost, correct, problem.allowed)
    outcomes = np.asarray(correct, dtype=float)
    best_area = realised_area(problem.cost, outcomes, Path.along(oracle))
    return realised_quality(problem.cost, outcomes, Path.along(problem.supported_front), oracle_area=best_area)
