"""The command as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "optllm_pymoo.cli"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}


SLOW = """
import pathlib, time
from optllm_pymoo.cli import main
from optllm_pymoo.pipeline import planning
def search(*args, **kwargs):
    pathlib.Path("searching").touch()
    time.sleep(120)
planning.find_front = search
main()
"""


def start(*arguments: str, cwd: Path, code: str | None = None) -> subprocess.Popen[str]:
    """Start the command, or code that calls it."""
    command = COMMAND if code is None else [sys.executable, "-c", code]
    return subprocess.Popen(
        [*command, *arguments], cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(os.name == "nt", reason="SIGINT can't be sent to another process on Windows")
def test_ctrl_c_ends_with_130_and_leaves_nothing(tmp_path: Path) -> None:
    """Interrupted in the middle of a search: one line, no traceback, no folder."""
    process = start("plan", "--labels", "all", cwd=tmp_path, code=SLOW)
    deadline = time.monotonic() + 60
    while not (tmp_path / "searching").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (130, "")
    assert stderr == "optllm-pymoo: interrupted; no file is half-written\n"
    assert [file.name for file in tmp_path.iterdir()] == ["searching"]


def test_help_and_wrong_commands(tmp_path: Path) -> None:
    """Help is no error; an unknown command is wrong usage."""
    process = start("--help", cwd=tmp_path)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert [name for name in ("plan", "front", "evaluate", "convert", "demo-data") if name not in stdout] == []
    process = start("plot", cwd=tmp_path)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (2, "")
    assert "No such command" in stderr


def test_no_screen_is_needed_and_no_progress_in_pipes(tmp_path: Path) -> None:
    """Without a terminal stderr stays empty: nothing that a log would have to be cleaned of."""
    process = start("plan", "--labels", "all", "--json", cwd=tmp_path)
    _, stderr = process.communicate(timeout=120)
    assert (process.returncode, stderr) == (0, "")
