"""Real numbers that stand for LLMs: each LLM has as much of them as any other."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.baselines._others import ContinuousBatch, RealPlans


def test_rounds_to_the_nearest_llm():
    """Without a mask, over the whole range with its ends."""
    real = RealPlans(make_problem(1, 5))
    assert [bound.tolist() for bound in real.bounds] == [[-0.5], [4.5]]
    x = np.array([-0.5, -0.2, 0.49, 0.51, 1.7, 3.4, 3.6, 4.5])[:, None]
    assert real.decode(x)[:, 0].tolist() == [0, 0, 0, 1, 2, 3, 4, 4]


def test_every_allowed_llm_is_equally_reachable(masked):
    """An even grid over the range: each allowed LLM gets its share of it, the others nothing."""
    real = RealPlans(masked)
    grid = np.linspace(-0.5, 4.5, 6001)[:-1, None] + 5 / 12000
    plans = real.decode(np.broadcast_to(grid, (6000, masked.n_queries)))
    for query in range(masked.n_queries):
        counts = np.bincount(plans[:, query], minlength=masked.n_llms)
        expected = 6000 / masked.allowed[query].sum() * masked.allowed[query]
        np.testing.assert_allclose(counts, expected, atol=1)


@pytest.mark.parametrize("kind", ["plain", "masked"])
def test_encoding_is_undone_by_decoding(kind, problem, masked):
    """The extremes come back, and lie within the bounds."""
    batch = {"plain": problem, "masked": masked}[kind]
    real = RealPlans(batch)
    x = real.encode(batch.extremes())
    assert np.array_equal(real.decode(x), batch.extremes())
    assert (np.abs(x - 2.0) < 2.5).all()


def test_draws_are_uniform_and_may_begin_with_the_extremes(masked):
    """All within the bounds; a warm start differs from a cold one in its first two rows only."""
    real = RealPlans(masked)
    cold, warm = (real.draw(400, np.random.default_rng(1), with_extremes=warm) for warm in (False, True))
    assert np.array_equal(cold[2:], warm[2:])
    assert np.array_equal(real.decode(warm[:2]), masked.extremes())
    np.testing.assert_allclose([cold.min(), cold.mean(), cold.max()], [-0.5, 2.0, 4.5], atol=0.05)


def test_objectives_by_hand():
    """Costs 2 to 6 US$ and accuracies 0.2 to 0.8: the cheapest is (0, 1), the most accurate (1, 0)."""
    problem = AllocationProblem([[1, 3], [1, 3]], [[0.2, 0.8], [0.2, 0.8]])
    batch = ContinuousBatch(RealPlans(problem), problem.evaluate, is_normalised=True)
    np.testing.assert_allclose(batch.fitness(np.array([0.0, 0.0])), [0, 1], atol=1e-12)
    np.testing.assert_allclose(batch(None, np.array([1.0, 1.0, 0.0, 1.0])), [1, 0, 0.5, 0.5], atol=1e-12)
    raw = ContinuousBatch(RealPlans(problem), problem.evaluate, is_normalised=False)
    np.testing.assert_allclose(raw.fitness(np.array([0.0, 1.0])), [4, -0.5])


def test_no_range_to_divide_by():
    """One point only: its values are 0, not NaN."""
    problem = AllocationProblem(np.ones((3, 2)), np.ones((3, 2)))
    batch = ContinuousBatch(RealPlans(problem), problem.evaluate, is_normalised=True)
    assert batch.fitness(np.zeros(3)).tolist() == [0.0, 0.0]
