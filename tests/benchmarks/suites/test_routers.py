"""The comparison of routers: figures by hand, and which cells it is made of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.cells.batches import BatchesCell
from benchmarks.cells.cell import Outcome
from benchmarks.cells.rows import Row
from benchmarks.cells.sources import PERMUTED, Source, permuted
from benchmarks.cells.split import Setting
from benchmarks.cells.table import DistanceCell, TableCell
from benchmarks.runner.plan import Plan
from benchmarks.suites.base import Options
from benchmarks.suites.routers import SUITE, best_rivals, compared, of_batches, pooled, verdicts
from optllm_pymoo import make_dataset
from optllm_pymoo.data import Dataset, save_dataset
from tests.benchmarks.suites.made_up import four, predicted, results_of

MEASURES = {"performance_gain": 0.1, "aiq": 0.5, "brier": 0.2, "n_labelled": 7, "saving": np.nan}


def cells_of(areas, distances=()):
    """What `compared` makes of areas by data set and predictor, one number per split."""
    rows = [
        {"data": data, "drawn": "text", "labels": 0.2, "split": k, "predictor": name, "area": area, **MEASURES}
        for (data, name), of in areas.items()
        for k, area in enumerate(of)
    ]
    return compared(pd.DataFrame(rows), pd.DataFrame(distances))


def test_leads_are_paired_by_split():
    """Areas .6 and .9 of the first, .5 and .7 of the rival: ahead by .1 and .2, mean .15 and standard error .05."""
    cells = cells_of({("d", "ours"): (0.6, 0.9), ("d", "knn"): (0.5, 0.7)})
    assert cells["lead"].tolist() == pytest.approx([0, 0.15])
    assert cells["lead_error"].tolist() == pytest.approx([0, 0.05])
    assert cells["saving"].tolist() == [0, 0], "where no plan reaches the best LLM nothing is saved"


def test_rows_count_as_much_and_clear_ones_are_counted():
    """Leads .2 ± .05 (clear), -.3 ± .05 (clear) and .1 ± .1: mean 0, error √(.05² + .05² + .1²) / 3."""
    areas = {(data, "ours"): (0.5, 0.5) for data in "abc"}
    areas |= {("a", "knn"): (0.25, 0.35), ("b", "knn"): (0.75, 0.85), ("c", "knn"): (0.3, 0.5)}
    row = pooled(cells_of(areas)).iloc[1]
    assert row["lead"] == pytest.approx(0.0)
    assert row["lead_error"] == pytest.approx(np.sqrt(0.015) / 3)
    assert (row["better"], row["worse"], row["cells"]) == (1, 1, 3)


def test_the_page_says_where_a_rival_is_better():
    """Named are the row and the mean; without any, that is said."""
    cells = cells_of({("d", "ours"): (0.5, 0.5), ("d", "knn"): (0.54, 0.66)})
    told = verdicts(cells)
    assert "On the mean `knn` is better than `ours` by 0.1000 ± 0.0600." not in told
    cells = cells_of({("d", "ours"): (0.5, 0.5), ("d", "knn"): (0.58, 0.62)})
    told = verdicts(cells)
    assert "On the mean `knn` is better than `ours` by 0.1000 ± 0.0200." in told
    assert "d, 20% labelled: `knn` is better by 0.1000 ± 0.0200." in told
    assert best_rivals(cells)[["predictor", "verdict"]].to_numpy().tolist() == [["knn", "the rival"]]
    told = verdicts(cells_of({("d", "ours"): (0.5, 0.5), ("d", "knn"): (0.48, 0.49)}))
    assert "On the mean no rival is better than `ours` by 2 standard errors." in told
    assert "Neither is one on any data set with any share." in told


def test_distances_join_their_splits():
    """A distance belongs to its split and predictor, whatever the order; they are averaged."""
    lines = [
        {"data": "d", "drawn": "text", "labels": 0.2, "split": k, "predictor": "ours,knn", "what": name, "measured": at}
        for (name, k), at in {("knn", 1): 0.4, ("ours", 0): 0.0, ("knn", 0): 0.2, ("ours", 1): 0.1}.items()
    ]
    cells = cells_of({("d", "ours"): (0.5, 0.5), ("d", "knn"): (0.4, 0.4)}, lines)
    assert cells["distance"].tolist() == pytest.approx([0.05, 0.3])


def test_the_plan_has_all_parts(tmp_path):
    """Routers on texts, on unseen groups and on permuted texts, and distances on each of their splits."""
    dataset = make_dataset(60, 3)
    grouped = Dataset(dataset.cost, dataset.correct, texts=dataset.texts, groups=[str(i % 5) for i in range(60)])
    save_dataset(grouped, tmp_path / "batch")
    plan = SUITE.planned(Options(data=(tmp_path / "batch",), splits=2, shares=(0.2, 0.4), predictors=("ours", "knn")))
    assert {name: len(cells) for name, cells in plan.parts.items()} == {
        "routers": 8,
        "shift": 4,
        "null": 4,
        "distances": 8,
        "batches": 4,
    }
    assert {cell.setting.drawn for cell in plan.parts["shift"]} == {"group"}
    assert {cell.setting.data for cell in plan.parts["null"]} == {"batch" + PERMUTED}
    assert all(cell.predictors == ("ours", "knn") for cell in plan.parts["distances"])


def test_permuted_texts_stay_the_same_texts():
    """Costs, outcomes and groups keep their places; the texts don't, and are the same ones each time."""
    source = Source.of("questions", lambda: make_dataset(50, 3))
    found, whole = permuted(source).read(), source.read()
    np.testing.assert_array_equal(found.correct, whole.correct)
    np.testing.assert_array_equal(found.cost, whole.cost)
    assert found.texts != whole.texts
    assert sorted(found.texts) == sorted(whole.texts)
    assert found.texts == permuted(source).read().texts


