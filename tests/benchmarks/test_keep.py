"""The README's comparison table, and results that are kept for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.cells.algorithms import family_of
from benchmarks.cli import app
from benchmarks.keep import KEPT, RUN, keep
from benchmarks.report.quality import overview_table
from benchmarks.runner.results import load_results
from benchmarks.suites.fair import GENERAL
from benchmarks.table import ROWS, DrawnTable, drawn_table, readme_table, with_table
from optllm_pymoo import UserError

NEW = DrawnTable("algorithms", "new")
START, END = NEW.marks
README = Path(__file__).resolve().parents[2] / "README.md"


def _results():
    """A table of results: two algorithms on two data sets at equal evaluations, one of them at equal seconds too."""
    rows = [
        ("features", "questions-10x2", None, np.nan, np.nan, np.nan, np.nan, np.nan),
        ("search", "questions-10x2", "optllm", 100.0, np.nan, 0.9, 1.0, 0.7),
        ("search", "questions-20x2", "optllm", 100.0, np.nan, 1.0, 3.0, 0.9),
        ("search", "questions-10x2", "nsga2:warm", 100.0, np.nan, 0.5, 1.0, 0.1),
        ("search", "questions-20x2", "nsga2:warm", 100.0, np.nan, 0.6, 1.0, 0.2),
        ("search", "questions-10x2", "optllm", np.nan, 2.5, 0.8, 2.5, 0.7),
        ("search", "questions-20x2", "optllm", np.nan, 2.5, 0.9, 2.5, 0.7),
        ("search", "questions-20x2", "rnsga2", 100.0, np.nan, 0.6, 1.0, 0.2),
    ]
    columns = ["kind", "data", "algorithm", "max_evaluations", "max_seconds", "hypervolume_ratio", "seconds", "area"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.insert(0, "cell", [f"{k:020x}" for k in range(len(frame))])
    return frame.assign(definition="0" * 12, split=0, evaluations=frame["max_evaluations"])


def _table(frame, tmp_path):
    """The README's table of such results."""
    frame.to_csv(tmp_path / "results.csv", index=False)
    return readme_table(tmp_path / "results.csv")


def table_in(text):
    """What stands between the marks."""
    with_table(text, NEW)
    return text.split(START)[1].split(END)[0].strip("\n")


def _run_folder(folder, frame):
    """The folder of a suite that was run."""
    (folder / "figures").mkdir(parents=True)
    frame.to_csv(folder / "results.csv", index=False)
    (folder / RUN).write_text(json.dumps({"suite": "fair", "cells": len(frame), "missing": 0, "failed": 0}))
    (folder / "report.md").write_text("# Report\n", encoding="utf-8")
    (folder / "report.html").write_text("<p>", encoding="utf-8")
    (folder / "figures" / "a.svg").write_text("<svg/>", encoding="utf-8")
    return folder


def test_rows_are_means_over_data_sets(tmp_path):
    """(0.9 + 1.0) / 2, (0.8 + 0.9) / 2, 2 seconds, (0.7 + 0.9) / 2; what tells nothing new is left out."""
    head, _, first, second, _, legend = _table(_results(), tmp_path).splitlines()
    assert head.count("|") == 6
    assert first == "| `optllm` | 0.9500 | 0.8500 | 2 | 0.8000 |"
    assert second == "| `nsga2:warm` | 0.5500 | – | 1 | 0.1500 |"
    assert legend.startswith("Means over 2 synthetic batches and 1 split of each, at 100 evaluations or 2.5 seconds.")


def test_who_ends_early_is_named(tmp_path):
    """20 of 100 evaluations are told, 60 aren't, nor is what the table doesn't show; at equal seconds nothing is."""
    frame = _results()
    frame.loc[frame["algorithm"] == "nsga2:warm", "evaluations"] = 20.0
    frame.loc[frame["algorithm"] == "rnsga2", "evaluations"] = 1.0
    frame.loc[frame["algorithm"] == "optllm", "evaluations"] = 60.0
    told = _table(frame, tmp_path)
    assert "Seconds: for those evaluations. Ended by themselves: `nsga2:warm` after 20. Realised" in told
    assert "Ended by themselves" not in _table(_results(), tmp_path)


def test_no_algorithm_to_show(tmp_path):
    """Results of another suite."""
    with pytest.raises(ValueError, match="are they those of the suite fair"):
        _table(_results().query("algorithm == 'rnsga2'"), tmp_path)


