"""Plans of batches in Parquet files: the same as in memory, on any engine, after any interruption."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo import AtLeastAccuracy, Dataset, Knee, Quota, SupportedFront, UserError, WithinBudget, make_dataset
from optllm_pymoo.data import write_requests
from optllm_pymoo.data.grid import wide_frame
from optllm_pymoo.limits import best_within
from optllm_pymoo.planning import Constraints, Policy, engine, plan_parts, problem_of, read_plan
from optllm_pymoo.planning import partitions as p
from tests.kills import content, killed

BATCH = make_dataset(240, 3, random_state=0)
FRONT = SupportedFront(BATCH.cost, BATCH.correct)
BUDGET = float(FRONT.F[:, 0].mean())


def write_parts(folder: Path, frame: pd.DataFrame, cuts=(0, 100, 100, 240), **options) -> Path:
    """Write a table in several files; one of them is empty."""
    folder.mkdir(exist_ok=True)
    for k, (start, stop) in enumerate(pairwise(cuts)):
        frame.iloc[start:stop].to_parquet(folder / f"part-{k}.parquet", index=False, **options)
    return folder


@pytest.fixture
def parts(tmp_path):
    """The batch in three files."""
    return write_parts(tmp_path / "parts", wide_frame(BATCH))


def long_frame() -> pd.DataFrame:
    """The batch with a row per query and LLM."""
    rows, llms = np.indices(BATCH.cost.shape).reshape(2, -1)
    return pd.DataFrame(
        {
            "query_id": np.array(BATCH.query_ids)[rows],
            "model": np.array(BATCH.llms)[llms],
            "score": BATCH.correct.ravel(),
            "cost": BATCH.cost.ravel(),
        }
    )


def unlabelled(n_labelled: int = 80) -> Dataset:
    """The batch with labels of every third query."""
    correct = BATCH.correct.copy()
    correct[np.arange(240) % 3 != 0] = np.nan
    return BATCH.with_outcomes(correct)


def plan_of(out: Path) -> pd.DataFrame:
    """Read a plan in parts."""
    return pd.read_parquet(out / "plan.parquet").set_index("query_id")


def test_known_outcomes_wide_and_long(tmp_path, parts):
    """In whatever files, a budget or a target gives the plan of the front in memory, query by query."""
    long = write_parts(tmp_path / "long", long_frame(), (0, 300, 720))
    cut = write_parts(tmp_path / "cut", wide_frame(BATCH).iloc[::-1], (0, 1, 240), row_group_size=50)
    k = FRONT.within_budget(BUDGET)
    expected = pd.Series([BATCH.llms[j] for j in FRONT.assignment(k)], index=BATCH.query_ids)
    for data in (parts, long):
        found = plan_parts(data, "all", out=tmp_path / "plan", choice=WithinBudget(BUDGET))
        plan = plan_of(tmp_path / "plan")
        assert (plan["llm"].astype(str) == expected).all()
        assert plan["cost_usd"].sum() == pytest.approx(FRONT.F[k, 0])
        assert (found.cut.index, found.n_parts, found.is_known) == (k, 3 if data == parts else 2, True)
        assert found.facts.accuracy_bound == pytest.approx(float(FRONT.bound(BUDGET)))
        assert (
            found.facts.mix["queries"].sum() == sum(group.n_queries for group in found.groups or [(0, 240)][:0]) or 240
        )
        assert sorted(os.listdir(tmp_path / "plan")) == [
            "front.csv",
            "front.png",
            "mix.png",
            "plan.html",
            "plan.parquet",
        ]
        assert not (tmp_path / "plan.partial").exists()
    other = plan_parts(cut, "all", out=tmp_path / "other", choice=AtLeastAccuracy(0.8))
    assert other.front.F.tobytes() == found.front.F.tobytes()
    assert other.cut.index == FRONT.at_least_accuracy(0.8)
    assert plan_of(tmp_path / "other")["accuracy"].mean() >= 0.8


def test_learning(tmp_path):
    """Queries without labels are planned and no others; neither cut of the files nor order of rows changes anything."""
    data = unlabelled()
    frame = wide_frame(data)
    one, other = tmp_path / "one", tmp_path / "other"
    found = plan_parts(write_parts(tmp_path / "a", frame), out=one, choice=Knee())
    again = plan_parts(
        write_parts(tmp_path / "b", frame.sample(frac=1, random_state=0), (0, 60, 240)), out=other, choice=Knee()
    )
    plan = plan_of(one)
    assert set(plan.index) == {BATCH.query_ids[i] for i in range(240) if i % 3}
    pd.testing.assert_frame_equal(plan, plan_of(other).loc[plan.index])
    assert (found.n_labelled, found.facts.n_labelled, found.facts.has_sigma) == (80, 80, True)
    assert found.facts.interval_95 == pytest.approx(again.facts.interval_95)
    assert [group[:2] for group in found.groups] == [group[:2] for group in again.groups]
    rows = [i for i in range(240) if i % 3]
    routes = Policy.load(one).route([BATCH.texts[i] for i in rows], BATCH.cost[rows])
    assert routes.llms == plan["llm"].astype(str).loc[[BATCH.query_ids[i] for i in rows]].tolist()
    queries = pd.DataFrame({"query_id": BATCH.query_ids, "text": BATCH.texts})
    queries.to_csv(tmp_path / "queries.csv", index=False)
    sent = write_requests(one, tmp_path / "queries.csv", tmp_path / "requests")
    assert {each.llm: each.n_requests for each in sent} == plan["llm"].astype(str).value_counts().to_dict()
    batch = read_plan(one / "plan.parquet", BATCH)
    assert batch.plan.cost_usd == pytest.approx(found.cut.cost_usd)
    assert batch.plan.accuracy == pytest.approx(found.cut.accuracy)
    assert found.groups[0].interval_95[0] < found.groups[0].expected_accuracy


def test_labels_beside_and_shares(tmp_path, parts):
    """Labels from a file replace those within; of a share about so many are learnt from, by a hash of the ids."""
    labels = wide_frame(unlabelled()).iloc[::3]
    labels[["query_id", *BATCH.llms]].to_csv(tmp_path / "labels.csv", index=False)
    plan_parts(parts, tmp_path / "labels.csv", out=tmp_path / "plan", choice=Knee())
    assert set(plan_of(tmp_path / "plan").index) == {BATCH.query_ids[i] for i in range(240) if i % 3}
    found = plan_parts(parts, 0.3, out=tmp_path / "plan", choice=Knee())
    assert 40 < found.n_labelled < 110
    assert len(plan_of(tmp_path / "plan")) == 240 - found.n_labelled
    with pytest.raises(UserError, match="all 240 queries have labels already, so there is nothing to plan"):
        plan_parts(parts, out=tmp_path / "plan")


def test_masks_and_the_front_alone(tmp_path, parts):
    """Forbidden LLMs are used nowhere; without a choice there is a front and no plan."""
    rules = Constraints(forbidden=["model-3", "model-2:code"])
    plan_parts(parts, "all", out=tmp_path / "plan", choice=AtLeastAccuracy(0.6), constraints=rules)
    plan = plan_of(tmp_path / "plan")["llm"].astype(str)
    code = plan.index.isin([i for i, g in zip(BATCH.query_ids, BATCH.groups, strict=True) if g == "code"])
    assert set(plan) == {"model-1", "model-2"}
    assert set(plan[code]) == {"model-1"}
    found = plan_parts(parts, "all", out=tmp_path / "plan", constraints=rules)
    assert found.cut is None
    assert not (tmp_path / "plan" / "plan.parquet").exists()
    frame = pd.read_csv(tmp_path / "plan" / "front.csv")
    np.testing.assert_allclose(frame["cost_usd"], found.front.F[:, 0])
    np.testing.assert_array_equal(frame["n_steps"], found.front.index)


def test_limits(tmp_path, parts):
    """A plan in parts keeps quotas and floors, and says what it uses of them and how far it can be from the best."""
    rules = Constraints(quotas=[Quota("model-2", calls=40), Quota("model-3", usd=0.1)], floors={"code": 0.5})
    found = plan_parts(parts, "all", out=tmp_path / "plan", choice=WithinBudget(BUDGET), constraints=rules)
    plan, code = plan_of(tmp_path / "plan"), np.array(BATCH.groups) == "code"
    llm = plan["llm"].astype(str)
    assert (llm == "model-2").sum() <= 40
    assert plan["cost_usd"][llm == "model-3"].sum() <= 0.1 * (1 + 1e-9)
    assert plan["accuracy"][code].mean() >= 0.5 - 1e-9
    problem = problem_of(BATCH, **rules.options(BATCH))
    assert found.facts.expected_accuracy == pytest.approx(best_within(problem.limits, BUDGET).value)
    assert found.facts.gap < 1 / 240 * 4
    names = ["calls for model-2", "US$ for model-3", "floor of group 'code'"]
    assert [each.name for each in found.limits] == names
    assert [each.used for each in found.limits] == pytest.approx(
        [(llm == "model-2").sum(), plan["cost_usd"][llm == "model-3"].sum(), plan["accuracy"][code].mean()]
    )
    cheapest = plan_parts(parts, "all", out=tmp_path / "plan", choice=AtLeastAccuracy(0.6), constraints=rules)
    assert plan_of(tmp_path / "plan")["accuracy"].mean() >= 0.6
    assert cheapest.facts.has_limits
    with pytest.raises(UserError, match="quotas and floors of a batch in parts need a budget or a target"):
        plan_parts(parts, "all", out=tmp_path / "plan", choice=Knee(), constraints=rules)
    with pytest.raises(UserError, match="unknown group 'cod'"):
        plan_parts(
            parts,
            "all",
            out=tmp_path / "plan",
            choice=WithinBudget(BUDGET),
            constraints=Constraints(floors={"cod": 0.5}),
        )


class Stopped(Exception):
    """Stands for whatever ends a run."""


def stopping(after: int):
    """Make a reporter that ends the run once so many parts are done."""
    done = []

    def report(message):
        done.extend([message] if " left" in message else [])
        if len(done) == after:
            raise Stopped

    return report


def test_a_run_goes_on_where_it_stopped(tmp_path, parts, monkeypatch):
    """Stopped after every second part it leaves what is done; each next run does the rest, to the same bytes."""
    monkeypatch.setattr(p, "_publish", publish_tables)
    out, options = tmp_path / "plan", {"choice": WithinBudget(BUDGET), "seed": 1}
    plan_parts(parts, 0.3, out=tmp_path / "undisturbed", **options)
    done, n_runs = [], 0
    monkeypatch.setattr(p.Job, "scan", counted(p.Job.scan, done))
    while not out.exists():
        n_runs += 1
        with contextlib.suppress(Stopped):
            plan_parts(parts, 0.3, out=out, report=stopping(2), **options)
    assert content(out) == content(tmp_path / "undisturbed")
    assert n_runs > 5
    assert len(done) == 3, "what was done is not done again"
    with pytest.raises(Stopped):
        plan_parts(parts, 0.3, out=out, report=stopping(2), **options)
    with pytest.warns(UserWarning, match="plan.partial is of other data or options; it starts from the beginning"):
        plan_parts(parts, "all", out=out, **options)


def counted(function, done):
    """Count calls."""

    def count(*args):
        done.append(args)
        return function(*args)

    count.__name__ = function.__name__
    return count


def publish_tables(out, folder, found, llms, groups):
    """Write what a plan comes to, without pictures."""
    with p.replacing_folder(out, overwrite=True) as new:
        for file in sorted((folder / "plan.parquet").iterdir()):
            p.link(file, new / file.name)
    return []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children")
def test_kills(tmp_path, parts, monkeypatch):
    """SIGKILL at any step in the file system: a whole plan stands, and a rerun ends with the same one."""
    monkeypatch.setattr(p, "_publish", publish_tables)
    out, options = tmp_path / "plan", {"choice": WithinBudget(BUDGET)}
    plan_parts(parts, "all", out=out, **options)
    expected = content(out)
    _, n_steps = killed(lambda: plan_parts(parts, "all", out=out, **options), signal.SIGKILL, 0)
    assert n_steps > 40
    codes = []
    for step in [1, 3, *range(6, n_steps, n_steps // 6), 9, n_steps - 1]:
        codes.append(killed(lambda: plan_parts(parts, "all", out=out, **options), signal.SIGKILL, step)[0])
        assert content(out) == expected
    # one that goes on takes fewer steps, and may come to its end
    assert set(codes) <= {0, -signal.SIGKILL}
    assert codes.count(-signal.SIGKILL) >= 6
    plan_parts(parts, "all", out=out, **options)
    assert content(out) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "plan"]


def test_threads(tmp_path):
    """Threads return what a loop does, in order, and find what is kept."""
    for _ in range(2):
        with engine.Engine(tmp_path / "a", n_jobs=2, in_threads=True, report=lambda message: None) as spread:
            assert list(spread(partial(scan, 2), [3, 1, 2])) == [9, 1, 4]


@pytest.mark.slow
def test_processes_and_versions(tmp_path):
    """Processes return what a loop does, in order; another version on a worker is refused in words."""
    with engine.Engine(tmp_path / "a", n_jobs=2, report=lambda message: None) as spread:
        assert list(spread(partial(scan, 2), [3, 1, 2])) == [9, 1, 4]
    with pytest.raises(UserError, match=r"worker tcp://a:1 has optllm-pymoo 0\.0\.9, and this command is 0\.1\.0"):
        engine._check_versions({"tcp://a:1": "0.0.9"}, "0.1.0")
    with pytest.raises(UserError, match="worker tcp://a:1 has no optllm-pymoo"):
        engine._check_versions({"tcp://a:1": ModuleNotFoundError()}, "0.1.0")


def scan(power, number):
    """A task."""
    return number**power


@pytest.mark.filterwarnings("ignore:.*begun again")
def test_bad_input(tmp_path, parts):
    """What is wrong is said with file, row and column, and nothing is written."""
    frame, out = wide_frame(BATCH), tmp_path / "plan"
    file = parts / "part-2.parquet"
    second = frame.iloc[100:].copy()

    def refused(changed, message, labels="all"):
        changed.to_parquet(file, index=False, row_group_size=70)
        with pytest.raises(UserError, match=message):
            plan_parts(parts, labels, out=out, choice=Knee())
        assert not out.exists()

    name = r"part-2\.parquet, column"
    refused(second.drop(columns="model-1_cost"), f"{name} 'model-1_cost': this column is missing")
    refused(
        second.astype({"model-1_cost": str}), f"{name} 'model-1_cost': this column is of type .*string, and of type"
    )
    at = second.columns.get_loc("model-1_cost")
    for value, problem in ((-1.0, "expected US.*found -1.0"), (np.nan, "expected a number, found an empty cell")):
        wrong = second.copy()
        wrong.iloc[90, at] = value
        refused(wrong, f"{name} 'model-1_cost': in row 90: {problem}")
    missing = second.astype({"model-2": float})
    missing.iloc[5, missing.columns.get_loc("model-2")] = np.nan
    frame.astype({"model-2": float}).iloc[:100].to_parquet(parts / "part-0.parquet", index=False)
    frame.astype({"model-2": float}).iloc[100:100].to_parquet(parts / "part-1.parquet", index=False)
    refused(missing, f"{name} 'model-2': in row 5: expected a number, found an empty cell")
    twice = second.astype({"model-2": float})
    twice.iloc[99, 0] = frame.iloc[7, 0]
    refused(
        twice, rf"{name} 'query_id': in row 99: '{frame.iloc[7, 0]}' is already in row 7 of .*part-0\.parquet; keep one"
    )
    file.write_bytes(b"")
    with pytest.raises(UserError, match=r"part-2\.parquet: can't be read as Parquet"):
        plan_parts(parts, "all", out=out)
    with pytest.raises(UserError, match="is no folder of Parquet files, pattern or address"):
        plan_parts(tmp_path / "x.parquet", "all", out=out)
    with pytest.raises(UserError, match="a promised accuracy needs the batch in memory"):
        plan_parts(parts, "all", out=out, choice=WithinBudget(1, promise=0.9))


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_an_id_that_is_there_twice_in_files_whose_ids_rise(tmp_path, order):
    """The last id of a file as the first of another is found, whichever file comes first; risen ids pass."""
    frame, names = wide_frame(BATCH), sorted(BATCH.query_ids)
    rows = [frame.assign(query_id=names).iloc[cut] for cut in (slice(0, 100), slice(100, 240))]
    data = write_parts(tmp_path / "a", pd.concat(rows[order]), (0, len(rows[order][0]), 240))
    assert plan_parts(data, "all", out=tmp_path / "plan").n_parts == 2
    rows[1].iloc[0, 0] = names[99]
    write_parts(tmp_path / "a", pd.concat(rows[order]), (0, len(rows[order][0]), 240))
    with pytest.raises(UserError, match=f"{names[99]}.* is already in row .*; keep one"):
        plan_parts(data, "all", out=tmp_path / "plan")


def test_a_file_that_vanishes_or_changes(tmp_path, parts, monkeypatch):
    """A file that goes between two passes ends the run in words; once it is back, the run goes on."""
    monkeypatch.setattr(p, "_publish", publish_tables)
    out, file = tmp_path / "plan", parts / "part-2.parquet"

    def vanish(message):
        if message.startswith("Front: 3 of 3"):
            file.rename(tmp_path / "away")

    with pytest.raises(
        FileNotFoundError, match=r"there is no file .*part-2\.parquet; it may have been removed meanwhile"
    ):
        plan_parts(parts, "all", out=out, choice=WithinBudget(BUDGET), report=vanish)
    (tmp_path / "away").rename(file)
    assert json.loads((tmp_path / "plan.partial" / "run.json").read_text())["version"]
    began = []
    found = plan_parts(parts, "all", out=out, choice=WithinBudget(BUDGET), report=began.append)
    assert not [message for message in began if message.startswith("Front") and " left" in message]
    assert found.cut.index == FRONT.within_budget(BUDGET)

    def change(message):
        if message.startswith("Front: 3 of 3"):
            wide_frame(BATCH).iloc[200:].to_parquet(file, index=False)

    with pytest.raises(UserError, match=r"part-2\.parquet: this file has changed since the run began"):
        plan_parts(parts, "all", out=out, choice=WithinBudget(BUDGET), report=change)


def test_a_full_disk(tmp_path, parts, monkeypatch):
    """Where nothing more can be written the old plan stands, and what is done is kept for the next run."""
    monkeypatch.setattr(p, "_publish", publish_tables)
    out, options = tmp_path / "plan", {"choice": WithinBudget(BUDGET)}
    plan_parts(parts, "all", out=out, **options)
    expected = content(out)
    with monkeypatch.context() as full:
        full.setattr(p.Job, "write", no_space)
        with pytest.raises(OSError, match="No space left"):
            plan_parts(parts, "all", out=out, **options)
    assert content(out) == expected
    assert list((tmp_path / "plan.partial" / "done").glob("*.pickle"))
    plan_parts(parts, "all", out=out, **options)
    assert content(out) == expected


def no_space(*args):
    """Stands for a disk that is full."""
    raise OSError(28, "No space left on device")


no_space.__name__ = "write"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills workers")
def test_a_cluster_loses_a_worker(tmp_path, monkeypatch):
    """A real scheduler and two workers, one killed in the midst: the same bytes as a loop, and no part is missing."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(p, "_publish", publish_tables)
    data = write_parts(tmp_path / "parts", wide_frame(BATCH), tuple(range(0, 241, 40)))
    plan_parts(data, "all", out=tmp_path / "loop", choice=WithinBudget(BUDGET))
    with contextlib.ExitStack() as stack:
        address = f"tcp://127.0.0.1:{free_port()}"
        stack.enter_context(started("scheduler", "--host", address, "--no-dashboard"))
        workers = [
            stack.enter_context(started("worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"))
            for _ in range(2)
        ]

        def kill_one(message):
            if message.startswith("Front: 2 of 6"):
                workers[0].kill()

        plan_parts(data, "all", out=tmp_path / "dask", choice=WithinBudget(BUDGET), dask=address, report=kill_one)
        assert workers[0].wait(10) == -signal.SIGKILL
        assert workers[1].poll() is None
    assert content(tmp_path / "dask") == content(tmp_path / "loop")


