"""Predictors by name: what a table cell makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cells import predictors
from benchmarks.cells.cell import seed_of
from benchmarks.cells.predictors import ORACLE, PREDICTORS, Recipe, find_predictor
from benchmarks.cells.split import Setting
from benchmarks.cells.table import TableCell
from optllm_pymoo import UserError
from optllm_pymoo.prediction import SuccessPredictor

RNG = np.random.default_rng(0)
FEATURES, TARGETS = RNG.normal(size=(40, 3)), RNG.normal(size=(15, 3))
LABELS = (FEATURES[:, :2] + RNG.normal(size=(40, 2)) > 0).astype(float)
PAID, COST, CORRECT = np.tile([1.0, 2.0], (40, 1)), np.tile([1.0, 2.0], (15, 1)), (TARGETS[:, :2] > 0).astype(float)


def _measured(name: str, labels: np.ndarray = LABELS) -> tuple[TableCell, dict[str, np.ndarray]]:
    cell = TableCell(Setting("made up", "f", name, 0.5))
    return cell, dict(cell.measure(FEATURES, labels, PAID, TARGETS, COST, CORRECT).arrays)


@pytest.mark.parametrize("name", ["ours", "constants"])
def test_means_and_sigma(name: str) -> None:
    """Accuracies are what the predictor says with the cell's seed, and sigma is a standard deviation."""
    cell, found = _measured(name)
    given = {"cost": PAID, "planned": TARGETS} if PREDICTORS[name].for_plans else {}
    predictor = PREDICTORS[name].build(seed_of(cell)).fit(FEATURES, LABELS, **given)
    np.testing.assert_array_equal(found["accuracy"], predictor.predict(TARGETS))
    assert found["accuracy"].shape == found["sigma"].shape == (15, 2)
    assert (found["sigma"] >= 0).all()


def test_robust_stays_robust(monkeypatch: pytest.MonkeyPatch) -> None:
    """A predictor that is asked for robust accuracies gives them: its mean and one sigma more."""

    def build(seed: int) -> SuccessPredictor:
        return SuccessPredictor.published(random_state=seed).set_params(n_resamples=3)

    monkeypatch.setitem(predictors.PREDICTORS, "quick-robust", Recipe(build, is_robust=True))
    cell, found = _measured("quick-robust")
    mean = build(seed_of(cell)).fit(FEATURES, LABELS).predict(TARGETS)
    np.testing.assert_allclose(found["accuracy"], np.clip(mean + found["sigma"], 0, 1))
    assert (found["accuracy"] != mean).any()


def test_unshrunk_is_ours_without_shrinkage() -> None:
    """Without shrinkage predictions on noise spread wider."""
    noise = (RNG.normal(size=LABELS.shape) > 0).astype(float)
    ours, unshrunk = (_measured(name, noise)[1]["accuracy"] for name in ("ours", "unshrunk"))
    assert unshrunk.std(axis=0).mean() > ours.std(axis=0).mean()


def test_permuted_learns_from_other_queries() -> None:
    """Features decide the labels: `ours` follows them, and `permuted` is no better than constants."""
    labels = (FEATURES[:, :2] > 0).astype(float)
    names = ("ours", "permuted", "constants")
    ours, permuted, constants = (np.mean((_measured(name, labels)[1]["accuracy"] - CORRECT) ** 2) for name in names)
    assert ours < 0.8 * constants
    assert permuted > 0.9 * constants


def test_the_oracle_knows_the_outcomes() -> None:
    """It needs no features, and its area is all there is."""
    cell = TableCell(Setting("made up", "f", ORACLE, 0.5))
    assert cell.needs == ()
    outcome = cell.measure(FEATURES, LABELS, PAID, TARGETS, COST, CORRECT)
    np.testing.assert_array_equal(outcome.arrays["accuracy"], CORRECT)
    assert (outcome.measures["area"], outcome.measures["brier"]) == (1.0, 0.0)


def test_unknown_predictors_are_refused() -> None:
    """The closest name is in the message."""
    with pytest.raises(UserError, match="unknown predictor 'our'; did you mean 'ours'"):
        find_predictor("our")
