"""Destructions: the published ones against their twin, the random ones by what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, OptLLM, make_problem
from optllm_pymoo.operators import (
    AccuracyDestruction,
    CostDestruction,
    ExchangeReconstruction,
    Gap,
    RandomDestruction,
    RelinkDestruction,
)
from optllm_pymoo.testing import DestructionConformance
from tests import twins
from tests.strategies import EDGE_CASES, allocations, tables


class TestAccuracyDestruction(DestructionConformance):
    def make_operator(self):
        """Build the published destruction upward."""
        return AccuracyDestruction()


class TestCostDestruction(DestructionConformance):
    def make_operator(self):
        """Build the published destruction downward."""
        return CostDestruction()


class TestRandomDestruction(DestructionConformance):
    def make_operator(self):
        """Build the random ruin."""
        return RandomDestruction(0.3)


class TestRelinkDestruction(DestructionConformance):
    def make_operator(self):
        """Build the destruction that splits gaps."""
        return RelinkDestruction()


def check_published(drawn, X, share):
    """Hold both published destructions of plans against the twin, for a share of the range as the gap."""
    problem = drawn.problem()
    F, n = problem.supported_front.F, problem.n_queries
    gap = Gap(share * (F[-1, 0] - F[0, 0]), share * n * (F[0, 1] - F[-1, 1]))
    for operator, table, end, target in (
        (AccuracyDestruction(), problem.accuracy, problem.extremes()[1], gap.accuracy),
        (CostDestruction(), problem.cost, problem.extremes()[0], gap.cost_usd),
    ):
        destroyed = operator.do(problem, X, gap=gap, random_state=1)
        for x, y in zip(X, destroyed, strict=True):
            np.testing.assert_array_equal(y, twins.move_to_ends(table, end, target, x))


@given(tables(max_queries=12), st.integers(0, 1000), st.sampled_from([0.0, 0.3171, 0.7171]))
def test_published_equal_the_twin(drawn, seed, share):
    """Sort all moves by gain, apply the largest until the gap is reached: also off the front, tied and masked."""
    check_published(drawn, allocations(drawn, 3, seed), share)


@pytest.mark.parametrize("name", EDGE_CASES)
def test_published_equal_the_twin_on_edge_cases(name):
    """The same on every named case."""
    check_published(EDGE_CASES[name], allocations(EDGE_CASES[name], 5, 2), 0.4171)


def test_gap_that_cannot_be_reached_leaves_the_plan():
    """From the most accurate plan nothing can be gained; from the cheapest nothing can be saved."""
    problem = make_problem(40, 4)
    cheapest, best = problem.extremes()
    assert AccuracyDestruction().do(problem, best, random_state=1).tolist() == best.tolist()
    assert CostDestruction().do(problem, cheapest, random_state=1).tolist() == cheapest.tolist()
    whole = Gap.between(*problem.supported_front.F[[0, -1]], 40, 1)
    nearly = Gap(whole.cost_usd * (1 - 1e-9), whole.accuracy * (1 - 1e-9))
    beyond = Gap(whole.cost_usd * (1 + 1e-9), whole.accuracy * (1 + 1e-9))
    assert AccuracyDestruction().do(problem, cheapest, gap=nearly, random_state=1).tolist() == best.tolist()
    assert AccuracyDestruction().do(problem, cheapest, gap=beyond, random_state=1).tolist() == cheapest.tolist()
    assert CostDestruction().do(problem, best, gap=nearly, random_state=1).tolist() == cheapest.tolist()
    assert CostDestruction().do(problem, best, gap=beyond, random_state=1).tolist() == best.tolist()


def test_gap_of_a_fiftieth_is_the_default():
    """An author's operator, and NSGA-II's mating, needn't give one."""
    problem = make_problem(200, 4)
    cheapest = problem.extremes()[0]
    fiftieth = Gap.between(*problem.supported_front.F[[0, -1]], 200, 50)
    by_default = AccuracyDestruction().do(problem, cheapest, random_state=1)
    assert by_default.tolist() == AccuracyDestruction().do(problem, cheapest, gap=fiftieth, random_state=1).tolist()
    assert np.any(by_default != cheapest)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_random_destruction_statistics(share):
    """Of 40,000 queries the expected share moves (within five standard deviations), to all other LLMs alike."""
    problem, n = make_problem(40_000, 5), 40_000
    x = np.full(n, 2)
    moved = RandomDestruction(share).do(problem, x, random_state=1)
    counts = np.bincount(moved, minlength=5)
    n_moved = n - counts[2]
    assert abs(n_moved - share * n) <= 5 * np.sqrt(n * share * (1 - share))
    others = counts[[0, 1, 3, 4]]
    assert np.abs(others - n_moved / 4).max() <= 5 * np.sqrt(n_moved * 0.25 * 0.75)


