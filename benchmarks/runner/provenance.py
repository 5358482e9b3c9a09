"""Versions, machine and revision with which the numbers were measured."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import optllm_pymoo

# SciPy brings HiGHS; predictors are scikit-learn's.
LIBRARIES = ("pymoo", "numpy", "numba", "moocore", "scipy", "scikit-learn")

# Baselines that need not be installed.
OPTIONAL = ("pygmo", "alns")


@cache
def versions() -> dict[str, str]:
    """Return versions by name, Python's among them, and those of optional packages that are installed."""
    found = {"optllm-pymoo": optllm_pymoo.__version__, "Python": platform.python_version()}
    found |= {library: version(library) for library in LIBRARIES}
    for library in OPTIONAL:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


@cache
def machine() -> str:
    """Describe processor, usable cores and operating system."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # Linux keeps the processor's name where platform.processor doesn't look
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = models[0] if models else platform.processor() or platform.machine()
    return f"{processor}, {usable} cores, {platform.system()}"


UNKNOWN = "unknown"


def git_revision(folder: Path = Path(__file__).parent, /) -> str:
    """Return the revision of the checkout that a folder belongs to.

    Returns:
        Twelve hexadecimal digits, with "-dirty" after them if a tracked file has uncommitted changes; "unknown" where
        there is no git, or where the folder is inside a checkout but not part of it, as an installed package may be.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", ".")
        revision = git("rev-parse", "--short=12", "HEAD")
        return f"{revision}-dirty" if git("status", "--porcelain", "--untracked-files=no") else revision
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
