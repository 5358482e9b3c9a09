"""The command line: `optllm-pymoo`."""

from __future__ import annotations

from optllm_pymoo.cli import planning  # isort: skip  # the order of the help
from optllm_pymoo.cli import evaluating  # isort: skip
from optllm_pymoo.cli import converting  # isort: skip
from optllm_pymoo.cli.app import app

__all__ = ["app", "converting", "evaluating", "main", "planning"]


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    app()
