"""What the numbers were made with."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import optllm_pymoo

LIBRARIES = ("pymoo", "numpy", "numba", "moocore", "scipy", "scikit-learn")
"""SciPy brings HiGHS; predictors are scikit-learn's."""

OPTIONAL = ("pygmo", "alns")
"""Baselines that need not be installed."""


def versions() -> dict[str, str]:
    """Return versions by name, Python's among them, and those of optional packages that are installed."""
    return {
        "optllm-pymoo": optllm_pymoo.__version__,
        "Python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
        **{library: number for library in OPTIONAL if (number := _version_of(library))},
    }


def _version_of(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def machine() -> str:
    """Describe processor, usable cores and operating system."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {usable} cores, {platform.system()}"


def versions_line() -> str:
    """Return all of it in one line."""
    return f"{', '.join(f'{name} {number}' for name, number in versions().items())}; {machine()}"


def _processor() -> str:
    """Linux keeps the processor's name where ``platform.processor`` doesn't look."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


UNKNOWN = "unknown"


def git_revision(folder: Path = Path(__file__).parent, /) -> str:
    """Return the revision of the checkout that a folder belongs to.

    Returns:
        Twelve hexadecimal digits, with "-dirty" behind them if a tracked file has uncommitted changes; "unknown" where
        there is no git, or where the folder lies in a checkout without being part of it, as an installed package may.
    """
    try:
        _git(folder, "ls-files", "--error-unmatch", ".")
        revision = _git(folder, "rev-parse", "--short=12", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return f"{revision}-dirty" if changes else revision


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
