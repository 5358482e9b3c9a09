"""Runs of the search by its public interface."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from optllm_pymoo import AllocationProblem, OptLLM, SupportedFront


def run_by_hand(problem: AllocationProblem, algorithm: OptLLM, **options: Any) -> tuple[Any, list[np.ndarray]]:
    """Run with ask and tell.

    Returns:
        The result, and the allocations of each iteration in the order in which they were asked for.
    """
    algorithm.setup(problem, **options)
    asked = []
    while algorithm.has_next():
        infills = algorithm.ask()
        if len(infills):
            algorithm.evaluator.eval(problem, infills, algorithm=algorithm)
            asked.append(infills.get("X"))
        algorithm.tell(infills=infills)
    return algorithm.result(), asked


def distance_to_front(F: np.ndarray, front: SupportedFront) -> float:
    """Measure the largest shortfall in mean accuracy of any point below the front at its own cost."""
    return float(np.max(front.bound(F[:, 0]) + F[:, 1]))


def missing_points(F: np.ndarray, front: SupportedFront) -> int:
    """Count the points of the front that no row of F equals to 1e-9 of the ranges."""
    scale = np.where(front.F[0] == front.F[-1], 1.0, np.abs(front.F[-1] - front.F[0]))
    distances = np.abs(front.F[:, None] - F[None]) / scale
    return int(np.sum(distances.max(axis=2).min(axis=1) > 1e-9))


def digest(res: Any) -> str:
    """Name a result by all its bits."""
    return hashlib.sha256(res.F.tobytes() + res.X.tobytes()).hexdigest()
