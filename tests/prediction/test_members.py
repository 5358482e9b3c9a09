"""One member: which rows it learns from and is judged on, and how it is fitted."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from optllm_pymoo.prediction import SuccessPredictor
from optllm_pymoo.prediction.members import (
    RESAMPLINGS,
    Trees,
    check_estimator_suits,
    fit_member,
    in_order,
    resamples,
)
from optllm_pymoo.validation import UserError

GROUPS = np.repeat(np.arange(25), 2)


@pytest.mark.parametrize("kind", RESAMPLINGS)
def test_never_judged_on_what_was_learned(kind: str) -> None:
    """Training and held-out rows are disjoint in every resample, and there are enough of them."""
    found = resamples(kind, GROUPS, 20, np.random.RandomState(0))
    assert len(found) == 20
    for rows in found:
        assert not set(rows.train) & set(rows.heldout)


def test_folds_hold_out_every_row_equally_often_and_groups_as_a_whole() -> None:
    """Two rounds of ten folds: each row is held out twice, never without its group."""
    found = resamples("folds", GROUPS, 20, np.random.RandomState(0))
    np.testing.assert_array_equal(np.bincount(np.concatenate([rows.heldout for rows in found])), 2)
    for rows in found:
        assert not set(GROUPS[rows.train]) & set(GROUPS[rows.heldout])


def test_folds_are_rounded_up_to_whole_rounds() -> None:
    """Eleven members would hold some rows out twice: twenty are made."""
    assert len(resamples("folds", GROUPS, 11, np.random.RandomState(0))) == 20


def test_fewer_groups_than_folds() -> None:
    """Three groups make rounds of three folds; one group can't be held out."""
    assert len(resamples("folds", np.array([0, 1, 2]), 9, np.random.RandomState(0))) == 9
    (only,) = resamples("folds", np.zeros(4, dtype=int), 10, np.random.RandomState(0))
    assert (len(only.train), len(only.heldout)) == (4, 0)


def test_bootstraps_draw_with_replacement() -> None:
    """A row misses a bootstrap of n rows with probability (1 - 1/n)^n, about 0.368."""
    found = resamples("validation-split", np.arange(500), 30, np.random.RandomState(0))
    assert np.mean([1 - len(set(rows.train)) / 250 for rows in found]) == pytest.approx(0.368, abs=0.02)


def test_validation_split_is_one_half_for_all() -> None:
    """As published: the same half judges every member, and no member learns from it."""
    found = resamples("validation-split", np.arange(50), 10, np.random.RandomState(0))
    assert {tuple(rows.heldout) for rows in found} == {tuple(found[0].heldout)}
    assert len(found[0].heldout) == 25


@pytest.mark.parametrize(("share", "n_heldout"), [(1 / 6, 9), (0.9, 45), (0.999, 49), (0.001, 1)])
def test_validation_split_of_another_share(share: float, n_heldout: int) -> None:
    """The share is rounded up to whole rows, and neither part is ever empty."""
    found = resamples("validation-split", np.arange(50), 3, np.random.RandomState(0), share)
    assert [len(rows.heldout) for rows in found] == [n_heldout] * 3
    assert not [rows for rows in found if set(rows.train) & set(rows.heldout)]


def test_turns_count_rounds() -> None:
    """Members of one round share a number; all bootstraps count as one round."""
    rounds = [rows.turn for rows in resamples("folds", GROUPS, 20, np.random.RandomState(0))]
    assert rounds == [0] * 10 + [1] * 10
    assert [rows.turn for rows in resamples("validation-split", GROUPS, 3, np.random.RandomState(0))] == [0, 0, 0]


def test_a_single_row() -> None:
    """There is nothing to hold out, and nothing breaks."""
    for kind in RESAMPLINGS:
        assert all(rows.train.tolist() == [0] for rows in resamples(kind, np.array([0]), 3, np.random.RandomState(0)))


def test_order_and_groups_by_hand() -> None:
    """Rows 0 and 2 have equal features and come in the order of their labels, NaN last; row 1 is another group."""
    order, groups = in_order(np.array([[1.0, 2.0], [1.0, 3.0], [1.0, 2.0]]), np.array([[np.nan], [0.0], [1.0]]))
    assert order.tolist() == [2, 0, 1]
    assert groups.tolist() == [0, 0, 1]


def test_count_is_a_whole_number() -> None:
    """2.5 members can't be; numpy's integers are whole numbers too."""
    with pytest.raises(UserError, match=r"n_resamples must be a whole number, got 2\.5"):
        resamples("folds", GROUPS, 2.5, np.random.RandomState(0))  # type: ignore[arg-type]
    assert len(resamples("validation-split", GROUPS, np.int64(2), np.random.RandomState(0))) == 2


FEATURES = np.arange(6.0)[:, None]
GAPS = np.array([[1, np.nan], [1, 0], [0, 1], [np.nan, 1], [0, np.nan], [1, 1]])


@pytest.mark.parametrize("estimator", [RandomForestClassifier(5), LogisticRegression(), Ridge()])
def test_missing_labels_are_left_out_without_a_warning(estimator: Any) -> None:
    """Each LLM learns from the queries it was tried on: as if the others were not there."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit_member(estimator, FEATURES, GAPS, np.ones(len(GAPS)), seed=0).predict(FEATURES)
    for j in range(2):
        known = ~np.isnan(GAPS[:, j])
        alone = fit_member(estimator, FEATURES[known], GAPS[known][:, [j]], np.ones(known.sum()), seed=0)
        np.testing.assert_array_equal(found[:, [j]], alone.predict(FEATURES))


@pytest.mark.parametrize("wrong", ["forest", 7, Ridge])
def test_refuses_what_is_no_estimator(wrong: Any) -> None:
    """A name, a number, and a class that somebody forgot to call; the instance will do."""
    with pytest.raises(UserError, match="estimator must be a scikit-learn estimator"):
        check_estimator_suits(wrong, GAPS)
    check_estimator_suits(Ridge(), GAPS)


@pytest.mark.parametrize("shape", [(60,), (60, 1), (60, 4)])
def test_equals_the_forest_of_scikit_learn(shape: tuple[int, ...]) -> None:
    """Same seed, same trees, same averages, but for rounding to float32."""
    rng = np.random.default_rng(0)
    X, y, new = rng.normal(size=(60, 5)), rng.random(shape), rng.normal(size=(30, 5))
    options = {"min_samples_leaf": 3, "max_features": 1 / 3, "random_state": 7}
    expected = ExtraTreesRegressor(10, **options).fit(X, y.squeeze()).predict(new)
    np.testing.assert_allclose(Trees(10, **options).fit(X, y.squeeze()).predict(new), expected, rtol=1e-7)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("estimator", [None, RandomForestRegressor(3)])
def test_no_thread_of_ours_swaps_the_filters(
    estimator: RandomForestRegressor | None, missing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`catch_warnings` swaps the filters of the process: what threads do at once leaves them damaged."""
    threads = set()
    enter = warnings.catch_warnings.__enter__

    def watched(self: warnings.catch_warnings) -> object:
        threads.add(threading.get_ident())
        return enter(self)

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, (40, 3)).astype(float)
    if missing:
        y[::5, 1] = np.nan
    monkeypatch.setattr(warnings.catch_warnings, "__enter__", watched)
    before = list(warnings.filters)
    predictor = SuccessPredictor(estimator, random_state=0, n_jobs=2).fit(X, y)
    predictor.predict(np.tile(X, (500, 1)), return_std=True)
    assert threads <= {threading.get_ident()}
    assert warnings.filters == before
