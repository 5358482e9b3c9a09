"""SMS-EMOA: parameters as published, generations of any size."""

from __future__ import annotations

import pytest
from pymoo.optimize import minimize

from optllm_pymoo.baselines import sms_emoa


def test_published_parameters():
    """SBX .7595/5, PM .0675/28."""
    mating = sms_emoa(operators="published").mating
    assert (mating.crossover.prob.value, mating.crossover.eta.value) == (0.7595, 5)
    assert (mating.mutation.prob.value, mating.mutation.eta.value) == (0.0675, 28)


@pytest.mark.parametrize(("n_offsprings", "per_generation"), [(None, 10), (1, 1), (4, 4)])
def test_children_per_generation(problem, n_offsprings, per_generation):
    """(μ + μ) by default; after the first population three generations evaluate three times as many."""
    algorithm = sms_emoa(pop_size=10, n_offsprings=n_offsprings)
    res = minimize(problem, algorithm, ("n_gen", 4), seed=1)
    assert res.algorithm.evaluator.n_eval == 10 + 3 * per_generation
    assert len(res.pop) == 10
