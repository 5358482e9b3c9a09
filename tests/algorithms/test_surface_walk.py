"""OptLLM on three objectives."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from moocore import is_nondominated
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, OptLLM, make_problem
from optllm_pymoo.algorithms.surface_walk import WeightMesh
from optllm_pymoo.exact.surface import lattice
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.operators import AccuracyDestruction
from tests.exact.test_surface import dominated, with_latency
from tests.strategies import EDGE_CASES


@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_reaches_the_surface_and_ends_by_itself(family):
    """Almost all of the hypervolume at 500 directions, whatever the ties; what is found is efficient among it."""
    problem = make_problem(200, 6, family=family, with_latency=True)
    res = minimize(problem, OptLLM(), seed=1)
    assert hypervolume_ratio(res.F, problem.supported_surface) > 0.98
    assert is_nondominated(res.F).all()
    assert np.array_equal(problem.evaluate(res.X), res.F)
    assert not dominated(res.F, problem.supported_surface.F).any()


def test_time_makes_it_better():
    """Ten times the evaluations dominate more."""
    problem = make_problem(300, 6, with_latency=True)
    ratios = [
        hypervolume_ratio(minimize(problem, OptLLM(), ("n_eval", n), seed=1).F, problem.supported_surface)
        for n in (50, 150, 1500)
    ]
    assert ratios[0] < ratios[1] < ratios[2]


@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases_end(name):
    """Also with all the time in the world: when no gap can be split any more."""
    problem = with_latency(EDGE_CASES[name])
    res = minimize(problem, OptLLM(10), ("n_gen", 2000), seed=1)
    assert res.algorithm.n_gen < 2000
    assert np.array_equal(np.atleast_2d(res.F).min(axis=0), problem.supported_surface.F.min(axis=0))


def test_ask_and_tell_and_pickles_agree_with_minimize():
    """By hand, frozen in the middle and thawed: the same plans."""
    problem = make_problem(80, 5, with_latency=True)
    expected = minimize(problem, OptLLM(20), seed=1)
    algorithm = OptLLM(20).setup(problem, seed=1)
    for _ in range(3):
        algorithm.next()
    thawed = pickle.loads(pickle.dumps(algorithm))
    while thawed.has_next():
        infills = thawed.ask()
        if infills is not None:
            thawed.evaluator.eval(problem, infills)
        thawed.tell(infills=infills)
    assert np.array_equal(thawed.result().F, expected.F)
    assert np.array_equal(thawed.result().X, expected.X)


def test_instances_are_not_changed_by_a_run():
    """The same object solves a problem with latency, then one without."""
    algorithm = OptLLM(10)
    assert minimize(make_problem(30, 3, with_latency=True), algorithm, seed=1).F.shape[1] == 3
    assert minimize(make_problem(30, 3), algorithm, seed=1).F.shape[1] == 2


def test_what_has_no_place_is_refused():
    """Operators and robust accuracies belong to two objectives; the message says so."""
    problem = make_problem(30, 3, with_latency=True)
    with pytest.raises(ValueError, match=r"which don.t use destruction_up; leave it out"):
        minimize(problem, OptLLM(destruction_up=AccuracyDestruction()), seed=1)
    robust = AllocationProblem(
        problem.cost, problem.accuracy, robust_accuracy=problem.accuracy, objectives=[problem.third]
    )
    with pytest.raises(ValueError, match="robust_accuracy guides the downward walk"):
        minimize(robust, OptLLM(), seed=1)


def test_verbose_shows_seconds(capsys):
    """The range of latencies stands beside those of cost and accuracy."""
    minimize(make_problem(30, 3, with_latency=True), OptLLM(10), seed=1, verbose=True)
    out = capsys.readouterr().out
    assert "third_min" in out
    assert "hv_ratio" in out


def test_triangles_cover_the_lattice():
    """p² triangles of the same size, which is all of the area."""
    weights = lattice(21)
    triangles = np.array(WeightMesh.triangles_of(weights))
    assert len(triangles) == 25
    a, b, c = (weights[triangles[:, k]] for k in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    np.testing.assert_allclose(areas, np.sqrt(3) / 2 / 25)


def test_mesh_stays_a_triangulation():
    """After many splits every inner edge has two triangles and every outer edge one, and areas add up."""
    weights = lattice(6)
    mesh = WeightMesh(weights, weights.copy())
    for _ in range(60):
        for edge in mesh.widest(4):
            mesh.split(edge, mesh.middle(edge))
    corners = {tuple(sorted((*edge, corner))) for edge, ends in mesh.opposite.items() for corner in ends}
    for (a, b), ends in mesh.opposite.items():
        if not ends:
            continue
        on_border = np.any((mesh.weights[a] == 0) & (mesh.weights[b] == 0))
        assert len(ends) == (1 if on_border else 2)
    at = np.array(mesh.weights)
    i, j, k = np.array(sorted(corners)).T
    area = np.linalg.norm(np.cross(at[j] - at[i], at[k] - at[i]), axis=1).sum() / 2
    assert area == pytest.approx(np.sqrt(3) / 2)


def test_edges_without_news_are_left_alone():
    """Where all weights but one lead to the same plan, splitting soon ends."""
    weights = lattice(3)
    points = np.array([[0.0, 0, 0], [1.0, 1, 1], [1.0, 1, 1]])
    mesh = WeightMesh(weights, points)
    n_splits = 0
    while edges := mesh.widest(8):
        for edge in edges:
            mesh.split(edge, points[1])
            n_splits += 1
    assert 0 < n_splits < 100
    assert mesh.is_filled(0.0)
