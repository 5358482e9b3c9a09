"""The command line: `optllm-pymoo`."""

from optllm_pymoo.cli import commands, loop
from optllm_pymoo.cli.app import app, main

__all__ = ["app", "commands", "loop", "main"]
