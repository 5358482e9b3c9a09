"""Which of the known outcomes a plan is valued on."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.planning.files import PlannedBatch
from optllm_pymoo.validation import UserError


def comparable_outcomes(batch: PlannedBatch, /) -> np.ndarray:
    """Choose between all outcomes, which allow a comparison with single LLMs, and those of the chosen LLMs alone.

    Whoever follows a plan learns the outcomes of the chosen LLMs and of no other. The comparison needs queries on
    which the outcomes of all LLMs are known; it is made if these are at least half of the queries on which the
    outcome of the chosen LLM is known, for then it leaves out fewer queries than it counts.

    Args:
        batch: The plan and what is known.

    Returns:
        (N, M) outcomes of all LLMs, or (N,) of the chosen ones; NaN where not known. For `Plan.evaluate`.

    Raises:
        ValueError: If the outcome of the chosen LLM is known on no query.
    """
    chosen = batch.correct[np.arange(len(batch.plan.x)), batch.plan.x]
    n_chosen = int((~np.isnan(chosen)).sum())
    if n_chosen == 0:
        raise UserError(
            "the data have no outcome of the chosen LLM on any query of the plan, so nothing can be evaluated;"
            " follow the plan, and enter how its LLMs did"
        )
    n_complete = int((~np.isnan(batch.correct)).all(axis=1).sum())
    return batch.correct if 2 * n_complete >= n_chosen else np.asarray(chosen)
