"""The benchmark of predictors: splits that don't leak, numbers that are what they say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from typer import Typer
from typer.testing import CliRunner

from benchmarks.cells.split import Split, labelled_rows
from benchmarks.predict import run_predict, summarise
from optllm_pymoo.data import Dataset, make_dataset, write_table

BATCH = SimpleNamespace(
    texts=["a", "a", "b", "c", "d", "d", "d", "e"],
    groups=["x", "x", "x", "x", "y", "y", "z", "z"],
    query_ids=[str(i) for i in range(8)],
)


@pytest.mark.parametrize("split", [Split.text, Split.group])
@pytest.mark.parametrize("seed", range(5))
def test_no_text_or_group_on_both_sides(split: Split, seed: int) -> None:
    """What is split by stays together, and both sides have rows."""
    mask = labelled_rows(BATCH, 0.4, split, seed)
    values = np.array(BATCH.texts if split is Split.text else BATCH.groups)
    assert mask.any()
    assert not mask.all()
    assert not set(values[mask]) & set(values[~mask])


def test_random_split_draws_rows() -> None:
    """A quarter of eight rows is two, and the seed decides which."""
    masks = {tuple(labelled_rows(BATCH, 0.25, Split.random, seed)) for seed in range(10)}
    assert {sum(mask) for mask in masks} == {2}
    assert len(masks) > 1
    assert tuple(labelled_rows(BATCH, 0.25, Split.random, 0)) in masks


def test_splits_that_are_impossible() -> None:
    """A share of everything, and a single group; almost everything of two groups is fine."""
    with pytest.raises(ValueError, match="share must lie between 0 and 1, got 1"):
        labelled_rows(BATCH, 1, Split.text, 0)
    single = SimpleNamespace(texts=["a", "b"], groups=["x", "x"], query_ids=["0", "1"])
    with pytest.raises(ValueError, match="a split by group needs at least two of them, the data set has 1"):
        labelled_rows(single, 0.5, Split.group, 0)
    assert labelled_rows(single, 0.99, Split.text, 0).sum() == 1
    with pytest.raises(ValueError, match="no groups to split by"):
        labelled_rows(SimpleNamespace(texts=["a", "b"], groups=None, query_ids=[]), 0.5, Split.group, 0)


def test_a_front_that_never_reaches_the_best_llm_saves_nothing() -> None:
    """Savings of 60 % and "never" average to 30 %."""
    shared = {"data": "d", "split": "text", "share": 0.1, "predictor": "p", "labelled": 3, "area": 0.8}
    seconds = {f"{stage}_seconds": 1.0 for stage in ("feature", "fit", "predict", "front")}
    more = {"highest_accuracy": 0.5, "accuracy_at_best_cost": 0.5, "brier": 0.2, **seconds}
    rows = pd.DataFrame([{**shared, **more, "saving": 0.6}, {**shared, **more, "saving": np.nan}])
    summary = summarise(rows)
    assert summary["saving"].tolist() == pytest.approx([0.3])
    assert summary["seeds"].tolist() == [2]


def test_the_command_on_the_synthetic_batch(tmp_path: Path) -> None:
    """Without data it measures the synthetic batch, where the oracle is 1 and features help."""
    app = Typer()
    app.command()(run_predict)
    options = ["--shares", "0.1", "--seeds", "2", "--predictors", "ours,constants,oracle"]
    result = CliRunner().invoke(app, [*options, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(tmp_path / "predict.csv")
    area = rows.groupby("predictor")["area"].mean()
    assert len(rows) == 6
    assert area["oracle"] == pytest.approx(1.0)
    assert area["constants"] < area["ours"] < 1
    assert (tmp_path / "predict.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["predict.csv", "predict.png"]


@pytest.mark.parametrize(
    ("options", "message"), [(["--shares", "5%"], "expected numbers"), (["--predictors", "x"], "unknown 'x'")]
)
def test_options_that_can_not_be_read(options: list[str], message: str) -> None:
    """Exit code 2 and what was expected, before any work."""
    result = predict(*options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())


def predict(*options: str) -> Result:
    """Run the command in this process."""
    app = Typer()
    app.command()(run_predict)
    return CliRunner().invoke(app, list(options))


def test_wide_file(tmp_path: Path) -> None:
    """A wide CSV file is measured like a folder."""
    write_table(make_dataset(80, 2), tmp_path / "batch.csv")
    options = ["--data", str(tmp_path / "batch.csv"), "--shares", "0.2", "--seeds", "1", "--predictors", "constants"]
    result = predict(*options, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert pd.read_csv(tmp_path / "out" / "predict.csv")["data"].tolist() == ["batch.csv"]


def test_data_that_can_not_be_measured(tmp_path: Path) -> None:
    """Nothing there, no texts, labels missing, no groups: exit code 2 with the reason, and no folder is made."""
    write_table(Dataset([[1.0]] * 3, [[1]] * 3, llms=["m"]), tmp_path / "bare.csv")
    (tmp_path / "gaps.csv").write_text("id,query,m,m_cost\n1,a,,1\n")
    write_table(Dataset([[1.0]] * 3, [[1]] * 3, llms=["m"], texts=["a", "b", "c"]), tmp_path / "texts.csv")
    told = {
        "none.csv": "neither a folder nor a file",
        "bare.csv": "no query texts",
        "gaps.csv": "line 2, column 'm'",
        "texts.csv": "no groups to split by",
    }
    for name, reason in told.items():
        result = predict("--data", str(tmp_path / name), "--split", "group", "--out", str(tmp_path / "out"))
        assert result.exit_code == 2, result.output
        assert reason in " ".join(result.output.replace("│", " ").split()), name
        assert not (tmp_path / "out").exists()
