"""The problem: scores, masks, names, copies, pickles, and the points it gives as its front."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.population import Population
from pymoo.core.problem import LoopedElementwiseEvaluation, Problem
from pymoo.optimize import minimize
from pymoo.parallelization.starmap import StarmapParallelization

from optllm_pymoo import AllocationProblem, Quota, UserError, make_problem
from optllm_pymoo.problems import allocation
from tests import twins
from tests.strategies import EDGE_CASES, allocations, tables

COST, ACCURACY = [[1.0, 2.0], [1.0, 3.0]], [[0.25, 0.5], [0.5, 1.0]]


@given(tables(), st.integers(0, 1000))
def test_scores_equal_the_twin(drawn, seed):
    """The problem's objectives are the twin's sums, of one plan as of many."""
    X = allocations(drawn, 4, seed)
    wanted = twins.evaluate_allocations(drawn.cost, drawn.accuracy, X)
    problem = drawn.problem()
    np.testing.assert_allclose(problem.evaluate(X), wanted, rtol=1e-14)
    np.testing.assert_allclose(problem.evaluate(X[0]), wanted[0], rtol=1e-14)


def test_is_a_problem_of_pymoo():
    """Two objectives, N integer variables from 0 to M - 1, no constraint."""
    problem = make_problem(7, 3)
    assert isinstance(problem, Problem)
    assert (problem.n_var, problem.n_obj, problem.n_constr, problem.vtype) == (7, 2, 0, int)
    assert problem.xl.tolist() == [0] * 7
    assert problem.xu.tolist() == [2] * 7
    assert repr(problem) == "AllocationProblem(7 queries, 3 LLMs)"


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">i4", ">f8"])
def test_any_integral_type_of_plans(dtype):
    """Integers of any size and sign, either byte order, and floats with integral values score alike."""
    problem = make_problem(6, 3)
    X = np.array([[0, 1, 2, 0, 1, 2], [2, 2, 2, 0, 0, 0]])
    np.testing.assert_array_equal(problem.evaluate(X.astype(dtype)), problem.evaluate(X))


def test_any_layout_of_plans():
    """Columns first, every second row, a list: all score like a plain array, and none is changed."""
    problem = make_problem(6, 3)
    X = np.array([[0, 1, 2, 0, 1, 2], [2, 2, 2, 0, 0, 0]], dtype=np.int8)
    wanted = problem.evaluate(X)
    for other in (np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X.tolist()):
        before = np.array(other)
        np.testing.assert_array_equal(problem.evaluate(other), wanted)
        np.testing.assert_array_equal(other, before)
    assert problem.evaluate(X[:0]).shape == (0, 2)


def test_plans_of_the_right_type_are_not_copied():
    """The search hands over int8 plans, which go to the kernel as they are."""
    problem = make_problem(6, 3)
    X = np.zeros((2, 6), dtype=np.int8)
    assert problem.as_allocations(X) is X
    assert problem.as_allocations(X[0]).base is X
    assert problem.as_allocations(X.astype(int)).dtype == np.int8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tables_are_shared_and_read_only(dtype):
    """Contiguous float tables are not copied; the problem can't write to them, the caller still can."""
    cost, accuracy = np.array(COST, dtype=dtype), np.array(ACCURACY, dtype=dtype)
    problem = AllocationProblem(cost, accuracy, robust_accuracy=accuracy, allowed=np.ones((2, 2), bool))
    assert np.shares_memory(problem.cost, cost)
    assert np.shares_memory(problem.accuracy, accuracy)
    assert problem.cost.dtype == problem.accuracy.dtype == dtype
    for table in (problem.cost, problem.accuracy, problem.robust_accuracy, problem.allowed):
        with pytest.raises(ValueError, match="read-only"):
            table[0, 0] = 0
    assert cost.flags.writeable


def test_mixed_tables_become_float64():
    """float32 costs with float64 accuracies, or with whole numbers, are worked on as float64."""
    for cost in (np.array(COST, np.float32), np.array(COST, int), COST, np.asfortranarray(COST)):
        problem = AllocationProblem(cost, np.array(ACCURACY))
        assert (problem.cost.dtype, problem.accuracy.dtype) == (np.float64, np.float64)
        assert problem.cost.flags.c_contiguous
        assert not problem.cost.flags.writeable
        assert problem.evaluate([0, 1]).tolist() == [4.0, -0.625]