@pytest.mark.slow
def test_a_cluster_loses_its_scheduler(tmp_path, monkeypatch):
    """A real scheduler, killed in the midst: the command says so; with another one it goes on, to the same bytes."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(p, "_publish", publish_tables)
    data = write_parts(tmp_path / "parts", wide_frame(BATCH), tuple(range(0, 241, 40)))
    plan_parts(data, "all", out=tmp_path / "loop", choice=WithinBudget(BUDGET))
    address, said = f"tcp://127.0.0.1:{free_port()}", []

    def run(at):
        with contextlib.ExitStack() as stack:
            scheduler = stack.enter_context(started("scheduler", "--host", address, "--no-dashboard"))
            stack.enter_context(started("worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"))

            def report(message):
                said.append(message)
                if message.startswith(at):
                    scheduler.kill()

            plan_parts(data, "all", out=tmp_path / "dask", choice=WithinBudget(BUDGET), dask=address, report=report)

    with pytest.raises(OSError, match=f"the Dask scheduler at {address} is gone .*it goes on where it was"):
        run("Front: 2 of 6")
    said.clear()
    run("never")
    done = [message for message in said if message.startswith("Front:") and " left" in message]
    assert 0 < len(done) < 6, "what was done is not done again"
    assert not [message for message in said if message.startswith("Reading:") and " left" in message]
    assert content(tmp_path / "dask") == content(tmp_path / "loop")


@pytest.mark.slow
def test_a_cluster_of_this_machine(tmp_path, parts, monkeypatch):
    """`--dask local` starts a cluster, plans on it and ends it: the same bytes as a loop."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(p, "_publish", publish_tables)
    options = {"choice": WithinBudget(BUDGET), "n_jobs": 1}
    plan_parts(parts, "all", out=tmp_path / "loop", **options)
    plan_parts(parts, "all", out=tmp_path / "dask", dask="local", **options)
    assert content(tmp_path / "dask") == content(tmp_path / "loop")


def test_no_cluster(tmp_path, parts, monkeypatch):
    """Where nothing answers, that is said."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.2)
    with pytest.raises(OSError, match=r"no Dask cluster at tcp://127\.0\.0\.1:\d+"):
        plan_parts(parts, "all", out=tmp_path / "plan", dask=f"tcp://127.0.0.1:{free_port()}")


@contextlib.contextmanager
def started(*command):
    """Run `dask scheduler` or `dask worker` in a process of its own."""
    with subprocess.Popen([sys.executable, "-m", "dask", *command], stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def free_port() -> int:
    """Find a port that nobody listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
