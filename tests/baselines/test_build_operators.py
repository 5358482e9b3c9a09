"""The operator sets: offspring of numeric operators don't drift, and masks hold."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.core.population import Population
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair

from optllm_pymoo import make_problem
from optllm_pymoo.baselines._build import NumericVariation, operator_set
from optllm_pymoo.operators.categorical import CategoricalSampling

PARAMETERS = {
    "nsga2": NumericVariation(),
    "sms_emoa": NumericVariation(crossover_prob=0.7595, crossover_eta=5, mutation_prob=0.0675, mutation_eta=28),
}


def shift(problem, crossover, mutation, repair, seed=0):
    """Return how far 400 children's mean LLM number lies from that of their parents, drawn uniformly."""
    rng = np.random.default_rng(seed)
    parents = CategoricalSampling()(problem, 400, random_state=rng)
    children = crossover(problem, parents.reshape(-1, 2), random_state=rng)
    children = repair(problem, mutation(problem, children, random_state=rng), random_state=rng)
    return children.get("X").mean() - parents.get("X").mean()


@pytest.mark.parametrize("n_llms", [2, 5, 12])
@pytest.mark.parametrize("published", PARAMETERS.values(), ids=PARAMETERS)
def test_published_operators_do_not_drift(n_llms, published):
    """By symmetry children of uniform parents have their parents' mean, within 5 standard errors."""
    chosen = operator_set("published", "cold", published=published)
    drift = shift(make_problem(500, n_llms), chosen.crossover, chosen.mutation, chosen.repair)
    # a child differs from its parent by less than M - 1
    assert abs(drift) < 5 * (n_llms - 1) / np.sqrt(400 * 500)


def test_integer_sbx_drifts():
    """The measure sees what it is for: pymoo's operators on integers lose a good part of an LLM number."""
    assert shift(make_problem(500, 5), SBX(prob=0.778, eta=7), PM(prob=0.8119, eta=9), RoundingRepair()) < -0.1


@pytest.mark.parametrize("operators", ["categorical", "published"])
def test_children_of_allowed_parents_are_allowed(operators, masked):
    """After crossover, mutation and repair every query is with an LLM allowed for it."""
    chosen, rng = operator_set(operators, "cold"), np.random.default_rng(1)
    parents = chosen.sampling(masked, 200, random_state=rng).reshape(-1, 2)
    children = chosen.mutation(masked, chosen.crossover(masked, parents, random_state=rng), random_state=rng)
    X = chosen.repair(masked, children, random_state=rng).get("X")
    assert X.dtype == masked.assignment_dtype
    assert masked.allowed[np.arange(masked.n_queries), X].all()


def test_categorical_operators_do_not_interpolate():
    """A child of LLMs 0 and 4 has 0 or 4 for every query before mutation: categories have no middle."""
    problem, crossover = make_problem(300, 5), operator_set("categorical", "cold").crossover
    parents = Population.new(X=np.array([[0] * 300, [4] * 300], dtype=np.int8))[None, :]
    children = crossover(problem, parents, random_state=np.random.default_rng(1)).get("X")
    assert set(children.ravel()) == {0, 4}
    assert (children.sum(axis=0) == 4).all()


def test_sets_are_made_afresh():
    """No two algorithms share an operator."""
    first, second = (operator_set("published", "warm").options() for _ in range(2))
    assert all(first[name] is not second[name] for name in first)


def test_options_by_name():
    """All operators, or those asked for, under the names of pymoo's options."""
    chosen = operator_set("categorical", "cold")
    assert set(chosen.options()) == {"sampling", "crossover", "mutation", "repair", "eliminate_duplicates"}
    assert chosen.options("repair") == {"repair": chosen.repair}
