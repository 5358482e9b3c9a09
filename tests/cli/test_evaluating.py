"""`evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from optllm_pymoo.data import Dataset, load_dataset, save_dataset
from optllm_pymoo.decision.text import usd
from tests.cli.test_planning import words


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
    assert f"True accuracy      {100 * true:.2f} %" in outcome.stdout
    assert "Best single LLM" in outcome.stdout
    found = json.loads(run("evaluate", planned, "-d", batch, "--json").stdout)
    assert found["accuracy"] == pytest.approx(true)
    assert found["expected_accuracy"] == pytest.approx(plan["accuracy"].mean())
    assert found["saving"] == pytest.approx(1 - found["cost_usd"] / found["best_cost_usd"])
    assert found["best_accuracy"] == pytest.approx(correct.loc[plan.index].mean().max())
    for same in ("best_llm", "best_accuracy", "best_cost_usd"):
        assert found["front"][same] == pytest.approx(found[same])
    assert found["best_llm"] == correct.loc[plan.index].mean().idxmax()


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


def only_chosen(batch: Path, planned: Path, target: str) -> pd.DataFrame:
    """Write the batch with the outcomes that following the plan reveals, and return the plan."""
    plan, frames = pd.read_csv(planned, index_col="query_id"), load_dataset(batch).to_frames()
    hidden = frames.correct * float("nan")
    for query, llm in plan["llm"].items():
        hidden.loc[query, llm] = frames.correct.loc[query, llm]
    save_dataset(Dataset.from_frames(frames.cost, hidden, frames.queries), target)
    return plan


def test_outcomes_of_the_chosen_llms_are_enough(run, batch: Path, planned: Path) -> None:
    """True accuracy and interval are those of full outcomes; what needs the others is left out, and it says why."""
    full = json.loads(run("evaluate", planned, "-d", batch, "--json").stdout)
    only_chosen(batch, planned, "followed")
    outcome = run("evaluate", planned, "-d", "followed")
    assert outcome.code == 0, outcome.stderr
    assert f"True accuracy      {100 * full['accuracy']:.2f} %" in outcome.stdout
    assert "Not compared with single LLMs and the whole front: that needs" in words(outcome.stdout)
    assert "Best single LLM" not in outcome.stdout
    found = json.loads(run("evaluate", planned, "-d", "followed", "--json").stdout)
    for same in ("n_queries", "accuracy", "cost_usd", "expected_accuracy", "interval_95"):
        assert found[same] == pytest.approx(full[same])
    for unknown in ("best_llm", "best_accuracy", "saving", "reaches_best", "front"):
        assert found[unknown] is None


def test_plan_nobody_followed_yet(run, batch: Path, planned: Path) -> None:
    """Without any outcome of a chosen LLM there is nothing to evaluate; one is enough."""
    plan = only_chosen(batch, planned, "followed")
    known = pd.read_csv("followed/correct.csv.gz", index_col="query_id")
    query, llm = plan.index[0], plan["llm"].iloc[0]
    one = known * float("nan")
    one.loc[query, llm] = known.loc[query, llm]
    one.to_csv("followed/correct.csv.gz")
    assert json.loads(run("evaluate", planned, "-d", "followed", "--json").stdout)["n_queries"] == 1
    (known * float("nan")).to_csv("followed/correct.csv.gz")
    line = run("evaluate", planned, "-d", "followed").assert_failed()
    assert "no outcome of the chosen LLM on any query of the plan" in line


def test_a_plan_of_other_data_is_refused(run, planned: Path) -> None:
    """The embedded batch has queries and LLMs of the same names, but other costs, which are never billed anew."""
    line = run("evaluate", planned).assert_failed()
    assert "plan.csv has other costs than the batch; pass its outcomes with --data (--data was not given, so" in line
    assert "no plan nowhere.csv" in run("evaluate", "nowhere.csv").assert_failed()


def test_a_plan_is_needed(run) -> None:
    """Without the argument: wrong usage."""
    assert run("evaluate").code == 2


def test_bills_may_differ_from_the_plan(run, batch: Path, planned: Path) -> None:
    """What was paid is compared with what was planned; a plan at its own costs says one amount."""
    same = run("evaluate", planned, "-d", batch)
    assert "planned" not in same.stdout
    frames = load_dataset(batch).to_frames()
    save_dataset(Dataset.from_frames(frames.cost * 1.1, frames.correct, frames.queries), "billed")
    outcome = run("evaluate", planned, "-d", "billed")
    found = json.loads(run("evaluate", planned, "-d", "billed", "--json").stdout)
    assert outcome.code == 0, outcome.stderr
    assert found["planned_usd"] == pytest.approx(pd.read_csv(planned)["cost_usd"].sum())
    assert found["cost_usd"] == pytest.approx(1.1 * found["planned_usd"])
    assert (
        f"Cost               planned {usd(found['planned_usd'])} US$, paid {usd(found['cost_usd'])} US$"
        in outcome.stdout
    )
    # all bills are a tenth higher, so the saving is what it was
    assert found["saving"] == pytest.approx(
        json.loads(run("evaluate", planned, "-d", batch, "--json").stdout)["saving"]
    )
