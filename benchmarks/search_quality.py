"""How good the fronts are that OptLLM finds by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pymoo.optimize import minimize

from benchmarks.problems import load_problems
from benchmarks.rows import Row
from optllm_pymoo import AllocationProblem, OptLLM, SupportedFront, make_problem
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.problems.synthetic import FAMILIES

TARGETS = {50: 0.99, 1000: 0.9995}
"""Hypervolume ratio to reach, by n_grid."""

ON_FRONT = 1e-9
DATA_SETS = ("llmrouter", "logpai", "mmlu", "routerarena")


def data_folders() -> list[Path]:
    """Find the folders of `DATA_SETS` that there are below ``$OPTLLM_SHARED/data``; none where that isn't set."""
    shared = os.environ.get("OPTLLM_SHARED")
    folders = [Path(shared) / "data" / name for name in DATA_SETS] if shared else []
    return [folder for folder in folders if folder.is_dir()]


def quality_batches(n_queries: int, /, *, with_data: bool = True) -> Iterator[tuple[str, AllocationProblem]]:
    """Yield the synthetic families, and the data sets of `data_folders`."""
    for family in FAMILIES:
        yield family, make_problem(n_queries, 12, family=family, random_state=0)
    if with_data:
        for folder in data_folders():
            yield from load_problems([folder]).items()


def quality_rows(name: str, problem: AllocationProblem, /) -> Iterator[Row]:
    """Yield hypervolume ratio and distance from the exact front for both grids."""
    size = f"{problem.n_queries:,} × {problem.n_llms}"
    front = problem.supported_front
    for n_grid, target in TARGETS.items():
        F = minimize(problem, OptLLM(n_grid=n_grid), seed=1).F
        details = f"{len(F):,} plans of {len(front):,}"
        yield Row(
            f"{name}: hypervolume ratio, n_grid={n_grid}",
            size,
            hypervolume_ratio(F, front),
            "",
            "≥",
            target,
            details,
        )
        yield Row(
            f"{name}: farthest plan from the exact front, n_grid={n_grid}",
            size,
            float(distance_from_front(F, front).max()),
            "",
            "≤",
            ON_FRONT,
            details,
        )


def distance_from_front(F: np.ndarray, front: SupportedFront, /) -> np.ndarray:
    """Measure how far plans lie off the exact front, the line through its points.

    Args:
        F: (n, 2) total US$ and negated mean accuracy.
        front: The exact front.

    Returns:
        (n,) accuracy missing at a plan's cost, or the relative cost beyond the front's dearest plan where
        that is larger.
    """
    dearest = front.F[-1, 0]
    missing = np.abs(front.bound(F[:, 0]) + F[:, 1])
    excess = np.clip(F[:, 0] - dearest, 0.0, None) / (dearest or 1.0)
    distance: np.ndarray = np.maximum(missing, excess)
    return distance
