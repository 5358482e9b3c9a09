"""What is known without a search: the front of two objectives, the surface of three."""

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.exact.surface import SupportedSurface

__all__ = ["SupportedFront", "SupportedSurface"]
