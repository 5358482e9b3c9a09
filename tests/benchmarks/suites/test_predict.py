"""The comparison of predictors: splits that don't leak, numbers that are what they say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.cells.cell import Outcome
from benchmarks.cells.predictors import find_predictor
from benchmarks.cells.split import Setting, Split
from benchmarks.cli import app
from benchmarks.runner.results import load_results
from benchmarks.suites.predict import SUITE, against_constants, beside, forecasts
from optllm_pymoo.data import Dataset, make_dataset, write_table
from tests.benchmarks.suites.made_up import plan_of, predicted, results_of, search

BATCH = SimpleNamespace(
    texts=["a", "a", "b", "c", "d", "d", "d", "e"],
    groups=["x", "x", "x", "x", "y", "y", "z", "z"],
    query_ids=[str(i) for i in range(8)],
)


def _table(area, **others):
    """The outcome of an accuracy table."""
    return Outcome(predicted(area, **others), {"fit_seconds": 2.0, "predict_seconds": 1.0})


def labelled_rows(dataset, share, split, seed):
    """The mask of a split of this number."""
    return Setting("made up", "f", "ours", share, split.value, seed).labelled(dataset)


@pytest.mark.parametrize("split", [Split.text, Split.group])
@pytest.mark.parametrize("seed", range(5))
def test_no_text_or_group_on_both_sides(split, seed):
    """What is split by stays together, and both sides have rows."""
    mask = labelled_rows(BATCH, 0.4, split, seed)
    values = np.array(BATCH.texts if split is Split.text else BATCH.groups)
    assert mask.any()
    assert not mask.all()
    assert not set(values[mask]) & set(values[~mask])


def test_random_split_draws_rows():
    """A quarter of eight rows is two, and the seed decides which."""
    masks = {tuple(labelled_rows(BATCH, 0.25, Split.random, seed)) for seed in range(10)}
    assert {sum(mask) for mask in masks} == {2}
    assert len(masks) > 1
    assert tuple(labelled_rows(BATCH, 0.25, Split.random, 0)) in masks


def test_splits_that_are_impossible():
    """A share of everything, and a single group; almost everything of two groups is fine."""
    with pytest.raises(ValueError, match="share must lie between 0 and 1, got 1"):
        labelled_rows(BATCH, 1, Split.text, 0)
    single = SimpleNamespace(texts=["a", "b"], groups=["x", "x"], query_ids=["0", "1"])
    with pytest.raises(ValueError, match="a split by group needs at least two of them, the data set has 1"):
        labelled_rows(single, 0.5, Split.group, 0)
    assert labelled_rows(single, 0.99, Split.text, 0).sum() == 1
    with pytest.raises(ValueError, match="no groups to split by"):
        labelled_rows(SimpleNamespace(texts=["a", "b"], groups=None, query_ids=[]), 0.5, Split.group, 0)


def test_a_front_that_never_reaches_the_best_llm_saves_nothing(tmp_path):
    """Savings of 60 % and "never" average to 30 %."""
    tables = [search("optllm", split).needs[0] for split in (0, 1)]
    plan = plan_of("predict", *tables)
    outcomes = {cell: _table(0.8, saving=saving) for cell, saving in zip(tables, (0.6, np.nan), strict=True)}
    results = results_of(tmp_path, plan, outcomes)
    summary = SUITE.summary(results)
    assert summary["saving"].tolist() == pytest.approx([0.3])
    assert summary["runs"].tolist() == [2]


def compared(areas, **measures):
    """What `against_constants` makes of areas by data set and predictor, one number per split, and of measures."""
    rows = [
        {"data": data, "drawn": "text", "labels": 0.2, "split": k, "predictor": name, "n_labelled": 7, "saving": np.nan}
        | {"area": area}
        | {measure: of_data[data] for measure, of_data in measures.items()}
        for (data, name), of in areas.items()
        for k, area in enumerate(of)
    ]
    return against_constants(pd.DataFrame(rows))


def test_differences_are_paired_by_split():
    """Areas .6 and .9 against .5 and .7 of constants: .1 and .2, mean .15 and standard error .05."""
    cells, pooled = compared({("d", "ours"): (0.6, 0.9), ("d", "constants"): (0.5, 0.7)})
    (row,) = cells.to_dict("records")
    assert (row["predictor"], row["runs"]) == ("ours", 2)
    assert (row["difference"], row["error"]) == pytest.approx((0.15, 0.05))
    assert pooled[["difference", "error", "lost"]].to_numpy() == pytest.approx(np.array([[0.15, 0.05, 0]]))


def test_means_over_rows_and_losses_after_holm():
    """Differences .1 ± .05, -.2 ± .01, -.1 ± .05: p of losses by hand, times 3, 2 and 1, and what they pool to."""
    areas = {"gains": (0.15, 0.05, 0.1), "loses": (-0.19, -0.21, -0.2), "may": (-0.05, -0.15, -0.1)}
    areas = {(data, "ours"): [0.5 + each for each in of] for data, of in areas.items()}
    areas |= {(data, "constants"): [0.5] * 3 for data in ("gains", "loses", "may")}
    cells, pooled = compared(areas)
    # of Student's t with two degrees of freedom, P(T < x) = 1/2 + x / (2 √(2 + x²))
    chance = [0.5 + x / (2 * np.sqrt(2 + x**2)) for x in np.sqrt(3) * np.array([2, -20, -2])]
    assert cells["p"].tolist() == pytest.approx([chance[0], 3 * chance[1], 2 * chance[2]])
    (row,) = pooled.to_dict("records")
    assert row["difference"] == pytest.approx(-0.2 / 3)
    assert row["error"] == pytest.approx(np.sqrt((0.05**2 + 0.01**2 + 0.05**2) / 3) / 3)
    assert (row["cells"], row["lost"]) == (3, 1)


def test_the_first_predictor_leads_by_its_difference():
    """The second predictor's areas are .1 and .3 lower: .2 ± .1; what is alike in all splits surely loses nothing."""
    areas = {("d", "ours"): (0.6, 0.8), ("d", "other"): (0.5, 0.5), ("d", "constants"): (0.5, 0.5)}
    cells, pooled = compared(areas)
    assert pooled["lead"].tolist() == pytest.approx([0, 0.2])
    assert pooled["lead_error"].tolist() == pytest.approx([0, 0.1])
    assert cells["p"].tolist()[1] == 1
    assert pooled["sure_loss"].tolist()[1] == 0


