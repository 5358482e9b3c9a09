"""What the whole front of a plan turned out to be worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.measures.realised import Path, RealisedQuality, realised_area, realised_quality
from optllm_pymoo.problems import AllocationProblem


def realised_front(problem: AllocationProblem, correct: Any, paid_usd: Any = None, /) -> RealisedQuality:
    """Value the exact front of expected accuracies on true outcomes.

    Args:
        problem: The batch with expected accuracies.
        correct: (N, M) true outcomes in [0, 1], all known.
        paid_usd: (N, M) what calls cost, US$; None: what was planned.

    Raises:
        ValueError: If ``correct`` has another shape, or a value is unknown or out of range.
    """
    cost = problem.cost if paid_usd is None else np.asarray(paid_usd, dtype=float)
    oracle = SupportedFront(cost, correct, problem.allowed)
    outcomes = np.asarray(correct, dtype=float)
    best_area = realised_area(cost, outcomes, Path.along(oracle))
    return realised_quality(cost, outcomes, Path.along(problem.supported_front), oracle_area=best_area)
