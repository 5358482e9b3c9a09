"""Starts the command line with made-up suites, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import STARTED

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def start():
    """Start ``run`` in a new process group, with a hash seed of its own."""

    def starter(*arguments, hash_seed="random"):
        command = [sys.executable, "-m", "tests.benchmarks.runner.driver", "run", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": str(hash_seed)}
        return subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=os.name != "nt",
            **STARTED,
        )

    return starter


@pytest.fixture(scope="session")
def finish(start):
    """Run to the end; return exit code and all that was printed."""

    def finisher(*arguments, **options):
        process = start(*arguments, **options)
        printed, told = process.communicate(timeout=120)
        return process.returncode, printed + told

    return finisher


@pytest.fixture(scope="session")
def uninterrupted(finish, tmp_path_factory):
    """The results folder of a tree of cells, measured one by one without a break."""
    out = tmp_path_factory.mktemp("uninterrupted")
    exit_code, printed = finish("tree", "--splits", 4, "--out", out, hash_seed=1)
    assert exit_code == 0, printed
    return out
