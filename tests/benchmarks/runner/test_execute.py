"""Running, in this process: what is missing is measured, what fails is told, and nothing is measured twice."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from benchmarks.cells.cell import Outcome, key_of
from benchmarks.runner.provenance import UNKNOWN, git_revision
from benchmarks.runner.results import CELL_SECONDS, Results
from benchmarks.runner.run import run_cells
from benchmarks.runner.store import Store
from benchmarks.runner.worker import one_core
from tests.benchmarks.runner.made_up import Alone, Clock, Failing, InNeed, Leaf, MadeUp, Top, Unfed, four

DATASETS = {"four": four}


def _run(folder, *cells, **options):
    return run_cells(cells, datasets=DATASETS, store=Store(folder), **options)


def _stamps(folder):
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.glob("*.npz")}


def test_only_what_is_missing(tmp_path):
    """A second run measures nothing and touches no file; a bigger one measures what is new."""
    first = _run(tmp_path, Leaf(0), Leaf(1))
    assert [cell.title() for cell in first.done] == ["root 0", "leaf 0", "leaf 1"]
    before = _stamps(tmp_path)
    second = _run(tmp_path, Leaf(0), Leaf(1))
    assert (list(second.done), list(second.reused)) == ([], [MadeUp(0), Leaf(0), Leaf(1)])
    assert _stamps(tmp_path) == before
    third = _run(tmp_path, Top(0))
    assert list(third.done) == [Leaf(2), Leaf(3), Top(0)]
    assert before.items() <= _stamps(tmp_path).items()


def test_force(tmp_path):
    """Everything is measured again, with the same numbers."""
    _run(tmp_path, Top(0), Clock(0))
    before, stamps = Results([Top(0), Clock(0)], Store(tmp_path)), _stamps(tmp_path)
    assert len(_run(tmp_path, Top(0), Clock(0), force=True).done) == 7
    assert not stamps.items() & _stamps(tmp_path).items()
    after = Results([Top(0), Clock(0)], Store(tmp_path))
    assert after.reproducible().equals(before.reproducible())
    assert not after.frame().equals(before.frame())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged", None], ids=["empty", "random", "of another cell"])
def test_damaged_is_measured_anew(tmp_path, content):
    """One file is spoilt: it is named, its cell is measured again, and no other."""
    store = Store(tmp_path)
    _run(tmp_path, Top(0))
    before, path = Results([Top(0)], store).reproducible(), store.path(Leaf(2))
    path.write_bytes(store.path(Leaf(3)).read_bytes() if content is None else content)
    stamps = _stamps(tmp_path)
    again = _run(tmp_path, Top(0))
    assert list(again.done) == [Leaf(2)]
    assert list(again.damaged) == [path]
    assert {name for name, stamp in _stamps(tmp_path).items() if stamps[name] != stamp} == {path.name}
    assert Results([Top(0)], store).reproducible().equals(before)


def test_failures(tmp_path):
    """Of those that fail the traceback is told, of those in need of them the cause; the rest is done; all try again."""
    for _ in range(2):
        report = _run(tmp_path, Failing(0), InNeed(0), Unfed(0), Leaf(0))
        failed = {failure.cell: failure for failure in report.failed}
        assert set(failed) == {Failing(0), InNeed(0), Unfed(0)}
        assert failed[Failing(0)].reason == "RuntimeError: no such luck [today]"
        assert "Traceback" in failed[Failing(0)].text
        assert failed[InNeed(0)].text == "not run: needs 'failing 0', which failed"
        assert "unknown data set 'for'; did you mean 'four'?" in failed[Unfed(0)].reason
        assert not failed[InNeed(0)].was_run
    assert {*report.reused} == {MadeUp(0), Leaf(0)}
    results = Results([InNeed(0), Leaf(0)], Store(tmp_path), failed=report.failed)
    assert results.missing() == [Failing(0), InNeed(0)]


def test_one_core_inside_cells():
    """Our kernels and whatever asks joblib get one thread in a cell, and have their threads back afterwards."""
    import joblib

    before = numba.get_num_threads()
    with one_core():
        assert numba.get_num_threads() == 1
        assert joblib.Parallel(n_jobs=2)._effective_n_jobs() == 1
    assert numba.get_num_threads() == before


class Spoiling(MadeUp):
    """Changes what it is given."""

    kind = "spoiling"
    needs = (MadeUp(0),)

    def inputs(self, workbench):
        return (workbench.outcome(MadeUp(0)).arrays["numbers"],)

    def measure(self, numbers):
        first = numbers[0]
        numbers[:] = 0
        return Outcome({"first": first})


def test_a_cell_can_not_spoil_another(tmp_path):
    """Both see what was stored, also in one process."""
    _run(tmp_path, Spoiling(0), Spoiling(1))
    first, second = Results([Spoiling(0), Spoiling(1)], Store(tmp_path)).frame("spoiling")["first"]
    assert first == second != 0


def test_the_table(tmp_path):
    """Rows in the order of the plan; description, seed, measures, then timings with the whole measurement's last."""
    _run(tmp_path, Top(0), Clock(0), Alone(0))
    results = Results([Top(0), Clock(0), Alone(0)], Store(tmp_path))
    table = results.frame()
    assert list(table["kind"]) == ["root", *["leaf"] * 4, "top", "clock", "alone"]
    measures = ["mean", "nan", "inf", "count", "name", "no", "nanoseconds"]
    assert list(table) == [
        "kind",
        "definition",
        "place",
        "pause",
        "seed",
        *measures,
        "begun",
        "ended",
        "pid",
        CELL_SECONDS,
    ]
    assert list(table.index) == [key_of(cell) for cell in results.cells()]
    assert list(results.frame("clock")) == ["kind", "definition", "place", "pause", "seed", "nanoseconds", CELL_SECONDS]
    reproducible = results.reproducible()
    assert list(reproducible) == ["kind", "definition", "place", "pause", "seed", *measures[:-1]]
    assert list(reproducible.index) == sorted(reproducible.index)
    assert np.isneginf(table.loc[key_of(Top(0)), "inf"])
    total = results.outcome(Top(0)).arrays["numbers"].mean()
    assert results.frame("top")["mean"].item() == total
    with pytest.raises(LookupError, match="'top 1' is not done"):
        results.outcome(Top(1))


def test_tables_of_nothing(tmp_path):
    """No cell is done: tables without rows, and a file with a header."""
    results = Results([Top(0)], Store(tmp_path / "none"))
    assert len(results.frame()) == len(results.reproducible()) == len(results.frame("leaf")) == 0
    results.write_csv(tmp_path / "results.csv")
    assert (tmp_path / "results.csv").read_text().strip() == "cell,cell_seconds"


def test_provenance(tmp_path, monkeypatch):
    """What was measured with another revision is counted; versions, machine and revision are kept."""
    _run(tmp_path, Leaf(0))
    results = Results([Leaf(0)], Store(tmp_path))
    assert results.warnings() == []
    assert results.provenance()["revisions"] == [git_revision()]
    assert "numba " in results.provenance()["versions"][0]
    monkeypatch.setattr("benchmarks.runner.run.git_revision", lambda: "abc")
    _run(tmp_path, Leaf(0), Leaf(1))
    warning = f"1 of 3 stored cells come from revision abc, not from {git_revision()}; --force measures them again"
    assert Results([Leaf(0), Leaf(1)], Store(tmp_path)).warnings() == [warning]


def test_revision_outside_a_checkout(tmp_path):
    """There is none, also where a folder lies in a checkout without being part of it."""
    assert git_revision(tmp_path) == UNKNOWN