def test_a_page_from_made_up_results(tmp_path):
    """Pictures come first; the table has the distance of the rival; what is missing doesn't break the page."""
    names = ("ours", "knn")
    tables = [TableCell(Setting("logpai", "f" * 12, name, 0.05, "text", 0)) for name in names]
    apart = DistanceCell(tables[0].setting, names)
    plan = Plan(
        (*tables, apart),
        {"logpai": four},
        (),
        {"routers": tables, "shift": (), "null": (), "distances": (apart,), "batches": ()},
    )
    outcomes = {
        cell: Outcome(predicted(area, performance_gain=0.1, aiq=0.7), {"fit_seconds": 1.0})
        for cell, area in zip(tables, (0.8, 0.7), strict=True)
    }
    assert SUITE.report(results_of(tmp_path / "none", plan, {}), plan).sections[0].title == "Routers"
    rows = [vars(Row(name, "2 plans", at, "", "≤", None)) for name, at in zip(names, (0.01, 0.2), strict=True)]
    document = SUITE.report(results_of(tmp_path / "all", plan, outcomes | {apart: Outcome({}, rows=rows)}), plan)
    assert [block.name for block in document.sections[0].blocks] == ["predict-area", "routers-distance"]
    assert document.printed[-1].frame["distance"].tolist() == [0.01, 0.2]
    assert "`ours` has the lowest mean ParetoDist, 0.0100." in document.summary


def test_adversarial_batches_by_hand():
    """Twenty queries in ten pairs; LLM 1 is right everywhere and costs 4 US$ more than LLM 0, which is right if free.

    The cheapest plan costs 10 (half of the queries cost 1 US$ on LLM 0), the dearest LLM 90: the budget is 30, that is
    3 for each pair, so that a pair by itself can't be upgraded: none is on LLM 1, and only the free ones are right. One
    plan for all upgrades five of the ten dear queries.
    """
    base = np.repeat([1.0, 0.0], 10)
    cost = np.column_stack([base, base + 4])
    correct = np.column_stack([base == 0, np.ones(20, dtype=bool)]).astype(float)
    cell = BatchesCell(Setting("d", "f", "ours", 0.2))
    rows = {row["what"]: row["measured"] for row in cell.measure(correct, np.zeros((20, 2)), cost, correct).rows}
    assert len(rows) == 3 * 2 * 2 * 3
    assert rows["by cost, a plan each, plain: accuracy"] == 0.5
    assert rows["by cost, a plan each, plain: least"] == 0.0
    assert rows["by cost, a plan each, plain: spent"] == pytest.approx(1 / 3)
    assert rows["by cost, one plan, plain: accuracy"] == 0.75
    assert rows["by cost, one plan, plain: spent"] == pytest.approx(1.0)
    table = of_batches(pd.DataFrame([{"what": what, "measured": of} for what, of in rows.items()])).set_index("about")
    assert table.loc["by cost, one plan, plain", "accuracy"] == 0.75
    assert len(table) == 12


@pytest.mark.parametrize("uncertain", [0.5, 0.9])
def test_robust_plans_avoid_what_is_uncertain(uncertain):
    """LLM 1 is expected to be better by .2, with a large sigma: robust plans stay with LLM 0, which is right.

    With a sigma of .9 its mean - sigma is below 0, which counts as 0.
    """
    cost, correct = np.tile([1.0, 2.0], (20, 1)), np.tile([1.0, 0.0], (20, 1))
    accuracy, sigma = np.tile([0.6, 0.8], (20, 1)), np.tile([0.0, uncertain], (20, 1))
    found = BatchesCell(Setting("d", "f", "ours", 0.2)).measure(accuracy, sigma, cost, correct).rows
    rows = {row["what"]: row["measured"] for row in found}
    assert rows["by chance, one plan, robust: accuracy"] == 1.0
    assert rows["by chance, one plan, plain: accuracy"] == 0.75, "a quarter of the queries is upgraded, and then wrong"
