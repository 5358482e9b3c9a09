"""The commands: plan, front, evaluate, convert, demo-data."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo import SupportedFront
from optllm_pymoo.data import Dataset, load_dataset, make_dataset, read_table, save_dataset, write_table
from optllm_pymoo.decision.text import usd
from optllm_pymoo.planning import front_writers, plan_front, write_files


def words(text: str) -> str:
    """Join the lines of a report: where they are broken is of no interest."""
    return " ".join(text.split())


FILES = {"plan.csv", "front.csv", "front.png", "mix.png", "plan.html", "predictions.npz"}
PNG = b"\x89PNG"


def test_without_arguments_plans_the_demo_batch(run) -> None:
    """Four files in optllm-plan; the screen says that the batch is synthetic and explains the plan."""
    outcome = run("plan")
    assert outcome.code == 0
    assert "Synthetic demo batch" in outcome.stdout
    for said in ("Cost", "Expected accuracy", "Certificate", "One more correct   costs", "LLM", "model-6"):
        assert said in outcome.stdout
    folder = Path("optllm-plan")
    assert {file.name for file in folder.iterdir()} == FILES | {"policy.npz"}
    assert all((folder / name).read_bytes().startswith(PNG) for name in ("front.png", "mix.png"))
    plan, front = (pd.read_csv(folder / f"{name}.csv") for name in ("plan", "front"))
    assert len(plan) == 1900
    assert np.isclose(front["cost_usd"], plan["cost_usd"].sum(), rtol=1e-9).any()


def test_budget_is_kept_to_the_single_step(run, batch: Path) -> None:
    """The plan costs no more than the budget, and the next step would."""
    facts = json.loads(run("plan", "-d", batch, "-l", 0.2, "--json").stdout)
    budget = (facts["cheapest"]["cost_usd"] + facts["most_accurate"]["cost_usd"]) / 2
    plan = json.loads(run("plan", "-d", batch, "-l", 0.2, "--budget", budget, "--json").stdout)["plan"]
    costs = pd.read_csv("optllm-plan/front.csv")["cost_usd"]
    assert plan["cost_usd"] == pytest.approx(costs[costs <= budget].max())
    assert plan["budget_usd"] == budget
    assert 0 <= plan["gap"] <= 1 / plan["n_queries"]


def test_accuracy_is_reached_at_the_lowest_cost(run, batch: Path) -> None:
    """The plan expects the target, and the plan one step cheaper doesn't."""
    plan = json.loads(run("plan", "-d", batch, "-l", 0.2, "--accuracy", 0.6, "--json").stdout)["plan"]
    front = pd.read_csv("optllm-plan/front.csv")
    assert plan["expected_accuracy"] >= 0.6
    assert plan["cost_usd"] == pytest.approx(front.loc[front["accuracy"] >= 0.6, "cost_usd"].min())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the knee of the front"),
        (["--budget", 1], "the most accurate plan within 1 US$"),
        (["--accuracy", 0.6], "the cheapest plan that expects an accuracy of 0.6"),
    ],
)
def test_says_what_was_chosen(run, batch: Path, arguments: list[object], said: str) -> None:
    """The choice, and that the certificate is about expectations."""
    text = run("plan", "-d", batch, "-l", "all", *arguments).stdout
    assert f"Choice             {said}" in text
    assert "if the predictions are right" in words(text)


def test_compares_with_the_best_single_llm(run, batch: Path) -> None:
    """Highest mean of the expected accuracies in plan.csv; what the plan saves is against its cost."""
    outcome = run("plan", "-d", batch, "-l", 0.2)
    facts = json.loads(run("plan", "-d", batch, "-l", 0.2, "--json").stdout)["plan"]
    table = pd.read_csv("optllm-plan/plan.csv", index_col="query_id")
    means = table.filter(like="predicted:").mean()
    llm = means.idxmax().removeprefix("predicted:")
    cost = load_dataset(batch).to_frames().cost.loc[table.index, llm].sum()
    single = facts["best_single_llm"]
    assert (single["llm"], single["expected_accuracy"]) == (llm, pytest.approx(means.max()))
    assert single["cost_usd"] == pytest.approx(cost)
    assert single["saving"] == pytest.approx(1 - facts["cost_usd"] / cost)
    assert f"Best single LLM    {llm}: {100 * means.max():.2f} % expected for" in outcome.stdout
    assert f"Saving             {100 * single['saving']:.2f} % of its cost; the plan is" in outcome.stdout


def test_json_is_all_there_is_on_stdout(run, batch: Path) -> None:
    """One object that says what the screen says, and where the files are."""
    outcome = run("plan", "-d", batch, "-l", 0.2, "--seed", 3, "--json")
    facts = json.loads(outcome.stdout)
    assert (outcome.code, outcome.stderr) == (0, "")
    assert facts["n_labelled"] == 24
    assert facts["plan"]["n_queries"] == 96 == sum(facts["plan"]["mix"].values())
    assert facts["synthetic"] is True
    assert {Path(file).name for file in facts["files"]} == FILES | {"policy.npz"}
    assert all(Path(file).is_file() for file in facts["files"])


