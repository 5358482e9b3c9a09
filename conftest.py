"""Runs every Python block of README and docs as a test."""

from __future__ import annotations

from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()], patterns=["README.md", "docs/*.md"], excludes=["docs/extending.md"]
).pytest()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Keep all blocks of a document on one worker: later ones use the names of earlier ones."""
    from xdist.scheduler import LoadScopeScheduling

    class WholeDocuments(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return path if path.endswith(".md") else nodeid

    return WholeDocuments(config, log)
