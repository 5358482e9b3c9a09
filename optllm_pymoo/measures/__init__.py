"""How good plans are: search quality on the table that was optimised, realised quality on true outcomes."""

from optllm_pymoo.measures.realised import (
    Calibration,
    Path,
    RealisedQuality,
    calibration,
    quality_of_points,
    realised_area,
    realised_quality,
)

__all__ = [
    "Calibration",
    "Path",
    "RealisedQuality",
    "calibration",
    "quality_of_points",
    "realised_area",
    "realised_quality",
]
