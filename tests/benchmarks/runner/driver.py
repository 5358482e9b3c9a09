"""``python -m tests.benchmarks.runner.driver``: the command line of the benchmarks, with made-up suites."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import plugins
from benchmarks.cli import app
from benchmarks.suites import registry
from optllm_pymoo.signals import heed_sigterm
from tests.benchmarks.runner import made_up


def write_report(document: str, folder: Path, *, latex: bool) -> list[Path]:
    """Stand for the real renderer: the documents of the made-up suites are plain text."""
    path = folder / "report.txt"
    path.write_text(document, encoding="utf-8")
    return [path]


def install(patch: Any = setattr) -> None:
    """Let the made-up suites join, as if a package had brought them."""
    writer = ModuleType("benchmarks.report.writer")
    writer.write_report = write_report  # type: ignore[attr-defined]
    writer.print_document = lambda document, console: None  # type: ignore[attr-defined]
    sys.modules["benchmarks.report.writer"] = writer
    for module in (plugins, registry):
        patch(module, "joined", lambda: made_up.SUITES)


if __name__ == "__main__":
    heed_sigterm()
    install()
    app()
