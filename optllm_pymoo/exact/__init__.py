"""Exact methods without a search: the front of two objectives, also of a batch in parts, and the surface of three."""

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.exact.partitioned import PartitionedFront
from optllm_pymoo.exact.surface import SupportedSurface

__all__ = ["PartitionedFront", "SupportedFront", "SupportedSurface"]
