"""Conformance tests for your own operators: subclass a test class, return your operator, run pytest.

The tests check the requirements for every destruction, reconstruction and mutation, on the small batches of
`edge_cases`.

Example:
    A test file for your own destruction:

    ```python
    from optllm_pymoo.testing import DestructionConformance

    class TestMyDestruction(DestructionConformance):
        def make_operator(self):
            return MyDestruction()
    ```
"""

from __future__ import annotations

import pickle

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.operators.crossover.ux import UX
from pymoo.optimize import minimize

from optllm_pymoo.algorithms import OptLLM
from optllm_pymoo.operators import AllocationOperator, CategoricalSampling, Destruction, Reconstruction, RuinAndRecreate
from optllm_pymoo.problems import AllocationProblem, make_problem


def edge_cases() -> dict[str, AllocationProblem]:
    """Build small problems that every operator must support: each family of problems, and degenerate cases.

    Returns:
        Problems by name; each call makes new ones.

    Example:
        >>> sorted(edge_cases())[:3]
        ['binary', 'continuous', 'dominated']
    """
    rng = np.random.default_rng(7)
    cost, accuracy = rng.random((12, 3)), rng.random((12, 3))
    allowed = rng.random((12, 3)) < 0.6
    allowed[np.arange(12), rng.integers(0, 3, 12)] = True
    return {
        **{family: make_problem(30, 5, family=family) for family in ("continuous", "tied", "binary", "dominated")},
        "one query": AllocationProblem(cost[:1], accuracy[:1]),
        "one LLM": AllocationProblem(cost[:, :1], accuracy[:, :1]),
        "one best and cheapest": AllocationProblem([[1, 2], [1, 3]], [[0.9, 0.8], [0.7, 0.2]]),
        "equal LLMs": AllocationProblem(np.ones((6, 3)), np.full((6, 3), 0.5)),
        "free LLM": AllocationProblem(cost * [0, 1, 1], accuracy),
        "many LLMs": make_problem(8, 130),
        "masked": AllocationProblem(cost, accuracy, allowed=allowed),
        "float32": AllocationProblem(cost.astype(np.float32), accuracy.astype(np.float32)),
    }


def _random_plans(problem: AllocationProblem, n: int, /, *, seed: int) -> np.ndarray:
    """Draw (n, N) allowed allocations."""
    keys = np.random.default_rng(seed).random((n, problem.n_queries, problem.n_llms))
    if problem.allowed is not None:
        keys[:, ~problem.allowed] = -1.0
    return problem.as_allocations(keys.argmax(axis=2))


