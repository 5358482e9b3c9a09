"""Checked construction: options along the bases, terminations that stay."""

from __future__ import annotations

import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.termination import get_termination

from optllm_pymoo.baselines._build import build, constructor_options


class Base:
    def __init__(self, alpha, *, beta=1, **kwargs):
        self.alpha, self.beta, self.kwargs = alpha, beta, kwargs


class Middle(Base):
    pass


class Leaf(Middle):
    def __init__(self, gamma=2, *args, **kwargs):
        super().__init__(**kwargs)
        self.gamma = gamma


def test_options_are_collected_along_the_bases():
    """Named parameters count, from every class that has a constructor; *args and **kwargs don't."""
    assert constructor_options(Leaf) == {"alpha", "beta", "gamma"}
    assert {"pop_size", "n_offsprings", "save_history"} <= constructor_options(NSGA2)


def test_caller_wins_over_the_factory():
    """An option given twice has the caller's value."""
    made = build(Leaf, {"alpha": 1, "beta": 2}, {"beta": 3}, factory="leaf")
    assert (made.alpha, made.beta) == (1, 3)


def test_unknown_option_names_what_there_is():
    """With nothing close there is no suggestion, but always the list."""
    with pytest.raises(TypeError, match=r"leaf\(\) has no option 'zzz'; Options: alpha, beta, gamma"):
        build(Leaf, {"alpha": 1}, {"zzz": 1}, factory="leaf")
    assert build(Leaf, {"alpha": 1}, {"gamma": 1}, factory="leaf").gamma == 1


def test_option_that_would_not_be_heeded_is_refused():
    """An option that the algorithm overwrites is as good as misspelt."""
    with pytest.raises(TypeError, match="has no option 'gamma'"):
        build(Leaf, {"alpha": 1}, {"gamma": 1}, factory="leaf", fixed=("gamma",))


def test_termination_survives_pymoo():
    """NSGA2's constructor replaces the termination it is given; here it stays, as an object or as a tuple."""
    mine = get_termination("n_gen", 3)
    assert NSGA2(termination=mine).termination is not mine
    assert build(NSGA2, {}, {"termination": mine}, factory="nsga2").termination is mine
    assert build(NSGA2, {}, {"termination": ("n_gen", 3)}, factory="nsga2").termination == ("n_gen", 3)