def test_deep_copy_is_the_problem_itself():
    """Copies of algorithms and histories carry no second set of tables."""
    problem = make_problem(20, 3)
    assert copy.deepcopy(problem) is problem
    assert copy.deepcopy([problem, problem])[1] is problem


@pytest.mark.parametrize("name", ["random", "masked", "float32"])
def test_pickle(name):
    """A pickled problem scores, masks and names as before, stays read-only and holds no front."""
    problem = EDGE_CASES[name].problem(llms=list("abcd"), query_ids=list("vwxyz"))
    problem.pareto_front()
    problem.nadir_point()
    other = pickle.loads(pickle.dumps(problem))
    X = allocations(EDGE_CASES[name], 5, 1)
    np.testing.assert_array_equal(other.evaluate(X), problem.evaluate(X))
    np.testing.assert_array_equal(other.pareto_front(), problem.pareto_front())
    np.testing.assert_array_equal(other.nadir_point(), problem.nadir_point())
    assert (other.llms, other.query_ids) == (problem.llms, problem.query_ids)
    assert not other.cost.flags.writeable
    assert other.cost.dtype == problem.cost.dtype
    large = make_problem(2000, 4)
    empty = len(pickle.dumps(large))
    assert large.supported_front.levels.size
    assert len(pickle.dumps(large)) == empty


@pytest.mark.parametrize("masked", [False, True])
def test_a_pickle_is_no_larger_than_the_tables(masked):
    """With a quota too: what follows from the tables is built again and read-only, so no kernel compiles again."""
    allowed = np.random.default_rng(1).random((3000, 6)) < 0.7
    allowed[:, 0] = True
    plain = make_problem(3000, 6)
    quota = Quota("llm1", calls=500)
    problem = AllocationProblem(plain.cost, plain.accuracy, allowed=allowed if masked else None, limits=[quota])
    ends = problem.extremes()
    assert problem.bound_front().F.size
    frozen = pickle.dumps(problem)
    assert len(frozen) < 1.05 * (plain.cost.nbytes + plain.accuracy.nbytes + masked * allowed.nbytes)
    thawed = pickle.loads(frozen)
    for name in ("cost", "accuracy", "limit", "table", "members"):
        np.testing.assert_array_equal(getattr(thawed.limits, name), getattr(problem.limits, name), err_msg=name)
    assert not any(table.flags.writeable for table in (thawed.limits.cost, thawed.limits.accuracy, thawed.limits.limit))
    assert (thawed.xl.tolist(), thawed.xu.tolist()) == (problem.xl.tolist(), problem.xu.tolist())
    np.testing.assert_array_equal(thawed.extremes(), ends)


def test_names_of_frames():
    """Columns name LLMs and the index queries, unless names are given."""
    frames = [pd.DataFrame(table, columns=["small", "large"], index=[7, 9]) for table in (COST, ACCURACY)]
    problem = AllocationProblem(*frames)
    assert problem.llms == ("small", "large")
    assert problem.query_ids == ("7", "9")
    assert problem.single_llm("large").tolist() == [1, 1]
    renamed = AllocationProblem(*frames, llms=["s", "l"], query_ids=["a", "b"])
    assert (renamed.llms, renamed.query_ids) == (("s", "l"), ("a", "b"))
    plain = AllocationProblem(COST, ACCURACY)
    assert (plain.llms, plain.query_ids) == (("llm0", "llm1"), ("0", "1"))


def test_mask_shuts_out_plans():
    """No plan of the front leaves the mask; another that does is refused by names; one that keeps to it scores."""
    problem = EDGE_CASES["masked"].problem(llms=list("abcd"))
    X = problem.pareto_set()
    assert problem.allowed[np.arange(5), X].all()
    bad = X[0].copy()
    bad[1] = 3
    with pytest.raises(ValueError, match=r"LLM 'd' is not allowed for query '1'; X\[1, 1\] = 3"):
        problem.evaluate(np.stack([X[0], bad]))
    np.testing.assert_allclose(problem.evaluate(X), problem.pareto_front())


@pytest.mark.parametrize("name", EDGE_CASES)
def test_front_and_set_describe_the_same_plans(name):
    """Each row of the set scores what the same row of the front says; both are by rising cost."""
    problem = EDGE_CASES[name].problem()
    np.testing.assert_allclose(problem.evaluate(problem.pareto_set()), problem.pareto_front(), rtol=1e-12)
    np.testing.assert_array_equal(problem.pareto_front(), problem.supported_front.F)
    np.testing.assert_array_equal(problem.extremes()[[0, 1]], problem.pareto_set()[[0, -1]])


