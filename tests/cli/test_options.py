"""`plan` and `front` with quotas, floors, latency and promises."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo.cli.options import parse_floor, parse_quota
from optllm_pymoo.data import load_dataset
from tests.cli.test_commands import FILES, PNG, words

KNOWN = ("-l", "all")


@pytest.fixture
def latency(batch: Path, tmp_path: Path) -> Path:
    """A file of latencies: the dearer the LLM, the slower."""
    data = load_dataset(batch)
    seconds = np.random.default_rng(0).uniform(0.2, 1, data.cost.shape) * [1, 2, 3]
    file = tmp_path / "latency.csv"
    pd.DataFrame(seconds, columns=list(data.llms)).assign(query_id=list(data.query_ids)).to_csv(file, index=False)
    return file


def test_quota_of_a_provider_is_kept_and_explained(run, batch: Path) -> None:
    """Few calls: plan.csv has no more; the report says use, price and loss, and which search stood in."""
    given = ("-d", batch, *KNOWN, "--provider", "Big=model-2,model-3", "--quota", "Big=20", "--budget", 1)
    outcome = run("plan", *given)
    assert outcome.code == 0, outcome.stderr
    plan = pd.read_csv("optllm-plan/plan.csv")
    assert plan["llm"].isin(["model-2", "model-3"]).sum() <= 20
    for said in (
        "optllm (instead of exact: the exact front is unknown if limits bind)",
        "the most accurate plan within 1 US$ that meets the limits",
        "What the limits cost, for 1 US$",
        "- Quota of Big: 20 of 20 calls used: it binds.",
        "Without it the same US$ would give",
    ):
        assert said in words(outcome.stdout)
    assert max(map(len, outcome.stdout.split("\n"))) <= 80
    assert {file.name for file in Path("optllm-plan").iterdir()} == FILES
    assert all((Path("optllm-plan") / name).read_bytes().startswith(PNG) for name in ("front.png", "mix.png"))
    facts = json.loads(run("plan", *given, "--json").stdout)
    (limit,) = facts["plan"]["limits"]
    assert (limit["subject"], limit["use"], limit["limit"], limit["binds"]) == ("Big", 20, 20, True)
    assert limit["accuracy_lost"] > 0
    assert facts["plan"]["all_limits"]["accuracy_lost"] == pytest.approx(limit["accuracy_lost"])
    front = pd.read_csv("optllm-plan/front.csv")
    assert np.isclose(front["cost_usd"], facts["plan"]["cost_usd"], rtol=1e-9).any()
    assert facts["n_plans"] == len(front)


def test_quota_of_dollars_and_floors(run, batch: Path) -> None:
    """Spending on one LLM and the accuracy of one group, in one plan."""
    groups = load_dataset(batch).to_frames().queries["group"]
    group = groups.iloc[0]
    outcome = run(
        "plan", "-d", batch, *KNOWN, "--quota", "model-3=0.05usd", "--floor", 0.2, "--floor", f"{group}=0.6",
        "--budget", 0.2,
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    plan = pd.read_csv("optllm-plan/plan.csv", index_col="query_id")
    assert plan.loc[plan["llm"] == "model-3", "cost_usd"].sum() <= 0.05
    means = plan["accuracy"].groupby(groups.loc[plan.index].to_numpy()).mean()
    assert means[group] >= 0.6 - 1e-12
    assert (means >= 0.2 - 1e-12).all()
    assert "Quota of model-3:" in outcome.stdout
    assert "All of them together: without them" in words(outcome.stdout)


def test_limits_that_cost_nothing(run, batch: Path) -> None:
    """Said once for each and for all together; the certificate of a target tells of no millionths of a cent."""
    given = ("--quota", "model-1=9999", "--quota", "model-2=9999", "--accuracy", 0.5)
    outcome = run("plan", "-d", batch, *KNOWN, *given)
    assert outcome.stdout.count("it costs nothing here.") == 2
    assert "All of them together: they cost nothing here." in words(outcome.stdout)
    assert "no plan within the limits that expects 50.00 % is cheaper, if the" in words(outcome.stdout)


def test_front_keeps_limits(run, batch: Path) -> None:
    """`front` takes them too, and says what bounds its plans."""
    facts = json.loads(run("front", "-d", batch, *KNOWN, "--quota", "model-3=10", "--n-grid", 8, "--json").stdout)
    assert facts["algorithm"] == "optllm"
    assert pd.read_csv("optllm-plan/front.csv")["gap"].between(0, 1).all()


def test_promise(run, batch: Path) -> None:
    """What is promised reaches the target; the report says so."""
    outcome = run("plan", "-d", batch, "-l", 0.2, "--accuracy", 0.4, "--promise", 0.9)
    assert "the cheapest plan that promises an accuracy of 0.4 with 90 % probability" in words(outcome.stdout)
    facts = json.loads(run("plan", "-d", batch, "-l", 0.2, "--budget", 0.1, "--promise", 0.9, "--json").stdout)["plan"]
    assert facts["promise"] == 0.9
    assert facts["promised_accuracy"] < facts["expected_accuracy"]


def test_latency(run, batch: Path, latency: Path) -> None:
    """A third objective in front.csv; a largest mean latency is kept and priced."""
    free = json.loads(run("plan", "-d", batch, *KNOWN, "--latency", latency, "--budget", 0.2, "--json").stdout)["plan"]
    assert "latency_s" in pd.read_csv("optllm-plan/front.csv")
    assert (free["third"]["name"], free["third"]["unit"]) == ("mean latency", "s")
    seconds = free["third"]["amount"] * 0.8
    given = ("plan", "-d", batch, *KNOWN, "--latency", latency, "--budget", 0.2, "--max-latency", seconds)
    outcome = run(*given)
    assert outcome.code == 0, outcome.stderr
    assert "Mean latency: " in outcome.stdout
    assert "One s more or less of it would be worth" in " ".join(outcome.stdout.split())
    facts = json.loads(run(*given, "--json").stdout)["plan"]
    (limit,) = facts["limits"]
    assert (limit["kind"], limit["subject"], limit["unit"]) == ("additive", "mean latency", "s")
    assert limit["use"] <= limit["limit"] == pytest.approx(seconds)
    assert facts["expected_accuracy"] < free["expected_accuracy"]


def test_amounts_of_the_report_can_be_typed_back(run, batch: Path) -> None:
    """A budget of what the cheapest plan is said to cost pays for it."""
    said = run("plan", "-d", batch, *KNOWN).stdout
    cheapest = said.split(" plans from ")[1].split(" US$")[0]
    assert run("plan", "-d", batch, *KNOWN, "--budget", cheapest).code == 0


def test_what_latency_has_no_part_in_is_said(run, batch: Path, latency: Path) -> None:
    """The knee is one of cost and accuracy; a baseline's plans are those that it found."""
    given = ("plan", "-d", batch, *KNOWN, "--latency", latency)
    assert "the knee of the front of cost and accuracy, for any latency, beyond which" in words(run(*given).stdout)
    outcome = run(*given, "--algorithm", "random_search", "--max-latency", 1.2, "--accuracy", 0.99)
    assert outcome.code == 2
    assert "above the most accurate plan" in outcome.stderr


