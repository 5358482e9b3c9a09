"""NSGA-II: parameters as published, and a search that finds what there is to find."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem
from optllm_pymoo.baselines import nsga2


def test_published_parameters():
    """SBX .7780/7, PM .8119/9, Latin hypercube sampling."""
    mating = nsga2(operators="published").mating
    assert (mating.crossover.prob.value, mating.crossover.eta.value) == (0.7780, 7)
    assert (mating.mutation.prob.value, mating.mutation.eta.value) == (0.8119, 9)
    assert nsga2(operators="published").initialization.sampling.stratified


@pytest.mark.parametrize("operators", ["categorical", "published"])
@pytest.mark.parametrize("best", [0, 3])
def test_finds_a_plan_that_is_best_in_everything(operators, best):
    """Where one LLM is free and always right, be it the first or the last, the answer is that LLM alone."""
    cost, accuracy = np.ones((12, 4)), np.zeros((12, 4))
    cost[:, best], accuracy[:, best] = 0, 1
    problem = AllocationProblem(cost, accuracy)
    res = minimize(problem, nsga2(pop_size=20, operators=operators), ("n_eval", 2000), seed=1)
    assert res.F.tolist() == [[0, -1]]
    assert (best == res.X).all()


def test_operators_may_be_swapped():
    """An option wins over the operator set."""
    crossover = nsga2(operators="published").mating.crossover
    assert nsga2(crossover=crossover).mating.crossover is crossover
