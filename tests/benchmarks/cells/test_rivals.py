"""Rival routers against hand arithmetic, and what tuning chooses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from benchmarks.cells.predictors import PREDICTORS
from benchmarks.cells.rivals import (
    RIVALS,
    STEPS,
    SWEEPS,
    Clusters,
    Factorisation,
    GuardedNearest,
    Logistic,
    Nearest,
    Tuned,
    TunedSweep,
)
from benchmarks.cells.split import Setting
from benchmarks.cells.table import POINTS, DistanceCell, TableCell
from optllm_pymoo.measures import pareto_distances

RNG = np.random.default_rng(0)
# Two directions: along the first the second LLM is right, along the other the first one; it costs 3 US$, the first 1.
ANGLES = np.where(np.arange(60) % 2 == 0, 0.05, 1.5) + RNG.uniform(-0.04, 0.04, 60)
X = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)])
Y = np.column_stack([np.arange(60) % 2 == 1, np.arange(60) % 2 == 0]).astype(float)
COST = np.tile([1.0, 3.0], (60, 1))


def test_nearest_averages_by_cosine() -> None:
    """Length doesn't matter: (10, .1) points along the first two labels, one of which is right."""
    model = Nearest(2).fit(np.array([[1.0, 0], [2, 0], [0, 1]]), np.array([[1.0, 0], [0, 0], [0, 1]]))
    np.testing.assert_allclose(model.predict(np.array([[10.0, 0.1]])), [[0.5, 0.0]])
    everything = Nearest(100).fit(X, Y).predict(X[:1])
    np.testing.assert_allclose(everything, [[0.5, 0.5]])


@pytest.mark.parametrize(("z", "if_equal", "if_dearer"), [(0.86, 1, 1), (0.87, 1, 0), (1.73, 1, 0), (1.74, 0, 0)])
def test_the_guard_counts_standard_errors(z: float, if_equal: int, if_dearer: int) -> None:
    """Outcomes of the other LLM less the best one's, near the query: 1, 1, 0, 0.

    The mean is 1/2, the variance 1/4 and the standard error √(1/4 / 3) = .2887, so that the lead is 1.732 of them; of a
    dearer LLM twice as many are asked for.
    """
    features = np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 6)
    outcomes = np.array([[0.0, 1], [0, 1], [0, 0], [0, 0]] + [[1.0, 0]] * 6)
    model = GuardedNearest(4, z).fit(features, outcomes, cost=np.zeros((10, 2)))
    query = np.array([[1.0, 0.0]])
    assert model.plans(query, np.zeros((1, 2)))[0, 0] == if_equal
    assert model.plans(query, np.array([[0.0, 1e-9]]))[0, 0] == if_dearer


def test_a_guarded_sweep_goes_from_the_best_to_the_cheapest() -> None:
    """Without a price each query goes where its neighbours are right; at a high one all go to the cheap LLM."""
    plans = GuardedNearest(10).fit(X, Y, cost=COST).plans(X, COST)
    assert plans.shape == (STEPS + 1, 60)
    np.testing.assert_array_equal(plans[0], Y.argmax(axis=1))
    assert not plans[-1].any()


def test_clusters_mix_accuracy_and_cost() -> None:
    """One cluster of ten: accuracies .2, .6, .7 and costs 1, 2, 5 are 0, .8, 1 and 0, .25, 1 when scaled.

    Scores are 0, .8 α - .25 (1 - α) and α - (1 - α), less those of the first: the second leads from α = 1/4.2, the
    third from .75 (1 - α) < .2 α, which is α > 15/19.
    """
    outcomes = np.zeros((10, 3))
    for llm, right in enumerate((2, 6, 7)):
        outcomes[:right, llm] = 1
    cost = np.tile([1.0, 2.0, 5.0], (10, 1))
    model = Clusters(n_clusters=1, random_state=0).fit(np.ones((10, 1)), outcomes, cost=cost)
    np.testing.assert_allclose(model.predict(np.ones((1, 1))), [[0.2, 0.6, 0.7]])
    plans = model.plans(np.ones((1, 1)), cost[:1])[:, 0]
    alphas = np.linspace(0, 1, STEPS + 1)
    np.testing.assert_array_equal(plans, np.where(alphas > 15 / 19, 2, np.where(alphas > 0.25 / 1.05, 1, 0)))


def test_the_nearest_clusters_are_averaged() -> None:
    """Two clusters, each with one LLM that is right: the nearest one says so, both together say one half."""
    one, two = (Clusters(2, n, random_state=0).fit(X, Y, cost=COST).predict(X) for n in (1, 2))
    np.testing.assert_allclose(one, Y)
    np.testing.assert_allclose(two, 0.5)