@pytest.mark.parametrize(
    "also", [["--promise", 0.95], ["--floor", 0.1], ["--quota", "model-1=60"], ["--latency", None, "--max-latency", 2]]
)
def test_too_small_a_budget_beside_other_limits_ends_with_2(run, batch: Path, latency: Path, also: list) -> None:
    """Labels known or learnt from, one exit code."""
    given = [latency if value is None else value for value in also]
    for labels in ("all", 0.2):
        outcome = run("plan", "-d", batch, "-l", labels, "--budget", 0.00001, *given)
        assert (outcome.code, outcome.stdout) == (2, "")
        assert "below the cheapest plan" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--quota", "modle-1=5"], "unknown provider or LLM 'modle-1'; did you mean 'model-1'"),
        (["--quota", "model-1=5", "--quota", "model-2=5", "--quota", "model-3=5"], "quotas allow 15 of 120 queries"),
        (["--quota", "model-1=5", "--budget", "0.001"], "is below the cheapest plan within 5 calls for model-1"),
        (["--floor", "nowhere=0.5"], "unknown group 'nowhere'"),
        (["--quota", "model-3=1", "--accuracy", "1"], "is above the most accurate plan within 1 call for model-3"),
        (["--budget", "5", "--promise", "0.95", "--accuracy", "0.3"], "exclude one another"),
        (["--promise", "0.95"], "needs --budget or --accuracy"),
        (
            ["--budget", "5", "--promise", "0.95", "--latency", "no.csv", "--quota", "model-1=5"],
            "'--promise': doesn't go with --latency as an objective beside quotas or floors; give --max-latency too",
        ),
        (["--promise", "95", "--budget", "1"], "for 95 % write 0.95"),
        (["--max-latency", "1", "--budget", "1"], "needs --latency"),
        (["--quota", "model-1"], "is no quota; write NAME=CALLS"),
        (["--quota", "model-1=5tokens"], "the data have no tokens per call"),
        (["--quota", "model-1=1e-320"], "the quota of 'model-1' must be 0 or at least 1e-12 calls; got 1e-320"),
        (["--quota", "model-1=1e-320usd"], "the quota of 'model-1' must be 0 or at least 1e-12 US$; got 1e-320"),
        (["--quota", "model-1=2.5"], "the quota of 'model-1' must be a whole number of calls; got 2.5"),
        (["--max-latency", "inf"], "'--max-latency': a mean latency must lie in [0, 1e+09] s; got inf"),
        (["--max-latency", "1e308"], "'--max-latency': a mean latency must lie in [0, 1e+09] s; got 1e308"),
        (["--floor", "60"], "for 60 % write 0.6"),
        (["--floor", "0.5", "--floor", "0.6"], "two floors for all groups"),
        (["--provider", "Big"], "is no provider; write NAME=LLM,LLM"),
    ],
)
def test_refusals_end_with_2_and_write_nothing(run, batch: Path, arguments: list[str], said: str) -> None:
    """Wrong usage and limits that nothing meets."""
    outcome = run("plan", "-d", batch, *KNOWN, *arguments)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert said in " ".join(outcome.stderr.replace("│", " ").split())
    assert not Path("optllm-plan").exists()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a=5", ("a", 5, "calls")),
        ("a = 5 calls", ("a", 5, "calls")),
        ("a=b=12.50USD", ("a=b", 12.5, "US$")),
        ("a=$", None),
        ("a=-1", None),
        ("a=nan", None),
        ("a=", None),
        ("a=5 apples", None),
        ("=5", None),
    ],
)
def test_quota_texts(text: str, read: tuple[str, float, str] | None) -> None:
    """Name, amount and unit; everything else is refused."""
    if read is not None:
        quota = parse_quota(text)
        assert (quota.name, quota.limit, quota.kind.unit) == read
        return
    with pytest.raises(Exception, match=r"is no quota|must lie in \[0, 1e\+15\] calls"):
        parse_quota(text)


