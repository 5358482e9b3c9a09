"""``python -m tests.benchmarks.runner.driver``: the command line of the benchmarks, with made-up suites."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from benchmarks.cli import app
from benchmarks.suites.registry import SUITES
from optllm_pymoo.signals import heed_sigterm
from tests.benchmarks.runner import made_up


def write_report(document: str, folder: Path) -> list[Path]:
    """Stand for the real renderer: the documents of the made-up suites are plain text."""
    path = folder / "report.txt"
    path.write_text(document, encoding="utf-8")
    return [path]


def install() -> None:
    """Put the made-up suites in place of the real ones."""
    renderer = ModuleType("benchmarks.report.writer")
    renderer.write_report = write_report  # type: ignore[attr-defined]
    sys.modules["benchmarks.report.writer"] = renderer
    sys.modules.setdefault("benchmarks.report", ModuleType("benchmarks.report"))
    SUITES.clear()
    SUITES.update(made_up.SUITES)


if __name__ == "__main__":
    heed_sigterm()
    install()
    app()
