"""The git revision of the code that measures."""

from __future__ import annotations

import subprocess
from pathlib import Path

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
