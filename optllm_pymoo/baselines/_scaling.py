"""Ranges of the two objectives, so that dollars and accuracies weigh alike."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.problems import AllocationProblem


def objective_ranges(problem: AllocationProblem, /) -> tuple[np.ndarray, np.ndarray]:
    """Return the ideal point of the exact front, and how far the front reaches from it.

    Returns:
        (2,) ideal: cost of the cheapest plan in US$, negated mean accuracy of the most accurate one; and (2,)
        positive spans. Where the front has no extent, the size of the ideal value itself stands in (or 1 if
        it is 0), so that another currency still changes nothing.
    """
    cheapest, most_accurate = problem.supported_front.F[[0, -1]]
    ideal = np.array([cheapest[0], most_accurate[1]])
    span = np.array([most_accurate[0] - cheapest[0], cheapest[1] - most_accurate[1]])
    size = np.where(ideal != 0, np.abs(ideal), 1.0)
    return ideal, np.where(span > 0, span, size)
