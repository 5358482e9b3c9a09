"""The command in this process: what it refuses, says and writes."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from benchmarks.cells.cell import key_of
from benchmarks.cli import app
from benchmarks.runner.progress import Tally, duration
from optllm_pymoo import UserError
from tests.benchmarks.runner import driver
from tests.benchmarks.runner.made_up import SUITES as MADE_UP
from tests.benchmarks.runner.made_up import Failing, Leaf, MadeUp, MadeUpSuite


@pytest.fixture(autouse=True)
def _made_up_suites(monkeypatch):
    """The made-up suites, and a renderer for their plain text, for one test."""
    name = "benchmarks.report.writer"
    monkeypatch.setitem(sys.modules, name, sys.modules.get(name))
    driver.install(monkeypatch.setattr)


def _run(*arguments):
    done = CliRunner().invoke(app, ["run", *map(str, arguments)])
    return done.exit_code, " ".join(done.output.replace("│", " ").split())


def _files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_files(tmp_path):
    """Table and report lie in the suite's folder, cells in one that all suites share: the second measures less."""
    assert _run("tree", "--out", tmp_path, "--splits", 1)[0] == 0
    assert sorted(path.name for path in (tmp_path / "tree").iterdir()) == ["report.txt", "results.csv", "run.json"]
    assert (tmp_path / "tree" / "report.txt").read_text() == "alone, clock, leaf, root, top"
    exit_code, printed = _run("part", "--out", tmp_path)
    assert exit_code == 0
    assert "0 cells measured, 2 were stored, 0 failed" in printed
    assert len((tmp_path / "part" / "results.csv").read_text().splitlines()) == 3


def test_failures(tmp_path):
    """Exit code 1, the tracebacks, and table and report of the rest."""
    exit_code, printed = _run("failing", "--out", tmp_path)
    assert exit_code == 1
    assert "failing 0 failed: Traceback" in printed
    assert "RuntimeError: no such luck [today]" in printed
    assert "in need 0: not run: needs 'failing 0', which failed" in printed
    assert "6 cells measured, 0 were stored, 3 failed" in printed
    assert (tmp_path / "failing" / "report.txt").read_text() == "leaf, root, top"


def test_damaged_is_told(tmp_path):
    """The file is named when its cell was measured again."""
    _run("part", "--out", tmp_path)
    spoilt = next((tmp_path / "cells").glob("*.npz"))
    spoilt.write_bytes(b"")
    exit_code, printed = _run("part", "--out", tmp_path)
    assert exit_code == 0
    assert f"{spoilt} was damaged" in printed
    assert "1 cells measured, 1 were stored" in printed


@pytest.mark.parametrize("option", ["--list", "--dry-run", "--only-report", "--force"])
def test_what_can_not_be_read_is_told(tmp_path, option):
    """A folder in a cell's place is named, whatever is asked for; nothing is measured over it."""
    folder = tmp_path / "cells" / f"{key_of(MadeUp(0))}.npz"
    folder.mkdir(parents=True)
    (tmp_path / "cells" / "format.txt").write_text("2\n")
    exit_code, printed = _run("part", option, "--out", tmp_path)
    assert exit_code == 1
    assert f"Is a directory: '{folder}'" in printed
    assert folder.is_dir()


def test_dry_run_and_list_write_nothing(tmp_path):
    """Nothing is made or touched, before and after a run; counts and states are told."""
    out = tmp_path / "out"
    assert "2 cells, 0 stored, 2 to be measured" in _run("part", "--dry-run", "--out", out)[1]
    assert "missing root 0" in _run("part", "--list", "--out", out)[1]
    assert not out.exists()
    _run("part", "--out", out)
    spoilt = out / "cells" / f"{key_of(MadeUp(0))}.npz"
    spoilt.write_bytes(b"damaged")
    before = _files(tmp_path)
    exit_code, printed = _run("part", "--list", "--out", out)
    assert exit_code == 0
    assert f"{key_of(MadeUp(0))} damaged root 0" in printed
    assert f"{key_of(Leaf(0))} done leaf 0" in printed
    printed = _run("part", "--dry-run", "--out", out)[1]
    assert "root: 1 cells, 1 to be measured leaf: 1 cells, 0 to be measured" in printed
    assert "2 cells, 1 stored, 1 to be measured" in printed
    assert "2 cells, 1 stored, 2 to be measured" in _run("part", "--dry-run", "--force", "--out", out)[1]
    assert _files(tmp_path) == before


