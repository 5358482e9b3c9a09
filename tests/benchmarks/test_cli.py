"""The command line from end to end, on tiny batches."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from matplotlib import image
from typer.testing import CliRunner

from benchmarks import speed
from benchmarks.cells.rows import Row
from benchmarks.cli import app, parse_seeds
from benchmarks.head_to_head import NOT_REPRODUCIBLE
from benchmarks.suites import base as batches
from optllm_pymoo.data import Dataset, save_dataset

FILES = ["front.png", "report.md", "results.csv"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set with four queries."""
    path = tmp_path_factory.mktemp("data") / "four"
    cost, correct = [[1, 2, 5], [1, 3, 4], [2, 3, 9], [1, 1, 2]], [[0, 1, 1], [1, 0, 1], [0, 0, 1], [0, 1, 0]]
    save_dataset(Dataset(cost, correct, llms=["small", "medium", "large"]), path)
    return path


def _run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def _compare(folder, out, *arguments):
    return _run("--data", folder, "--budget", 60, "--n-grid", 4, "--out", out, *arguments)


def test_three_files_are_written(folder, tmp_path):
    """Table, picture and report are there, name what was run, and nothing half-written is left."""
    done = _compare(folder, tmp_path / "new" / "out", "--algorithms", "optllm,nsga2", "--seeds", 2)
    assert done.exit_code == 0, done.output
    out = tmp_path / "new" / "out"
    assert sorted(path.name for path in out.iterdir()) == FILES
    table = pd.read_csv(out / "results.csv")
    assert table[["algorithm", "seed"]].to_numpy().tolist() == [
        ["optllm", 1],
        ["optllm", 2],
        ["nsga2", 1],
        ["nsga2", 2],
    ]
    height, width, _ = image.imread(out / "front.png").shape
    assert min(height, width) > 300
    report = (out / "report.md").read_text(encoding="utf-8")
    assert "4 queries × 3 LLMs" in report
    assert "| `nsga2` |" in report
    assert "60 evaluations for each algorithm, n_grid 4, seeds 1, 2." in report
    assert "optllm" in done.output


def test_the_table_reproduces(folder, tmp_path):
    """Two runs write the same results, apart from the columns that say how long it took and how much memory."""
    texts = []
    for out in (tmp_path / "first", tmp_path / "second"):
        assert _compare(folder, out, "--algorithms", "optllm,nsga2,random-search", "--seeds", "3,4").exit_code == 0
        table = pd.read_csv(io.StringIO((out / "results.csv").read_text()), dtype=str)
        texts.append(table.drop(columns=list(NOT_REPRODUCIBLE)).to_csv())
    assert texts[0] == texts[1]


def test_several_data_sets(folder, tmp_path):
    """Each data set has its rows and its section."""
    save_dataset(Dataset([[1, 2]], [[0, 1]]), tmp_path / "one")
    done = _compare(folder, tmp_path / "out", "--data", tmp_path / "one", "--algorithms", "optllm")
    assert done.exit_code == 0, done.output
    assert set(pd.read_csv(tmp_path / "out" / "results.csv")["data"]) == {"four", "one"}
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "## four" in report
    assert "## one" in report


def test_a_failing_algorithm(folder, tmp_path, failing):
    """The others are reported all the same, the failure is told in table and report, and the exit code is 1."""
    done = _compare(folder, tmp_path, "--algorithms", f"{failing},optllm", "--seeds", 1)
    assert done.exit_code == 1
    assert "broken on four with seed 1 failed: RuntimeError: no such luck [today]" in done.output
    table = pd.read_csv(tmp_path / "results.csv").set_index("algorithm")
    assert table.loc["broken", "error"] == "RuntimeError: no such luck [today]"
    assert table.loc["optllm", "hypervolume_ratio"] > 0.9
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "## Failed" in report
    assert "| `broken` | failed |" in report


def test_only_failures(folder, tmp_path, failing):
    """Even then the files are written, and say so."""
    assert _compare(folder, tmp_path, "--algorithms", failing).exit_code == 1
    assert "Every algorithm failed." in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--algorithms", "nsga3"], "unknown algorithm 'nsga3'; did you mean 'nsga2'?"),
        (["--seeds", "one"], "seeds are a number of seeds, or seeds with commas between them; got 'one'"),
        (["--data", "no-such-folder"], "there is neither a folder nor a file"),
        (["--budget", "1"], "--budget must be at least 2; got 1"),
        (["--n-grid", "0"], "--n-grid must be at least 1; got 0"),
    ],
)
def test_refused_arguments(arguments, message, tmp_path):
    """Exit code 2 and a message that names what was wrong; no folder is made."""
    out = tmp_path / "out"
    done = _run("--out", out, *arguments)
    assert done.exit_code == 2
    told = " ".join(done.output.replace("│", " ").split())
    assert message in told
    assert not out.exists()


