"""Files of a plan: written all or none, and read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo.data import DataFileError, Dataset, make_dataset
from optllm_pymoo.decision import Plan
from optllm_pymoo.planning import check_writable, plan_front, problem_of, read_plan, write_files
from optllm_pymoo.planning.files import picture
from optllm_pymoo.validation import Notice


def writer(text: str) -> Callable[[Path], None]:
    """Build a function that writes a text."""
    return lambda path: path.write_text(text) and None


def interrupted(path: Path) -> None:
    """Be interrupted while writing."""
    path.write_text("half a li")
    raise KeyboardInterrupt


def test_writes_all(tmp_path: Path) -> None:
    """The folder and its parents are made, and named files are there."""
    files = write_files(tmp_path / "a" / "b", {"one.txt": writer("1"), "two.txt": writer("2")})
    assert [file.read_text() for file in files] == ["1", "2"]
    assert {file.name for file in (tmp_path / "a" / "b").iterdir()} == {"one.txt", "two.txt"}


def test_an_interruption_leaves_nothing_new_and_all_that_was(tmp_path: Path) -> None:
    """Ctrl-C in the second file: the first isn't replaced either, and no temporary file stays."""
    (tmp_path / "one.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_files(tmp_path, {"one.txt": writer("new"), "two.txt": interrupted})
    assert [file.name for file in tmp_path.iterdir()] == ["one.txt"]
    assert (tmp_path / "one.txt").read_text() == "old"


def test_an_interruption_leaves_no_empty_folder(tmp_path: Path) -> None:
    """A folder that was made for the files goes with them."""
    with pytest.raises(KeyboardInterrupt):
        write_files(tmp_path / "new", {"two.txt": interrupted})
    assert not (tmp_path / "new").exists()


def test_other_files_stay_and_the_folder_changes_at_once(tmp_path: Path) -> None:
    """A file of ours that isn't written again stays; a file of others stays where it is, and so does its folder."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "plan.csv").write_text("plan")
    write_files(tmp_path / "out", {"front.csv": writer("new")})
    assert {file.name: file.read_text() for file in (tmp_path / "out").iterdir()} == {
        "plan.csv": "plan",
        "front.csv": "new",
    }
    (tmp_path / "out" / "notes.txt").write_text("theirs")
    before = (tmp_path / "out").stat().st_ino, (tmp_path / "out" / "notes.txt").stat().st_ino
    write_files(tmp_path / "out", {"front.csv": writer("newer")})
    assert ((tmp_path / "out").stat().st_ino, (tmp_path / "out" / "notes.txt").stat().st_ino) == before
    assert (tmp_path / "out" / "front.csv").read_text() == "newer"


def test_what_killed_runs_left_is_settled_before_the_work(tmp_path: Path) -> None:
    """Complete files take their places, half-written ones go; both are told in a line."""
    (tmp_path / "plan.csv").write_text("old")
    (tmp_path / "notes.txt").write_text("theirs")
    (tmp_path / ".optllm-pymoo-ready").mkdir()
    (tmp_path / ".optllm-pymoo-ready" / "plan.csv").write_text("new")
    with pytest.warns(Notice, match="an earlier run was killed while it wrote .*; its files are in place now"):
        check_writable(tmp_path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"plan.csv": "new", "notes.txt": "theirs"}
    (tmp_path / ".optllm-pymoo-new").mkdir()
    with pytest.warns(Notice, match="its incomplete files are deleted"):
        check_writable(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"plan.csv", "notes.txt"}


def test_a_folder_in_the_place_of_a_file_is_told_before_the_work(tmp_path: Path) -> None:
    """A folder called plan.csv is somebody's; under another name it is in nobody's way."""
    (tmp_path / "plan").mkdir()
    check_writable(tmp_path)
    (tmp_path / "plan.csv").mkdir()
    with pytest.raises(FileExistsError, match=r"plan\.csv there is no file; move it away"):
        check_writable(tmp_path)


def test_pictures_are_drawn_without_latex(tmp_path: Path) -> None:
    """Whatever matplotlibrc asks for: the pictures of a run don't need another program."""
    from matplotlib import rc_context, rcParams
    from matplotlib.figure import Figure

    used = []

    def draw() -> object:
        used.append(rcParams["text.usetex"])
        return Figure().add_subplot(title="10 %")

    with rc_context({"text.usetex": True}):
        picture(draw)(tmp_path / "a.png")
    assert used == [False]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_refuses_what_is_no_folder(tmp_path: Path) -> None:
    """A file in the way, here or above; a folder that is yet to be made is fine, and isn't made."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError, match=r"can't write to .*file is not a folder"):
            check_writable(folder)
    check_writable(tmp_path / "new" / "below")
    assert not (tmp_path / "new").exists()


def test_refuses_what_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without the right to write is told at once."""

    def denied(**where: Path) -> None:
        raise PermissionError(13, "Permission denied")

    check_writable(tmp_path)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("optllm_pymoo.planning.files.TemporaryFile", denied)
    with pytest.raises(PermissionError, match=r"can't write to .* is not writable \(Permission denied\)"):
        check_writable(tmp_path)


DATA = make_dataset(80, 3)


@pytest.fixture(scope="module")
def plan() -> Plan:
    """A plan of the 60 queries without labels."""
    return plan_front(DATA, 0.25).choose()


def test_is_the_plan_that_was_written(plan: Plan, tmp_path: Path) -> None:
    """Assignment, accuracies, σ and costs come back to the last bit, with the outcomes of its queries."""
    plan.to_csv(tmp_path / "plan.csv", predictions=True)
    batch = read_plan(tmp_path / "plan.csv", DATA)
    assert batch.plan.assignment == plan.assignment
    np.testing.assert_array_equal(batch.plan.problem.accuracy, plan.problem.accuracy)
    np.testing.assert_array_equal(batch.sigma, plan.chosen_sigma)
    assert batch.plan.n_labelled == plan.n_labelled == 20
    assert (batch.plan.cost_usd, batch.plan.accuracy) == (plan.cost_usd, plan.accuracy)
    rows = [DATA.query_ids.index(query_id) for query_id in plan.problem.query_ids]
    np.testing.assert_array_equal(batch.correct, DATA.correct[rows])


def test_number_of_labels_may_be_missing(plan: Plan, tmp_path: Path) -> None:
    """Files without the column are read as before; if plans were put together, the smallest number counts."""
    table = plan.to_frame()
    table.drop(columns="n_labelled").to_csv(tmp_path / "plan.csv", index=False)
    assert read_plan(tmp_path / "plan.csv", DATA).plan.n_labelled is None
    table.loc[3, "n_labelled"] = 7
    table.to_csv(tmp_path / "plan.csv", index=False)
    assert read_plan(tmp_path / "plan.csv", DATA).plan.n_labelled == 7


def test_predictions_may_be_missing(plan: Plan, tmp_path: Path) -> None:
    """The chosen accuracies are enough for an evaluation."""
    plan.to_csv(tmp_path / "plan.csv")
    batch = read_plan(tmp_path / "plan.csv", DATA)
    assert not batch.has_predictions
    assert batch.plan.accuracy == pytest.approx(plan.accuracy)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("accuracy", 1.5, r"line 4, column 'accuracy': expected a value in \[0, 1\]; found 1.5"),
        ("accuracy", "high", "line 4, column 'accuracy': expected a number, found 'high'"),
        ("cost_usd", -9.0, "line 4, column 'cost_usd': expected a number, finite and >= 0; found -9"),
        ("n_labelled", 0, "line 4, column 'n_labelled': expected at least 1 query"),
        ("sigma", -0.5, "line 4, column 'sigma': expected a number, finite and >= 0; found -0.5"),
    ],
)
def test_refuses(plan: Plan, tmp_path: Path, column: str, value: object, message: str) -> None:
    """Each fault is named with its place."""
    frame = plan.to_frame().astype({column: object})
    frame.loc[2, column] = value
    frame.to_csv(tmp_path / "plan.csv", index=False)
    with pytest.raises(DataFileError, match=message):
        read_plan(tmp_path / "plan.csv", DATA)


