"""Splits: the same for all predictors, nothing on both sides, nothing lost."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cells.predictors import PREDICTORS
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.split import KNOWN, Setting
from benchmarks.cells.table import TableCell
from tests.benchmarks.cells.bench import BENCH, QUESTIONS

DATA = BENCH.dataset(QUESTIONS.name)


@pytest.mark.parametrize("drawn", ["random", "text"])
def test_all_predictors_have_the_same_split(drawn: str) -> None:
    """Number and share decide alone: another number is another split, the same number is not."""
    masks = [Setting.of(QUESTIONS, name, 0.2, drawn=drawn, split=3).labelled(DATA) for name in PREDICTORS]
    for mask in masks:
        np.testing.assert_array_equal(mask, masks[0])
    other = Setting.of(QUESTIONS, "constants", 0.2, drawn=drawn, split=4).labelled(DATA)
    assert (other != masks[0]).any()


def test_more_labels_are_the_same_and_others() -> None:
    """Splits of one number are nested, so that shares are compared on the same draw."""
    few, many = (Setting.of(QUESTIONS, "constants", share, split=1).labelled(DATA) for share in (0.1, 0.3))
    assert (few.sum(), many.sum()) == (12, 36)
    assert many[few].all()


def test_labelled_and_planned_are_disjoint_and_complete() -> None:
    """Every query's costs and outcomes arrive once: as a label, or among those that are planned."""
    cell = TableCell(Setting.of(QUESTIONS, "constants", 0.2, split=2))
    features, labels, paid, targets, cost, correct = cell.inputs(BENCH)
    table = BENCH.outcome(cell.needs[0]).arrays["features"]
    mask = cell.setting.labelled(DATA)
    assert len(labels) == mask.sum() == 24
    assert len(labels) + len(cost) == len(DATA)
    for both, whole in (((features, targets), table), ((labels, correct), DATA.correct), ((paid, cost), DATA.cost)):
        joined = np.empty_like(whole)
        joined[mask], joined[~mask] = both
        np.testing.assert_array_equal(joined, whole)


def test_searches_plan_what_the_table_is_about() -> None:
    """The batch of a search has the planned rows, in the order of the predicted table."""
    setting = Setting.of(QUESTIONS, "constants", 0.2, split=2)
    (batch,) = SearchCell(setting, "nsga2", Limit(evaluations=10)).inputs(BENCH)
    planned = ~setting.labelled(DATA)
    np.testing.assert_array_equal(batch.cost, DATA.cost[planned])
    np.testing.assert_array_equal(batch.correct, DATA.correct[planned])
    np.testing.assert_array_equal(batch.accuracy, BENCH.outcome(TableCell(setting)).arrays["accuracy"])
    assert batch.sigma is None


def test_known_outcomes_hold_nothing_back() -> None:
    """No query is labelled, all are planned on their outcomes, and nothing is realised beside."""
    setting = Setting.of(QUESTIONS)
    assert setting.predictor == KNOWN
    assert setting.is_known
    assert not setting.labelled(DATA).any()
    cell = SearchCell(setting, "nsga2", Limit(evaluations=10))
    assert cell.needs == ()
    (batch,) = cell.inputs(BENCH)
    assert batch.accuracy is DATA.correct
    assert batch.sigma is None
    assert batch.correct is None


def test_unknown_predictor() -> None:
    """The message has the closest name, and how many there are."""
    with pytest.raises(ValueError, match=r"unknown predictor 'magic'; did you mean 'logistic'\? \d+ are known"):
        Setting.of(QUESTIONS, "magic", 0.1)


def test_share_out_of_range() -> None:
    """No predictor can do without labels."""
    with pytest.raises(ValueError, match=r"share must lie between 0 and 1, got 0\.0"):
        Setting.of(QUESTIONS, "constants").labelled(DATA)


def test_titles() -> None:
    """One line tells data, share, number and predictor."""
    assert Setting.of(QUESTIONS).title() == "questions-120x3, known outcomes"
    title = Setting.of(QUESTIONS, "constants", 0.07, split=2).title()
    assert title == "questions-120x3, 7 % labels, split 2, predicted by constants"
