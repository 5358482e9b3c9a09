"""The suite `quick` from the command line to the page, and after it was killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.keep import keep
from benchmarks.runner.results import Results
from benchmarks.runner.store import Store
from benchmarks.suites.base import Options
from benchmarks.suites.quick import SUITE
from optllm_pymoo import make_dataset
from optllm_pymoo.data import save_dataset

CHECKOUT = Path(__file__).resolve().parents[3]
ALGORITHMS = ("optllm", "nsga2:warm", "lambda-sweep")

HEADINGS = (
    *("What was run", "Fair: every algorithm with every chance", "At a glance", "Targets", "Search quality"),
    *("Realised quality", "More than chance?", "Fronts", "Anytime: quality along the search", "Attainment"),
    *("Published: the paper's comparison", "What differs from the paper", "Saving at the best single LLM's accuracy"),
    *("Highest accuracy found", "Cost of OptLLM at each baseline's best accuracy: saving", "IGD, Δ and time"),
    *("Ablation: parts and settings", "Grid", "α", "Labelled share", "Parts", "Predictors", "Scaling"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A batch of 60 questions for three LLMs."""
    folder = tmp_path_factory.mktemp("data") / "small"
    save_dataset(make_dataset(60, 3, random_state=0), folder)
    return folder


def _start(data, out):
    """Start ``python -m benchmarks run quick``, as small as it gets."""
    options = ["--evaluations", 200, "--seconds", 0.1, "--splits", 1, "--algorithms", ",".join(ALGORITHMS)]
    command = [sys.executable, "-m", "benchmarks", "run", "quick", *options, "--data", data, "--out", out]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return subprocess.Popen(
        [str(part) for part in command], cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def _reproducible(data, out):
    """What must be equal in every run."""
    plan = SUITE.planned(Options((data,), ALGORITHMS, 1, 200, 0.1))
    results = Results(plan.cells, Store(out / "cells"))
    assert not results.missing()
    return results.reproducible()


def _take_over_sizes(data, finished, out):
    """Copy the stored cells of the scaling suite, and count them."""
    (out / "cells").mkdir()
    sizes = SUITE.planned(Options((data,), ALGORITHMS, 1, 200, 0.1)).parts["scaling"]
    shutil.copy(finished / "cells" / "format.txt", out / "cells")
    for cell in sizes:
        shutil.copy(Store(finished / "cells").path(cell), out / "cells")
    return len(sizes)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """The folder of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("quick")
    process = _start(data, out)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said.decode()
    return out


def test_table_and_report_are_there(finished):
    """The table, the report with the headings of all sections, the page, and every figure that the report shows."""
    folder = finished / "quick"
    report = (folder / "report.md").read_text(encoding="utf-8")
    headings = [line.lstrip("# ") for line in report.splitlines() if line.startswith("#")]
    assert set(HEADINGS) <= set(headings)
    shown = re.findall(r"\]\((figures/[^)]+)\)", report)
    assert len(shown) > 10
    assert all((folder / name).is_file() for name in shown)
    assert "<title>A quick cut through all suites</title>" in (folder / "report.html").read_text(encoding="utf-8")
    assert {"features", "table", "search", "scaling"} == set(pd.read_csv(folder / "results.csv")["kind"])


def test_the_report_names_no_place(finished, data):
    """Neither the checkout nor the folders of data and results."""
    report = (finished / "quick" / "report.md").read_text(encoding="utf-8")
    assert not [place for place in (str(CHECKOUT), str(finished), str(data)) if place in report]


def test_data_from_files_is_not_kept(finished, tmp_path):
    """The results of a user's data stay where they are."""
    with pytest.raises(ValueError, match="results on 'small', which came from files"):
        keep(finished / "quick", tmp_path / "kept")


@pytest.mark.slow
def test_killed_and_started_again(finished, data, tmp_path):
    """After SIGKILL in the midst of it the same command goes on, and ends with the table of the undisturbed run.

    Sizes of the scaling suite are processes of their own, which take long, and are taken over from that run.
    """
    n_taken = _take_over_sizes(data, finished, tmp_path)
    process = _start(data, tmp_path)
    deadline = time.monotonic() + 300
    while len(list(tmp_path.glob("cells/[!.]*.npz"))) < n_taken + 12:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "quick" / "report.html").exists()
    n_stored = len(list(tmp_path.glob("cells/[!.]*.npz")))
    process = _start(data, tmp_path)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said.decode()
    assert f"{n_stored} were stored" in said.decode()
    pd.testing.assert_frame_equal(_reproducible(data, tmp_path), _reproducible(data, finished))
