"""Runs every Python block of README and docs as a test; examples that need an extra are skipped without it."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

for library in ("OPENBLAS", "MKL"):
    # each worker is a process of its own: threads of linear algebra that wait for one another would slow all down
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/*.md"],
    excludes=["docs/extending.md", "docs/loop.md"],
).pytest()


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


EXTRAS = {"optllm_pymoo.baselines._pygmo": "pygmo", "optllm_pymoo.baselines._alns": "alns"}
"""Packages that the examples in a module's docstrings need."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip examples whose extra is not installed."""
    for item in items:
        for module, extra in EXTRAS.items():
            if item.name.startswith(module) and find_spec(extra) is None:
                item.add_marker(pytest.mark.skip(reason=f"the extra `{extra}` is not installed"))