class _OperatorConformance:
    """Tests for both families of operators."""

    def make_operator(self) -> AllocationOperator:
        """Return a new instance of the operator under test; the one method to write."""
        raise TypeError(f"{type(self).__name__} must define make_operator()")

    def apply(self, problem: AllocationProblem, X: np.ndarray, seed: int = 1) -> np.ndarray:
        """Apply a new instance with its own generator."""
        changed = self.make_operator().do(problem, X, random_state=np.random.default_rng(seed))
        return np.asarray(changed)

    def test_returns_allowed_allocations_of_the_same_shape(self) -> None:
        """On every edge case, it returns allocations that the problem accepts, of the shape and type of the input."""
        for name, problem in edge_cases().items():
            X = _random_plans(problem, 4, seed=1)
            changed = self.apply(problem, X)
            assert changed.shape == X.shape, name
            np.testing.assert_array_equal(problem.as_allocations(changed), changed, err_msg=name)

    def test_leaves_its_input_alone(self) -> None:
        """The input allocations are not changed."""
        for name, problem in edge_cases().items():
            X = _random_plans(problem, 4, seed=2)
            before = X.copy()
            self.apply(problem, X)
            np.testing.assert_array_equal(X, before, err_msg=name)

    def test_same_seed_same_result(self) -> None:
        """Two instances, and one that went through pickle, give the same for the same seed."""
        problem = make_problem(60, 5, family="tied")
        X = _random_plans(problem, 5, seed=3)
        pickled = pickle.loads(pickle.dumps(self.make_operator()))
        expected = self.apply(problem, X, seed=9)
        np.testing.assert_array_equal(self.apply(problem, X, seed=9), expected)
        np.testing.assert_array_equal(pickled.do(problem, X, random_state=np.random.default_rng(9)), expected)

    def test_keeps_no_state(self) -> None:
        """One instance that is applied twice gives the same result twice."""
        problem = make_problem(60, 5)
        X = _random_plans(problem, 5, seed=3)
        operator = self.make_operator()
        first, second = (operator.do(problem, X, random_state=np.random.default_rng(9)) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_population_and_array_agree(self) -> None:
        """For a population, it returns a new, unevaluated population with the same allocations as for an array."""
        problem = make_problem(40, 4)
        X = _random_plans(problem, 3, seed=4)
        pop = self.make_operator().do(problem, Population.new(X=X), random_state=np.random.default_rng(5))
        assert isinstance(pop, Population)
        assert all(not individual.evaluated for individual in pop)
        np.testing.assert_array_equal(pop.get("X"), self.apply(problem, X, seed=5))

    def test_one_allocation_alone(self) -> None:
        """For one allocation (N,), it returns one allocation (N,)."""
        problem = make_problem(40, 4)
        assert self.apply(problem, _random_plans(problem, 1, seed=6)[0]).shape == (40,)

    def check_in_algorithms(self, optllm: OptLLM, mating: RuinAndRecreate) -> None:
        """Run in OptLLM and in NSGA-II on every edge case: both end, and the plans that they return are evaluated."""
        for name, problem in edge_cases().items():
            for algorithm in (optllm, NSGA2(8, sampling=CategoricalSampling(), mating=mating)):
                res = minimize(problem, algorithm, ("n_gen", 6), seed=1)
                np.testing.assert_allclose(problem.evaluate(res.X), res.F, err_msg=name)


class DestructionConformance(_OperatorConformance):
    """Conformance tests of a `Destruction`: subclass it, define ``make_operator()``, run pytest."""

    def test_is_a_destruction(self) -> None:
        """It belongs to the family."""
        assert isinstance(self.make_operator(), Destruction)

    def test_moves_something(self) -> None:
        """It changes an allocation in at least one edge case: otherwise every walk would end at its start."""
        moved = False
        for problem in edge_cases().values():
            X = np.concatenate([_random_plans(problem, 4, seed=1), problem.extremes()])
            moved |= not np.array_equal(self.apply(problem, X), X)
        assert moved

    def test_works_in_algorithms(self) -> None:
        """It works in OptLLM in all three roles, and in NSGA-II through `RuinAndRecreate`."""
        operator = self.make_operator()
        assert isinstance(operator, Destruction)
        optllm = OptLLM(5, destruction_up=operator, destruction_down=operator, split=operator)
        self.check_in_algorithms(optllm, RuinAndRecreate(destruction=operator))


class ReconstructionConformance(_OperatorConformance):
    """Conformance tests of a `Reconstruction`: subclass it, define ``make_operator()``, run pytest."""

    def test_is_a_reconstruction(self) -> None:
        """It belongs to the family."""
        assert isinstance(self.make_operator(), Reconstruction)

    def test_works_in_algorithms(self) -> None:
        """It works in OptLLM, and in NSGA-II through `RuinAndRecreate`."""
        operator = self.make_operator()
        assert isinstance(operator, Reconstruction)
        self.check_in_algorithms(OptLLM(5, reconstruction=operator), RuinAndRecreate(reconstruction=operator))

    def test_never_makes_an_allocation_worse(self) -> None:
        """The input never dominates the returned allocation."""
        for name, problem in edge_cases().items():
            X = _random_plans(problem, 6, seed=8)
            before, after = problem.evaluate(X), problem.evaluate(self.apply(problem, X))
            slack = 1e-12 * np.abs(before)
            worse = np.all(after >= before - slack, axis=1) & np.any(after > before + slack, axis=1)
            assert not worse.any(), (name, before[worse], after[worse])


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
        """On every edge case, it returns allocations that the problem accepts, of the type of the input."""
        for name, problem in edge_cases().items():
            X = _random_plans(problem, 4, seed=1)
            mutated = self.apply(problem, X)
            assert mutated.dtype == X.dtype, name
            np.testing.assert_array_equal(problem.as_allocations(mutated), mutated, err_msg=name)

    def test_same_seed_same_result(self) -> None:
        """Two instances, and one that went through pickle, give the same for the same seed."""
        problem = make_problem(60, 5)
        X = _random_plans(problem, 5, seed=3)
        expected = self.apply(problem, X, seed=9)
        np.testing.assert_array_equal(self.apply(problem, X, seed=9), expected)
        pickled = pickle.loads(pickle.dumps(self.make_operator()))
        again = pickled(problem, Population.new(X=X.copy()), random_state=np.random.default_rng(9))
        np.testing.assert_array_equal(again.get("X"), expected)

    def test_works_in_nsga2(self) -> None:
        """It works in NSGA-II on every edge case: NSGA-II ends, and the plans that it returns are evaluated."""
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
