"""The command line: `optllm-pymoo`."""

from __future__ import annotations

from optllm_pymoo.cli import commands
from optllm_pymoo.cli.app import app
from optllm_pymoo.signals import heed_sigterm

__all__ = ["app", "commands", "main"]


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    heed_sigterm()
    app()
