"""Realised quality of the plans that a search returned: their true cost and accuracy."""

from __future__ import annotations

from typing import NamedTuple

import moocore
import numpy as np

from optllm_pymoo import SupportedFront
from optllm_pymoo.kernels.evaluation import evaluate_allocations
from optllm_pymoo.measures import Path, quality_of_points, realised_area
from optllm_pymoo.measures.search import spread

REFERENCE_POINTS = 1000
"""Points of the true front that the paper's IGD is taken to."""


class Truth(NamedTuple):
    """Costs and true outcomes of the planned queries, (N, M) each."""

    cost: np.ndarray
    correct: np.ndarray


def realised_points(truth: Truth, X: np.ndarray, /) -> np.ndarray:
    """Value plans on the true outcomes.

    Args:
        truth: Costs and outcomes.
        X: (n, N) plans, C-contiguous, int8 or int32.

    Returns:
        (n, 2) total US$ and true mean accuracy, cheapest first, and the less accurate first among equally dear ones.
    """
    F = evaluate_allocations(truth.cost, truth.correct, X)
    points = np.column_stack([F[:, 0], -F[:, 1]])
    return points[np.lexsort((points[:, 1], points[:, 0]))]


def realised_measures(truth: Truth, points: np.ndarray, /) -> dict[str, float]:
    """Take all measures of realised quality, and the paper's own, of `realised_points`.

    Returns:
        Those of `optllm_pymoo.prediction.RealisedQuality`; ``realised_igd_raw``, the mean distance of the true front
        from the plans in raw dollars and accuracy, in which dollars drown accuracy (the paper's IGD); and
        ``realised_spread``, Δ of the plans that don't dominate each other, to the true front.
    """
    cost, correct = (np.asarray(table, dtype=np.float64) for table in truth)
    true_front = SupportedFront(cost, correct)
    oracle = realised_area(cost, correct, Path.along(true_front))
    found = quality_of_points(cost, correct, points[:, 0], points[:, 1], oracle_area=oracle)
    F = points * (1.0, -1.0)
    reference = true_front.F[true_front.thin(REFERENCE_POINTS)]
    paper = {
        "realised_igd_raw": float(moocore.igd(F, ref=reference)),
        "realised_spread": spread(F, true_front),
    }
    return {**found._asdict(), **paper}