def test_what_is_expected_too_much_counts_by_its_size():
    """Too much by .2 on one data set, too little by .1 on the other: .15 by size."""
    areas = {(data, name): (0.5, 0.5) for data in ("a", "b") for name in ("ours", "constants")}
    cells, pooled = compared(areas, **{f"too_much_{at}": {"a": 0.2, "b": -0.1} for at in ("25%", "50%", "75%")})
    assert cells["too_much"].tolist() == pytest.approx([0.2, -0.1])
    assert pooled["too_much"].tolist() == pytest.approx([0.15])


def predict(*options):
    """Run the command in this process."""
    return CliRunner().invoke(app, ["predict", *map(str, options)])


def test_the_command_on_a_synthetic_batch(tmp_path):
    """The oracle is 1 and features help; the old spelling of an option still works; a second run measures nothing."""
    write_table(make_dataset(400, 4), tmp_path / "batch.csv")
    options = ["--data", tmp_path / "batch.csv", "--shares", "0.4", "--seeds", 2, "--out", tmp_path / "out"]
    result = predict(*options, "--predictors", "ours,constants,oracle")
    assert result.exit_code == 0, result.output
    rows = load_results(tmp_path / "out" / "predict")["table"]
    area = rows.groupby("predictor")["area"].mean()
    assert len(rows) == 6
    assert area["oracle"] == pytest.approx(1.0)
    assert area["constants"] < area["ours"] < 1
    assert set(rows["data"]) == {"batch.csv"}
    assert (tmp_path / "out" / "predict" / "figures" / "predict-area.svg").is_file()
    assert "0 cells measured, 7 were stored" in predict(*options, "--predictors", "ours,constants,oracle").output


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--shares", "5%"], "expected numbers"), (["--predictors", "x"], "unknown predictor 'x'")],
)
def test_options_that_can_not_be_read(options, message):
    """Exit code 2 and what was expected, before any work."""
    result = predict(*options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())


def test_data_that_can_not_be_measured(tmp_path):
    """Nothing there, no texts, labels missing, no groups: exit code 2 with the reason, and no folder is made."""
    write_table(Dataset([[1.0]] * 3, [[1]] * 3, llms=["m"]), tmp_path / "bare.csv")
    (tmp_path / "gaps.csv").write_text("id,query,m,m_cost\n1,a,,1\n")
    write_table(Dataset([[1.0]] * 3, [[1]] * 3, llms=["m"], texts=["a", "b", "c"]), tmp_path / "texts.csv")
    told = {
        "none.csv": "neither a folder nor a file",
        "bare.csv": "no query texts",
        "gaps.csv": "comparing needs all outcomes",
        "texts.csv": "no groups to split by",
    }
    for name, reason in told.items():
        result = predict("--data", tmp_path / name, "--split", "group", "--out", tmp_path / "out")
        assert result.exit_code == 2, result.output
        assert reason in " ".join(result.output.replace("│", " ").split()), name
        assert not (tmp_path / "out").exists()