def test_floor_texts() -> None:
    """With a group or without."""
    assert parse_floor("a=b=0.5") == ("a=b", 0.5)
    for text in ("=0.5", "high", "a="):
        with pytest.raises(Exception, match=r"is no floor|a floor is a number in \[0, 1\]"):
            parse_floor(text)


def test_real_quota(run, shared: Path) -> None:
    """Log parsing: providers come from about.json; the budget of 2 US$ is told to be too small, and by what."""
    data = shared / "data" / "logpai"
    given = ("plan", "-d", data, "-l", "all", "--quota", "TogetherAI=20000")
    line = run(*given, "--budget", 2).assert_failed(2)
    assert "a budget of 2 US$ is below the cheapest plan within 20,000 calls for TogetherAI, which costs" in line
    assert "For 2 US$, TogetherAI would need at least" in line


def test_masks_and_the_table_of_groups(run, batch: Path) -> None:
    """No query of the group goes to the LLM; report and JSON have a row per group, which add up."""
    data = load_dataset(batch)
    llm, group = data.llms[0], data.groups[0]
    arguments = ("plan", "-d", batch, *KNOWN, "--forbid", f"{llm}:{group}", "--accuracy", "0.2")
    facts = json.loads(run(*arguments, "--json").stdout)
    plan = pd.read_csv("optllm-plan/plan.csv", dtype=str)
    of = dict(zip(data.query_ids, data.groups, strict=True))
    assert llm not in set(plan["llm"][plan["query_id"].map(of) == group])
    assert sum(each["n_queries"] for each in facts["plan"]["groups"]) == len(data)
    assert sum(each["cost_usd"] for each in facts["plan"]["groups"]) == pytest.approx(facts["plan"]["cost_usd"])
    lines = [line.split() for line in run(*arguments).stdout.splitlines()]
    assert ["Group", "queries", "US$", "expected", "95", "%", "interval"] in lines
    assert any(line[:1] == [group] for line in lines)
    assert "unknown group 'none'" in run("plan", "-d", batch, *KNOWN, "--forbid", f"{llm}:none").assert_failed()


