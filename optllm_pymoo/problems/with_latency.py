"""What latency adds to an allocation problem: weights on three objectives, and the surface they lead to."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from optllm_pymoo.exact.surface import Scalarisation, SupportedSurface
from optllm_pymoo.validation import UserError


class WithLatency:
    """Mixin of `AllocationProblem`: everything that is about latency.

    Attributes:
        latency: (N, M) mean seconds per call, or None where the problem has two objectives.
    """

    cost: np.ndarray
    accuracy: np.ndarray
    latency: np.ndarray | None
    allowed: np.ndarray | None
    assignment_dtype: np.dtype[np.signedinteger]
    refuse_extended: Callable[[str], None]

    @cached_property
    def scalarisation(self) -> Scalarisation:
        """What turns weights on three objectives into plans; built when first asked for and kept.

        Raises:
            ValueError: If the problem has no latency.
        """
        self.refuse_extended("the exact surface")
        if self.latency is None:
            raise UserError(
                "weights on three objectives need a latency, and this problem has none; its supported_front is exact."
                " Build it with AllocationProblem(cost, accuracy, latency=...)"
            )
        return Scalarisation(self.cost, self.accuracy, self.latency, self.allowed, dtype=self.assignment_dtype)

    @cached_property
    def supported_surface(self) -> SupportedSurface:
        """Supported plans of the three objectives at some 500 weights; built when first asked for and kept.

        Raises:
            ValueError: If the problem has no latency.
        """
        return SupportedSurface.from_scalarisation(self.scalarisation)