def test_the_report_names_the_best(tmp_path):
    """The larger of two areas is told at the top, and the oracle isn't in the running."""
    cells = [search("optllm", predictor=name).needs[0] for name in ("ours", "constants", "oracle")]
    plan = plan_of("predict", *cells)
    outcomes = dict(zip(cells, (_table(0.8), _table(0.7), _table(1.0)), strict=True))
    document = SUITE.report(results_of(tmp_path, plan, outcomes), plan)
    assert "logpai, 2% labelled: `ours` has the largest area, 0.8000." in document.summary
    table, differences, pooled = document.printed
    assert pooled.frame["cells"].tolist() == [1]
    assert differences.frame["difference"].tolist() == pytest.approx([0.1])
    assert isinstance(table.frame, pd.DataFrame)
    assert table.frame["predictor"].tolist() == ["ours", "constants", "oracle"]


def test_more_features_are_held_against_the_first_predictor():
    """Gains of .02 and .04 on one data set are .03 ± .01; with .01 ± 0 on another the mean is .02 ± .005."""
    areas = {
        ("a", "ours"): [0.5, 0.6], ("a", "ours+m:read"): [0.52, 0.64], ("a", "constants"): [0.4, 0.4],
        ("b", "ours"): [0.7, 0.7], ("b", "ours+m:read"): [0.71, 0.71], ("b", "constants"): [0.4, 0.4],
    }  # fmt: skip
    rows = beside(compared(areas)[0])
    assert rows["data"].tolist() == ["a", "b", "mean"]
    assert rows["gain"].tolist() == pytest.approx([0.03, 0.01, 0.02])
    assert rows["lead_error"].tolist() == pytest.approx([0.01, 0.0, 0.005])
    assert beside(compared({key: of for key, of in areas.items() if "+" not in key[1]})[0]).empty


def test_forecasts_that_hold_are_counted():
    """Of two draws one lies inside [.2, .4]; another data set's lies on the end of its interval; three draws in all."""
    found = {("a", 0): (0.3, 0.2, 0.4, 0.39), ("a", 1): (0.3, 0.2, 0.4, 0.41), ("b", 0): (0.5, 0.4, 0.6, 0.6)}
    lines = pd.DataFrame(
        {"data": data, "labels": 0.05, "split": split, "what": f"1.5 width {name}", "measured": value}
        for (data, split), values in found.items()
        for name, value in zip(("expected", "low", "high", "true"), values, strict=True)
    )
    rows = forecasts(lines)
    assert rows["data"].tolist() == ["a", "b", "all", "all"]
    assert rows["inside"].tolist() == pytest.approx([0.5, 1.0, 2 / 3, 2 / 3])
    assert rows["runs"].tolist() == [2, 1, 3, 3]
    assert rows["half"].tolist() == pytest.approx([0.1] * 4)
    assert forecasts(pd.DataFrame()).empty


def test_forecasts_and_readers_by_the_command(tmp_path):
    """Forecasts of twice the labels are drawn beside what came true; a function's view of texts joins the features."""
    batch = tmp_path / "batch.csv"
    write_table(make_dataset(60, 2), batch)
    options = ["predict", "--data", str(batch), "--splits", "1", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*options, "--shares", "0.4", "--forecasts"])
    assert done.exit_code == 0, done.output
    kinds = load_results(tmp_path / "out" / "predict")
    lines = forecasts(kinds["forecast"])
    each = lines[lines["data"] == "batch.csv"]
    assert sorted(each["factor"]) == [1.5, 1.5, 1.5, 2.0, 2.0, 2.0]  # four times .4 is more than there are
    true = each.set_index(["what", "factor"])["true"]
    areas = kinds["table"].set_index("labels")["area"]
    assert true["area", 2.0] == pytest.approx(areas[0.8])
    assert true["gain", 2.0] == pytest.approx(areas[0.8] - areas[0.4])
    named = "ours+tests.benchmarks.suites.test_predict:lengths"
    done = CliRunner().invoke(app, [*options, "--shares", "0.4", "--predictors", f"ours,{named}"])
    assert done.exit_code == 0, done.output
    widths = load_results(tmp_path / "out" / "predict")["features"]["n_features"]
    assert sorted(widths - widths.min()) == [0, 1]


def lengths(texts):
    """A view of texts: how long they are."""
    return [[float(len(text))] for text in texts]


def test_readers_that_there_are_not():
    """A module that isn't there, a name that it doesn't have, and no name."""
    for reader in ("nowhere:read", "json:read", "json"):
        with pytest.raises(ValueError, match=r"is no function that reads texts: .*; write MODULE:NAME of one"):
            find_predictor(f"ours+{reader}")
