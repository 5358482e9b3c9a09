"""From a batch to its problem."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo import AllocationProblem
from optllm_pymoo.data import Dataset
from optllm_pymoo.planning import problem_of


def test_problem_has_these_tables():
    """The problem's tables and names are those of the data set, and options are passed on."""
    small = Dataset([[0.1, 2.0], [0.125, 3.5]], [[0, 1], [1, 1]], llms=["small", "large"], query_ids=["q1", "q2"])
    allowed = np.array([[True, True], [False, True]])
    problem = problem_of(small, allowed=allowed)
    assert isinstance(problem, AllocationProblem)
    np.testing.assert_array_equal(problem.cost, small.cost)
    np.testing.assert_array_equal(problem.accuracy, small.correct)
    np.testing.assert_array_equal(problem.allowed, allowed)
    assert problem.llms == small.llms
    assert problem.query_ids == small.query_ids


def test_problem_needs_accuracies_for_all():
    """Unknown outcomes must be predicted first; predicted accuracies take the place of the outcomes."""
    data = Dataset(np.ones((2, 2)), [[0, 1], [1, np.nan]], llms=["a", "b"], query_ids=["x", "y"])
    message = r"'b' was not tried on query 'y': correct\[1, 1\] is NaN. Pass predicted accuracies"
    with pytest.raises(ValueError, match=message):
        problem_of(data)
    predicted = np.full((2, 2), 0.25)
    np.testing.assert_array_equal(problem_of(data, predicted).accuracy, predicted)
