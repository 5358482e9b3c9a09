"""Single LLMs: all of them, or those allowed everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem
from optllm_pymoo.baselines import single_llms


def test_population_is_all_llms_in_order(problem):
    """Column sums of cost and column means of accuracy, after one iteration."""
    res = minimize(problem, single_llms(), seed=1)
    np.testing.assert_allclose(res.pop.get("F"), np.stack([problem.cost.sum(0), -problem.accuracy.mean(0)], 1))
    assert res.algorithm.n_iter == 2


def test_only_llms_allowed_everywhere(masked):
    """LLM 1 is the only one that every query may go to."""
    res = minimize(masked, single_llms(), seed=1)
    assert res.pop.get("X").tolist() == [[1] * masked.n_queries]


def test_no_llm_allowed_everywhere_is_refused():
    """There is no plan to evaluate then; with one such LLM there is."""
    cost, accuracy = np.ones((2, 2)), np.ones((2, 2))
    with pytest.raises(ValueError, match="no LLM is allowed for every query"):
        minimize(AllocationProblem(cost, accuracy, allowed=[[1, 0], [0, 1]]), single_llms())
    problem = AllocationProblem(cost, accuracy, allowed=[[1, 0], [1, 1]])
    assert len(minimize(problem, single_llms()).pop) == 1
