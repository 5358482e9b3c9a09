"""Random-reset mutation: who moves, whereto, and what stays."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.core.population import Population

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.operators.categorical import CategoricalSampling, RandomResetMutation
from optllm_pymoo.testing import MutationConformance


def mutate(problem, X, seed=1, **options):
    """Mutate a copy of X."""
    mutation = RandomResetMutation(**options)
    return mutation(problem, Population.new(X=X.copy()), random_state=np.random.default_rng(seed)).get("X")


def masked():
    """Build four queries on four LLMs: all allowed, one, two and three of them."""
    allowed = np.array([[1, 1, 1, 1], [0, 1, 0, 0], [1, 0, 0, 1], [1, 1, 0, 1]])
    base = make_problem(4, 4)
    return AllocationProblem(base.cost, base.accuracy, allowed=allowed)


class TestConformance(MutationConformance):
    """What every mutation for allocations has to hold."""

    def make_operator(self):
        return RandomResetMutation()


def test_every_query_moves_to_another_llm_uniformly():
    """With prob_var = 1 no query keeps its LLM, and each of the 3 others gets a third."""
    X = np.full((50, 200), 1, dtype=np.int8)
    shares = np.bincount(mutate(make_problem(200, 4), X, prob_var=1.0).ravel(), minlength=4) / X.size
    assert shares[1] == 0
    assert np.abs(shares[[0, 2, 3]] - 1 / 3).max() < 5 * np.sqrt(2 / 9 / X.size)


def test_masked_queries_move_among_the_allowed_ones():
    """Only other allowed LLMs are drawn, all equally often; a query with a single one keeps it."""
    problem = masked()
    X = CategoricalSampling()(problem, 4000, random_state=np.random.default_rng(0)).get("X")
    moved = mutate(problem, X, prob_var=1.0)
    assert (moved[:, 1] == 1).all()
    for i in (0, 2, 3):
        assert (moved[:, i] != X[:, i]).all()
        for j in np.flatnonzero(problem.allowed[i]):
            others = problem.allowed[i] & (np.arange(4) != j)
            shares = np.bincount(moved[X[:, i] == j, i], minlength=4) / (X[:, i] == j).sum()
            assert not shares[~others].any()
            assert np.abs(shares[others] - 1 / others.sum()).max() < 0.08


def test_current_llm_that_is_not_allowed_moves_into_the_mask():
    """LLM 2 of query 2 isn't allowed: it moves to 0 or 3, both of which are drawn."""
    moved = mutate(masked(), np.full((200, 4), 2), prob_var=1.0)
    assert set(moved[:, 2]) == {0, 3}
    assert set(moved[:, 1]) == {1}


@pytest.mark.parametrize("n_queries", [1, 5])
def test_single_llm_stays(n_queries):
    """Where there is one LLM only, nothing can move."""
    X = np.zeros((3, n_queries), dtype=np.int8)
    assert not mutate(make_problem(n_queries, 1), X, prob_var=1.0).any()


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.float64])
def test_type_is_kept_and_input_not_changed(dtype):
    """Whatever type parents have, their children have it, and the given array is left alone."""
    problem = make_problem(40, 5)
    X = np.zeros((6, 40), dtype=dtype)
    moved = RandomResetMutation(prob_var=0.5)._do(problem, X, random_state=np.random.default_rng(1))
    assert moved.dtype == dtype
    assert moved.any()
    assert not X.any()


def test_default_rate_is_one_query_per_plan():
    """With prob_var = 1/N the number of moved queries has mean 1 and variance 1 - 1/N."""
    X = np.zeros((5000, 50), dtype=np.int8)
    moves = (mutate(make_problem(50, 3), X) != X).sum(axis=1)
    assert abs(moves.mean() - 1) < 5 * np.sqrt(1 / 5000)
    assert abs(moves.var() - 0.98) < 0.15


def test_prob_is_the_share_of_mutated_plans():
    """With prob = 0.3 and every query moving, 30 % of the plans move; with 0 none."""
    X = np.zeros((3000, 5), dtype=np.int8)
    moved = (mutate(make_problem(5, 3), X, prob=0.3, prob_var=1.0) != X).all(axis=1)
    assert abs(moved.mean() - 0.3) < 5 * np.sqrt(0.21 / 3000)
    assert not mutate(make_problem(5, 3), X, prob=0.0, prob_var=1.0).any()


def test_cells_are_chosen_independently():
    """Each cell is chosen with its row's probability and no cell twice; two of a row with its square."""
    rows, columns = RandomResetMutation.choose_cells((20_000, 4), np.full(20_000, 0.3), np.random.default_rng(1))
    chosen = np.zeros((20_000, 4), dtype=int)
    np.add.at(chosen, (rows, columns), 1)
    assert chosen.max() == 1
    assert np.abs(chosen.mean(axis=0) - 0.3).max() < 5 * np.sqrt(0.21 / 20_000)
    assert abs((chosen[:, 0] & chosen[:, 3]).mean() - 0.09) < 5 * np.sqrt(0.09 * 0.91 / 20_000)


def test_seeds_decide():
    """The same seed moves the same, another seed others."""
    problem, X = make_problem(50, 5), np.zeros((4, 50), dtype=np.int8)
    assert (mutate(problem, X, seed=1, prob_var=0.2) == mutate(problem, X, seed=1, prob_var=0.2)).all()
    assert (mutate(problem, X, seed=1, prob_var=0.2) != mutate(problem, X, seed=2, prob_var=0.2)).any()
