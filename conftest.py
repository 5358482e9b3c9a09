"""Runs the blocks of README and docs as tests; examples that need an extra are skipped without it."""

from __future__ import annotations

import os
import shlex
import subprocess
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser
from sybil.sybil import SybilCollection
from typer.testing import CliRunner

for library in ("OPENBLAS", "MKL"):
    # each worker is a process of its own: threads of linear algebra that wait for one another would slow all down
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def run_in_shell(example: Example) -> None:
    """Run a block as its reader would: our own commands in this process, which saves their imports, others in bash."""
    lines = example.parsed.splitlines()
    if not all(line.startswith("optllm-pymoo ") for line in lines):
        subprocess.run(["bash", "-euo", "pipefail", "-c", example.parsed], check=True)
        return
    from optllm_pymoo.cli import app

    for line in lines:
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, done.output


def enter_folder(names: dict[str, Any]) -> None:
    """Begin a page in an empty folder, which its blocks share."""
    names["_before"], names["_folder"] = Path.cwd(), TemporaryDirectory()
    os.chdir(names["_folder"].name)


def leave_folder(names: dict[str, Any]) -> None:
    """Go back and take the folder away."""
    os.chdir(names["_before"])
    names["_folder"].cleanup()


PAGES = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/*.md"],
    excludes=["docs/extending.md", "docs/loop.md", "docs/start.md", "docs/constraints_cli.md", "docs/scale.md"],
)
"""Whose Python is run; two have tests of their own in `tests/docs`."""

WALKS = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser("sh", run_in_shell)],
    patterns=["docs/start.md", "docs/constraints_cli.md", "docs/scale.md", "docs/howto/*.md"],
    setup=enter_folder,
    teardown=leave_folder,
)
"""Whose commands are run too."""

pytest_collect_file = SybilCollection((PAGES, WALKS)).pytest()

collect_ignore_glob = ["docs/*.py", "docs/examples/*.py"]
"""What builds the site, and its examples, which are run by building it."""


WHOLE = (".md", "test_quick_run.py", "test_browser.py")
"""Files that stay on one worker: documents, whose blocks use names of earlier ones, and tests of one costly run."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Spread tests over the workers one by one, but for those of `WHOLE` files."""
    from xdist.scheduler import LoadScopeScheduling

    class WholeFiles(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return path if path.endswith(WHOLE) else nodeid

    return WholeFiles(config, log)


EXTRAS = {"optllm_pymoo.baselines._others.pygmo_": "pygmo", "optllm_pymoo.baselines._others.alns_": "alns"}
"""Packages that examples in docstrings need."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip examples whose extra is not installed."""
    for item in items:
        for name, extra in EXTRAS.items():
            if item.name.startswith(name) and find_spec(extra) is None:
                item.add_marker(pytest.mark.skip(reason=f"the extra `{extra}` is not installed"))
