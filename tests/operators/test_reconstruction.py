"""Reconstruction: always supported, what the published exchange gives, and, after destruction, a mating of pymoo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.population import Population
from pymoo.optimize import minimize

from optllm_pymoo import make_problem
from optllm_pymoo.operators import CategoricalSampling, ExchangeReconstruction, RandomDestruction, RuinAndRecreate
from optllm_pymoo.testing import ReconstructionConformance, edge_cases
from tests import brute_force, published
from tests.strategies import EDGE_CASES, allocations, tables


class TestExchangeReconstruction(ReconstructionConformance):
    def make_operator(self):
        """Build the published reconstruction."""
        return ExchangeReconstruction()


def check_supported(drawn, X):
    """Hold reconstructions of plans against the hull of all M**N plans."""
    problem = drawn.problem()
    F = problem.evaluate(ExchangeReconstruction().do(problem, X, random_state=1))
    scale = np.abs(F).max(axis=0)
    scale[scale == 0] = 1.0
    hull = brute_force.extreme_points(brute_force.score(drawn, brute_force.all_plans(drawn)) / scale)
    F = F / scale
    assert np.all(F[:, 0] >= hull[0, 0] - 1e-9)
    np.testing.assert_allclose(F[:, 1], np.interp(F[:, 0], hull[:, 0], hull[:, 1]), atol=1e-9)


@given(tables(), st.integers(0, 1000))
def test_any_reconstruction_is_supported(drawn, seed):
    """Whatever goes in, what comes out lies on the hull of all plans: with ties, masks, labels, float32."""
    check_supported(drawn, allocations(drawn, 4, seed))


@pytest.mark.parametrize("name", [name for name, c in EDGE_CASES.items() if c.cost.shape[1] ** len(c.cost) < 20_000])
def test_any_reconstruction_is_supported_on_edge_cases(name):
    """The same on every named case."""
    check_supported(EDGE_CASES[name], allocations(EDGE_CASES[name], 8, 3))


@given(tables(max_queries=8, max_llms=6), st.integers(0, 1000))
def test_supported_plans_stay_put(drawn, seed):
    """A point of the front is its own reconstruction, and reconstructing twice changes nothing."""
    problem = drawn.problem()
    front = problem.supported_front
    points = np.stack([front.assignment(k) for k in range(len(front))])
    np.testing.assert_array_equal(ExchangeReconstruction().do(problem, points, random_state=1), points)
    once = ExchangeReconstruction().do(problem, allocations(drawn, 3, seed), random_state=1)
    np.testing.assert_array_equal(ExchangeReconstruction().do(problem, once, random_state=1), once)


@pytest.mark.parametrize("seed", range(8))
def test_equals_the_published_exchange(seed):
    """Tie-free: from any choice of hull LLMs the literal loop, the sequential partition and the kernel agree."""
    problem = make_problem(25, 6, random_state=seed)
    front, rng, rows = problem.supported_front, np.random.default_rng(seed), np.arange(25)
    level = rng.integers(0, np.diff(front.offset) + 1)
    x = front.vertices[front.offset[:-1] + rows + level]
    steps = front.steps
    height = front.levels[steps.query, steps.to_llm]
    partition = published.sequential_partition(height <= level[steps.query])
    ours = ExchangeReconstruction().do(problem, x, random_state=1)
    np.testing.assert_array_equal(ours, published.exchange_loop(problem.cost, problem.accuracy, x))
    assert partition.tolist() == [True] * level.sum() + [False] * (len(steps.query) - level.sum())
    np.testing.assert_array_equal(ours, front.assignment(int(partition.sum())))


@pytest.mark.parametrize("seed", range(4))
def test_dominated_choices_move_first(seed):
    """The literal loop, too, ends on the front from plans off all hulls; ours never ends on a dominated plan."""
    problem = make_problem(25, 6, random_state=seed)
    x = np.random.default_rng(seed).integers(0, 6, 25)
    front = problem.supported_front
    literal = problem.evaluate(published.exchange_loop(problem.cost, problem.accuracy, x))
    assert np.abs(front.F - literal).max(axis=1).min() < 1e-12
    ours = problem.evaluate(ExchangeReconstruction().do(problem, x, random_state=1))
    assert np.abs(front.F - ours).max(axis=1).min() < 1e-12
    assert not np.all(ours >= problem.evaluate(x))


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
