"""Sweeps of integer programmes: their bounds, their order and their end."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.core.callback import Callback
from pymoo.optimize import minimize

from optllm_pymoo import make_problem
from optllm_pymoo.baselines import _sweeps, epsilon_constraint, forc
from tests.brute_force import all_plans, score
from tests.strategies import Tables


class Proposals(Callback):
    """Keep the values of every plan in the order of proposal."""

    def __init__(self):
        super().__init__()
        self.F = []

    def notify(self, algorithm):
        if algorithm.off is not None:
            self.F.append(algorithm.off.get("F"))


def proposals(problem, algorithm, *termination):
    """Run a sweep; return what it proposed, one plan per iteration."""
    kept = Proposals()
    minimize(problem, algorithm, *termination, seed=1, callback=kept)
    assert all(len(F) == 1 for F in kept.F)
    return np.concatenate(kept.F)


@pytest.mark.parametrize(("make", "bounded"), [(forc, 0), (epsilon_constraint, 1)])
@pytest.mark.parametrize("family", ["continuous", "tied"])
def test_each_plan_is_the_best_within_its_bound(make, bounded, family):
    """Nine evenly spaced bounds, ends first and then halving: brute force finds nothing better for any."""
    problem = make_problem(6, 3, family=family)
    given = Tables(problem.cost, problem.accuracy, problem.allowed)
    everything = score(given, all_plans(given))
    ends = problem.supported_front.F[[0, -1], bounded]
    bounds = np.linspace(*ends, 9)[[0, 8, 4, 2, 6, 1, 5, 3, 7]]
    size = "n_budgets" if make is forc else "n_points"
    found = proposals(problem, make(**{size: 9}))
    assert len(found) == 9
    for values, bound in zip(found, bounds, strict=True):
        within = everything[everything[:, bounded] <= bound + 1e-12]
        assert values[bounded] <= bound + 1e-12
        assert values[1 - bounded] == pytest.approx(within[:, 1 - bounded].min(), abs=1e-6)


def test_a_budget_ends_the_sweep_early():
    """Five evaluations of twenty: both ends, the middle and the quarters."""
    problem = make_problem(40, 4)
    found = proposals(problem, forc(n_budgets=21), ("n_eval", 5))
    share = (found[:, 0] - found[0, 0]) / (found[1, 0] - found[0, 0])
    np.testing.assert_allclose(share, [0, 1, 0.5, 0.25, 0.75], atol=0.03)


def test_time_ends_the_sweep_between_two_programmes():
    """A time budget that is over after the third plan: both ends and the middle were proposed, no more."""
    problem = make_problem(40, 4)
    algorithm = forc(n_budgets=20)
    algorithm.setup(problem, termination=("time", 3600), seed=1)
    while algorithm.has_next():
        algorithm.next()
        if algorithm.evaluator.n_eval == 2:
            algorithm.termination.max_time = 1e-9
    assert algorithm.evaluator.n_eval == 3


def test_programmes_without_proof_are_counted():
    """With no time for any, the answer is a set of supported plans, and it says so."""
    problem = make_problem(1000, 6)
    algorithm = minimize(problem, forc(n_budgets=5, time_limit=1e-9), seed=1).algorithm
    assert algorithm.n_unproved == 3
    np.testing.assert_allclose(
        problem.supported_front.bound(algorithm.opt.get("F")[:, 0]), -algorithm.opt.get("F")[:, 1]
    )


def test_bad_limits_are_refused():
    """One point, no gap, no time; the smallest that make sense pass."""
    with pytest.raises(ValueError, match="n_points must be at least 2, the two extremes of the sweep; got 1"):
        forc(n_budgets=1)
    with pytest.raises(ValueError, match="relative_gap must be positive; got 0"):
        epsilon_constraint(relative_gap=0)
    with pytest.raises(ValueError, match="time_limit must be positive; got -1"):
        epsilon_constraint(time_limit=-1)
    assert epsilon_constraint(n_points=2).time_limit == _sweeps.SECONDS