def test_only_the_report(tmp_path):
    """Table and report are written again from what is stored; nothing is measured, also where something is missing."""
    _run("part", "--out", tmp_path)
    (tmp_path / "part" / "report.txt").unlink()
    (tmp_path / "cells" / f"{key_of(MadeUp(0))}.npz").unlink()
    before = _files(tmp_path / "cells")
    exit_code, printed = _run("part", "--only-report", "--out", tmp_path)
    assert exit_code == 0
    assert "cells measured" not in printed
    assert (tmp_path / "part" / "report.txt").read_text() == "leaf"
    assert _files(tmp_path / "cells") == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["treee"], "unknown suite 'treee'; did you mean 'tree'?"),
        (["tree", "--algorithms", "nsga2:wram"], "unknown algorithm 'nsga2:wram'; did you mean 'nsga2:warm'"),
        (["tree", "--data", "no-such-folder"], "--data no-such-folder: there is neither a folder nor a file"),
        (["tree", "--jobs", "0"], "--jobs must be at least 1; got 0"),
        (["tree", "--splits", "0"], "--splits must be at least 1; got 0"),
        (["tree", "--evaluations", "1"], "--evaluations must be at least 2; got 1"),
        (["tree", "--seconds", "0"], "--seconds must be above 0 and finite; got 0.0"),
        (["tree", "--seconds", "nan"], "--seconds must be above 0 and finite; got nan"),
    ],
)
def test_refused(arguments, message, tmp_path):
    """Exit code 2, a message that names what was wrong, and nothing made."""
    exit_code, printed = _run(*arguments, "--out", tmp_path / "out")
    assert exit_code == 2
    assert message in printed
    assert not (tmp_path / "out").exists()


def test_a_plan_that_can_not_be_made(monkeypatch, tmp_path):
    """What a suite says about its options is passed on."""

    def refuse(options):
        raise UserError("--splits must be 10 here")

    monkeypatch.setitem(MADE_UP, "odd", MadeUpSuite("odd", refuse))
    exit_code, printed = _run("odd", "--out", tmp_path / "out")
    assert (exit_code, "--splits must be 10 here" in printed) == (2, True)


def test_no_dask_there(tmp_path):
    """An address where nobody answers: exit code 1 and one sentence."""
    pytest.importorskip("distributed", reason="needs dask and distributed (extra: dask)")
    exit_code, printed = _run("part", "--dask", "nonsense://here", "--out", tmp_path)
    assert exit_code == 1
    assert "The run had to stop:" in printed
    assert "goes on from there" in printed


def test_progress():
    """How much is done, how long the rest will take on two cores, and what is running."""
    tally = Tally()
    cells = [*map(Leaf, range(4)), Failing(0)]
    tally.begin(cells, [(Leaf(9), 60.0)])
    tally.working(2)
    assert tally.line() == "0 of 5 cells; about 2 min 0 s left and 1 of unknown length"
    for cell in cells[:3]:
        tally.started(cell)
    assert tally.line().endswith("; leaf 0; leaf 1")
    tally.ended(Leaf(0), 0.0)
    tally.ended(Failing(0), None)
    assert tally.line() == "2 of 5 cells; 1 failed; about 45 s left; leaf 1; leaf 2"


def test_progress_of_unknown_length():
    """Nothing like it was ever measured."""
    tally = Tally()
    tally.begin([MadeUp(0)], [])
    assert tally.line() == "0 of 1 cells; time left unknown"


def test_durations():
    """Two units at most."""
    assert [duration(seconds) for seconds in (0.2, 59.6, 3725, 200000)] == [
        "0 s",
        "1 min 0 s",
        "1 h 2 min",
        "55 h 33 min",
    ]


def test_results_of_another_version_are_refused(tmp_path):
    """A folder with cells of another format, or of none, isn't gone on with, and stays as it is."""
    _run("part", "--out", tmp_path)
    said = tmp_path / "cells" / "format.txt"
    for spoil in (lambda: said.write_text("1\n"), said.unlink):
        spoil()
        before = _files(tmp_path)
        for option in ("--list", "--dry-run", "--only-report", "--force"):
            exit_code, printed = _run("part", option, "--out", tmp_path)
            assert exit_code == 2
            assert "holds results of another version of this program (format 1, this one has 2)" in printed
        assert _files(tmp_path) == before
