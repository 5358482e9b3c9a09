"""Measures of search quality: by hand arithmetic, by relations between them, and at the edges."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import SupportedFront, make_problem
from optllm_pymoo.exact.surface import SupportedSurface
from optllm_pymoo.measures import search as measures
from optllm_pymoo.measures.search import (
    additive_epsilon,
    hypervolume_ratio,
    igd_plus,
    non_dominated,
    normalise,
    search_quality,
    spread,
)

FAMILIES = ["continuous", "tied", "binary", "dominated"]


@pytest.fixture(scope="module")
def three_points() -> SupportedFront:
    """A front whose scaled points are (0, 1), (1/4, 1/2), (1, 0): costs 0, 1, 4, accuracies 0.5, 0.75, 1."""
    return SupportedFront([[0, 1], [0, 3]], [[0.5, 1.0], [0.5, 1.0]])


@pytest.fixture(scope="module")
def one_point() -> SupportedFront:
    """A front of one plan at 2 US$ and accuracy 0.75, which beats all others."""
    return SupportedFront([[1, 2], [1, 2]], [[0.8, 0.7], [0.7, 0.7]])


@pytest.fixture(scope="module")
def one_step() -> SupportedFront:
    """A front of two plans, 1 and 2 US$, accuracy 0.5 and 0.9."""
    return SupportedFront([[1, 2]], [[0.5, 0.9]])


def test_normalise_by_hand(three_points):
    """2 US$ and accuracy 0.6 lie at 2/4 of the cost range, and 0.4/0.5 short of the best accuracy."""
    np.testing.assert_allclose(normalise([2.0, -0.6], three_points), [[0.5, 0.8]])


def test_normalise_leaves_its_input_alone(three_points):
    """The array that comes back is a new one."""
    F = np.array([[2.0, -0.6]])
    normalise(F, three_points)
    assert F.tolist() == [[2.0, -0.6]]


def test_normalise_without_ranges(one_point):
    """Against a single point at 2 US$ and 0.75, 3 US$ are half its cost too much, and 0.6 is 0.15 short."""
    np.testing.assert_allclose(normalise([3.0, -0.6], one_point), [[0.5, 0.15]])


def test_normalise_without_ranges_or_cost():
    """A single free plan leaves dollars as they are."""
    front = SupportedFront([[0, 2]], [[0.5, 0.5]])
    np.testing.assert_allclose(normalise([2.0, -0.5], front), [[2.0, 0.0]])


def test_hypervolume_ratio_by_hand(three_points):
    """The exact front dominates (1 - 1/4)(1 - 1/2) = 3/8; (1/2, 1/4) dominates 1/2 * 3/4 = 3/8: ratio 1."""
    assert hypervolume_ratio([[2.0, -0.875]], three_points) == pytest.approx(1.0)


def test_points_beyond_the_reference_add_nothing(three_points):
    """A plan dearer than the most accurate one lies outside the reference point and dominates no area."""
    assert hypervolume_ratio([[9.0, -0.9]], three_points) == 0.0


@pytest.mark.parametrize(
    ("F", "ratio"),
    [([[2.0, -0.75]], 1.0), ([[3.0, -0.75]], 0.5), ([[2.0, -0.55]], 0.8), ([[4.0, -0.75]], 0.0)],
)
def test_hypervolume_ratio_of_a_single_point_front(one_point, F, ratio):
    """The point dominates the unit square; half its cost too much, or 0.2 too little, loses 0.5 or 0.2."""
    assert hypervolume_ratio(F, one_point) == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("F", "ratio"),
    [([[1.0, -0.5], [2.0, -0.9]], 1.0), ([[2.0, -0.9]], 0.5), ([[1.5, -0.5], [2.5, -0.9]], 0.0)],
)
def test_hypervolume_ratio_of_a_single_step_front(one_step, F, ratio):
    """A front of two points dominates no area: the ratio counts which of its ends were reached."""
    assert hypervolume_ratio(F, one_step) == ratio


def test_additive_epsilon_by_hand(three_points):
    """Both ends alone fall short of the middle (1/4, 1/2) by 1/2 or 3/4: the better counts."""
    assert additive_epsilon(three_points.F[[0, 2]], three_points) == pytest.approx(0.5)


def test_igd_plus_by_hand(three_points):
    """(1/4, 1/2) alone is (1/4, 0) short of the first point, nothing of itself, (0, 1/2) of the last."""
    assert igd_plus(three_points.F[[1]], three_points) == pytest.approx((0.25 + 0.0 + 0.5) / 3)


def test_spread_by_hand(three_points):
    """Ends found, neighbours √(1/16 + 1/4) and √(9/16 + 1/4) apart: Δ = their difference / their sum."""
    first, second = np.sqrt(5) / 4, np.sqrt(13) / 4
    assert spread(three_points.F, three_points) == pytest.approx((second - first) / (first + second))


def test_spread_counts_missing_ends(three_points):
    """Without the last point one gap d = √5/4 is left, and the end lies √13/4 away: Δ = d_l / (d_l + d)."""
    missing, gap = np.sqrt(13) / 4, np.sqrt(5) / 4
    assert spread(three_points.F[:2], three_points) == pytest.approx(missing / (missing + gap))


def test_spread_of_a_single_plan(three_points, one_point):
    """No gaps: Δ = 1 by its definition, and 0 where that plan is all there is to find."""
    assert spread(three_points.F[1], three_points) == 1.0
    assert spread(one_point.F, one_point) == 0.0


def test_spread_does_not_depend_on_the_order(three_points):
    """Δ is taken along the front, whatever the order of the rows."""
    assert spread(three_points.F[[1, 2, 0]], three_points) == spread(three_points.F, three_points)


def test_non_dominated_by_hand():
    """(1, -0.5) and (3, -0.9) stay, cheapest first, of equal ones the first; (2, -0.4) is dominated."""
    assert non_dominated([[3, -0.9], [2, -0.4], [1, -0.5], [1, -0.5], [3, -0.8]]).tolist() == [2, 0]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-4, 0)), min_size=1, max_size=12))
def test_non_dominated_against_all_pairs(points):
    """A point stays if no other is as good in both objectives and better in one; equal points count once."""
    F = np.array(points, dtype=float)
    kept = {tuple(p) for p in F.tolist() if not any((q <= p).all() and (q < p).any() for q in F)}
    assert [tuple(p) for p in F[non_dominated(F)].tolist()] == sorted(kept)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_exact_front_is_perfect(family):
    """The front against itself: ratio 1, no shortfall, both ends found."""
    front = make_problem(60, 5, family=family, random_state=3).supported_front
    quality = search_quality(front.F, front)
    assert quality.hypervolume_ratio == pytest.approx(1.0)
    assert quality.additive_epsilon == pytest.approx(0.0, abs=1e-12)
    assert quality.igd_plus == pytest.approx(0.0, abs=1e-12)
    assert quality.n_points == len(front)


@pytest.mark.parametrize("family", FAMILIES)
def test_dominated_points_and_duplicates_change_nothing(family):
    """A set measures like its non-dominated part."""
    problem = make_problem(40, 4, family=family, random_state=1)
    plans = np.random.default_rng(2).integers(0, 4, (30, 40))
    F = problem.evaluate(plans)
    front = problem.supported_front
    whole = search_quality(np.concatenate([F, F[::-1]]), front)
    assert whole == search_quality(F[non_dominated(F)], front)


@given(st.integers(0, 1000), st.integers(1, 29))
def test_more_plans_never_measure_worse(seed, n_fewer):
    """Hypervolume, epsilon and IGD+ are weakly monotone: adding plans can't worsen them."""
    problem = make_problem(20, 3, random_state=seed)
    F = problem.evaluate(np.random.default_rng(seed).integers(0, 3, (30, 20)))
    fewer, all_of_them = (search_quality(part, problem.supported_front) for part in (F[:n_fewer], F))
    assert all_of_them.hypervolume_ratio >= fewer.hypervolume_ratio - 1e-12
    assert all_of_them.additive_epsilon <= fewer.additive_epsilon + 1e-12
    assert all_of_them.igd_plus <= fewer.igd_plus + 1e-12


