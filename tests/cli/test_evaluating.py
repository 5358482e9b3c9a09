"""`evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from optllm_pymoo.data import load_dataset


@pytest.fixture
def planned(run, batch: Path) -> Path:
    """A plan.csv of the small batch."""
    assert run("plan", "-d", batch, "-l", 0.2, "-o", "there").code == 0
    return Path("there/plan.csv")


def test_says_what_came_true(run, batch: Path, planned: Path) -> None:
    """The accuracy on screen and in JSON is that of the outcomes of the chosen LLMs."""
    plan, correct = pd.read_csv(planned, index_col="query_id"), load_dataset(batch).to_frames().correct
    true = sum(correct.loc[query, llm] for query, llm in plan["llm"].items()) / len(plan)
    outcome = run("evaluate", planned, "-d", batch)
    assert f"True accuracy      {true:.2%}" in outcome.stdout
    assert "Best single LLM" in outcome.stdout
    found = json.loads(run("evaluate", planned, "-d", batch, "--json").stdout)
    assert found["accuracy"] == pytest.approx(true)
    assert found["expected_accuracy"] == pytest.approx(plan["accuracy"].mean())
    assert found["saving"] == pytest.approx(1 - found["cost_usd"] / found["best_cost_usd"])
    assert found["best_accuracy"] == pytest.approx(correct.loc[plan.index].mean().max())


def test_interval_is_the_one_that_was_promised(run, batch: Path) -> None:
    """Evaluate shows the interval that plan printed, which ten labels make wider than their number alone would."""
    planned = json.loads(run("plan", "-d", batch, "-l", 0.08, "-o", "few", "--json").stdout)["plan"]
    found = json.loads(run("evaluate", "few/plan.csv", "-d", batch, "--json").stdout)
    assert found["interval_95"] == pytest.approx(planned["interval_95"])
    low, high = found["interval_95"]
    a = found["expected_accuracy"]
    assert min(high, 2 * a - low) - a >= 0.999 * min(1 - a, 1.959964 * (a * (1 - a) / 10) ** 0.5)


def test_writes_pictures_beside_the_plan_or_where_told(run, batch: Path, planned: Path) -> None:
    """realised.png and calibration.png."""
    assert run("evaluate", planned, "-d", batch).code == 0
    assert run("evaluate", planned, "-d", batch, "-o", "pictures").code == 0
    for folder in (Path("there"), Path("pictures")):
        for name in ("realised.png", "calibration.png"):
            assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_without_predictions_there_are_no_pictures(run, batch: Path, planned: Path) -> None:
    """The numbers are still there, and the reason is said."""
    plan = pd.read_csv(planned)
    plan[[name for name in plan if not name.startswith("predicted:")]].to_csv("bare.csv", index=False)
    outcome = run("evaluate", "bare.csv", "-d", batch)
    assert outcome.code == 0
    assert "No pictures" in outcome.stdout
    assert not Path("realised.png").exists()


def test_a_plan_of_other_data_is_refused(run, planned: Path) -> None:
    """The demo batch has queries and LLMs of the same names, but other costs: the first is named with its line."""
    line = run("evaluate", planned).assert_failed()
    assert "plan.csv, line 2, column 'cost_usd': this query costs" in line
    assert "is this plan of other data?" in line
    assert "no plan nowhere.csv" in run("evaluate", "nowhere.csv").assert_failed()


def test_a_plan_is_needed(run) -> None:
    """Without the argument: wrong usage."""
    assert run("evaluate").code == 2
