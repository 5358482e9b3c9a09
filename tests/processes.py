"""Runs code in a fresh process, for claims about what is the same there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def heed_ctrl_c() -> None:
    """Let a process that is about to start be interrupted: one that a script put into the background isn't."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


STARTED = {} if os.name == "nt" else {"preexec_fn": heed_ctrl_c}
"""Options of `subprocess.Popen` for processes that are to be interrupted."""


def run_fresh(code: str, /, *args: str, **variables: str) -> str:
    """Run code in a new interpreter, with another hash seed and further variables, and return what it printed."""
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(ROOT), **variables}
    outcome = subprocess.run(
        [sys.executable, "-c", code, *args], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout.strip()