@pytest.mark.parametrize("currency", [1e-6, 1e6])
def test_measures_do_not_depend_on_the_currency(currency):
    """Costs in another unit give the same measures: objectives are scaled first."""
    problem = make_problem(30, 4, random_state=5)
    F = problem.evaluate(np.random.default_rng(5).integers(0, 4, (20, 30)))
    other = SupportedFront(problem.cost * currency, problem.accuracy)
    here = search_quality(F, problem.supported_front)
    there = search_quality(F * (currency, 1.0), other)
    np.testing.assert_allclose(here, there, rtol=1e-9)


def test_large_fronts_are_thinned_for_quadratic_measures(monkeypatch):
    """A front of more points than the bound still gives the same measures to a few parts in a thousand."""
    problem = make_problem(600, 6, random_state=7)
    front = problem.supported_front
    assert len(front) > measures.REFERENCE_POINTS
    F = front.F[:: len(front) // 7]
    thinned = additive_epsilon(F, front), igd_plus(F, front)
    monkeypatch.setattr(measures, "REFERENCE_POINTS", len(front))
    assert additive_epsilon(F, front) == pytest.approx(thinned[0], abs=2e-3)
    assert igd_plus(F, front) == pytest.approx(thinned[1], rel=0.3)


def test_a_measured_front_can_be_freed():
    """The area that is kept per front doesn't keep the front alive."""
    front = make_problem(10, 3).supported_front
    hypervolume_ratio(front.F, front)
    known = len(measures._exact_hypervolumes)
    del front
    gc.collect()
    assert len(measures._exact_hypervolumes) < known


@pytest.mark.parametrize("measure", [normalise, hypervolume_ratio, additive_epsilon, igd_plus, spread, search_quality])
def test_refused_objectives(measure, three_points):
    """Empty sets, other widths and numbers that aren't finite are refused; a single row is not."""
    with pytest.raises(ValueError, match=r"at least one \(cost, -accuracy\) pair in rows; got shape \(0, 2\)"):
        measure(np.empty((0, 2)), three_points)
    with pytest.raises(ValueError, match=r"got shape \(1, 3\)"):
        measure([[1.0, -0.5, 0.0]], three_points)
    with pytest.raises(ValueError, match=r"F must be finite; F\[1, 0\] = inf"):
        measure([[1.0, -0.5], [np.inf, -0.5]], three_points)
    measure([1.0, -0.5], three_points)


def test_three_objectives_by_hand():
    """One query, optima (1, -.5, 3), (4, -.9, 2), (2, -.5, 1): scaled (0, 1, 1), (1, 0, .5) and (1/3, 1, 0)."""
    surface = SupportedSurface([[1, 2, 4]], [[0.5, 0.5, 0.9]], [[3, 1, 2]])
    np.testing.assert_allclose(normalise(surface.F, surface), [[0, 1, 1], [1 / 3, 1, 0], [1, 0, 0.5]], atol=1e-12)
    middle = surface.scalarisation.ideal + surface.scalarisation.ranges * (0.5, 0.25, 0.5)
    quality = search_quality([middle, middle, middle + 1], surface)
    assert quality.n_points == 1
    # it is short of (0, 1, 1) by .5 in cost, of (1/3, 1, 0) by .5 in latency, of (1, 0, .5) by .25 in accuracy
    assert quality.additive_epsilon == pytest.approx(0.5)
    assert quality.igd_plus == pytest.approx((0.5 + np.hypot(1 / 6, 0.5) + 0.25) / 3)
    assert np.isnan(quality.spread)
    # none of the three points dominates any volume up to (1, 1, 1): the share of them that is reached
    assert quality.hypervolume_ratio == 0.0
    assert hypervolume_ratio(surface.F[[0, 2]], surface) == pytest.approx(2 / 3)


def test_hypervolume_of_three_objectives_against_counting():
    """The ratio is that of the shares of a fine grid which the plans and the surface dominate."""
    surface = make_problem(40, 4, with_latency=True).supported_surface
    some = surface.F[::7]
    grid = np.stack(np.meshgrid(*[(np.arange(40) + 0.5) / 40] * 3), axis=-1).reshape(-1, 3)
    shares = [np.mean([(normalise(F, surface) <= cell).all(axis=1).any() for cell in grid]) for F in (some, surface.F)]
    assert hypervolume_ratio(some, surface) == pytest.approx(shares[0] / shares[1], abs=0.01)
    assert hypervolume_ratio(surface.F, surface) == 1.0


def test_spread_of_a_surface_is_refused():
    """And points of two objectives on it, and points of three on a front."""
    surface = SupportedSurface([[1, 2]], [[0.5, 0.9]], [[1, 1]])
    with pytest.raises(ValueError, match="spread is defined along a front of two objectives"):
        spread(surface.F, surface)
    with pytest.raises(ValueError, match=r"\(cost, -accuracy, latency\) triple in rows; got shape \(1, 2\)"):
        hypervolume_ratio([[1.0, -0.5]], surface)
    with pytest.raises(ValueError, match=r"\(cost, -accuracy\) pair in rows; got shape \(2, 3\)"):
        hypervolume_ratio(surface.F, SupportedFront([[1, 2]], [[0.5, 0.9]]))
