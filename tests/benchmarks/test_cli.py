"""The command line from end to end, on tiny batches."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from benchmarks.cells.rows import Row, RowsCell
from benchmarks.cli import app, parse_seeds
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import load_results
from benchmarks.suites import base
from benchmarks.suites.speed import Speed
from optllm_pymoo.data import Dataset, save_dataset

TIMES = ["seconds", "peak_rss_mib", "cell_seconds"]


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


def _told(done):
    return " ".join(done.output.replace("│", " ").split())


def test_files_are_written(folder, tmp_path):
    """Table, pictures, report and LaTeX are there, name what was run; the table is printed, too."""
    done = _compare(folder, tmp_path / "new" / "out", "--algorithms", "optllm,nsga2", "--seeds", 2, "--latex")
    assert done.exit_code == 0, done.output
    out = tmp_path / "new" / "out" / "compare"
    names = ["figures", "report.html", "report.md", "results.csv", "run.json", "tables.tex"]
    assert sorted(path.name for path in out.iterdir()) == names
    table = load_results(out)["search"]
    assert table[["algorithm", "seed"]].to_numpy().tolist() == [
        ["optllm", 1],
        ["optllm", 2],
        ["nsga2", 1],
        ["nsga2", 2],
    ]
    report = (out / "report.md").read_text(encoding="utf-8")
    assert report.index("![four, first split: fronts found") < report.index("| `nsga2` |")
    assert "Limits of a search: 60 evaluations." in report
    assert r"\begin{tabular}{lrrr" in (out / "tables.tex").read_text(encoding="utf-8")
    assert "own plans" in done.output.replace("\n", " ") or "plans ations" in done.output
    assert "optllm has the highest mean hypervolume ratio" in _told(done)


def test_the_table_reproduces(folder, tmp_path):
    """Two runs write the same results, apart from the columns that say how long it took and how much memory."""
    tables = []
    for out in (tmp_path / "first", tmp_path / "second"):
        assert _compare(folder, out, "--algorithms", "optllm,nsga2,random-search", "--seeds", "3,4").exit_code == 0
        tables.append(load_results(out / "compare")["search"].drop(columns=TIMES).to_csv())
    assert tables[0] == tables[1]


def test_several_data_sets_under_the_other_spelling(folder, tmp_path):
    """Each data set has its rows and its section; the command has a name, too."""
    save_dataset(Dataset([[1, 2]], [[0, 1]]), tmp_path / "one")
    arguments = ["--data", folder, "--data", tmp_path / "one", "--evaluations", 60, "--algorithms", "optllm"]
    done = _run("compare", *arguments, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert set(load_results(tmp_path / "out" / "compare")["search"]["data"]) == {"four", "one"}
    report = (tmp_path / "out" / "compare" / "report.md").read_text(encoding="utf-8")
    assert "### four" in report
    assert "### one" in report


def test_names_of_data_sets_are_no_markup(folder, tmp_path):
    """Neither in headings nor in the sentences at the top."""
    save_dataset(Dataset([[1, 2]], [[0, 1]]), tmp_path / "a*b_c*")
    done = _run("--data", tmp_path / "a*b_c*", "--budget", 20, "--algorithms", "optllm", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    report = (tmp_path / "out" / "compare" / "report.md").read_text(encoding="utf-8")
    assert r"* a\*b\_c\*: `optllm` has" in report
    assert "a*b_c*" not in report.replace("`a*b_c*`", "")
    assert "a*b_c*: optllm has" in done.output


def test_a_failing_algorithm(folder, tmp_path, failing):
    """The others are reported all the same, the failure is told with its traceback, and the exit code is 1."""
    done = _compare(folder, tmp_path, "--algorithms", f"{failing},optllm", "--seeds", 1)
    assert done.exit_code == 1
    assert "four, known outcomes: broken, 60 evaluations, seed 1 failed: Traceback" in _told(done)
    assert "RuntimeError: no such luck [today]" in done.output
    table = load_results(tmp_path / "compare")["search"].set_index("algorithm")
    assert table.loc["optllm", "hypervolume_ratio"] > 0.9
    report = (tmp_path / "compare" / "report.md").read_text(encoding="utf-8")
    assert "**1 cell failed**" in report
    assert "| `broken` | – |" in report


def test_only_failures(folder, tmp_path, failing):
    """Even then the files are written, and say so."""
    assert _compare(folder, tmp_path, "--algorithms", failing).exit_code == 1
    assert "Every algorithm failed." in (tmp_path / "compare" / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--algorithms", "nsga2:wram"], "unknown algorithm 'nsga2:wram'; did you mean 'nsga2:warm'"),
        (["--seeds", "one"], "seeds are a number of seeds, or seeds with commas between them; got 'one'"),
        (["--data", "no-such-folder"], "there is neither a folder nor a file"),
        (["--budget", "1"], "--evaluations must be at least 2; got 1"),
        (["--n-grid", "0"], "--n-grid must be at least 1; got 0"),
    ],
)
def test_refused_arguments(arguments, message, tmp_path):
    """Exit code 2 and a message that names what was wrong; no folder is made."""
    out = tmp_path / "out"
    done = _run("--out", out, *arguments)
    assert done.exit_code == 2
    assert message in _told(done)
    assert not out.exists()


def test_smallest_settings(folder, tmp_path):
    """The least that is allowed runs."""
    done = _run("--data", folder, "--budget", 2, "--n-grid", 1, "--algorithms", "optllm", "--out", tmp_path)
    assert done.exit_code == 0, done.output


def test_existing_results_survive_a_failed_start(folder, tmp_path):
    """A bad name doesn't touch what an earlier run left."""
    (tmp_path / "compare").mkdir()
    (tmp_path / "compare" / "results.csv").write_text("precious")
    assert _compare(folder, tmp_path, "--algorithms", "nsga2:wram").exit_code == 2
    assert (tmp_path / "compare" / "results.csv").read_text() == "precious"


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
    """The help of the bare command leads to the other ones."""
    done = _run("--help")
    assert done.exit_code == 0
    assert all(command in done.output for command in ("compare", "run", "predict", "speed", "keep", "table"))


