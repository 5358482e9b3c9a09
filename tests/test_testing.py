"""The conformance tests that ship with the package catch operators that are broken, each in its own way."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.core.mutation import Mutation

from optllm_pymoo.operators import Destruction, RandomDestruction, RandomResetMutation, Reconstruction
from optllm_pymoo.testing import DestructionConformance, MutationConformance, ReconstructionConformance


class OutOfRange(Destruction):
    def _do(self, problem, X, *, random_state, **kwargs):
        return X + problem.n_llms


class IgnoresMask(Destruction):
    def _do(self, problem, X, *, random_state, **kwargs):
        return random_state.integers(0, problem.n_llms, X.shape)


class Unseeded(RandomDestruction):
    def _do(self, problem, X, *, random_state, **kwargs):
        return super()._do(problem, X, random_state=np.random.default_rng(), **kwargs)


class KeepsState(RandomDestruction):
    n_calls = 0

    def _do(self, problem, X, *, random_state, **kwargs):
        self.n_calls += 1
        return X if self.n_calls > 1 else super()._do(problem, X, random_state=random_state, **kwargs)


class Unpicklable(RandomDestruction):
    def __init__(self):
        super().__init__()
        self.weight = lambda x: x


class GoesNowhere(Destruction):
    def _do(self, problem, X, *, random_state, **kwargs):
        return X


class WritesToTables(RandomDestruction):
    def _do(self, problem, X, *, random_state, **kwargs):
        problem.cost[0, 0] = 0.0
        return X


class Wastes(Reconstruction):
    def _do(self, problem, X, *, random_state, **kwargs):
        prices = problem.cost if problem.allowed is None else np.where(problem.allowed, problem.cost, -1.0)
        return np.broadcast_to(prices.argmax(axis=1), X.shape)


class MutatesNothing(Mutation):
    def _do(self, problem, X, **kwargs):
        return X


class MutatesBeyondMask(Mutation):
    def _do(self, problem, X, random_state=None, **kwargs):
        return random_state.integers(0, problem.n_llms, X.shape).astype(X.dtype)


class MutatesUnseeded(RandomResetMutation):
    def _do(self, problem, X, random_state=None, **kwargs):
        return super()._do(problem, X, random_state=np.random.default_rng(), **kwargs)


BROKEN = [
    (DestructionConformance, OutOfRange, "test_returns_allowed_allocations_of_the_same_shape"),
    (DestructionConformance, IgnoresMask, "test_returns_allowed_allocations_of_the_same_shape"),
    (DestructionConformance, Unseeded, "test_same_seed_same_result"),
    (DestructionConformance, KeepsState, "test_keeps_no_state"),
    (DestructionConformance, Unpicklable, "test_same_seed_same_result"),
    (DestructionConformance, GoesNowhere, "test_moves_something"),
    (DestructionConformance, WritesToTables, "test_works_in_algorithms"),
    (DestructionConformance, Wastes, "test_is_a_destruction"),
    (ReconstructionConformance, Wastes, "test_never_makes_an_allocation_worse"),
    (ReconstructionConformance, GoesNowhere, "test_is_a_reconstruction"),
    (MutationConformance, MutatesNothing, "test_reaches_every_llm"),
    (MutationConformance, MutatesBeyondMask, "test_returns_allowed_allocations_of_the_same_type"),
    (MutationConformance, MutatesBeyondMask, "test_works_in_nsga2"),
    (MutationConformance, MutatesUnseeded, "test_same_seed_same_result"),
]


def run_on(suite, operator, test):
    """Run one test of a suite on an operator, as pytest would on its author's subclass; count the operators made."""
    n_made = []

    def make_operator(self):
        n_made.append(1)
        return operator()

    getattr(type("TestTheirs", (suite,), {"make_operator": make_operator})(), test)()
    return len(n_made)


@pytest.mark.parametrize(("suite", "operator", "test"), BROKEN)
def test_broken_operators_are_caught(suite, operator, test):
    """Each of them fails the test that is meant for its fault."""
    with pytest.raises((AssertionError, ValueError, AttributeError, TypeError)):
        run_on(suite, operator, test)


@pytest.mark.parametrize("test", sorted(name for name in dir(DestructionConformance) if name.startswith("test_")))
def test_good_operator_passes(test):
    """The same tests let an operator pass that keeps the contract, and have really tried it."""
    assert run_on(DestructionConformance, RandomDestruction, test) >= 1


@pytest.mark.parametrize("suite", [DestructionConformance, ReconstructionConformance, MutationConformance])
def test_suite_without_an_operator(suite):
    """Who forgets the one method to write is told so."""
    with pytest.raises(TypeError, match=f"{suite.__name__} must define make_operator"):
        suite().make_operator()
