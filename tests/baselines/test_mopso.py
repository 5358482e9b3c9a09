"""MOPSO: integer positions, every LLM within reach, a bounded archive without luck."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from pymoo.core.sampling import Sampling
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.baselines import mopso
from optllm_pymoo.baselines._mopso import Leaders


def test_published_parameters():
    """Omega .7887, c1 .7497, c2 .1537, v .9518."""
    swarm = mopso()
    assert (swarm.w, swarm.c1, swarm.c2, swarm.max_velocity_rate) == (0.7887, 0.7497, 0.1537, 0.9518)


class AllAtZero(Sampling):
    """Put all particles on LLM 0, as floats."""

    def _do(self, problem, n_samples, *args, random_state=None, **kwargs):
        return np.zeros((n_samples, problem.n_queries))


@pytest.mark.parametrize("best", [0, 3])
def test_finds_the_first_and_the_last_llm(best):
    """Where one of four LLMs is free and always right, most queries are with it in the end."""
    cost, accuracy = np.ones((12, 4)), np.zeros((12, 4))
    cost[:, best], accuracy[:, best] = 0, 1
    res = minimize(AllocationProblem(cost, accuracy), mopso(pop_size=40), ("n_eval", 4000), seed=1)
    assert (best == res.X).mean() > 0.7


def test_all_llms_are_reached_from_one():
    """A swarm that starts with LLM 0 everywhere visits every other one, up to the last."""
    visited = set()
    minimize(
        make_problem(200, 5),
        mopso(pop_size=30, sampling=AllAtZero(), callback=lambda a: visited.update(a.off.get("X").ravel())),
        ("n_gen", 10),
        seed=1,
    )
    assert visited == set(range(5))


def test_positions_do_not_drift():
    """Over a first move from uniform positions the mean LLM number stays, within 5 standard errors."""
    problem = make_problem(500, 5)
    swarm = mopso(pop_size=200).setup(problem, termination=("n_gen", 2), seed=1)
    swarm.next()
    before = swarm.pop.get("X").mean()
    # personal bests are the positions themselves, and w, c1 act symmetrically; leaders are a few plans
    swarm.c2 = 0.0
    assert abs(swarm.ask().get("X").mean() - before) < 5 * 4 / np.sqrt(200 * 500)


def test_archive_keeps_the_extremes_when_it_is_full(problem):
    """No more than so many leaders, among them the cheapest and the most accurate plan known."""
    warm = minimize(problem, mopso(pop_size=30, archive_size=4, start="warm"), ("n_gen", 20), seed=1)
    assert len(warm.X) <= 4
    np.testing.assert_allclose(warm.F.min(axis=0), problem.supported_front.F.min(axis=0))


def test_leaders_are_left_alone():
    """Pymoo's run loop adds to an archive what it has evaluated; the swarm's own stays, pickled too."""
    leaders = Leaders()
    assert leaders.add(Leaders()) is leaders
    assert isinstance(pickle.loads(pickle.dumps(leaders)), Leaders)


def test_archive_is_not_an_option():
    """The swarm has its own; its size is an option."""
    with pytest.raises(TypeError, match="no option 'archive'; did you mean 'archive_size'"):
        mopso(archive=None)
    assert mopso(archive_size=7).archive_size == 7