def test_same_seed_same_files(run, batch: Path) -> None:
    """Byte for byte, whatever the number of jobs; another seed draws other labels."""
    for out, seed, jobs in (("one", 1, 1), ("two", 1, 2), ("three", 2, 1)):
        assert run("plan", "-d", batch, "-l", 0.2, "-s", seed, "-j", jobs, "-o", out).code == 0
    one, two, three = (Path(out, "plan.csv").read_bytes() for out in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_labels_of_the_other_queries_are_never_used(run, batch: Path, tmp_path: Path) -> None:
    """With the outcomes of all planned queries turned round, plan.csv is the same byte for byte."""
    run("plan", "-d", batch, "-l", 0.2, "-o", "one")
    planned = set(pd.read_csv("one/plan.csv")["query_id"])
    data = load_dataset(batch)
    frames = data.to_frames()
    turned = frames.correct.copy()
    turned.loc[list(planned)] = 1 - turned.loc[list(planned)]
    save_dataset(type(data).from_frames(frames.cost, turned, frames.queries), tmp_path / "turned")
    run("plan", "-d", tmp_path / "turned", "-l", 0.2, "-o", "two")
    assert Path("one/plan.csv").read_bytes() == Path("two/plan.csv").read_bytes()


def test_file_of_labels(run, batch: Path) -> None:
    """Labels of 30 queries in a file: those are learnt from, the other 90 planned."""
    correct = pd.read_csv(batch / "correct.csv.gz")
    correct.head(30).to_csv("labels.csv", index=False)
    facts = json.loads(run("plan", "-d", batch, "-l", "labels.csv", "--json").stdout)
    assert (facts["n_labelled"], facts["plan"]["n_queries"]) == (30, 90)
    assert not set(pd.read_csv("optllm-plan/plan.csv")["query_id"]) & set(correct["query_id"].head(30))


def test_wide_file_with_gaps(run) -> None:
    """A wide file whose outcomes are known of a few queries needs no --labels."""
    data = make_dataset(60, 3)
    correct = data.correct.copy()
    correct[20:] = np.nan
    frames = data.to_frames()
    frames.correct.loc[:, :] = correct
    write_table(type(data).from_frames(*frames), "batch.csv")
    facts = json.loads(run("plan", "-d", "batch.csv", "--json").stdout)
    assert (facts["n_labelled"], facts["plan"]["n_queries"]) == (20, 40)


@pytest.mark.parametrize("algorithm", ["optllm", "lambda-sweep"])
def test_other_algorithms(run, batch: Path, algorithm: str) -> None:
    """Searches plan too, and their front has its gap to the bound."""
    outcome = run("plan", "-d", batch, "-l", "all", "-a", algorithm)
    assert outcome.code == 0
    assert algorithm in outcome.stdout
    assert "all outcomes known" in outcome.stdout
    assert pd.read_csv("optllm-plan/front.csv")["gap"].between(0, 1).all()


def test_front_chooses_nothing(run, batch: Path) -> None:
    """`front` writes three files and no plan."""
    outcome = run("front", "-d", batch, "-l", 0.2, "-o", "there")
    assert outcome.code == 0
    assert "plans from" in outcome.stdout
    assert {file.name for file in Path("there").iterdir()} == FILES - {"plan.csv"}
    facts = json.loads(run("front", "-d", batch, "-l", 0.2, "--json").stdout)
    assert facts["n_plans"] == len(pd.read_csv("there/front.csv"))


def test_too_small_a_budget_says_what_the_cheapest_costs(run, batch: Path) -> None:
    """Exit code 2, one line, nothing written; the amount it names then works."""
    line = run("plan", "-d", batch, "-l", 0.2, "--budget", 0).assert_failed()
    assert "a budget of 0 US$ is below the cheapest plan, which costs" in line
    assert not Path("optllm-plan").exists()
    assert run("plan", "-d", batch, "-l", 0.2, "--budget", line.split(" US$")[-2].split()[-1]).code == 0


def test_too_high_a_target_says_what_the_best_reaches(run, batch: Path) -> None:
    """Likewise for an accuracy."""
    line = run("plan", "-d", batch, "-l", 0.2, "--accuracy", 1).assert_failed()
    assert "an accuracy of 1 is above the most accurate plan, which reaches" in line
    assert run("plan", "-d", batch, "-l", 0.2, "--accuracy", line.split()[-1]).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--budget", 2, "--knee"], "exclude one another"),
        (["--budget", 2, "--accuracy", 0.5], "exclude one another"),
        (["--budget", -1], "--budget"),
        (["--accuracy", 70], "'--accuracy': a mean accuracy must lie in [0, 1]; got 70; for 70 % write 0.7"),
        (["--accuracy", 1.0000001], "must lie in [0, 1]; got 1.0000001 "),
        (["--budget", "nan"], "'--budget': a budget must lie in [0, 1e+15] US$; got nan"),
        (["--budget", 1e308], "'--budget': a budget must lie in [0, 1e+15] US$; got 1e+308"),
        (["--seed", 2**32], "a seed is a whole number in [0, 4294967295]; got 4294967296"),
        (["--jobs", 1_000_000], "the number of processors is a whole number in [1, 1024], or -1 for all; got 1000000"),
        (["--accuracy", -0.1], "must lie in [0, 1]; got -0.1"),
        (["batch.csv"], "batch.csv stands alone; if that is the batch, write --data batch.csv"),
        (["--budget", "much"], "--budget"),
        (["--algorithm", "nsga9"], "unknown algorithm"),
        (["--n-grid", 10], "no grid"),
        (["--jobs", 0], "a whole number in [1, 1024], or -1 for all; got 0"),
        (["--labels", 2], "(0, 1)"),
        (["--lables", 0.5], "--lables"),
    ],
)
def test_wrong_usage_ends_with_2(run, arguments: list[object], said: str) -> None:
    """Exit code 2, the reason on stderr, nothing on stdout, nothing written."""
    outcome = run("plan", *arguments)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert said in " ".join(outcome.stderr.replace("│", " ").split())
    assert not Path("optllm-plan").exists()