class TestFrom:
    """`plan --from` and `compare`."""

    def test_options_hold_until_others_are_given(self, run, batch: Path) -> None:
        """Limits stay, the choice is another, learning again makes the same plan, and nothing is written."""
        assert run("plan", "-d", batch, *KNOWN, "--budget", 1, "--forbid", "model-3").code == 0
        before = {file: file.stat().st_mtime_ns for file in Path("optllm-plan").iterdir()}
        given = ("plan", "--from", "optllm-plan", "--accuracy", 0.6, "--price-factor", "model-2=1.5", "--json")
        facts = json.loads(run(*given).stdout)
        assert {file: file.stat().st_mtime_ns for file in Path("optllm-plan").iterdir()} == before
        assert facts["plan"]["target_accuracy"] == 0.6
        assert facts["plan"]["budget_usd"] is None
        assert facts["plan"]["mix"]["model-3"] == 0
        again = shlex.split(facts["learn_anew"])[1:]
        changed = ["--price-factor", "model-2=1.5", "--labels", "all", "--accuracy", "0.6", "--forbid", "model-3"]
        assert again == ["plan", "--data", str(batch), *changed]
        learnt = json.loads(run(*again, "--json").stdout)
        assert learnt["plan"]["mix"] == facts["plan"]["mix"]
        assert learnt["plan"]["cost_usd"] == pytest.approx(facts["plan"]["cost_usd"], rel=1e-12)

    def test_report_and_comparison(self, run, batch: Path) -> None:
        """The report names the folder and the command; compare says what moved, as it stands in both files."""
        assert run("plan", "-d", batch, *KNOWN, "--budget", 1).code == 0
        outcome = run("plan", "--from", "optllm-plan", "--drop", "model-3", "--out", "other")
        assert outcome.code == 0, outcome.stderr
        assert "Predictions as learnt for optllm-plan. To learn again: optllm-pymoo plan --data" in words(
            outcome.stdout
        )
        assert "--out other Choice" in words(outcome.stdout)
        assert "25 % more" in outcome.stdout
        assert "Nothing was written" in run("plan", "--from", "optllm-plan").stdout
        one, two = (pd.read_csv(Path(folder) / "plan.csv") for folder in ("optllm-plan", "other"))
        facts = json.loads(run("compare", "optllm-plan", "other", "--json").stdout)
        moved = int((one["llm"] != two["llm"]).sum())
        assert (
            sum(each["queries"] for each in facts["moves"]) == sum(each["moved"] for each in facts["groups"]) == moved
        )
        assert facts["cost_usd"] == pytest.approx([one["cost_usd"].sum(), two["cost_usd"].sum()])
        said = words(run("compare", "optllm-plan", "other").stdout)
        assert f"120 in both plans; {moved} of them move to another LLM" in said

    def test_refusals(self, run, batch: Path) -> None:
        """What a plan has learnt doesn't go with other data or labels, and isn't written over."""
        assert run("front", "-d", batch, *KNOWN).code == 0
        for given, said in (
            (("--data", batch), "leave --data out"),
            (("--labels", 0.1), "leave --labels out"),
            (("--out", "optllm-plan"), "write to another folder"),
            (("--drop", "gpt"), "unknown LLM 'gpt'"),
            (("--price-factor", "1.2"), "write NAME=FACTOR"),
            (("--price-factor", "model-1=-1"), "must lie in [0, 1e+06]"),
        ):
            assert said in words(run("plan", "--from", "optllm-plan", *given).stderr.replace("│", " "))
        Path("optllm-plan/predictions.npz").unlink()
        assert "there is no file of predictions" in run("plan", "--from", "optllm-plan").assert_failed()
        assert "there is no plan" in run("compare", "optllm-plan", "nowhere").assert_failed()

    def test_columns_beside_the_text(self, run, batch: Path) -> None:
        """`--features` takes columns of the table that holds the queries, and `route` asks for them again."""
        assert run("convert", batch, "wide.csv").code == 0
        table = pd.read_csv("wide.csv")
        table.assign(product=["tv", "radio"] * 60).to_csv("wide.csv", index=False)
        outcome = run("plan", "-d", "wide.csv", "-l", 0.3, "--features", "product", "--budget", 0.1)
        assert outcome.code == 0, outcome.stderr
        assert "36 labelled queries, by texts and product" in words(outcome.stdout)
        Path("new.csv").write_text("query_id,text,product\n1,hello,tv\n2,hello,radio\n")
        assert run("route", "optllm-plan", "-d", "new.csv").code == 0
        assert len(pd.read_csv("routed.csv")) == 2
        Path("new.csv").write_text("query_id,text\n1,hello\n")
        assert "product" in run("route", "optllm-plan", "-d", "new.csv").assert_failed()
        assert (
            "'nothing': this column is missing"
            in run("plan", "-d", "wide.csv", "--features", "nothing").assert_failed()
        )
