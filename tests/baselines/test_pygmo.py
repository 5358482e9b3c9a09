"""pygmo's algorithms: parameters, starts, objectives, and what happens without it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from pymoo.core.callback import Callback
from pymoo.optimize import minimize

from optllm_pymoo import make_problem
from optllm_pymoo.baselines import pygmo_moead, pygmo_moead_gen, pygmo_nspso
from optllm_pymoo.measures.search import hypervolume_ratio

FACTORIES = [pygmo_nspso, pygmo_moead, pygmo_moead_gen]
every = pytest.mark.parametrize("make", FACTORIES)


@every
def test_missing_package_is_told_when_it_is_asked_for(make, monkeypatch):
    """The factory names what to install; the import of the package didn't need it."""
    monkeypatch.setitem(sys.modules, "pygmo", None)
    with pytest.raises(ImportError, match=r'needs pygmo; install it with: pip install "optllm-pymoo\[pygmo\]"'):
        make()


@pytest.fixture
def pygmo():
    """Give pygmo, or skip."""
    return pytest.importorskip("pygmo", reason="the extra `pygmo` is not installed")


@every
def test_published_parameters_are_known_to_pygmo(make, pygmo):
    """Its own description of the algorithm shows them."""
    algorithm = make()
    described = pygmo.algorithm(getattr(pygmo, algorithm.name)(gen=1, **algorithm.parameters)).get_extra_info()
    expected = {
        pygmo_nspso: ("0.7887", "0.7497", "0.1537", "0.9518"),
        pygmo_moead: ("grid", "bi", "10"),
        pygmo_moead_gen: ("random", "tchebycheff", "24"),
    }[make]
    for value in expected:
        assert value in described


@every
def test_search_gets_better_than_its_start(make, pygmo):
    """After 2,000 plans more of the front is found than after 40."""
    problem = make_problem(20, 4)
    few, many = (minimize(problem, make(pop_size=20), ("n_eval", n), seed=1).F for n in (40, 2000))
    front = problem.supported_front
    assert hypervolume_ratio(many, front) > hypervolume_ratio(few, front) + 0.02


@every
def test_ends_by_itself_after_a_hundred_populations(make, pygmo):
    """Without a termination."""
    assert minimize(make_problem(5, 3), make(pop_size=10), seed=1).algorithm.evaluator.n_eval == 1000


@every
def test_seeds_decide(make, pygmo, problem):
    """Another seed leads elsewhere; the same one gives the same in spite of pygmo's global generator."""
    first, again, other = (
        minimize(problem, make(pop_size=20), ("n_eval", 200), seed=seed).F
        for seed, global_seed in ((1, 5), (1, 6), (2, 5))
        if pygmo.set_global_rng_seed(global_seed) is None
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_raw_objectives_lead_elsewhere(pygmo, problem):
    """MOEA/D weighs US$ against accuracies as they are."""
    scaled, raw = (
        minimize(problem, pygmo_moead(pop_size=20, objectives=kind), ("n_eval", 400), seed=1).F
        for kind in ("normalised", "raw")
    )
    assert not np.array_equal(scaled, raw)


@every
def test_warm_start_has_both_extremes(make, pygmo, masked):
    """They are the first two plans of the first population."""

    class First(Callback):
        def notify(self, algorithm):
            self.data.setdefault("X", algorithm.pop.get("X"))

    first = First()
    minimize(masked, make(pop_size=20, start="warm"), ("n_eval", 40), seed=1, callback=first)
    assert np.array_equal(first.data["X"][:2], masked.extremes())


@every
def test_bad_choices_are_refused(make, pygmo):
    """The messages name the choices; the smallest population passes, and so do pygmo's arguments."""
    with pytest.raises(ValueError, match="start must be one of 'cold', 'warm'; got 'hot'"):
        make(start="hot")
    with pytest.raises(ValueError, match="objectives must be one of 'normalised', 'raw'; got 'log'"):
        make(objectives="log")
    with pytest.raises(ValueError, match="pop_size must be at least 5; got 4"):
        make(pop_size=4)
    assert len(minimize(make_problem(9, 3), make(pop_size=5), ("n_eval", 50), seed=1).F)
    assert make(parameters={}).parameters == {}