def test_all_with_gaps(run, batch: Path) -> None:
    """Advice in words of the command line; the same batch without --labels is planned."""
    shutil.copytree(batch, "gaps")
    correct = pd.read_csv("gaps/correct.csv.gz", index_col="query_id").astype(float)
    correct.iloc[:30, 0], correct.iloc[60:] = np.nan, np.nan
    correct.to_csv("gaps/correct.csv.gz")
    line = run("plan", "-d", "gaps", "-l", "all").assert_failed()
    assert "--labels all needs the outcomes of all LLMs on all queries; 90 of 120 queries lack some." in line
    assert "Leave --labels out" in line
    assert run("front", "-d", "gaps").code == 0


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_read(run, separator: str) -> None:
    """Spreadsheets of some countries save semicolons: two queries on one LLM have one plan."""
    Path("batch.csv").write_text("id,query,m,m_cost\n1,a,1,0.1\n2,b,0,0.2\n".replace(",", separator))
    found = run("front", "-d", "batch.csv", "-l", "all")
    assert found.code == 0
    assert "1 plan from 0.3 US$ (50.00 %)" in found.stdout


def cut_off(folder: Path) -> None:
    """Cut the archive of costs off after 200 bytes."""
    (folder / "cost.csv.gz").write_bytes((folder / "cost.csv.gz").read_bytes()[:200])


def edit(name: str, change) -> object:
    """Build a function that changes the lines of one file of a folder."""

    def apply(folder: Path) -> None:
        lines = gzip.decompress((folder / name).read_bytes()).decode().splitlines()
        change(lines)
        (folder / name).write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))

    return apply


def replace_cell(line: int, column: int, value: str):
    """Build a function that replaces one cell; the header is line 1."""

    def change(lines: list[str]) -> None:
        cells = lines[line - 1].split(",")
        cells[column] = value
        lines[line - 1] = ",".join(cells)

    return change


def drop_column(lines: list[str]) -> None:
    """Drop the last cell of every line."""
    lines[:] = [line.rsplit(",", 1)[0] for line in lines]


