"""What a mutation for allocations has to hold."""

from __future__ import annotations

import pickle

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.operators.crossover.ux import UX
from pymoo.optimize import minimize

from optllm_pymoo.operators import CategoricalSampling
from optllm_pymoo.problems import AllocationProblem, make_problem
from optllm_pymoo.testing.instances import edge_cases, random_plans


class MutationConformance:
    """Conformance tests of a pymoo ``Mutation``: subclass it, define ``make_operator()``, run pytest."""

    def make_operator(self) -> Mutation:
        """Return a new instance of the mutation under test; the one method to write."""
        raise TypeError(f"{type(self).__name__} must define make_operator()")

    def apply(self, problem: AllocationProblem, X: np.ndarray, seed: int = 1) -> np.ndarray:
        """Mutate a new population with a new instance and its own generator."""
        pop = Population.new(X=X.copy())
        mutated = self.make_operator()(problem, pop, random_state=np.random.default_rng(seed))
        return np.asarray(mutated.get("X"))

    def test_returns_allowed_allocations_of_the_same_type(self) -> None:
        """On every edge case it returns allocations that the problem accepts, of the type that came in."""
        for name, problem in edge_cases().items():
            X = random_plans(problem, 4, seed=1)
            mutated = self.apply(problem, X)
            assert mutated.dtype == X.dtype, name
            np.testing.assert_array_equal(problem.as_allocations(mutated), mutated, err_msg=name)

    def test_same_seed_same_result(self) -> None:
        """Two instances, and one that went through pickle, give the same for the same seed."""
        problem = make_problem(60, 5)
        X = random_plans(problem, 5, seed=3)
        expected = self.apply(problem, X, seed=9)
        np.testing.assert_array_equal(self.apply(problem, X, seed=9), expected)
        pickled = pickle.loads(pickle.dumps(self.make_operator()))
        again = pickled(problem, Population.new(X=X.copy()), random_state=np.random.default_rng(9))
        np.testing.assert_array_equal(again.get("X"), expected)

    def test_works_in_nsga2(self) -> None:
        """NSGA-II takes it on every edge case, ends, and scores the plans that it returns."""
        for name, problem in edge_cases().items():
            algorithm = NSGA2(8, sampling=CategoricalSampling(), crossover=UX(), mutation=self.make_operator())
            res = minimize(problem, algorithm, ("n_gen", 3), seed=1)
            np.testing.assert_allclose(problem.evaluate(res.X), res.F, err_msg=name)

    def test_reaches_every_llm(self) -> None:
        """Applied again and again to allocations that all use one LLM, it reaches every other."""
        problem = make_problem(200, 3)
        X = np.zeros((200, 200), dtype=problem.assignment_dtype)
        for seed in range(10):
            X = self.apply(problem, X, seed=seed)
        assert set(np.unique(X)) == {0, 1, 2}
