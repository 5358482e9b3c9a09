"""The package where nothing but the working folder can be written to, as in an ordinary container."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

USES = """
import optllm_pymoo
from optllm_pymoo.cli import main

try:
    main()
except SystemExit as ended:
    assert not ended.code
from pymoo.optimize import minimize
from optllm_pymoo import OptLLM, make_problem
print(optllm_pymoo.__file__, len(minimize(make_problem(100, 3), OptLLM(n_grid=4), seed=1).F) > 2)
"""

SCRIPT = 'mount --bind -o ro "$0" "$0" && if touch "$0/x" 2>/dev/null; then exit 77; fi; exec "$@"'
"""Mounts a folder read-only on itself, for one command; 77 if it can be written to all the same."""


def test_both_uses_work_without_a_place_for_caches(tmp_path):
    """The search and the command end as always; one line on stderr names NUMBA_CACHE_DIR."""
    installed, work = tmp_path / "installed", tmp_path / "work"
    shutil.copytree(ROOT / "optllm_pymoo", installed / "optllm_pymoo", ignore=shutil.ignore_patterns("__pycache__"))
    work.mkdir()
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, str(installed)]
    if shutil.which("unshare") is None or subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("this system gives no user namespace in which a folder can be made read-only")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA", "XDG", "MPL", "PYTHON"))}
    done = subprocess.run(
        [*inside, sys.executable, "-c", USES, "plan", "--labels", "all"],
        cwd=work,
        env={**bare, "HOME": str(installed), "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"\n{installed / 'optllm_pymoo' / '__init__.py'} True\n")
    written = sorted(path.name for path in (work / "optllm-plan").iterdir())
    assert written == ["front.csv", "front.png", "mix.png", "plan.csv", "plan.html", "predictions.npz"]
    assert done.stderr.count("\n") == 1, done.stderr
    line = done.stderr.strip()
    assert line.startswith("optllm-pymoo: numba finds no folder to keep compiled code in")
    assert line.endswith("set NUMBA_CACHE_DIR to a folder that can be written to")
    assert list(installed.rglob("__pycache__")) == []