FAULTS = {
    "truncated gz": (cut_off, "cost.csv.gz: the gzip archive is cut off or damaged"),
    "missing column": (edit("cost.csv.gz", drop_column), "not in both: 'model-3'"),
    "missing id column": (edit("cost.csv.gz", replace_cell(1, 0, "who")), "'query_id': this column is missing"),
    "duplicate ids": (edit("queries.csv.gz", replace_cell(3, 0, "q0")), "line 3, column 'query_id': 'q0' is already"),
    "infinity": (edit("cost.csv.gz", replace_cell(5, 2, "inf")), "line 5, column 'model-2': expected US$ per call"),
    "text": (edit("cost.csv.gz", replace_cell(4, 1, "cheap")), "line 4, column 'model-1': expected a number"),
    "negative cost": (edit("cost.csv.gz", replace_cell(4, 1, "-1")), "line 4, column 'model-1': expected US$ per call"),
    "missing file": (lambda folder: (folder / "cost.csv.gz").unlink(), "has neither cost.csv.gz nor cost.csv"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faulty_data_are_refused_in_one_line(run, batch: Path, tmp_path: Path, name: str) -> None:
    """Exit code 2; the line names file, line and column; nothing is written."""
    spoil, message = FAULTS[name]
    shutil.copytree(batch, tmp_path / "bad")
    spoil(tmp_path / "bad")
    assert message in run("plan", "-d", "bad", "-l", 0.2).assert_failed()
    assert not Path("optllm-plan").exists()


def test_missing_data_and_labels(run, batch: Path) -> None:
    """Paths that lead nowhere."""
    assert "there is neither a folder nor a file nowhere" in run("plan", "-d", "nowhere").assert_failed()
    assert "no file of labels nowhere" in run("plan", "-d", batch, "-l", "nowhere").assert_failed()


def test_unwritable_output_is_told_before_the_work(run, batch: Path, monkeypatch) -> None:
    """A file where the folder should be: refused at once, the batch isn't even read."""
    Path("taken").write_text("mine")
    monkeypatch.setattr("optllm_pymoo.data.read_table", lambda *args, **kwargs: pytest.fail("began to work"))
    assert "taken is not a folder" in run("plan", "-d", batch, "-o", "taken").assert_failed()
    assert "taken is not a folder" in run("front", "-d", batch, "-o", "taken/below").assert_failed()
    assert Path("taken").read_text() == "mine"


def test_a_full_disk_leaves_what_was_there(run, batch: Path, monkeypatch) -> None:
    """The last of four files can't be written: the four of the run before are as they were."""
    assert run("plan", "-d", batch, "-l", 0.2).code == 0
    before = {file.name: file.read_bytes() for file in Path("optllm-plan").iterdir()}

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device", "mix.png")

    monkeypatch.setattr("optllm_pymoo.plotting.plot_mix", full)
    assert "mix.png: No space left on device" in run("plan", "-d", batch, "-l", 0.3).assert_failed(1)
    assert {file.name: file.read_bytes() for file in Path("optllm-plan").iterdir()} == before


def test_interrupted_while_writing(run, batch: Path, monkeypatch) -> None:
    """Ctrl-C in the middle of the files: 130, one line, and not even the folder."""

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("optllm_pymoo.plotting.plot_mix", interrupted)
    assert "interrupted; no file is half-written" in run("plan", "-d", batch, "-l", 0.2).assert_failed(130)
    assert not Path("optllm-plan").exists()


def test_real_data(run, shared: Path) -> None:
    """Log parsing with 2 % of the labels: within a budget, at a target, evaluated, and refused below the cheapest."""
    data = shared / "data" / "logpai"
    plan = json.loads(run("plan", "-d", data, "-l", 0.02, "--budget", 2, "--json").stdout)["plan"]
    assert 1.99 < plan["cost_usd"] <= 2
    assert plan["n_queries"] == 31_360
    found = json.loads(run("evaluate", "optllm-plan", "-d", data, "--json").stdout)
    assert found["accuracy"] > found["best_accuracy"]
    assert found["saving"] > 0.3
    low, high = found["interval_95"]
    assert low <= found["accuracy"] <= high


def test_what_libraries_print_does_not_spoil_the_json(run, batch: Path, monkeypatch) -> None:
    """A print in the middle of the work ends up on stderr."""
    from optllm_pymoo.planning import front as planning

    def chatty(problem, *args: object, **kwargs: object):
        print("Compiled modules can not be used!")
        return problem.supported_front

    monkeypatch.setattr(planning, "find_front", chatty)
    outcome = run("plan", "-d", batch, "-l", "all", "--json")
    assert json.loads(outcome.stdout)["n_plans"] > 1
    assert "Compiled modules" in outcome.stderr


def test_a_link_to_nowhere_is_told_before_the_work(run, batch: Path, monkeypatch) -> None:
    """As a folder to write to it is refused at once, and left alone."""
    Path("link").symlink_to("nowhere")
    monkeypatch.setattr("optllm_pymoo.data.read_table", lambda *args, **kwargs: pytest.fail("began to work"))
    assert "link is a link that leads nowhere" in run("plan", "-d", batch, "-o", "link").assert_failed()
    assert Path("link").is_symlink()


def test_names_that_are_formulas_can_be_defused(run) -> None:
    """An apostrophe stands before them in plan.csv and front.csv when asked for, and not otherwise."""
    Path("batch.csv").write_text("query_id,=a,=a_cost,b,b_cost\n@1,1,2,0,1\n+2,0,2,1,1\n")
    for also, ids in ([], {"@1", "+2"}), (["--for-spreadsheet"], {"'@1", "'+2"}):
        assert run("plan", "-d", "batch.csv", "-l", "all", *also).code == 0
        assert set(pd.read_csv("optllm-plan/plan.csv")["query_id"]) == ids
    assert pd.read_csv("optllm-plan/front.csv")["to_llm"].dropna().tolist() == ["'=a"]


def test_rounded_ones_are_one(run, batch: Path) -> None:
    """An accuracy of 1 and a unit in its last place is asked for as 1."""
    assert "an accuracy of 1 is above" in run("plan", "-d", batch, "-l", 0.2, "--accuracy", 1 + 2**-52).assert_failed()


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


def test_without_predictions_the_front_is_not_drawn(run, batch: Path, planned: Path) -> None:
    """The numbers are still there, and how well the chosen LLMs were predicted."""
    plan = pd.read_csv(planned)
    plan[[name for name in plan if not name.startswith("predicted:")]].to_csv("bare.csv", index=False)
    outcome = run("evaluate", "bare.csv", "-d", batch)
    assert outcome.code == 0
    assert Path("calibration.png").exists()
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
    """The embedded batch has queries and LLMs of the same names, but other costs, which are never billed again."""
    line = run("evaluate", planned).assert_failed()
    assert "plan.csv has other costs than the batch; pass its outcomes with --data (--data was not given, so" in line
    assert "no plan nowhere.csv" in run("evaluate", "nowhere.csv").assert_failed()


def test_a_plan_is_needed(run) -> None:
    """Without the argument: wrong usage."""
    assert run("evaluate").code == 2


def test_bills_may_differ_from_the_plan(run, batch: Path, planned: Path) -> None:
    """What was paid is compared with what was planned; a plan at its own costs says one amount."""
    same = run("evaluate", planned, "-d", batch)
    assert "Cost               planned" not in same.stdout
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


@pytest.mark.parametrize("target", ["batch.csv", "batch.csv.gz", "folder"])
def test_converts_there_and_back(run, batch: Path, target: str) -> None:
    """What is read from the new format is what was in the old."""
    outcome = run("convert", batch, target)
    assert (outcome.code, outcome.stdout) == (0, f"Written to {target}: 120 queries on 3 LLMs\n")
    found, expected = read_table(target), read_table(batch)
    np.testing.assert_array_equal(found.cost, expected.cost)
    np.testing.assert_array_equal(found.correct, expected.correct)
    assert (found.query_ids, found.llms, found.texts) == (expected.query_ids, expected.llms, expected.texts)


def test_nothing_is_overwritten_unless_asked(run, batch: Path) -> None:
    """The message names the option, which then works."""
    Path("batch.csv").write_text("mine")
    assert "pass --overwrite to replace it" in run("convert", batch, "batch.csv").assert_failed()
    assert Path("batch.csv").read_text() == "mine"
    assert run("convert", batch, "batch.csv", "--overwrite").code == 0
    assert len(read_table("batch.csv")) == 120


def test_demo_data_is_the_synthetic_batch(run) -> None:
    """The same as make_dataset, and said to be synthetic."""
    facts = json.loads(run("demo-data", "demo", "--queries", 30, "--llms", 2, "--seed", 5, "--json").stdout)
    assert facts == {"n_queries": 30, "n_llms": 2, "files": ["demo"]}
    found = read_table("demo")
    np.testing.assert_array_equal(found.cost, make_dataset(30, 2, random_state=5).cost)
    assert found.about["synthetic"] is True
    assert "exists already" in run("demo-data", "demo").assert_failed()


def test_unwritable_target(run, batch: Path) -> None:
    """A folder that isn't there is not made up."""
    assert "there is no folder" in run("convert", batch, "nowhere/batch.csv").assert_failed()


def test_unknown_source(run) -> None:
    """Nothing to convert."""
    assert "there is neither a folder nor a file nowhere" in run("convert", "nowhere", "batch.csv").assert_failed()


def test_unused_columns_are_told(run) -> None:
    """One line on stderr; stdout stays what it is."""
    Path("batch.csv").write_text("id,small,small_cost,difficulty\n1,1,0.1,1\n")
    outcome = run("convert", "batch.csv", "there", "--json")
    assert (outcome.code, json.loads(outcome.stdout)["n_llms"]) == (0, 1)
    line = "optllm-pymoo: batch.csv: column 'difficulty' is not used\n"
    assert outcome.stderr == line


def test_llms_are_chosen_and_named(run) -> None:
    """--llms and --drop choose columns, a long table is read, and costs that are estimated are told in one line."""
    Path("long.csv").write_text("id,model,score,cost\na,s,1,0.1\na,l,0,2\nb,s,1,0.3\nb,xl,0,4\n")
    outcome = run("convert", "long.csv", "wide.csv", "--llms", "xl, s")
    assert outcome.code == 0
    assert "1 of 4 costs are missing and estimated" in outcome.stderr
    assert read_table("wide.csv", allow_missing=True).cost.tolist() == [[4.0, 0.1], [4.0, 0.3]]
    assert run("convert", "long.csv", "fewer.csv", "--drop", "l", "--drop", "xl").code == 0
    assert read_table("fewer.csv").llms == ("s",)
    assert "did you mean 'xl'" in run("convert", "long.csv", "x.csv", "--drop", "XL").stderr
    assert (
        "expected different names, separated by commas" in run("convert", "long.csv", "x.csv", "--llms", "s,,l").stderr
    )
    assert run("plan", "--labels", 0.2, "--llms", "model-1,model-3", "--drop", "model-3").code == 0
    assert set(pd.read_csv("optllm-plan/plan.csv")["llm"]) == {"model-1"}


def test_formulas_are_defused_on_request(run) -> None:
    """What a spreadsheet would run gets an apostrophe with --for-spreadsheet alone."""
    Path("a.csv").write_text("id,query,s,s_cost\n1,=1+1,1,0.5\n")
    assert run("convert", "a.csv", "plain.csv").code == 0
    assert "=1+1" in Path("plain.csv").read_text()
    assert run("convert", "a.csv", "safe.csv", "--for-spreadsheet").code == 0
    assert "'=1+1" in Path("safe.csv").read_text()


class TestCollect:
    @pytest.fixture
    def desk(self, tmp_path: Path) -> Path:
        """A log of two LLMs, new queries and prices."""
        rows = [
            {"id": f"t{k}", "model": llm, "text": f"ticket {k} " + "x" * k, "score": (k + j) % 2, "group": "en",
             "prompt_tokens": 10 + k, "completion_tokens": 5}
            for k in range(30) for j, llm in enumerate(("small", "large"))
        ]  # fmt: skip
        (tmp_path / "run.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / "new.csv").write_text("id,text\n" + "".join(f"n{k},new ticket {k}\n" for k in range(20)))
        prices = "model,input_usd_per_million,output_usd_per_million,batch_input_usd_per_million,"
        prices += "batch_output_usd_per_million\nsmall,1,2,0.5,1\nacme/large,10,20,,\nother/large,11,20,,\n"
        (tmp_path / "prices.csv").write_text(prices)
        return tmp_path

    def test_from_logs_to_a_plan(self, run, desk: Path) -> None:
        """The table has the rows of each file; the folder is a batch that `plan` takes."""
        arguments = ("collect", "run.jsonl", "-q", "new.csv", "-p", "prices.csv", "--batch-prices")
        several = "'large' has several prices; name one of them in full (--price large=KEY): 'acme/large'"
        assert several in run(*arguments).assert_failed()
        done = run(*arguments, "--price", "large=acme/large")
        assert done.code == 0, done.stderr
        lines = [line.split() for line in done.stdout.splitlines()]
        assert ["run.jsonl", "JSON", "lines", "60", "60", "0", "0", "0", "0"] in lines
        assert "small: 20 costs estimated from known calls, its total to within" in done.stdout
        assert "'large' has no batch price" in done.stdout
        planned = run("plan", "-d", "batch", "--budget", "1", "--json")
        assert planned.code == 0, planned.stderr
        assert json.loads(planned.stdout)["plan"]["n_queries"] == 20
        assert "exists already" in run(*arguments, "--price", "large=acme/large").assert_failed()

    def test_json_says_the_same(self, run, desk: Path) -> None:
        """Counts per file, and what was estimated."""
        facts = json.loads(run("collect", "run.jsonl", "-q", "new.csv", "--json").stdout)
        assert (facts["logs"][0]["rows"], facts["logs"][0]["unpriced"], facts["n_queries"]) == (60, 60, 50)
        assert facts["without_costs"] == ["small", "large"]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--key", "name"), "expected id or text; got 'name'"),
            (("--errors", "right"), "expected missing or wrong; got 'right'"),
            (("--map", "id"), "'id' is no pair; write ROLE=FIELD"),
            (("--map", "ticket=id"), "can't map 'ticket'; known are id, text"),
            (("--price", "small"), "'small' is no pair; write LLM=KEY"),
        ],
    )
    def test_wrong_options(self, run, desk: Path, arguments: tuple[str, ...], said: str) -> None:
        """They are refused in words, before anything is written."""
        done = run("collect", "run.jsonl", *arguments)
        assert done.code == 2
        assert said in words(done.stderr)
        assert not (desk / "batch").exists()


class TestRoute:
    """`route`."""

    def test_new_queries_go_by_the_plan_s_policy(self, run, batch: Path) -> None:
        """Most planned texts go where they went, under other names and at estimated costs; file and JSON agree."""
        assert run("plan", "-d", batch, "-l", 0.3, "--budget", 0.1).code == 0
        plan = pd.read_csv("optllm-plan/plan.csv")
        data = load_dataset(batch)
        of = dict(zip(data.query_ids, data.texts, strict=True))
        rows = [{"ticket": f"new-{name}", "body": of[name]} for name in reversed(plan["query_id"].astype(str).tolist())]
        Path("new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        outcome = run("route", "optllm-plan", "--data", "new.jsonl", "--map", "id=ticket,text=body")
        assert outcome.code == 0, outcome.stderr
        routed = pd.read_csv("routed.csv")
        assert routed["query_id"].tolist() == [row["ticket"] for row in rows]
        assert (routed["llm"].to_numpy()[::-1] == plan["llm"]).mean() > 0.6
        assert f"{len(rows)} on " in words(outcome.stdout)
        facts = json.loads(
            run("route", "optllm-plan/policy.npz", "-d", "new.jsonl", "-m", "id=ticket,text=body", "--json").stdout
        )
        assert {llm: n for llm, n in facts["mix"].items() if n} == routed["llm"].value_counts().to_dict()
        assert facts["cost_usd"] == pytest.approx(routed["cost_usd"].sum())

    def test_bad_input(self, run, batch: Path) -> None:
        """No policy, another file in its place, no query, queries without texts in a known form, --data as --out."""
        Path("new.csv").write_text("query_id,text\n")
        assert "new.csv holds no query" in run("route", "optllm-plan", "-d", "new.csv").assert_failed()
        Path("new.csv").write_text("query_id,text\n1,hello\n")
        assert "there is no policy optllm-plan" in run("route", "optllm-plan", "-d", "new.csv").assert_failed()
        itself = run("route", "optllm-plan", "-d", "new.csv", "--out", "new.csv")
        assert (itself.code, "would replace what is read from new.csv" in words(itself.stderr)) == (2, True)
        assert run("front", "-d", batch, "-l", "all").code == 0
        assert "there is no policy" in run("route", "optllm-plan", "-d", "new.csv").assert_failed()
        said = run("route", "optllm-plan/predictions.npz", "-d", "new.csv").assert_failed()
        assert "is a file of predictions of optllm-pymoo, and a policy is needed" in said
        assert not Path("routed.csv").exists()


@pytest.fixture
def sent(run, batch: Path, planned: Path) -> pd.DataFrame:
    """Requests of the plan; its answers but every fourth, in OpenAI's form, at 1e-6 US$ a token."""
    template = {"*": {"$form": "openai"}}
    Path("template.json").write_text(json.dumps(template))
    load_dataset(batch).to_frames().queries.reset_index().to_csv("queries.csv", index=False)
    outcome = run("requests", "there", "--queries", "queries.csv", "--template", "template.json", "--json")
    told = json.loads(outcome.stdout)["requests"]
    plan = pd.read_csv(planned)
    assert sum(each["cost_usd"] for each in told) == pytest.approx(plan["cost_usd"].sum())
    ledger = pd.read_csv("requests/requests.csv")
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    with open("answers.jsonl", "w") as file:
        for k, custom_id in enumerate(ledger["custom_id"]):
            body = {"id": str(k), "model": "dated-2026-01-01", "usage": usage}
            if k % 4:
                file.write(json.dumps({"custom_id": custom_id, "response": {"body": body}}) + "\n")
    llms = sorted(set(plan["llm"]))
    prices = pd.DataFrame({"model": llms, "input_usd_per_million": 1, "output_usd_per_million": 1})
    prices.to_csv("prices.csv", index=False)
    return ledger


def collected(run, *more: object, out: str = "back") -> dict[str, Any]:
    """What collect says of these answers."""
    options = ["--requests", "requests", "--prices", "prices.csv", "--queries", "queries.csv", "-o", out]
    outcome = run("collect", "answers.jsonl", *more, *options, "--json")
    assert outcome.code == 0, outcome.stderr
    return json.loads(outcome.stdout)


def test_what_came_back(run, batch: Path, sent: pd.DataFrame) -> None:
    """Three of four answered at 110 tokens each; grades that come later; what is missing is written again."""
    n, n_back = len(sent), len(sent) - len(sent[::4])
    told = collected(run, "--again", "again")
    assert told["billed_usd"] == n_back * 110 / 1e6
    assert sum(counts["missing"] for counts in told["requests"].values()) == n - n_back
    assert pd.read_csv("again/requests.csv")["query_id"].tolist() == sent["query_id"].tolist()[::4]
    ungraded = run("evaluate", "there/plan.csv", "-d", "back")
    assert ungraded.code == 0, ungraded.stderr
    assert f"Missing: {n - n_back} answers, planned for" in words(ungraded.stdout)
    graded = sent[1:20:4].assign(score=[0.25, 0.5, 0.75, 1.0, 0.5])
    graded[["custom_id", "score"]].to_csv("grades.csv", index=False)
    collected(run, "grades.csv", out="graded")
    found = json.loads(run("evaluate", "there/plan.csv", "-d", "graded", "--json").stdout)
    whole = found["whole"]
    assert (whole["n_planned"], whole["n_answered"], whole["n_graded"]) == (n, n_back, 5)
    assert whole["billed_usd"] == told["billed_usd"]
    assert found["accuracy"] == whole["true_accuracy"] == 0.6  # fractions: (1/4 + 1/2 + 3/4 + 1 + 1/2)/5
    assert whole["planned_usd"] + whole["open_usd"] == pytest.approx(sent["cost_usd"].sum())
    assert found["missing"] == sent["query_id"].tolist()[::4]
    for part in ("n_planned", "n_answered", "n_graded", "billed_usd"):
        assert sum(each[part] for each in found["by_llm"]) == pytest.approx(whole[part])
    assert sum(found["calibration"]["n_predictions"]) == 5


def test_the_next_plan(run, batch: Path, sent: pd.DataFrame) -> None:
    """What is open is planned with what is left; what is spent already, or no batch of these, is a clear error."""
    collected(run)
    n_back = len(sent) - len(sent[::4])
    spent = n_back * 110 / 1e6
    options = ["-d", batch, "-l", 0.2, "--after", "back"]
    outcome = run("plan", *options, "--budget-total", spent + 0.05, "-o", "next", "--json")
    assert outcome.code == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert set(pd.read_csv("next/plan.csv")["query_id"]) == set(sent["query_id"][::4])
    assert found["plan"]["budget_usd"] == pytest.approx(0.05)
    assert found["plan"]["cost_usd"] <= 0.05
    assert found["after"]["spent_usd"] == spent
    assert (found["after"]["n_answered"], found["after"]["n_open"]) == (n_back, len(sent[::4]))
    line = run("plan", *options, "--budget-total", spent).assert_failed()
    assert "US$ are spent already, and the budget for all is" in line
    Path("other.csv").write_text("query_id,llm,score,cost_usd\nzz,model-1,1,0.1\n")
    line = run("plan", "-d", batch, "--after", "other.csv", "--budget-total", 20).assert_failed()
    assert "1 of 1 calls are of queries that the batch doesn't have, first 'zz'" in line
    assert run("plan", "-d", batch, "--budget-total", 1).code == 2
    assert run("collect", "answers.jsonl", "--again", "x").code == 2


def test_requests_that_went_out_again_are_not_replaced(run, batch: Path, sent: pd.DataFrame) -> None:
    """Not even with --overwrite, which is for the batch: answers to them are found by their table."""
    collected(run, "--again", "again")
    options = ["--requests", "requests", "--again", "again", "-o", "back", "--overwrite"]
    assert "again exists already; name another folder" in run("collect", "answers.jsonl", *options).assert_failed()


def test_a_batch_in_parts_is_planned_part_by_part(run, batch: Path, tmp_path: Path) -> None:
    """A folder of Parquet files is noticed: the plan of memory, quotas, evaluated; what needs memory is refused."""
    pytest.importorskip("pyarrow")
    data = load_dataset(batch)
    (tmp_path / "parts").mkdir()
    for part in range(2):
        write_table(data.select(slice(60 * part, 60 * part + 60)), tmp_path / f"parts/{part}.parquet")
    front = SupportedFront(data.cost, data.correct)
    budget = float(front.F[:, 0].mean())
    given = ("--data", "parts", "--labels", "all", "--jobs", "1", "--json")
    found = json.loads(run("plan", *given, "--budget", budget).stdout)
    assert found["plan"]["cost_usd"] == pytest.approx(front.F[front.within_budget(budget), 0])
    assert found["n_parts"] == 2
    assert (tmp_path / "optllm-plan" / "plan.parquet" / "part-00001.parquet").is_file()
    evaluated = json.loads(run("evaluate", "optllm-plan/plan.parquet", "--data", "parts", "--json").stdout)
    assert evaluated["accuracy"] == pytest.approx(found["plan"]["expected_accuracy"])
    limited = json.loads(run("plan", *given, "--budget", budget, "--quota", f"{data.llms[1]}=10").stdout)
    assert limited["plan"]["limits"][0]["used"] <= 10
    for option in (("--algorithm", "nsga2"), ("--n-grid", "5"), ("--price-factor", f"{data.llms[0]}=2")):
        assert "needs the batch in memory" in run("plan", *given, *option).stderr
    assert "needs a batch in several Parquet files" in run("plan", "--data", batch, "--dask", "local").stderr


def test_queries_to_label_next(run, batch: Path) -> None:
    """As many queries without labels as asked for, as collect reads them; a plan's folder knows the options."""
    run("plan", "--data", batch, "--labels", 0.25, "--seed", 3, "--knee", "--out", "planned")
    found = run("label-next", "planned", "-n", 12, "--json")
    facts = json.loads(found.stdout)
    drawn = pd.read_csv("label-next.csv", dtype=str)
    assert list(drawn.columns) == ["query_id", "text", "group"]
    assert set(drawn["query_id"]) <= set(pd.read_csv("planned/plan.csv", dtype=str)["query_id"])
    assert (facts["n_labelled"], facts["n_unlabelled"], facts["n_drawn"], len(drawn)) == (30, 90, 12, 12)
    data = load_dataset(batch)
    rows = [data.query_ids.index(query_id) for query_id in drawn["query_id"]]
    assert facts["cost_usd"] == pytest.approx(data.cost[rows].sum())
    curve = facts["curve"]
    assert [each["n_labels"] for each in curve["forecasts"]] == [45, 60]  # with 120 nothing would be left to plan
    assert all(each["width"]["expected"] < curve["width"] for each in curve["forecasts"])
    again = run("label-next", batch, "-n", 12, "--labels", 0.25, "--seed", 3, "--out", "again.csv")
    assert Path("again.csv").read_text() == Path("label-next.csv").read_text()
    assert "12 of 90 without labels, drawn at random" in again.stdout
    assert "With 4 times as many labels no query would be left to plan." in words(again.stdout)
    assert "labels  US$ more" in again.stdout


def test_answered_queries_are_not_labelled_next(run, batch: Path, sent: pd.DataFrame) -> None:
    """With --after only queries without labels and answers are drawn, all of them if as many are asked for."""
    collected(run)
    still_open = sent["query_id"].tolist()[::4]
    options = ["--labels", 0.2, "--after", "back"]
    outcome = run("label-next", batch, *options, "-n", len(still_open), "--json")
    assert outcome.code == 0, outcome.stderr
    assert set(pd.read_csv("label-next.csv")["query_id"]) == set(still_open)
    assert json.loads(outcome.stdout)["n_unlabelled"] == len(still_open)


def test_the_first_queries_to_label(run, batch: Path) -> None:
    """Without any label queries are drawn and nothing is forecast; plan refers to this command."""
    assert run("convert", batch, "batch.csv").code == 0
    table = pd.read_csv("batch.csv", dtype=str)
    table.assign(**dict.fromkeys(("model-1", "model-2", "model-3"), "")).to_csv("none.csv", index=False)
    assert "`label-next` draws them at random" in run("plan", "--data", "none.csv").assert_failed()
    outcome = run("label-next", "none.csv", "-n", 15)
    assert outcome.code == 0, outcome.stderr
    said = words(outcome.stdout)
    assert "15 of 120 without labels" in said
    assert "what they would bring can't be said: no query has a label yet" in said
    assert "run and grade them, enter 1 or 0 in the batch" in said
    drawn = pd.read_csv("label-next.csv", dtype=str)["query_id"]
    assert drawn.is_unique
    assert set(drawn) <= set(table["query_id"])


def test_queries_to_label_next_replace_nothing_that_is_read(run, batch: Path) -> None:
    """Neither the batch, of a plan too, nor labels, nor a file of a folder; a further file of a folder is fine."""
    assert run("convert", batch, "batch.csv").code == 0
    pd.read_csv("batch.csv", usecols=["query_id", "model-1", "model-2", "model-3"])[:40].to_csv(
        "labels.csv", index=False
    )
    assert run("plan", "--data", "batch.csv", "--labels", "labels.csv", "--out", "planned").code == 0
    before = Path("batch.csv").read_bytes()
    for given in (
        ("batch.csv", "--out", "batch.csv"),
        ("planned", "--out", "batch.csv"),
        ("planned", "--out", "labels.csv"),
        ("planned", "--out", "planned/plan.csv"),
        (batch, "--labels", 0.2, "--out", batch / "queries.csv"),
    ):
        refused = run("label-next", *given, "-n", 5)
        assert (refused.code, "would replace what is read from" in words(refused.stderr)) == (2, True)
    assert Path("batch.csv").read_bytes() == before
    assert run("label-next", "planned", "-n", 5, "--out", "planned/next.csv").code == 0


def test_queries_to_label_next_that_there_are_not(run, batch: Path) -> None:
    """More than have no label, labels that are all taken as known, and a plan that doesn't say of which batch."""
    said = run("label-next", batch, "--labels", 0.25, "-n", 91).assert_failed()
    assert "91 queries are to be drawn, but only 90 have no label; draw at most 90" in said
    refused = run("label-next", batch, "--labels", "all")
    assert (refused.code, "'--labels'" in refused.stderr) == (2, True)
    front = plan_front(load_dataset(batch), 0.25)
    write_files("made", front_writers(front, front.choose()))
    assert "as no command made it; pass the batch" in run("label-next", "made").assert_failed()
    assert not Path("label-next.csv").exists()
