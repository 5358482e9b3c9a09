"""Quality of plans: search quality on the table that was optimised, realised quality on true outcomes."""

from optllm_pymoo.measures.realised import (
    Calibration,
    Path,
    PlanEvaluation,
    RealisedQuality,
    calibration,
    comparable_outcomes,
    evaluate_plan,
    pareto_distances,
    quality_of_points,
    realised_area,
    realised_front,
    realised_quality,
)

__all__ = [
    "Calibration",
    "Path",
    "PlanEvaluation",
    "RealisedQuality",
    "calibration",
    "comparable_outcomes",
    "evaluate_plan",
    "pareto_distances",
    "quality_of_points",
    "realised_area",
    "realised_front",
    "realised_quality",
]