def test_results_of_predict_make_the_table_of_predictors(tmp_path):
    """Area .75 beside .5 of constants, .875 with more features; without constants there is nothing to compare with."""
    path = tmp_path / "results.csv"
    rows = [("ours", 0.75), ("constants", 0.5)]
    frame = pd.DataFrame(rows, columns=["predictor", "area"]).assign(
        **{"kind": "table", "data": "d", "drawn": "text", "labels": 0.2, "split": 0, "n_labelled": 7, "saving": 0.1}
    )
    frame.insert(0, "cell", [f"{k:020x}" for k in range(2)])
    frame.assign(definition="0" * 12).to_csv(path, index=False)
    table = drawn_table([path]).markdown
    assert "| d | 20% (7) | `ours` | 0.7500 | +0.2500 |" in table
    assert "| `ours` | 1 | +0.2500 |" in table
    other = tmp_path / "other.csv"
    more = frame.assign(definition="0" * 12, data="e", cell=[f"{k:020x}" for k in (2, 3)], area=[0.5, 0.75])
    more.to_csv(other, index=False)
    assert "| `ours` | 2 | +0.0000 |" in drawn_table([path, other, path]).markdown
    wider = frame[:1].assign(predictor="ours+module:read", area=0.875, cell="f" * 20)
    pd.concat([frame, wider]).assign(definition="0" * 12).to_csv(path, index=False)
    name, table = drawn_table([path])
    assert name == "embeddings"
    assert "| d | 20% (7) | `ours+module:read` | 0.8750 | +0.1250 |" in table
    frame[:1].assign(definition="0" * 12).to_csv(path, index=False)
    with pytest.raises(ValueError, match="no predictor beside constants"):
        drawn_table([path])


def test_results_of_routers_make_the_table_of_routers(tmp_path):
    """Area .75 beside .5 of the rival, which lies .2 from the best plans; permuted texts don't count."""
    split = {"drawn": "text", "labels": 0.2, "split": 0, "definition": "0" * 12}
    tables = pd.DataFrame([("ours", 0.75, "d"), ("knn", 0.5, "d"), ("ours", 0.1, "d-permuted")])
    tables = tables.set_axis(["predictor", "area", "data"], axis=1)
    tables = tables.assign(kind="table", n_labelled=7, brier=0.2, performance_gain=0.1, aiq=0.6, **split)
    apart = pd.DataFrame([("ours", 0.0), ("knn", 0.2)], columns=["what", "measured"])
    apart = apart.assign(kind="distance", data="d", predictor="ours,knn", **split)
    frame = pd.concat([tables.assign(cell=[f"{k:020x}" for k in range(3)]), apart.assign(cell="f" * 20)])
    frame.to_csv(tmp_path / "results.csv", index=False)
    table = drawn_table([tmp_path / "results.csv"]).markdown
    assert "| **`ours`** | **0.7500** | **0.0%** | **+10.0%** | **0.6000** | **0.0000** |" in table
    assert "| `knn` | 0.5000 | 0.0% | +10.0% | 0.6000 | 0.2000 |" in table
    assert "| d | 20% | 7 | 0.7500 | `knn` | 0.5000 | +0.2500 |" in table
    assert "`ours` has the lowest mean ParetoDist, 0.0000." in table


def test_the_block_is_replaced():
    """Only what stands between the marks changes; doing it twice changes nothing more."""
    text = f"before\n{START}\nold\n{END}\nafter\n"
    once = with_table(text, NEW)
    assert once == f"before\n{START}\nnew\n{END}\nafter\n" == with_table(once, NEW)
    assert table_in(once) == "new"
    assert with_table(once.replace("algorithms", "forecasts"), DrawnTable("forecasts", "new")) == once.replace(
        "algorithms", "forecasts"
    )
    with pytest.raises(ValueError, match="one line '<!-- embeddings table -->'"):
        with_table(once, DrawnTable("embeddings", ""))


@pytest.mark.parametrize("text", ["", START, f"{END}{START}", f"{START}{END}{START}"])
def test_marks_that_are_not_right(text):
    """Missing, in the wrong order, or twice."""
    with pytest.raises(ValueError, match="algorithms table"):
        with_table(text, NEW)


def test_the_command_prints_and_writes(tmp_path):
    """Printed without --write; with it, the file has the same table."""
    _results().to_csv(tmp_path / "results.csv", index=False)
    page = tmp_path / "page.md"
    page.write_text(f"{START}\n{END}\n", encoding="utf-8")
    arguments = ["table", "--results", str(tmp_path / "results.csv")]
    printed = CliRunner().invoke(app, arguments)
    assert printed.exit_code == 0, printed.output
    written = CliRunner().invoke(app, [*arguments, "--write", str(page)])
    assert written.exit_code == 0, written.output
    assert table_in(page.read_text(encoding="utf-8")) == printed.output.strip("\n")


