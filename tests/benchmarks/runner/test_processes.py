"""The command in processes of its own: killed, spread, starved, and always with the same table."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.runner.results import Results
from benchmarks.runner.run import run_cells
from benchmarks.runner.store import Store
from benchmarks.suites.base import Options
from tests.benchmarks.runner.made_up import Killed, MadeUp, tree

POSIX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs POSIX signals and /proc")
N_CELLS = 4 * 6 + 3
PAUSE = 0.0


def _results(out, pause=PAUSE):
    return Results(tree(Options(splits=4, seconds=pause or None)).cells, Store(Path(out) / "cells"))


def _same_numbers(left, right):
    """Compare whole tables, and every array."""
    assert left.reproducible().equals(right.reproducible())
    assert len(left.frame()) == N_CELLS
    for cell in left.cells():
        here, there = left.outcome(cell).arrays, right.outcome(cell).arrays
        assert {name: array.tolist() for name, array in here.items()} == {
            name: array.tolist() for name, array in there.items()
        }


def _done(out):
    return {path: path.stat().st_mtime_ns for path in (out / "cells").glob("[!.]*.npz")}


def _is_running(pid):
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_two_jobs(finish, uninterrupted, tmp_path):
    """Two worker processes, another hash seed: the same table, and measured elsewhere than here."""
    exit_code, printed = finish("tree", "--splits", 4, "--out", tmp_path, "--jobs", 2, hash_seed=2)
    assert exit_code == 0, printed
    assert f"{N_CELLS} cells measured, 0 were stored, 0 failed" in printed
    results = _results(tmp_path)
    _same_numbers(results, _results(uninterrupted))
    table = results.frame()
    assert set(table.loc[table["kind"] == "leaf", "pid"]).isdisjoint(table.loc[table["kind"] == "alone", "pid"])
    _nothing_beside_those_alone(table)


@pytest.mark.slow
def test_dask(finish, uninterrupted, tmp_path):
    """A local Dask cluster: the same table."""
    pytest.importorskip("distributed", reason="needs dask and distributed (extra: dask)")
    exit_code, printed = finish("tree", "--splits", 4, "--out", tmp_path, "--jobs", 2, "--dask", "local", hash_seed=3)
    assert exit_code == 0, printed
    _same_numbers(_results(tmp_path), _results(uninterrupted))
    table = _results(tmp_path).frame()
    assert set(table.loc[table["kind"] == "leaf", "pid"]).isdisjoint(table.loc[table["kind"] == "alone", "pid"])


def _nothing_beside_those_alone(table):
    timed = table.dropna(subset=["begun"])
    for name, alone in timed[timed["kind"] == "alone"].iterrows():
        others = timed.drop(index=name)
        assert ((others["ended"] <= alone["begun"]) | (others["begun"] >= alone["ended"])).all()


@pytest.mark.slow
@POSIX
def test_killed_three_times(start, finish, tmp_path):
    """SIGKILL at random moments: no file half-written, workers end, what was done stays, the table is the same."""
    arguments = ("tree", "--splits", 4, "--seconds", 0.1, "--out", tmp_path / "killed")
    moments = random.Random(0)
    for jobs, n_done in ((2, 2), (1, 5), (2, 9)):
        before = _done(tmp_path / "killed")
        process = start(*arguments, "--jobs", jobs)
        while len(_done(tmp_path / "killed")) < n_done:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.2))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        results = _results(tmp_path / "killed", 0.1)
        assert n_done <= len(results.cells()) == len(_done(tmp_path / "killed")) < N_CELLS
        assert before.items() <= _done(tmp_path / "killed").items()
        _all_end(results.frame()["pid"].dropna().astype(int))
    before = _done(tmp_path / "killed")
    exit_code, printed = finish(*arguments)
    assert exit_code == 0, printed
    assert f"{N_CELLS - len(before)} cells measured, {len(before)} were stored, 0 failed" in printed
    assert before.items() <= _done(tmp_path / "killed").items()
    plan = tree(Options(splits=4, seconds=0.1))
    run_cells(plan.cells, datasets=plan.datasets, store=Store(tmp_path / "whole" / "cells"))
    _same_numbers(_results(tmp_path / "killed", 0.1), _results(tmp_path / "whole", 0.1))


def _all_end(pids):
    deadline = time.monotonic() + 20
    while any(map(_is_running, pids)):
        assert time.monotonic() < deadline, "workers outlive the process that was killed"
        time.sleep(0.05)


PARENT = """
import subprocess, sys, time
code = "import os, time; from benchmarks.runner.worker import prepare_worker as prepare"
code += "; prepare(os.getppid()); print(os.getpid(), flush=True); time.sleep(100)"
subprocess.Popen([sys.executable, "-c", code])
time.sleep(100)
"""


@POSIX
def test_a_worker_ends_with_its_parent():
    """Also in the midst of a long cell: its parent is killed, and it ends within seconds."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert _is_running(worker)
    parent.kill()
    parent.wait()
    _all_end([worker])
    parent.stdout.close()


@POSIX
@pytest.mark.parametrize(("jobs", "number"), [(1, signal.SIGINT), (2, signal.SIGINT), (2, signal.SIGTERM)])
def test_ctrl_c_and_sigterm(start, tmp_path, jobs, number):
    """The process group is interrupted, as from a terminal, or the run terminated: one sentence, what is done stays."""
    process = start("tree", "--splits", 4, "--seconds", 0.2, "--out", tmp_path, "--jobs", jobs)
    while len(_done(tmp_path)) < 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    printed, told = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "the same command goes on from there" in told
    assert "Traceback" not in printed + told
    results = _results(tmp_path, 0.2)
    assert 3 <= len(results.cells()) == len(_done(tmp_path)) < N_CELLS
    _all_end(results.frame()["pid"].dropna().astype(int))


@pytest.mark.slow
@POSIX
def test_a_worker_that_is_killed(finish, tmp_path):
    """Only the cell that takes its worker down fails, by name; those in flight beside it are measured."""
    exit_code, printed = finish("killed", "--out", tmp_path, "--jobs", 2)
    assert exit_code == 1
    assert "killed 0 failed:" in printed
    assert "its worker ended in the midst of it, also when it ran alone" in printed
    assert "8 cells measured, 0 were stored, 1 failed" in printed
    results = Results([*map(MadeUp, range(8)), Killed(0)], Store(tmp_path / "cells"))
    assert results.missing() == [Killed(0)]
