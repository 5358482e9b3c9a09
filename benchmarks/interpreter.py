"""Fresh interpreters on this very package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import optllm_pymoo

CHECKOUT = Path(__file__).resolve().parents[1]


def run_python(*arguments: str) -> str:
    """Run this interpreter on this very package, and return what it printed."""
    package = Path(optllm_pymoo.__file__).resolve().parents[1]
    paths = [str(CHECKOUT), str(package), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"a subprocess ended with exit code {done.returncode}:\n{done.stderr}")
    return done.stdout
