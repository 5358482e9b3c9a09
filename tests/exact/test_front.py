"""The exact front against brute force over all plans, and what it decodes."""

from __future__ import annotations

import pickle
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optllm_pymoo import AllocationProblem, SupportedFront, make_problem
from optllm_pymoo.validation import UserError
from tests import brute_force
from tests.strategies import EDGE_CASES, tables

BRUTE = [name for name, case in EDGE_CASES.items() if case.cost.shape[1] ** len(case.cost) <= 20_000]


def check_against_all_plans(drawn):
    """Hold a front against the best of all M**N plans."""
    front = drawn.front()
    F = brute_force.score(drawn, brute_force.all_plans(drawn))
    scale = np.where(np.ptp(F, axis=0) > 0, np.ptp(F, axis=0), 1.0)
    found, extreme = ((points - F.min(axis=0)) / scale for points in (front.F, F))
    extreme = brute_force.extreme_points(extreme)
    distances = np.abs(extreme[:, None] - found[None]).max(axis=2)
    assert distances.min(axis=1).max() < 1e-9, "an extreme supported point is missing"
    np.testing.assert_allclose(found[[0, -1]], extreme[[0, -1]], rtol=0, atol=1e-9)
    on_hull = np.interp(found[:, 0], extreme[:, 0], extreme[:, 1])
    if len(extreme) > 1:
        np.testing.assert_allclose(found[:, 1], on_hull, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", BRUTE)
def test_edge_cases_against_all_plans(name):
    """Every extreme supported point is found, and every point lies on the hull of all plans."""
    check_against_all_plans(EDGE_CASES[name])


@given(tables())
def test_against_all_plans(drawn):
    """The same for any table, with ties, masks, labels and float32."""
    check_against_all_plans(drawn)


@given(tables())
def test_points_are_non_dominated_and_those_of_their_plans(drawn):
    """Both objectives move strictly along the front, and each plan scores what its point says."""
    front = drawn.front()
    assert np.all(np.diff(front.F[:, 0]) > 0)
    assert np.all(np.diff(front.F[:, 1]) < 0)
    X = np.stack([front.assignment(k) for k in range(len(front))])
    np.testing.assert_allclose(drawn.problem().evaluate(X), front.F, rtol=1e-12, atol=1e-15)


@given(tables(max_llms=6))
def test_neighbours_differ_in_the_query_of_their_step(drawn):
    """Step k leads from plan k to plan k + 1, by exactly its own deltas, and efficiency never rises."""
    front = drawn.front()
    steps = front.steps
    assert len(front) == len(steps.query) + 1 <= drawn.cost.size - len(drawn.cost) + 1
    for k, query in enumerate(steps.query):
        before, after = front.assignment(k), front.assignment(k + 1)
        assert np.flatnonzero(before != after).tolist() == [query]
        assert (before[query], after[query]) == (steps.from_llm[k], steps.to_llm[k])
        moved = [float(table[query, after[query]]) - float(table[query, before[query]]) for table in drawn[:2]]
        assert moved == [steps.delta_cost[k], steps.delta_accuracy[k]]
    assert np.all(np.diff(steps.delta_accuracy / steps.delta_cost) <= 0)


@given(tables(max_queries=6), st.lists(st.integers(-1000, 1000), min_size=1, max_size=25))
def test_plans_do_not_depend_on_the_order_of_calls(drawn, calls):
    """A front that has been asked anything decodes as a new one does, though the caller overwrites what it gets."""
    front = drawn.front()
    for call in calls:
        k = call % len(front) if call >= 0 else -1 - (-call % len(front))
        plan = front.assignment(k)
        assert plan.tolist() == drawn.front().assignment(k).tolist()
        plan[:] = -1


@pytest.mark.parametrize(("n_llms", "dtype"), [(127, np.int8), (128, np.int32)])
def test_type_of_plans(n_llms, dtype):
    """LLM numbers up to 126 fit int8."""
    problem = make_problem(20, n_llms)
    front = problem.supported_front
    assert front.assignment(0).dtype == dtype
    np.testing.assert_allclose(problem.evaluate(front.assignment(-1)), front.F[-1], rtol=1e-12)


def test_points_that_are_not_there():
    """One beyond either end is refused, the ends themselves are not."""
    front = EDGE_CASES["random"].front()
    for k in (len(front), -len(front) - 1):
        with pytest.raises(UserError, match=rf"point {k} is not on this front; it has points 0 to {len(front) - 1}"):
            front.assignment(k)
    assert front.assignment(len(front) - 1).tolist() == front.assignment(-1).tolist()
    assert front.assignment(-len(front)).tolist() == front.assignment(0).tolist()


@pytest.mark.parametrize("k", [1.5, "1", None])
def test_points_are_counted_in_integers(k):
    """What is no integer is refused; NumPy's integers are not."""
    front = EDGE_CASES["random"].front()
    with pytest.raises(UserError, match="the index of a point must be a whole number; got"):
        front.assignment(k)
    assert front.assignment(np.int64(1)).tolist() == front.assignment(1).tolist()


@pytest.mark.parametrize(
    "name", ["one LLM", "one best everywhere", "all equal", "all costs zero", "dearer is worse", "equal costs"]
)
def test_one_plan_beats_all(name):
    """Where one plan is cheapest and best the front is that point, with all its methods at work."""
    front = EDGE_CASES[name].front()
    assert len(front) == 1
    cost, loss = front.F[0]
    assert front.thin(2).tolist() == [0]
    assert front.within_budget(cost) == front.at_least_accuracy(-loss) == 0
    assert front.bound(cost + 1) == -loss
    assert len(front.steps.query) == 0
    assert front.assignment(0).tolist() == front.assignment(-1).tolist()


@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_levels_count_the_steps_of_every_plan(family):
    """Point k has taken k steps: counting the steps of a plan gives back its number."""
    front = make_problem(60, 5, family=family).supported_front
    assert [front.count_steps(front.assignment(k)) for k in range(len(front))] == list(range(len(front)))


def test_nothing_can_be_written():
    """Points, levels and ends are read-only, and the tables that were given stay as they were."""
    case = EDGE_CASES["random"]
    copies = case.cost.copy(), case.accuracy.copy()
    front = case.front()
    for array in (front.F, front.levels, front.cost, front.accuracy, front.ends[0].x, front.ends[1].values):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert case.cost.flags.writeable
    np.testing.assert_array_equal(copies, case[:2])


def test_memory_grows_with_steps_not_with_points_times_queries():
    """Building and decoding fifty plans of 20,000 queries stays below 100 bytes per step and query."""
    problem = make_problem(20_000, 6)
    SupportedFront(problem.cost[:10], problem.accuracy[:10])
    tracemalloc.start()
    front = SupportedFront(problem.cost, problem.accuracy)
    for k in np.linspace(0, len(front) - 1, 50).astype(int):
        front.assignment(k)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * (len(front) + 20_000)
    assert len(front) * 20_000 > 100 * peak


@settings(max_examples=30)
@given(tables(max_queries=20, max_llms=6), st.integers(2, 30))
def test_thin_keeps_ends_and_bound(drawn, n_points):
    """A thinned front has rising indices, both ends, at most as many points as wanted, and all if they fit."""
    front = drawn.front()
    kept = front.thin(n_points)
    assert (kept[0], kept[-1]) == (0, len(front) - 1)
    assert np.all(np.diff(kept) > 0)
    assert len(kept) <= n_points
    if len(front) <= n_points:
        assert kept.tolist() == list(range(len(front)))


def test_thin_follows_the_front_evenly():
    """Of 5,000 steps a hundred points leave no gap above 1.5 of the mean distance along the scaled curve."""
    front = make_problem(2000, 6).supported_front
    points = (front.F[front.thin(100)] - front.F[0]) / (front.F[-1] - front.F[0])
    distances = np.abs(np.diff(points, axis=0)).sum(axis=1)
    assert len(distances) == 99
    assert distances.max() < 1.5 * distances.mean()


def test_thin_needs_two_points():
    """One point can't hold both ends; two can."""
    front = EDGE_CASES["random"].front()
    with pytest.raises(
        ValueError, match=r"n_points must be at least 2, the cheapest and the most accurate plan; got 1"
    ):
        front.thin(1)
    assert front.thin(2).tolist() == [0, len(front) - 1]


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (([[1.0, -2.0]], [[0.5, 0.5]]), ValueError, r"cost must be finite and at least 0; cost\[0, 1\] = -2"),
        (([[1.0]], [[1.2]]), ValueError, r"accuracy must lie in \[0, 1\]; accuracy\[0, 0\] = 1.2"),
        (([[1.0]], [[0.5, 0.5]]), ValueError, r"accuracy has shape \(1, 2\); expected \(1, 1\)"),
        (([["a"]], [[0.5]]), UserError, r"cost must hold real numbers; got values of type <U1"),
        (([[1.0]], [[0.5]], [[False]]), ValueError, r"at least one allowed LLM; allowed\[0\] allows none"),
    ],
)
def test_bad_tables(args, error, message):
    """Tables are checked at this door as at the problem's; the nearest good ones pass."""
    with pytest.raises(error, match=message):
        SupportedFront(*args)
    assert len(SupportedFront([[0.0, 2.0]], [[0.0, 1.0]], [[True, 1]])) == 2


