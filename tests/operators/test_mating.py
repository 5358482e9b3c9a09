"""Destruction and reconstruction as the mating of pymoo's own algorithms."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.population import Population
from pymoo.optimize import minimize

from optllm_pymoo.operators import CategoricalSampling, ExchangeReconstruction, RandomDestruction, RuinAndRecreate
from optllm_pymoo.testing import edge_cases
from tests.strategies import EDGE_CASES


def run(problem, seed=1, mating=None, n_gen=8):
    """Run NSGA-II with ruin and recreate."""
    algorithm = NSGA2(12, sampling=CategoricalSampling(), mating=mating or RuinAndRecreate())
    return minimize(problem, algorithm, ("n_gen", n_gen), seed=seed)


@pytest.mark.parametrize("name", edge_cases())
def test_nsga2_finds_supported_plans(name):
    """Whatever the batch, all plans of the last front that were recreated lie on the exact front."""
    problem = edge_cases()[name]
    res = run(problem)
    np.testing.assert_allclose(problem.evaluate(res.X), res.F)
    bound = problem.supported_front.bound(np.maximum(res.F[:, 0], problem.supported_front.F[0, 0]))
    gaps = bound + res.F[:, 1]
    assert gaps.min() > -1e-12
    assert np.median(gaps) < 1e-12


def test_seeds():
    """Same seed, same plans; another seed, other plans; and two instances share no operator."""
    problem = edge_cases()["continuous"]
    np.testing.assert_array_equal(run(problem, 1).X, run(problem, 1).X)
    assert run(problem, 1).F.tolist() != run(problem, 2).F.tolist()
    one, two = RuinAndRecreate(), RuinAndRecreate()
    assert one.destruction is not two.destruction
    assert one.reconstruction is not two.reconstruction


def test_offspring_are_new():
    """No child equals a parent or another child; what can't be had is not made up."""
    problem = EDGE_CASES["random"].problem()
    pop = Population.new(X=problem.pareto_set()[:3])
    children = RuinAndRecreate().do(problem, pop, 40, random_state=np.random.default_rng(1)).get("X")
    together = np.concatenate([pop.get("X"), children])
    assert len(np.unique(together, axis=0)) == len(together) <= len(problem.supported_front)
    assert len(children) >= 1


def test_operators_can_be_chosen():
    """The operators that are given are those that run."""
    calls = []

    class Counting(ExchangeReconstruction):
        def _do(self, problem, X, *args, **kwargs):
            calls.append(len(X))
            return super()._do(problem, X, *args, **kwargs)

    mating = RuinAndRecreate(RandomDestruction(0.9), Counting())
    res = run(edge_cases()["tied"], mating=mating, n_gen=3)
    assert sum(calls) >= 12
    assert len(res.F) >= 1


def test_misspelt_options_are_refused():
    """Pymoo's base class would swallow them."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'eliminate_duplicate'"):
        RuinAndRecreate(eliminate_duplicate=True)