def test_refuses_twice_the_same_query(plan: Plan, tmp_path: Path) -> None:
    """A query has one LLM."""
    pd.concat([plan.to_frame(), plan.to_frame().head(1)]).to_csv(tmp_path / "plan.csv", index=False)
    with pytest.raises(DataFileError, match="is already on line 2"):
        read_plan(tmp_path / "plan.csv", DATA)


def test_refuses_missing_columns_and_files(plan: Plan, tmp_path: Path) -> None:
    """A table of something else, and nothing at all."""
    plan.to_frame()[["query_id", "llm"]].to_csv(tmp_path / "plan.csv", index=False)
    for path in (tmp_path / "plan.csv", tmp_path):
        with pytest.raises(DataFileError, match="column 'accuracy': this column is missing"):
            read_plan(path, DATA)
    with pytest.raises(FileNotFoundError, match=r"there is no plan .*; `optllm-pymoo plan` writes one"):
        read_plan(tmp_path / "other.csv", DATA)


def test_names_with_line_ends_come_back(tmp_path: Path) -> None:
    """Ids and LLMs may hold anything that a text can: commas, quotes, every kind of line end."""
    odd = ["a,b", 'c"d', "e\nf", "g\rh", "i\r\nj", " k"]
    data = Dataset(np.ones((6, 2)), np.ones((6, 2)), llms=["x\r=1", "y, z"], query_ids=odd)
    plan = Plan(problem_of(data, np.full((6, 2), 0.5)), [0, 1, 0, 1, 0, 1])
    plan.to_csv(tmp_path / "plan.csv", predictions=True)
    assert read_plan(tmp_path / "plan.csv", data).plan.assignment == plan.assignment
