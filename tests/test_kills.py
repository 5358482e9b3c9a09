"""Runs that are killed while they write leave all old or all new files; `tests.kills` says how it is done."""

from __future__ import annotations

import os

import pytest

from tests.processes import run_fresh

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system doesn't fork")


def test_a_folder_survives_a_signal_before_every_step():
    """Before every rename, flush and removal, by SIGKILL and another, in all three ways that a folder changes."""
    code = """
from tests.kills import every_step, folders
for case in folders():
    found = list(every_step(case))
    print(len(found) >= 24, sum(found, []))
"""
    assert run_fresh(code) == "True []\nTrue []\nTrue []"


def test_commands_survive_being_killed():
    """`plan`, `demo-data --overwrite` and `benchmarks keep`: some kills of each; `python -m tests.kills` does 200."""
    printed = run_fresh("from tests.kills import main; print(main(6))").splitlines()
    assert printed[-1] == "0", printed
    assert [line.split(":")[0] for line in printed[:3]] == ["plan", "demo-data --overwrite", "benchmarks keep"]