def test_smallest_settings(folder, tmp_path):
    """The least that is allowed runs."""
    done = _run("--data", folder, "--budget", 2, "--n-grid", 1, "--algorithms", "optllm", "--out", tmp_path)
    assert done.exit_code == 0, done.output


def test_existing_results_survive_a_failed_start(folder, tmp_path):
    """A bad name doesn't touch what an earlier run left."""
    (tmp_path / "results.csv").write_text("precious")
    assert _compare(folder, tmp_path, "--algorithms", "nsga3").exit_code == 2
    assert (tmp_path / "results.csv").read_text() == "precious"


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (1, 2, 3)), ("3,", (3,)), ("5, 7,5", (5, 7)), ("0,1", (0, 1)), ("1", (1,))]
)
def test_seeds(text, seeds):
    """A single number says how many, a comma makes them the seeds themselves."""
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", ",", "0", "-1", "1,-2", "1.5", "a,b"])
def test_refused_seeds(text):
    """None, negative and broken numbers are refused with what was given."""
    with pytest.raises(ValueError, match="seeds are a number of seeds, or seeds with commas between them; got "):
        parse_seeds(text)


def test_help_names_the_commands():
    """The help of the bare command leads to the other one."""
    done = _run("--help")
    assert done.exit_code == 0
    assert "speed" in done.output


def test_options_in_front_of_a_subcommand(monkeypatch, tmp_path):
    """They belong to the comparison, and would be swallowed: refused; behind the subcommand they arrive."""
    seen = []

    def run_speed(console, out, *, quick):
        seen.append((out, quick))
        return []

    monkeypatch.setattr(speed, "run_speed", run_speed)
    done = _run("--quick", "speed")
    assert done.exit_code == 2
    assert "--quick stands before speed; put it behind speed" in " ".join(done.output.replace("│", " ").split())
    assert seen == []
    assert _run("speed", "--quick", "--out", tmp_path).exit_code == 0
    assert seen == [(tmp_path, True)]


@pytest.mark.parametrize("command", ["compare", "speed"])
def test_out_that_is_a_file(folder, tmp_path, command):
    """Said at once, in one message, and the file stays as it was."""
    taken = tmp_path / "taken"
    taken.write_text("mine")
    done = _run("speed", "--quick", "--out", taken) if command == "speed" else _compare(folder, taken)
    assert done.exit_code == 2
    assert "can't be a folder" in " ".join(done.output.replace("│", " ").split())
    assert taken.read_text() == "mine"


@pytest.mark.parametrize(("measured", "exit_code"), [(19.0, 0), (21.0, 1)])
def test_a_missed_target_shows_in_the_exit_code(monkeypatch, tmp_path, measured, exit_code):
    """With at most 20 allowed, 19 ends with 0 and 21 with 1."""
    row = Row("some ratio", "10 × 2", measured, "×", "≤", 20.0)
    monkeypatch.setattr(speed, "run_speed", lambda console, out, *, quick: [row])
    assert _run("speed", "--out", tmp_path).exit_code == exit_code


def test_algorithms_whose_extra_is_missing_are_left_out(folder, tmp_path, monkeypatch):
    """One sentence names them and what brings them; the others run, and with nothing left it is an error."""
    monkeypatch.setattr(batches, "missing_extra", lambda name: "pygmo" if name.startswith("pygmo") else None)
    done = _compare(folder, tmp_path, "--algorithms", "single-llms,pygmo-nspso,pygmo-moead:warm", "--seeds", 1)
    assert done.exit_code == 0, done.output
    assert "`pygmo-nspso`, `pygmo-moead:warm`" in done.output
    assert 'pip install "optllm-pymoo[pygmo]"' in done.output
    assert set(pd.read_csv(tmp_path / "results.csv")["algorithm"]) == {"single-llms"}
    refused = _compare(folder, tmp_path, "--algorithms", "pygmo-nspso")
    assert refused.exit_code == 2
    assert "none of the algorithms can run here" in " ".join(refused.output.replace("│", " ").split())
