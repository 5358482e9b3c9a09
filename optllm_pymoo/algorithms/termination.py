"""The end of a run without a termination of the user's."""

from __future__ import annotations

from typing import Any

from pymoo.core.termination import Termination


class GridFilled(Termination):
    """Ends a run of `OptLLM` when both walks are over and no gap is wider than the grid asks for.

    Its progress is the share of the walks' rounds that are done, so ``progress=True`` has something to show.
    """

    def _update(self, algorithm: Any) -> float:
        return float(algorithm.grid_progress())
