"""Names of algorithms and what they stand for."""

from __future__ import annotations

import pytest
from pymoo.core.algorithm import Algorithm
from pymoo.optimize import minimize

from benchmarks.cells.algorithms import (
    MANY,
    VARIANTS,
    Settings,
    family_of,
    find_variant,
    missing_extra,
    parse_algorithms,
)
from benchmarks.suites.base import FAIR
from benchmarks.suites.compare import ALGORITHMS, QUICK_ALGORITHMS
from optllm_pymoo import make_problem


@pytest.mark.parametrize("name", VARIANTS)
def test_every_name_builds_a_new_algorithm_each_time(name):
    """Each entry makes pymoo algorithms that share nothing, and says in a line what it is."""
    if (extra := missing_extra(name)) is not None:
        pytest.skip(f"the extra `{extra}` is not installed")
    variant = find_variant(name)
    first, second = (variant.make(Settings()) for _ in range(2))
    assert isinstance(first, Algorithm)
    assert first is not second
    assert variant.what


@pytest.mark.parametrize("names", [ALGORITHMS, QUICK_ALGORITHMS, FAIR])
def test_default_lists_hold_known_names_once(names):
    """The default lists are what the user could have typed."""
    assert parse_algorithms(",".join(names)) == names


def test_settings_reach_the_algorithms():
    """The grid is OptLLM's, the budget the sweep's number of weights and a cap on populations."""
    few = Settings(n_grid=7, budget=20)
    assert find_variant("optllm").make(few).n_grid.value == 7
    assert find_variant("lambda-sweep").make(few).n_weights == 20
    assert find_variant("nsga2").make(few).pop_size == 20
    assert find_variant("nsga2").make(Settings()).pop_size == 100


def test_variants_differ_in_operators():
    """Published and categorical operators are not the same classes."""
    plain, published = (find_variant(name).make(Settings()) for name in ("nsga2", "nsga2:published"))
    assert type(plain.mating.crossover) is not type(published.mating.crossover)


def test_lists_of_names():
    """Blanks and repetitions don't matter, "all" is everything."""
    assert parse_algorithms(" nsga2, optllm,nsga2,") == ("nsga2", "optllm")
    assert parse_algorithms("all") == tuple(VARIANTS)


def test_unknown_names():
    """The message has the closest names."""
    with pytest.raises(ValueError, match=r"unknown algorithm 'nsga2:wram'; did you mean 'nsga2:warm'"):
        parse_algorithms("optllm,nsga2:wram")
    with pytest.raises(ValueError, match=r"no algorithm in ' ,'; known: optllm,"):
        parse_algorithms(" ,")


def test_family():
    """The family is what stands before the first colon."""
    assert [family_of(name) for name in ("optllm", "nsga2:published:warm")] == ["optllm", "nsga2"]


def test_one_walk_alone_finds_fewer_plans():
    """One walk finds fewer plans than both together, and the two ends of the front are there."""
    problem = make_problem(300, 6, random_state=2)
    both, up, down = (
        minimize(problem, find_variant(name).make(Settings(n_grid=10)), seed=1).F
        for name in ("optllm:walks", "optllm:up", "optllm:down")
    )
    assert len(up) < len(both)
    assert len(down) < len(both)
    for F in (up, down):
        assert F[0, 0] == both[0, 0]
        assert F[-1, 1] == both[-1, 1]


def test_a_package_that_is_not_there_is_named_by_its_extra(monkeypatch):
    """Of what is built in nothing is missing; a package that can't be found is."""
    from benchmarks.cells import algorithms

    monkeypatch.setitem(VARIANTS, "far", algorithms.Variant(lambda settings: None, "needs it", requires="not_there"))
    assert missing_extra("optllm") is None
    assert missing_extra("far") == "not_there"


@pytest.mark.parametrize(
    "name", ["carrot", "epsilon-constraint", "forc", "alns", "pygmo-nspso", "pygmo-moead:warm", "pygmo-moead-gen"]
)
def test_baselines_beyond_pymoo_keep_to_small_budgets(name):
    """Each finds plans within 40 evaluations, also where it is set up for a tiny budget, and none is a default."""
    if (extra := missing_extra(name)) is not None:
        pytest.skip(f"the extra `{extra}` is not installed")
    assert name not in (*ALGORITHMS, *QUICK_ALGORITHMS)
    for budget in (2, 40):
        made = find_variant(name).make(Settings(budget=budget))
        res = minimize(make_problem(20, 4), made, ("n_eval", budget), seed=1)
        assert len(res.F) >= 1
        assert res.algorithm.evaluator.n_eval <= max(budget, 5)


@pytest.mark.parametrize("name", ["epsilon-constraint", "forc"])
def test_sweeps_of_programmes_have_as_many_as_the_limit_has_room_for(name):
    """20 for any number of evaluations, no more than that number; a thousand, in any order, where seconds count."""
    points = [VARIANTS[name].make(Settings(budget=budget)).n_points for budget in (5, 2_000, 200_000)]
    assert points == [5, 20, 20]
    assert VARIANTS[name].make(Settings(budget=MANY, is_timed=True)).n_points == 1_000
