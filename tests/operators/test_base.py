"""The contract that `do` keeps for every operator on allocations."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.core.population import Population
from pymoo.core.repair import Repair

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.operators import (
    AccuracyDestruction,
    AllocationOperator,
    AllowedRepair,
    CostDestruction,
    ExchangeReconstruction,
    RandomDestruction,
    RelinkDestruction,
)
from optllm_pymoo.validation import UserError

ALL = [AccuracyDestruction(), CostDestruction(), RandomDestruction(), RelinkDestruction(), ExchangeReconstruction()]


class Returning(AllocationOperator):
    """Returns what it was built with, or what a function makes of its input."""

    def __init__(self, outcome, **options):
        super().__init__(**options)
        self.outcome = outcome

    def _do(self, problem, X, *args, random_state, **kwargs):
        return self.outcome(X) if callable(self.outcome) else self.outcome


@pytest.mark.parametrize("operator", ALL, ids=lambda operator: operator.name)
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float64])
def test_shapes_types_and_inputs(operator, dtype):
    """One plan, several plans and a population come back as such, as plans of the problem, and stay untouched."""
    problem = make_problem(30, 4)
    X = np.random.default_rng(1).integers(0, 4, (3, 30)).astype(dtype)
    pop, before = Population.new(X=X.copy()), X.copy()
    many = operator.do(problem, X, random_state=1)
    assert (many.shape, many.dtype) == (X.shape, problem.assignment_dtype)
    of_pop = operator.do(problem, pop, random_state=1)
    assert of_pop is not pop
    np.testing.assert_array_equal(of_pop.get("X"), many)
    assert not any(individual.evaluated for individual in of_pop)
    assert operator.do(problem, X[0], random_state=1).shape == (30,)
    many[:] = 0
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(pop.get("X"), before)


def test_input_is_not_changed_even_if_the_author_changes_it():
    """X is the author's to change in place: it is a copy, also of an int8 array and of read-only ones."""
    problem = make_problem(5, 3)

    def fill(X):
        X[:] = 2
        return X

    X = np.zeros((2, 5), dtype=np.int8)
    X.flags.writeable = False
    assert Returning(fill).do(problem, X, random_state=1).tolist() == [[2] * 5] * 2
    assert X.max() == 0


def test_random_state_is_required():
    """Without one, or with None, no operator starts; a seed and a Generator of that seed give the same."""
    problem = make_problem(30, 4)
    X = np.zeros(30, int)
    with pytest.raises(TypeError, match="random_state"):
        RandomDestruction().do(problem, X)
    with pytest.raises(UserError, match="RandomDestruction needs a random_state, a Generator or a seed; got None"):
        RandomDestruction().do(problem, X, random_state=None)
    of_seed = RandomDestruction().do(problem, X, random_state=3)
    np.testing.assert_array_equal(of_seed, RandomDestruction().do(problem, X, random_state=np.random.default_rng(3)))


def test_generator_is_used_not_copied():
    """The Generator that is passed moves on, so that a second call gives something else."""
    problem, rng = make_problem(30, 4), np.random.default_rng(1)
    X = np.zeros(30, int)
    assert np.any(
        RandomDestruction(0.5).do(problem, X, random_state=rng)
        != RandomDestruction(0.5).do(problem, X, random_state=rng)
    )


@pytest.mark.parametrize("outcome", [None, 1, np.zeros((3, 5), int), np.zeros((2, 4), int), np.zeros(5, int)])
def test_other_shapes_are_refused_by_name(outcome):
    """What comes back must have the shape that went in; the message names the operator and both shapes."""
    problem, X = make_problem(5, 3), np.zeros((2, 5), int)
    message = r"^Returning\._do must return allocations of its input's shape \(2, 5\); got \("
    with pytest.raises(ValueError, match=message):
        Returning(outcome).do(problem, X, random_state=1)
    assert Returning(np.ones((2, 5))).do(problem, X, random_state=1).tolist() == [[1] * 5] * 2


@pytest.mark.parametrize(
    ("outcome", "error", "message"),
    [
        (np.full((2, 5), 3), ValueError, r"LLM numbers 0 to 2; X\[0, 0\] = 3"),
        (np.full((2, 5), -1), ValueError, r"LLM numbers 0 to 2; X\[0, 0\] = -1"),
        (np.full((2, 5), 0.5), ValueError, r"holds integers; X\[0, 0\] = 0.5"),
        (np.full((2, 5), np.nan), ValueError, r"X\[0, 0\] = nan"),
        (np.full((2, 5), "a"), UserError, r"got values of type <U1"),
    ],
)
def test_garbage_is_refused_by_name(outcome, error, message):
    """The message names the operator and the first bad cell."""
    with pytest.raises(error, match=rf"^Returning\._do returned bad allocations: .*{message}"):
        Returning(outcome).do(make_problem(5, 3), np.zeros((2, 5), int), random_state=1)


def test_leaving_the_mask_is_refused_by_name():
    """An operator that forgets the mask is caught; one that keeps to it is not."""
    problem = AllocationProblem(np.ones((2, 2)), np.ones((2, 2)), allowed=[[1, 0], [1, 1]])
    with pytest.raises(ValueError, match=r"Returning\._do returned bad allocations: LLM 'llm1' is not allowed for qu"):
        Returning(np.array([[1, 1]])).do(problem, np.zeros((1, 2), int), random_state=1)
    assert Returning(np.array([[0, 1]])).do(problem, np.zeros((1, 2), int), random_state=1).tolist() == [[0, 1]]


def test_bad_input_is_refused_before_the_operator_sees_it():
    """What comes in is checked as well."""
    with pytest.raises(ValueError, match=r"^an allocation holds LLM numbers 0 to 2; X\[0, 1\] = 7"):
        Returning(lambda X: X).do(make_problem(2, 3), np.array([0, 7]), random_state=1)


def test_families_are_abstract():
    """An operator without `_do` can't be built."""

    class Empty(AllocationOperator):
        pass

    with pytest.raises(TypeError, match="_do"):
        Empty()


class SendElsewhere(Repair):
    """Puts everything on the last LLM."""

    def _do(self, problem, X, *, random_state, **kwargs):
        return np.full_like(X, random_state.integers(problem.n_llms - 1, problem.n_llms))


def test_a_repair_is_called_once_with_the_runs_random_state():
    """What ``_do`` returned goes through the repair, whether pymoo calls the operator or `do`; then it is checked."""
    problem, X = make_problem(4, 3), np.zeros((2, 4), int)
    mended = Returning(np.full((2, 4), -7.0), repair=SendElsewhere())
    assert mended.do(problem, X, random_state=1).tolist() == [[2] * 4] * 2
    assert mended(problem, Population.new(X=X), random_state=1).get("X").tolist() == [[2] * 4] * 2
    assert RandomDestruction(0.3, repair=SendElsewhere()).do(problem, X, random_state=1).tolist() == [[2] * 4] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vtype": float}, "RandomDestruction takes no vtype: plans have the problem's assignment_dtype"),
        ({"repair": AllowedRepair}, r"repair must be a pymoo Repair, such as AllowedRepair\(\); got <class"),
    ],
)
def test_what_pymoo_would_swallow_is_refused(options, message):
    """An option without effect is refused in words, and a misspelt one by Python."""
    with pytest.raises(UserError, match=message):
        RandomDestruction(0.3, **options)
    with pytest.raises(TypeError, match="unexpected keyword argument 'repiar'"):
        RandomDestruction(0.3, repiar=AllowedRepair())
