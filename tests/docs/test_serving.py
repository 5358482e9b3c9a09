"""The example that serves a policy, run as it stands."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest


def test_server_sends_queries_by_the_policy(capsys):
    """It answers a text, refuses what is none in one sentence, and its own assertions hold."""
    pytest.importorskip("fastapi", reason="the extra docs is not installed")
    pytest.importorskip("httpx", reason="the extra docs is not installed")
    names = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "examples" / "09_serve_a_policy.py"))
    assert names["answer"]["llm"] in names["policy"].llms
    assert "422 texts must be strings" in capsys.readouterr().out
