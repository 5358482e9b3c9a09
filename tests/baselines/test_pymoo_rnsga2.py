"""R-NSGA-II: reference points from the problem, no NaN on flat fronts."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.algorithms.moo.rnsga2 import calc_norm_pref_distance
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.baselines import rnsga2
from optllm_pymoo.baselines._pymoo import GuardedPreferenceSurvival


def test_reference_points_are_the_extremes(problem):
    """They come from the problem of the run, also when the algorithm runs on another one next."""
    algorithm = rnsga2(pop_size=10)
    for batch in (problem, make_problem(9, 3)):
        res = minimize(batch, algorithm, ("n_gen", 2), seed=1)
        assert np.array_equal(res.algorithm.survival.ref_points, batch.supported_front.F[[0, -1]])
        assert res.algorithm.survival.epsilon == 0.9964


def test_reference_points_may_be_given(problem):
    """Lists will do, and one point alone too."""
    res = minimize(problem, rnsga2(pop_size=10, ref_points=[0.001, -0.7]), ("n_gen", 2), seed=1)
    assert res.algorithm.survival.ref_points.tolist() == [[0.001, -0.7]]


@pytest.mark.parametrize("F", [[[1, -0.5], [1, -0.5]], [[1, -0.5], [2, -0.5]]])
def test_flat_front_has_finite_distances(F):
    """Pymoo's own normalisation divides zero by zero here; the guarded nadir point lies beyond the ideal."""
    F = np.array(F, dtype=float)
    survival = GuardedPreferenceSurvival(
        F[:1], 0.1, None, "front", False, ideal=F.min(axis=0), span=np.array([1.0, 0.3])
    )
    survival.ideal_point, survival.nadir_point = F.min(axis=0), F.max(axis=0)
    assert (survival.nadir_point > survival.ideal_point).all()
    distances = calc_norm_pref_distance(F, F, survival.weights, survival.ideal_point, survival.nadir_point)
    assert np.isfinite(distances).all()
    with np.errstate(invalid="ignore"):
        theirs = calc_norm_pref_distance(F, F, survival.weights, F.min(axis=0), F.max(axis=0))
    assert np.isnan(theirs).any()


@pytest.mark.parametrize("normalization", ["front", "ever", "no"])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_every_normalisation_runs_on_flat_fronts(normalization):
    """Equal costs make the first front one point, equal accuracies too."""
    flat = AllocationProblem(np.ones((10, 3)), make_problem(10, 3).accuracy)
    res = minimize(flat, rnsga2(pop_size=10, normalization=normalization), ("n_eval", 100), seed=1)
    assert np.isfinite(res.pop.get("crowding").astype(float)).all()


def test_survival_is_not_an_option():
    """It would be replaced at setup."""
    with pytest.raises(TypeError, match="no option 'survival'"):
        rnsga2(survival=None)