def test_front_and_set_are_thinned_alike(monkeypatch):
    """At most as many points as asked for, a thousand by default, fewer if their plans would fill the memory."""
    problem = make_problem(2000, 6)
    assert len(problem.supported_front) > 1000 >= len(problem.pareto_front()) > 900
    for n_points in (2, 17):
        assert len(problem.pareto_front(n_points=n_points)) == len(problem.pareto_set(n_points=n_points)) == n_points
    for n_points in (0, 1):
        with pytest.raises(
            ValueError, match=f"n_points must be at least 2, the cheapest and the most accurate plan; got {n_points}"
        ):
            problem.pareto_front(n_points=n_points)
    monkeypatch.setattr(allocation, "MAX_SET_CELLS", 50 * 2000)
    assert len(problem.pareto_front()) == len(problem.pareto_set()) == 50
    np.testing.assert_allclose(problem.evaluate(problem.pareto_set()), problem.pareto_front(), rtol=1e-12)
    problem.pareto_front()[:] = 0
    assert problem.pareto_front().min() < 0


def test_extremes_break_ties_as_published():
    """The cheapest takes the more accurate of equals, the most accurate the cheaper of equals."""
    problem = AllocationProblem([[1.0, 1.0, 5.0, 4.0]], [[0.25, 0.5, 1.0, 1.0]])
    assert problem.extremes().tolist() == [[1], [3]]


def test_robust_accuracy_steers_and_never_scores():
    """Any finite numbers may steer; scores and the front stay those of the accuracies."""
    robust = np.array([[2.0, -1.0], [0.0, 7.0]])
    problem = AllocationProblem(COST, ACCURACY, robust_accuracy=robust)
    plain = AllocationProblem(COST, ACCURACY)
    np.testing.assert_array_equal(problem.supported_front.F, plain.supported_front.F)
    assert problem.evaluate([0, 1]).tolist() == plain.evaluate([0, 1]).tolist()
    assert problem.robust_problem.supported_front.assignment(-1).tolist() == [0, 1]
    assert problem.robust_problem.robust_problem is problem.robust_problem
    assert np.shares_memory(problem.robust_problem.cost, problem.cost)
    assert plain.robust_problem is plain


def test_evaluates_populations():
    """Through pymoo's evaluator, which hands over whatever type the operators left."""
    from pymoo.core.evaluator import Evaluator

    problem = make_problem(6, 3)
    pop = Population.new(X=np.ones((3, 6)))
    Evaluator().eval(problem, pop)
    np.testing.assert_array_equal(pop.get("F"), problem.evaluate(np.ones((3, 6), int)))


def test_robust_accuracies_of_forbidden_cells_change_nothing():
    """Under quotas the robust problem measures by what is allowed, as the problem itself does."""
    plain = make_problem(40, 3)
    allowed = np.random.default_rng(2).random((40, 3)) < 0.6
    allowed[:, 0] = True
    limits = []
    for where_forbidden in (0.0, 1e6):
        robust = np.where(allowed, plain.accuracy**2, where_forbidden)
        problem = AllocationProblem(
            plain.cost, plain.accuracy, robust_accuracy=robust, allowed=allowed, limits=[Quota("llm0", calls=30)]
        )
        limits.append(problem.robust_problem.limits.accuracy)
    np.testing.assert_array_equal(*limits)
    np.testing.assert_array_equal(limits[0][allowed], plain.accuracy[allowed] ** 2)


def test_nsga2_as_it_comes_names_the_sampling_for_categories():
    """Pymoo's own default draws numbers with fractions; the message has the operators that don't."""
    with pytest.raises(UserError, match=r"round or repair it first .* sampling=CategoricalSampling\(\)"):
        minimize(make_problem(20, 3), NSGA2(), ("n_gen", 2), seed=1)


def test_an_elementwise_runner_is_refused():
    """There are no single evaluations to run elsewhere; pymoo's own runner stays, and so does a subclass's."""
    problem = make_problem(20, 3)
    with pytest.raises(
        UserError, match="AllocationProblem scores all plans of a population at once and doesn't use an elementwise"
    ):
        problem.elementwise_runner = StarmapParallelization(map)
    with pytest.raises(TypeError, match="elementwise_runner"):
        AllocationProblem([[1.0]], [[0.5]], elementwise_runner=StarmapParallelization(map))
    problem.elementwise_runner = LoopedElementwiseEvaluation()
    assert isinstance(pickle.loads(pickle.dumps(problem)).elementwise_runner, LoopedElementwiseEvaluation)
