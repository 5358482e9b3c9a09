"""What a plan folder keeps, and what is answered by it without learning."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from optllm_pymoo import UserError, make_dataset
from optllm_pymoo.decision import WithinBudget
from optllm_pymoo.planning import Constraints, Front, front_of, plan_front, priced, read_learnt
from optllm_pymoo.planning.policy import read_archive, write_archive
from optllm_pymoo.planning.whatif import PREDICTIONS, write_learnt


@pytest.fixture(scope="module")
def front() -> Front:
    """The front of a small batch, learnt from a third of it."""
    return plan_front(make_dataset(90, 3, random_state=4), 0.34)


@pytest.fixture(scope="module")
def folder(front: Front, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that keeps its predictions."""
    folder = tmp_path_factory.mktemp("plan")
    write_learnt(folder / PREDICTIONS, front, ["--budget", "2"])
    return folder


def test_what_is_kept_makes_the_same_front_and_plan(front: Front, folder: Path) -> None:
    """Costs and accuracies come back to the last bit, so the whole front and a plan with its interval are the same."""
    kept = read_learnt(folder)
    again = front_of(kept.planned, kept.prediction, kept.n_labelled)
    assert np.array_equal(again.found.F, front.found.F)
    half = WithinBudget(float(front.found.F[:, 0].mean()))
    ours, theirs = again.choose(half), front.choose(half)
    assert np.array_equal(ours.x, theirs.x)
    assert ours.interval() == pytest.approx(theirs.interval(), abs=1e-6)
    assert (kept.options, again.groups, again.shift) == (("--budget", "2"), front.groups, front.shift)
    assert kept.planned.about["data_sha256"] == front.planned.about["data_sha256"]


def test_fewer_llms_and_other_prices(front: Front, folder: Path) -> None:
    """A column leaves both tables, a factor goes into one column of costs, and no accuracy changes."""
    kept = read_learnt(folder)
    first, second, third = kept.planned.llms
    changed = kept.changed(drop=[second], price_factors=[(third, 1.5), (third, 2.0)])
    assert changed.planned.llms == (first, third)
    assert np.allclose(changed.planned.cost, front.problem.cost[:, [0, 2]] * [1, 3], rtol=1e-15)
    assert np.array_equal(changed.prediction.accuracy, front.problem.accuracy[:, [0, 2]])
    with pytest.raises(UserError, match="unknown LLM 'nobody'"):
        kept.changed(drop=["nobody"])
    with pytest.raises(UserError, match="no LLM is left"):
        kept.changed(drop=kept.planned.llms)
    with pytest.raises(UserError, match="must be a finite number, at least 0; got -1"):
        kept.changed(price_factors=[(first, -1.0)])


def test_a_provider_is_priced_as_it_is_limited() -> None:
    """A factor takes the names that a quota takes: here a provider that only the constraints know."""
    data = make_dataset(3, 3, random_state=0)
    known = Constraints(providers={"Big": data.llms[1:]})
    assert np.allclose(priced(data, [("Big", 2.0)], known).cost / data.cost, [1, 2, 2])
    with pytest.raises(UserError, match="unknown provider or LLM 'Big'"):
        priced(data, [("Big", 2.0)])


def rewritten(path: Path, target: Path, name: str, change: object) -> None:
    """Copy a zip file with one member changed."""
    with zipfile.ZipFile(path) as file, zipfile.ZipFile(target, "w") as other:
        for member in file.namelist():
            content = file.read(member)
            other.writestr(member, change(content) if member == name else content)


def read_or_refusal(folder: Path) -> object:
    """What a folder keeps, or the error that refuses it."""
    try:
        return read_learnt(folder)
    except UserError as error:
        return error


def test_whatever_was_edited_is_refused(folder: Path, tmp_path: Path) -> None:
    """One bit of a table, one word of the header, another version, another kind, no archive, no file."""
    target, kept = tmp_path / PREDICTIONS, read_learnt(folder)
    rewritten(folder / PREDICTIONS, target, "accuracy.npy", lambda content: content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match="isn't as optllm-pymoo wrote it"):
        read_learnt(tmp_path)
    rewritten(folder / PREDICTIONS, target, "header.json", lambda content: content.replace(b"model-1", b"model-9"))
    with pytest.raises(UserError, match="isn't as optllm-pymoo wrote it"):
        read_learnt(tmp_path)
    write_archive(target, "file of predictions", 99, {}, {})
    with pytest.raises(UserError, match="in layout 99, and this version reads layout"):
        read_learnt(tmp_path)
    write_archive(target, "policy", 1, {}, {})
    with pytest.raises(UserError, match=r"is a policy of optllm-pymoo, and a file of predictions is needed"):
        read_learnt(tmp_path)
    np.savez(target, accuracy=np.ones(3))
    with pytest.raises(UserError, match="is no file of predictions of optllm-pymoo, or it is damaged"):
        read_learnt(tmp_path)
    whole = (folder / PREDICTIONS).read_bytes()
    for place in range(60, len(whole), len(whole) // 40):
        target.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        found = read_or_refusal(tmp_path)  # dates in a zip file say nothing of its content
        is_refused = "damaged" in str(found) or "isn't as optllm-pymoo wrote it" in str(found)
        assert is_refused or np.array_equal(found.planned.cost, kept.planned.cost)
    target.write_bytes(whole[:-100])
    with pytest.raises(UserError, match="is no file of predictions of optllm-pymoo, or it is damaged"):
        read_learnt(tmp_path)
    target.unlink()
    with pytest.raises(FileNotFoundError, match="there is no file of predictions"):
        read_learnt(tmp_path)


def test_nothing_that_is_read_is_executed(tmp_path: Path) -> None:
    """An array of objects would be unpickled; it is refused unread."""
    path = tmp_path / "some.npz"
    np.savez(path, table=np.array([{}], dtype=object))
    with zipfile.ZipFile(path, "a") as file:
        header = json.dumps({"kind": "policy", "layout": 1, "optllm_pymoo": "0"})
        file.writestr("header.json", json.dumps({"sha256": "", "header": header}))
    with pytest.raises(UserError, match="is no policy of optllm-pymoo, or it is damaged"):
        read_archive(path, "policy", 1)


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    """No time or chance goes into the file."""
    for name in ("a", "b"):
        write_archive(tmp_path / name, "policy", 1, {"x": 1}, {"table": np.arange(3)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    header, arrays = read_archive(tmp_path / "a", "policy", 1)
    assert header["x"] == 1
    assert arrays["table"].tolist() == [0, 1, 2]


def test_more_money_is_worth_what_the_front_says(front: Front) -> None:
    """The plan for a quarter more is the front's plan at that budget; below the cheapest there is none."""
    plan = front.choose(WithinBudget(float(front.found.F[:, 0].mean())))
    other, difference = front.for_share(plan, 1.25)
    at = front.found.within_budget(plan.cost_usd * 1.25)
    assert other.cost_usd == pytest.approx(front.found.F[at, 0], rel=1e-12)
    assert difference.low <= difference.expected <= difference.high
    assert front.for_share(front.choose(WithinBudget(float(front.found.F[0, 0]))), 0.75) is None
