"""One walk of the published search: destroy, reconstruct, go on from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from optllm_pymoo.operators.destruction import Destruction, Gap
from optllm_pymoo.operators.reconstruction import Reconstruction
from optllm_pymoo.problems import AllocationProblem


@dataclass
class Walk:
    """State of a walk along the front, from one of its ends.

    Args:
        problem: The batch, with the accuracies that steer this walk.
        destruction: Pushes the current plan onward.
        reconstruction: Makes the outcome efficient.
        gap: How far each destruction should go.
        x: (N,) current plan.
        rounds_left: Rounds that are still allowed.
    """

    problem: AllocationProblem
    destruction: Destruction
    reconstruction: Reconstruction
    gap: Gap
    x: np.ndarray
    rounds_left: int

    def step(self, random_state: np.random.Generator) -> np.ndarray | None:
        """Do one round.

        Returns:
            (N,) the next plan, or None when the walk has ended: no rounds are left, the destruction can't gain a
            whole gap any more, or the reconstruction leads back to where the walk stands.
        """
        if self.rounds_left < 1:
            return None
        self.rounds_left -= 1
        given: dict[str, Any] = {"gap": self.gap, "random_state": random_state}
        destroyed = self.destruction.apply(self.problem, self.x[None], **given)
        if (destroyed != self.x).any():
            reconstructed = self.reconstruction.apply(self.problem, destroyed, **given)[0]
            if (reconstructed != self.x).any():
                self.x = reconstructed
                return self.x
        self.rounds_left = 0
        return None