def _one_row(*rows, unit="×"):
    """A measurement of a made-up row."""
    measured = 19.0 if not rows else rows[0]
    yield Row("some ratio", "10 × 2", measured, unit, "≤", 20.0)


def _above():
    yield from _one_row(21.0)


def test_options_in_front_of_a_subcommand(monkeypatch, tmp_path):
    """They belong to the comparison, and would be swallowed: refused; behind the subcommand they arrive."""
    seen = []

    def plan(suite, options):
        seen.append(options.quick)
        return Plan.of({"speed": [RowsCell(_one_row)]})

    monkeypatch.setattr(Speed, "plan", plan)
    done = _run("--quick", "speed")
    assert done.exit_code == 2
    assert "--quick stands before speed; put it behind speed" in _told(done)
    assert seen == []
    assert _run("speed", "--quick", "--out", tmp_path).exit_code == 0
    assert seen == [True]


@pytest.mark.parametrize("command", ["compare", "speed"])
def test_out_that_is_a_file(folder, tmp_path, command):
    """Said at once, in one message, and the file stays as it was."""
    taken = tmp_path / "taken"
    taken.write_text("mine")
    done = _run("speed", "--quick", "--out", taken) if command == "speed" else _compare(folder, taken)
    assert done.exit_code == 2
    assert "can't be a folder" in _told(done)
    assert taken.read_text() == "mine"


@pytest.mark.parametrize(("measured", "exit_code"), [(_one_row, 0), (_above, 1)])
def test_a_missed_target_shows_in_the_exit_code(monkeypatch, tmp_path, measured, exit_code):
    """With at most 20 allowed, 19 ends with 0 and 21 with 1; the row is in table and report, and named at the top."""
    monkeypatch.setattr(Speed, "plan", lambda suite, options: Plan.of({"speed": [RowsCell(measured)]}))
    done = _run("speed", "--out", tmp_path)
    assert done.exit_code == exit_code, done.output
    assert ("NOT reached: some ratio, 10 × 2" in _told(done)) == bool(exit_code)
    rows = load_results(tmp_path / "speed")["rows"]
    assert rows["reached"].tolist() == [not exit_code]
    name, size = ("**some ratio**", "**10 × 2**") if exit_code else ("some ratio", "10 × 2")
    assert f"| {name} | {size} |" in (tmp_path / "speed" / "report.md").read_text(encoding="utf-8")


def test_algorithms_whose_extra_is_missing_are_left_out(folder, tmp_path, monkeypatch):
    """One sentence names them and what brings them; the others run, and with nothing left it is an error."""
    monkeypatch.setattr(base, "missing_extra", lambda name: "pygmo" if name.startswith("pygmo") else None)
    done = _compare(folder, tmp_path, "--algorithms", "single-llms,pygmo-nspso,pygmo-moead:warm", "--seeds", 1)
    assert done.exit_code == 0, done.output
    report = (tmp_path / "compare" / "report.md").read_text(encoding="utf-8")
    assert "`pygmo-nspso`, `pygmo-moead:warm`" in report
    assert 'pip install "optllm-pymoo[pygmo]"' in report
    assert set(load_results(tmp_path / "compare")["search"]["algorithm"]) == {"single-llms"}
    refused = _compare(folder, tmp_path, "--algorithms", "pygmo-nspso")
    assert refused.exit_code == 2
    assert "none of the algorithms can run here" in _told(refused)
