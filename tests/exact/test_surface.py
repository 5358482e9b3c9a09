"""Supported plans of three objectives, held against all plans of small batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import Additive, AllocationProblem, make_problem
from optllm_pymoo.exact.surface import SupportedSurface, lattice
from optllm_pymoo.validation import UserError
from tests.brute_force import all_plans
from tests.strategies import EDGE_CASES, Tables, tables


def latency_of(table) -> Additive:
    """Mean seconds per call as a third objective."""
    return Additive("latency", table, unit="s", mean=True)


def with_latency(given_tables: Tables, seed: int = 0) -> AllocationProblem:
    """Give tables a latency in whole eighths, so that ties are exact."""
    seconds = np.random.default_rng(seed).integers(0, 9, given_tables.cost.shape) / 8
    return given_tables.problem(objectives=latency_of(seconds.astype(given_tables.cost.dtype)))


def dominated(points: np.ndarray, by: np.ndarray, slack: float = 1e-12) -> np.ndarray:
    """Tell which points some other point beats: nowhere worse, somewhere better by more than rounding."""
    scale = np.maximum(1e-300, np.ptp(by, axis=0)) * slack
    no_worse = (by[None] <= points[:, None] + scale).all(axis=2)
    better = (by[None] < points[:, None] - 1e3 * scale).any(axis=2)
    return (no_worse & better).any(axis=1)


@given(tables(max_queries=4, max_llms=3), st.integers(0, 99))
def test_every_point_is_efficient_and_least_in_its_weighted_sum(given_tables, seed):
    """No plan of all M**N dominates a point, and none has a smaller weighted sum at the point's weights."""
    problem = with_latency(given_tables, seed)
    everything = problem.evaluate(all_plans(given_tables))
    surface = SupportedSurface.from_scalarisation(problem.scalarisation, n_directions=28)
    assert not dominated(surface.F, everything).any()
    scaled = problem.scalarisation.normalise(everything)
    least = (scaled @ surface.weights.T).min(axis=0)
    found = (problem.scalarisation.normalise(surface.F) * surface.weights).sum(axis=1)
    np.testing.assert_allclose(found, least, atol=1e-9)


@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases(name):
    """Points decode to plans that score as they say, in order, all different; the optima are the best of all."""
    problem = with_latency(EDGE_CASES[name])
    surface = problem.supported_surface
    X = np.stack([surface.assignment(k) for k in range(len(surface))])
    assert np.array_equal(problem.evaluate(X), surface.F)
    assert len(np.unique(surface.F, axis=0)) == len(surface)
    assert (np.diff(surface.F[:, 0]) >= 0).all()
    everything = problem.evaluate(all_plans(EDGE_CASES[name])) if problem.n_queries < 6 else surface.F
    np.testing.assert_allclose(surface.F.min(axis=0), everything.min(axis=0), rtol=1e-12)
    assert np.array_equal(np.diag(problem.evaluate(problem.extremes())), surface.F.min(axis=0))


def test_by_hand():
    """One query, three LLMs: each is best at something, the fourth is dominated and never chosen."""
    surface = SupportedSurface([[1, 2, 4, 4]], [[0.5, 0.5, 0.9, 0.4]], [[3, 1, 2, 3]])
    assert surface.F.tolist() == [[1.0, -0.5, 3.0], [2.0, -0.5, 1.0], [4.0, -0.9, 2.0]]
    # worst of the three optima: 4 US$, 0.5, 3 s
    np.testing.assert_allclose(surface.scalarisation.ranges, [3.0, 0.4, 2.0])


def test_ties_of_an_optimum_go_to_the_other_objectives():
    """Equally cheap: the more accurate, then the faster. Equally fast: the cheaper."""
    problem = AllocationProblem([[1, 1, 1, 2]], [[0.5, 0.7, 0.7, 0.9]], objectives=latency_of([[1, 5, 4, 1]]))
    assert problem.extremes().ravel().tolist() == [2, 3, 0]


def test_ties_are_broken_alike_where_sums_round():
    """By hand: ranges (6, 1/12, 0.625); at weights (1/2, 0, 1/2) both LLMs of a query tie, 2 US$ against 0.625 s.

    In floating point the sums 5/12 + 1/15 and 3/12 + 7/30 differ. Were the second query sent to the faster LLM while
    others go to the cheaper, going the other way with two queries would cost the same, and be right more often.
    """
    cost, latency = [[2, 5, 0], [5, 3, 5], [5, 2, 0]], [[0, 0.875, 0.625], [0.5, 0.875, 0.25], [0.875, 0.375, 1]]
    problem = AllocationProblem(cost, [[0.125, 0, 0], [0, 0, 0], [0, 0.125, 0]], objectives=latency_of(latency))
    np.testing.assert_allclose(problem.scalarisation.ranges, [6, 1 / 12, 0.625])
    assert problem.scalarisation.choose(np.array([[0.5, 0, 0.5]])).tolist() == [[2, 1, 2]]