def test_decoded_from_several_threads():
    """Threads may share a front: each gets the plans it asks for, however they take turns."""
    problem = make_problem(20, 6)
    front = problem.supported_front
    expected = np.stack([front.assignment(k) for k in range(len(front))])

    def decode(seed):
        points = np.random.default_rng(seed).integers(0, len(front), 10_000).tolist()
        return all(np.array_equal(front.assignment(k), expected[k]) for k in points)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(decode, range(4)))
    finally:
        sys.setswitchinterval(interval)


def test_frames_that_disagree():
    """Frames are never matched by position where their labels differ; with the same labels they are a front."""
    cost = pd.DataFrame([[1.0, 2.0]], columns=["small", "large"])
    turned = pd.DataFrame([[0.9, 0.1]], columns=["large", "small"])
    with pytest.raises(ValueError, match=r"cost and accuracy must have the same columns; got .*; reorder one of them"):
        SupportedFront(cost, turned)
    assert SupportedFront(cost, turned[cost.columns]).F.tolist() == [[1.0, -0.1], [2.0, -0.9]]


def test_front_of_the_problem_is_this_front():
    """A problem's front is the front of its tables and mask."""
    case = EDGE_CASES["masked"]
    problem = AllocationProblem(case.cost, case.accuracy, allowed=case.allowed)
    np.testing.assert_array_equal(problem.supported_front.F, case.front().F)
    assert problem.supported_front is problem.supported_front
    assert repr(case.front()).startswith(f"SupportedFront({len(case.front())} plans for 5 queries on 4 LLMs")


