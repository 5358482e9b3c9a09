"""MOEA/D: dollars don't dictate, warm plans sit where they belong, children compete at home."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.core.duplicate import NoDuplicateElimination
from pymoo.core.population import Population
from pymoo.decomposition.pbi import PBI
from pymoo.decomposition.tchebicheff import Tchebicheff
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem
from optllm_pymoo.baselines import moead, moead_gen

BOTH = pytest.mark.parametrize("factory", [moead, moead_gen])


@BOTH
@pytest.mark.parametrize("operators", ["categorical", "published"])
@pytest.mark.parametrize("factor", [1000, 1 / 1024])
def test_currency_does_not_matter(problem, factory, operators, factor):
    """The same batch in another currency gives the same plans with the same seed."""
    other = AllocationProblem(problem.cost * factor, problem.accuracy)
    plans = [
        minimize(batch, factory(pop_size=20, operators=operators), ("n_eval", 400), seed=1).pop.get("X")
        for batch in (problem, other)
    ]
    assert np.array_equal(*plans)


def test_parameters():
    """Published: boundary intersection with 10 neighbours; random weights, Tchebycheff with 24."""
    assert isinstance(moead().decomposition, PBI)
    assert (moead().n_neighbors, moead().weights) == (10, "grid")
    assert isinstance(moead_gen().decomposition, Tchebicheff)
    assert (moead_gen().n_neighbors, moead_gen().weights) == (24, "random")


@BOTH
def test_weights(problem, factory):
    """One per plan, positive, adding up to 1; a grid doesn't depend on the seed, random weights do."""
    drawn = [minimize(problem, factory(pop_size=30), ("n_gen", 1), seed=seed).algorithm.ref_dirs for seed in (1, 2)]
    assert drawn[0].shape == (30, 2)
    assert (drawn[0] > 0).all()
    np.testing.assert_allclose(drawn[0].sum(axis=1), 1, atol=2e-4)
    assert np.array_equal(*drawn) == (factory is moead)
    if factory is moead:
        np.testing.assert_allclose(np.sort(drawn[0][:, 0]), np.linspace(0, 1, 30), atol=2e-4)


@BOTH
def test_first_two_weights_prefer_the_extremes(masked, factory):
    """Of the two plans that a warm start begins with, weight 0 prefers the cheapest, 1 the most accurate."""
    algorithm = minimize(masked, factory(pop_size=20, start="warm"), ("n_gen", 1), seed=1).algorithm
    assert np.array_equal(algorithm.pop[:2].get("X"), masked.extremes())
    F = algorithm._scaled(masked.supported_front.F[[0, -1]])
    values = algorithm.decomposition.do(
        F, weights=algorithm.ref_dirs[:2], ideal_point=F.min(axis=0), _type="many_to_many"
    )
    assert values.argmin(axis=0).tolist() == [0, 1]


@BOTH
def test_children_compete_at_the_weight_of_their_parents(problem, factory):
    """With crossover but no mutation, a child has only LLMs that the neighbours of its weight have."""
    algorithm = factory(pop_size=12, n_neighbors=2, prob_neighbor_mating=1.0)
    algorithm.mating.mutation.prob.value = 0.0
    algorithm.setup(problem, termination=("n_gen", 5), seed=1)
    algorithm.next()
    for _ in range(3):
        before = algorithm.pop.get("X").copy()
        children = algorithm.ask()
        for k, child in zip(algorithm.indices, children.get("X"), strict=True):
            parents = before[algorithm.neighbors[k]]
            assert (child == parents).any(axis=0).all()
        algorithm.evaluator.eval(problem, children)
        algorithm.tell(infills=children)


def test_each_replacement_improves_its_weight(problem):
    """With a fixed ideal point, no weight's decomposed value ever rises, and some fall."""
    algorithm = moead(pop_size=20, start="warm").setup(problem, termination=("n_gen", 8), seed=1)
    values = []
    while algorithm.has_next():
        algorithm.next()
        F = algorithm._scaled(algorithm.pop.get("F"))
        values.append(algorithm.decomposition.do(F, weights=algorithm.ref_dirs, ideal_point=np.zeros(2)))
    assert (np.diff(values, axis=0) <= 1e-12).all()
    assert (values[-1] < values[0]).any()


def test_one_plan_at_several_weights_is_reported_once(problem):
    """Duplicates stay in the population, as MOEA/D wants it, but not in the answer."""
    algorithm = moead(pop_size=10)
    assert isinstance(algorithm.eliminate_duplicates, NoDuplicateElimination)
    algorithm.setup(problem, termination=("n_gen", 2), seed=1)
    algorithm.next()
    algorithm.pop = Population.create(*[algorithm.pop[0]] * 10)
    algorithm._set_optimum()
    assert len(algorithm.opt) == 1


@pytest.mark.parametrize("name", ["pop_size", "n_neighbors"])
@BOTH
def test_two_must_mate(factory, name):
    """One weight or neighbour is refused; two pass."""
    with pytest.raises(ValueError, match=f"{name} must be at least 2.*got 1"):
        factory(**{name: 1})
    assert factory(**{name: 2}).pop_size >= 2


def test_two_of_everything_runs(problem):
    """The smallest population and neighbourhood work."""
    res = minimize(problem, moead(pop_size=2, n_neighbors=2), ("n_eval", 20), seed=1)
    assert res.algorithm.evaluator.n_eval == 20


def test_unknown_weights_are_refused():
    """The message names the two kinds."""
    with pytest.raises(ValueError, match="weights must be one of 'grid', 'random'; got 'corner'"):
        moead(weights="corner")
    assert moead(weights="random").weights == "random"


@pytest.mark.parametrize("option", ["ref_dirs", "survival", "selection", "eliminate_duplicates"])
def test_options_without_effect_are_refused(option):
    """MOEA/D sets these itself."""
    with pytest.raises(TypeError, match=f"no option '{option}'"):
        moead(**{option: None})