def test_chosen_as_a_readable_twin_does():
    """The kernel picks what NumPy's argmin picks on tables without ties, with and without a mask."""
    base = make_problem(50, 6, with_latency=True)
    allowed = np.random.default_rng(1).random((50, 6)) < 0.6
    allowed[:, 2] = True
    weights = np.random.default_rng(2).dirichlet(np.ones(3), 20)
    for mask in (None, allowed):
        problem = AllocationProblem(base.cost, base.accuracy, allowed=mask, objectives=[base.third])
        of = problem.scalarisation
        per_query = of.ranges * (1, 50, 50)
        score = np.stack([base.cost, -base.accuracy, base.third.table], axis=-1) / per_query
        sums = np.einsum("kj,nmj->knm", weights, score)
        if mask is not None:
            sums[:, ~mask] = np.inf
        assert np.array_equal(of.choose(weights), sums.argmin(axis=2))


def test_does_not_depend_on_threads(set_threads):
    """One thread and two give the same surface, on more queries than one thread takes alone."""
    problem = make_problem(70_000, 3, with_latency=True)
    surfaces = []
    for n_threads in (1, 2):
        set_threads(n_threads)
        surfaces.append(SupportedSurface(problem.cost, problem.accuracy, problem.third.table, n_directions=10).F)
    assert np.array_equal(*surfaces)


def test_thinned_keeps_the_optima_and_spreads():
    """The best value of each objective stays; asked for more than there are, all stay."""
    surface = make_problem(60, 5, with_latency=True).supported_surface
    chosen = surface.thin(12)
    assert len(chosen) == 12
    assert (np.diff(chosen) > 0).all()
    assert np.array_equal(surface.F[chosen].min(axis=0), surface.F.min(axis=0))
    assert np.array_equal(surface.thin(10**6), np.arange(len(surface)))
    with pytest.raises(ValueError, match="keeps at least its three optima; got n_points = 2"):
        surface.thin(2)


def test_lattice_is_a_path():
    """All weights of a simplex of 7 partitions, each next to the one before."""
    weights = lattice(36)
    assert weights.shape == (36, 3)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.abs(np.diff(weights, axis=0)).sum(axis=1), 2 / 7)
    with pytest.raises(ValueError, match="at least three directions; got 2"):
        lattice(2)


def test_points_out_of_range_are_refused():
    """The message says how many there are."""
    surface = SupportedSurface([[1, 2]], [[0.5, 0.9]], [[1, 1]])
    with pytest.raises(UserError, match="the index of a point must be a whole number; got '1'"):
        surface.assignment("1")
    with pytest.raises(UserError, match="point 2 is not on this surface; it has points 0 to 1"):
        surface.assignment(2)
    assert surface.assignment(-1).tolist() == [1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_problem_scores_the_mean_latency(dtype):
    """The third column is NumPy's mean; the first two are those of the problem without latency."""
    problem = make_problem(300, 5, with_latency=True, dtype=dtype)
    plain = make_problem(300, 5, dtype=dtype)
    assert problem.n_obj == 3
    assert plain.n_obj == 2
    assert problem.third.table.dtype == dtype
    X = np.random.default_rng(0).integers(0, 5, (7, 300))
    F = problem.evaluate(X)
    assert np.array_equal(F[:, :2], plain.evaluate(X))
    np.testing.assert_allclose(F[:, 2], problem.third.table.astype(float)[np.arange(300), X].mean(axis=1), rtol=1e-12)


def test_mixed_types_become_float64():
    """One table of float64 makes all three that."""
    problem = AllocationProblem(
        np.ones((2, 2), np.float32), np.ones((2, 2), np.float32), objectives=latency_of(np.ones((2, 2)))
    )
    assert {problem.cost.dtype, problem.accuracy.dtype, problem.third.table.dtype} == {np.dtype(np.float64)}


def test_pareto_front_and_set_agree():
    """Both describe the same plans, thinned or not."""
    problem = make_problem(40, 4, with_latency=True)
    for n_points in (None, 9):
        front = problem.pareto_front(n_points=n_points, use_cache=False)
        assert np.array_equal(problem.evaluate(problem.pareto_set(n_points=n_points, use_cache=False)), front)
        assert front.shape[1] == 3


@pytest.mark.parametrize(
    ("latency", "message"),
    [
        ([[1.0, np.nan]], r"latency must be finite; latency\[0, 1\] = nan"),
        ([[1.0]], r"latency has shape \(1, 1\); expected \(1, 2\), the shape of cost"),
    ],
)
def test_bad_latency_is_refused(latency, message):
    """With the place and what was expected."""
    with pytest.raises(ValueError, match=message):
        AllocationProblem([[1, 2]], [[0.5, 0.9]], objectives=latency_of(latency))


def test_surface_without_latency_is_refused():
    """The message says how to get one, and that the front is exact."""
    with pytest.raises(ValueError, match="needs a third objective, and this problem has none"):
        _ = make_problem(5, 2).supported_surface


def test_same_tables_with_and_without_latency():
    """Asking for latency changes neither cost nor accuracy; it goes with cost, but is no function of it."""
    plain, timed = make_problem(500, 6), make_problem(500, 6, with_latency=True)
    assert np.array_equal(plain.cost, timed.cost)
    assert np.array_equal(plain.accuracy, timed.accuracy)
    correlation = np.corrcoef(np.log(timed.cost.ravel()), np.log(timed.third.table.ravel()))[0, 1]
    assert 0.2 < correlation < 0.95
