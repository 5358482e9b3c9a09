"""From a batch to the problem of splitting it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from optllm_pymoo.data import Dataset
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError, first_place, shown


def problem_of(dataset: Dataset, accuracy: npt.ArrayLike | None = None, /, **options: Any) -> AllocationProblem:
    """Make the pymoo problem of splitting a batch over its LLMs.

    Args:
        dataset: The batch.
        accuracy: (N, M) probabilities in [0, 1] to optimise, such as predicted ones; the known outcomes if not given.
        **options: Passed on to `AllocationProblem`, for instance `allowed`.

    Raises:
        UserError: No `accuracy` is given and some outcome is not known.

    Examples:
        >>> data = Dataset([[0.1, 2.0]], [[0, 1]], llms=["small", "large"])
        >>> problem_of(data).llms
        ('small', 'large')
    """
    if accuracy is None:
        place = first_place(np.isnan(dataset.correct))
        if place is not None:
            i, j = place
            untried = f"{shown(dataset.llms[j])} was not tried on query {shown(dataset.query_ids[i])}"
            hint = (
                "Pass predicted accuracies, problem_of(data, accuracy), or select the queries that are fully labelled"
            )
            raise UserError(f"{untried}: correct[{i}, {j}] is NaN. {hint}")
        accuracy = dataset.correct
    return AllocationProblem(dataset.cost, accuracy, llms=dataset.llms, query_ids=dataset.query_ids, **options)