@given(tables(), st.integers(0, 1000))
def test_random_destruction_keeps_to_the_mask(drawn, seed):
    """With a share of 1 every query moves to another allowed LLM, or stays if there is none."""
    problem = drawn.problem()
    x = allocations(drawn, 1, seed)[0]
    moved = RandomDestruction(1.0).do(problem, x, random_state=seed)
    allowed = np.ones(drawn.cost.shape, bool) if drawn.allowed is None else drawn.allowed
    assert allowed[np.arange(len(x)), moved].all()
    np.testing.assert_array_equal(moved != x, allowed.sum(axis=1) > 1)


@given(tables(max_queries=8, max_llms=6), st.data(), st.floats(0.01, 0.99))
def test_relinking_lands_strictly_between(drawn, data, share):
    """Reconstructed, a relinked plan lies strictly between its two ends whenever a point does."""
    problem = drawn.problem()
    front = problem.supported_front
    low, high = sorted(data.draw(st.integers(0, len(front) - 1), label=end) for end in ("low", "high"))
    x, y = front.assignment(low), front.assignment(high)
    destroyed = RelinkDestruction(share).do(problem, x, toward=y[None], random_state=1)
    k = front.count_steps(ExchangeReconstruction().do(problem, destroyed, random_state=1))
    assert low < k < high if high - low > 1 else k == low
    levels = front.levels[np.arange(len(x)), destroyed]
    assert np.all(levels >= front.levels[np.arange(len(x)), x])
    assert np.all(levels <= front.levels[np.arange(len(x)), y])


def test_relinking_heads_for_the_most_accurate_plan_by_default():
    """Without a goal half of all steps are taken."""
    problem = make_problem(50, 4)
    front = problem.supported_front
    destroyed = RelinkDestruction(0.5).do(problem, front.assignment(0), random_state=1)
    assert front.count_steps(destroyed) == round(0.5 * (len(front) - 1))


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, np.nan])
def test_shares_out_of_range(share):
    """A share is a share; relinking must leave something, the random ruin needn't."""
    with pytest.raises(ValueError, match=rf"share must lie in \(0, 1\]; got {share}"):
        RandomDestruction(share)
    with pytest.raises(ValueError, match=rf"share must lie in \(0, 1\); got {share}"):
        RelinkDestruction(share)
    with pytest.raises(ValueError, match=r"share must lie in \(0, 1\); got 1.0"):
        RelinkDestruction(1.0)
    assert RandomDestruction(1.0).share.value == 1.0
    assert RelinkDestruction(0.999).share.value == 0.999


def test_gap_by_hand():
    """Ranges of 2 US$ and 0.4 in ten gaps for 100 queries: 0.2 US$ and 4 of summed accuracy."""
    gap = Gap.between(np.array([1.0, -0.5]), np.array([3.0, -0.9]), 100, 10)
    assert gap == pytest.approx((0.2, 4.0))


def test_robust_accuracies_steer():
    """Handed the robust problem, a destruction goes by its accuracies: here they name the other query."""
    problem = AllocationProblem([[1, 2], [1, 2]], [[0.0, 0.9], [0.0, 0.1]], robust_accuracy=[[0.0, 0.1], [0.0, 5.0]])
    for steered, expected in ((problem, [1, 0]), (problem.robust_problem, [0, 1])):
        assert AccuracyDestruction().do(steered, [0, 0], gap=Gap(1.0, 0.05), random_state=1).tolist() == expected


def test_tiny_gains_have_a_place():
    """Costs of 1e-307 US$, whose bins per US$ are beyond the largest number: the three plans of larger costs."""
    cost, accuracy = np.array([[1.0, 2.0], [1.0, 3.0]]), [[0.5, 0.7], [0.6, 0.9]]
    tiny, usual = (minimize(AllocationProblem(of, accuracy), OptLLM(n_grid=3), seed=1) for of in (1e-307 * cost, cost))
    assert tiny.X.tolist() == usual.X.tolist()