def test_single_steps():
    """One step is looked up as `steps` has it; the queries near a point are those of the steps around it."""
    front = EDGE_CASES["random"].front()
    steps = front.steps
    for k in range(len(front) - 1):
        assert front.step(k) == (steps.query[k], steps.from_llm[k], steps.to_llm[k])
        assert front.queries_near(k, 2).tolist() == sorted({*steps.query[max(0, k - 2) : k + 2].tolist()})


@pytest.mark.parametrize("ask", ["within_budget", "at_least_accuracy", "bound"])
@pytest.mark.parametrize("value", [float("nan"), "5", None])
def test_what_is_no_number_is_no_amount(ask, value):
    """It is called so, instead of being compared with the cheapest plan."""
    with pytest.raises(UserError, match=f"got {value!r}"):
        getattr(make_problem(5, 3).supported_front, ask)(value)


def test_a_front_is_thinned_to_a_whole_number_of_points():
    """Half a point is refused; NumPy's integers are not."""
    front = make_problem(5, 3).supported_front
    with pytest.raises(UserError, match=r"the number of points must be a whole number; got 2\.5"):
        front.thin(2.5)
    assert front.thin(np.int64(2)).tolist() == [0, len(front) - 1]


def test_a_pickle_has_the_tables_alone():
    """The front is built again from read-only tables, point for point and plan for plan."""
    front = make_problem(2000, 5).supported_front
    assert front.levels.size
    frozen = pickle.dumps(front)
    assert len(frozen) < 1.01 * (front.cost.nbytes + front.accuracy.nbytes)
    again = pickle.loads(frozen)
    np.testing.assert_array_equal(again.F, front.F)
    np.testing.assert_array_equal(again.assignment(len(again) // 2), front.assignment(len(front) // 2))
    assert not again.cost.flags.writeable
