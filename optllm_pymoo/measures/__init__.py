"""How good plans are: search quality on the table that was optimised, realised quality on true outcomes."""

from optllm_pymoo.measures.realised import Path, RealisedQuality, quality_of_points, realised_area, realised_quality

__all__ = ["Path", "RealisedQuality", "quality_of_points", "realised_area", "realised_quality"]