def test_logistic_takes_fractions_and_columns_that_are_alike() -> None:
    """A share of 1/4 counts as one right and three wrong answers; three right answers alone are 4/5 (Laplace)."""
    x = np.array([[0.0], [1.0]])
    found = Logistic(C=1.0).fit(x, np.array([0.25, 0.75])).predict(x)
    rows, outcome = np.repeat(x, 4, axis=0), np.array([1, 0, 0, 0, 1, 1, 1, 0])
    plain = LogisticRegression(C=0.25).fit(rows, outcome)  # four times the loss, the same penalty
    np.testing.assert_allclose(found, plain.predict_proba(x)[:, 1], atol=1e-4)
    np.testing.assert_allclose(Logistic().fit(np.ones((3, 1)), np.ones(3)).predict(x), 0.8)


def test_factors_learn_one_direction_and_fall_back_to_means() -> None:
    """With a small penalty each query's outcomes are found; with an enormous one each LLM's mean is left."""
    found = Factorisation(2, 0.01, random_state=0).fit(X, Y).predict(X)
    assert np.abs(found - Y).max() < 0.1
    outcomes = np.column_stack([np.arange(60) % 4 == 0, np.arange(60) % 4 > 0]).astype(float)
    model = Factorisation(2, 1e3, random_state=0).fit(X, outcomes)
    np.testing.assert_allclose(model.predict(X), np.tile([0.25, 0.75], (60, 1)), atol=1e-3)


def test_tuning_takes_what_predicts_held_out_labels() -> None:
    """All sixty neighbours say one half; ten know. Of a single distinct query nothing can be held out."""
    grid = {"n_neighbors": (100, 10)}
    assert Tuned(Nearest(), grid, 0).fit(X, Y).model_.n_neighbors == 10
    assert Tuned(Nearest(), grid, 0).fit(np.ones((4, 1)), Y[:4]).model_.n_neighbors == 20


def test_tuned_folds_keep_equal_queries_together() -> None:
    """Nothing of a repeated query is on both sides of a fold."""
    features = np.repeat(np.arange(7.0), 3)[:, None]
    folds = Tuned(Nearest(), {}, 0).folds(features)
    assert len(folds) == 5
    assert not any(set(features[train, 0]) & set(features[test, 0]) for train, test in folds)


def test_sweeps_are_tuned_by_the_area_of_held_out_plans() -> None:
    """One cluster can't tell queries apart; two give every query the LLM that is right."""
    sweep = TunedSweep(Clusters(random_state=0), {"n_clusters": (1, 2)}, 0).fit(X, Y, cost=COST)
    assert sweep.model_.n_clusters == 2
    np.testing.assert_array_equal(sweep.plans(X, COST)[-1], Y.argmax(axis=1))


@pytest.mark.parametrize("name", [*RIVALS, *SWEEPS])
def test_every_rival_is_a_predictor(name: str) -> None:
    """On features that decide the outcomes each has nearly the oracle's area, but for sweeps, which have two plans.

    Those are all on the first LLM, 40 US$ and one half right, and the right ones, 80 US$. Between 40 and 120 US$ that
    is a mean accuracy of 3/4; the oracle's 20 steps to 80 US$ have 1/2 + 1/4 - 1/80 on average, with 1 from there on.
    """
    outcome = TableCell(Setting("made up", "f", name, 0.5)).measure(X, Y, COST, X[:40], COST[:40], Y[:40])
    if name in SWEEPS:
        assert outcome.measures["area"] == pytest.approx(0.75 / ((0.7375 + 1) / 2))
        np.testing.assert_allclose(outcome.arrays["realised"], [[40, 0.5], [80, 1]])
    else:
        assert outcome.measures["area"] > 0.9
        assert 20 <= len(outcome.arrays["realised"]) <= POINTS
    assert PREDICTORS[name].is_sweep is (name in SWEEPS)


def test_a_seed_decides_everything() -> None:
    """The same factors from the same seed, others from another."""
    found = [RIVALS["factorisation"](seed).fit(X[:20], Y[:20]).predict(X) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


@pytest.mark.parametrize("name", [*RIVALS, *SWEEPS])
def test_three_labels_are_enough_to_say_something(name: str) -> None:
    """Fewer labels than neighbours, clusters or folds, and one LLM that is always right: probabilities for all."""
    few, y, given = X[:3], np.column_stack([Y[:3], np.ones(3)]), np.ones((3, 3))
    model = PREDICTORS[name].build(0).fit(few, y, **({"cost": given} if name in SWEEPS else {}))
    found = model.predict(X)
    assert found.shape == (60, 3)
    assert ((found >= 0) & (found <= 1)).all()


def test_distances_of_predictors() -> None:
    """The cell needs the tables of all, and has a row for each."""
    setting = Setting("made up", "f", "ours", 0.5)
    cell = DistanceCell(setting, ("ours", "knn"))
    assert [each.setting.predictor for each in cell.needs] == ["ours", "knn"]
    fronts = [np.array([[0.0, 0.5], [10.0, 1.0]]), np.array([[10.0, 0.75]])]
    rows = cell.measure(*fronts).rows
    assert [(row["what"], row["measured"]) for row in rows] == [
        *zip(("ours", "knn"), pareto_distances(fronts), strict=True)
    ]