def test_missing_results_are_told(tmp_path):
    """The path is named, and there is no traceback."""
    done = CliRunner().invoke(app, ["table", "--results", str(tmp_path / "none.csv")])
    assert done.exit_code == 2
    assert "none.csv" in "".join(done.output.replace("│", "").split())


def test_kept_are_table_report_and_figures(tmp_path):
    """Not the page, and nothing of an earlier time; what others have put beside them stays."""
    folder = _run_folder(tmp_path / "fair", _results())
    (tmp_path / "kept" / "fair" / "figures").mkdir(parents=True)
    (tmp_path / "kept" / "fair" / "figures" / "old.svg").write_text("", encoding="utf-8")
    (tmp_path / "kept" / "fair" / "notes.md").write_text("", encoding="utf-8")
    done = CliRunner().invoke(app, ["keep", "fair", "--out", str(tmp_path), "--to", str(tmp_path / "kept")])
    assert done.exit_code == 0, done.output
    files = sorted(str(path.relative_to(tmp_path / "kept" / "fair")) for path in (tmp_path / "kept").rglob("*.*"))
    assert files == ["figures/a.svg", "notes.md", "report.md", "results.csv"]
    assert (folder / "report.html").exists()


def test_only_synthetic_data_is_kept(tmp_path):
    """A data set with any other name came from a file."""
    folder = _run_folder(tmp_path / "fair", _results().replace("questions-20x2", "my-questions-20x2"))
    with pytest.raises(ValueError, match="'my-questions-20x2', which came from files"):
        keep(folder, tmp_path / "kept")
    _results().assign(data=2024).to_csv(folder / "results.csv", index=False)
    with pytest.raises(ValueError, match="'2024', which came from files"):
        keep(folder, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        (
            {"cells": 1011, "missing": 3, "failed": 1},
            r"3 of 1,011 cells are missing, of which 1 failed in the last run; repeat `python -m benchmarks run fair`",
        ),
        (
            {"cells": 1011, "missing": 1003, "failed": 0},
            r"1,003 of 1,011 cells are missing, of which 0 failed .* with the same options until all are measured",
        ),
        (
            {"cells": 1011, "missing": 0, "failed": 0},
            r"counts 1,011 cells, results\.csv has 8; write both again .* --only-report",
        ),
    ],
)
def test_incomplete_results_are_not_kept(tmp_path, told, refused):
    """What is missing is counted, and what to do is told; what doesn't fit the table is refused, too."""
    folder = _run_folder(tmp_path / "fair", _results())
    (folder / RUN).write_text(json.dumps(told))
    with pytest.raises(UserError, match=refused):
        keep(folder, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_results_of_an_older_program_are_refused(tmp_path):
    """They have no definitions: said in words, by every reader."""
    folder = _run_folder(tmp_path / "fair", _results().drop(columns="definition"))
    for read in (load_results, readme_table, lambda path: keep(folder, tmp_path / "kept")):
        with pytest.raises(UserError, match=r"no columns cell, kind and definition: .* run the suite again"):
            read(folder / "results.csv")


@pytest.mark.parametrize("suite", [folder.name for folder in sorted(KEPT.iterdir()) if folder.is_dir()])
def test_what_is_kept_is_complete(suite):
    """The report says that all cells are measured, as many as the table has."""
    report = (KEPT / suite / "report.md").read_text(encoding="utf-8")
    n_cells = sum(frame.index.nunique() for frame in load_results(KEPT / suite).values())
    assert f"All {n_cells:,} cells are measured." in report


def test_no_place_of_this_machine_is_kept(tmp_path):
    """A report with a traceback names files."""
    folder = _run_folder(tmp_path / "fair", _results())
    with (folder / "report.md").open("a", encoding="utf-8") as report:
        report.write(f'File "{Path.cwd()}/x.py"')
    with pytest.raises(ValueError, match="repeat the run until nothing fails"):
        keep(folder, tmp_path / "kept")


def test_the_strongest_rival_is_shown():
    """No evolutionary algorithm or swarm of the kept results is better than those of the README, under either limit."""
    table = overview_table(load_results(KEPT / "fair")["search"])
    general = table[[family_of(name) in GENERAL for name in table.index]]
    for measure in ("at_evaluations", "at_seconds"):
        assert general[measure].idxmax() in ROWS


def test_the_readme_is_up_to_date():
    """Its table is what ``python -m benchmarks table --write README.md`` would write."""
    kept = KEPT / "fair" / "results.csv"
    assert kept.is_file(), "run the suite fair, then `python -m benchmarks keep fair`"
    assert table_in(README.read_text(encoding="utf-8")) == readme_table(kept)
