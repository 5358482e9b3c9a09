"""Algorithms that only propose: an answer that never gets worse, and an end in the round of the last batch."""

from __future__ import annotations

import numpy as np
import pytest
from moocore import hypervolume
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem
from optllm_pymoo.baselines._proposing import ProposingAlgorithm


class Listed(ProposingAlgorithm):
    """Propose given batches one after another."""

    def __init__(self, batches, **kwargs):
        super().__init__(**kwargs)
        self.batches = batches

    def _setup(self, problem, **kwargs):
        self.left = list(self.batches)

    def _is_exhausted(self):
        return not self.left

    def _propose(self):
        return np.array(self.left.pop(0))


@pytest.fixture
def tiny():
    """Two queries, where LLM 1 costs one more and LLM 2 two more than LLM 0."""
    return AllocationProblem([[1, 2, 3], [1, 2, 3]], [[0.1, 0.6, 0.5], [0.1, 0.6, 0.5]])


def test_optimum_holds_all_that_is_nondominated_among_what_was_seen(tiny):
    """By hand: [0, 2] falls to [0, 1]; of equal values the first stays, and [2, 0] is too late."""
    res = minimize(tiny, Listed([[[0, 2], [0, 0]], [[0, 1], [0, 1]], [[1, 0], [2, 0]]]), seed=1)
    assert res.X.tolist() == [[0, 0], [0, 1]]


def test_ends_with_the_last_batch(tiny):
    """Three batches take three iterations, without an empty one at the end; then there is nothing to ask."""
    res = minimize(tiny, Listed([[[0, 0]], [[0, 1]], [[1, 1]]]), seed=1)
    assert res.algorithm.n_iter == 4
    assert res.algorithm.ask() is None
    assert minimize(tiny, Listed([[[0, 0]]]), seed=1).algorithm.evaluator.n_eval == 1


def test_other_terminations_come_first(tiny):
    """A budget of generations cuts the list short."""
    res = minimize(tiny, Listed([[[0, 0]], [[0, 1]], [[1, 1]]]), ("n_gen", 2), seed=1)
    assert res.algorithm.evaluator.n_eval == 2


def test_answer_never_gets_worse(problem):
    """The hypervolume of the optimum doesn't fall from one iteration to the next."""
    rng = np.random.default_rng(1)
    batches = rng.integers(0, 5, (30, 10, problem.n_queries))
    history = minimize(problem, Listed(batches), seed=1, save_history=True).history
    nadir = [problem.cost.max(axis=1).sum(), 0.0]
    volumes = [hypervolume(step.opt.get("F"), ref=nadir) for step in history]
    assert len(volumes) == 30
    assert (np.diff(volumes) >= 0).all()
    assert volumes[-1] > volumes[0]
