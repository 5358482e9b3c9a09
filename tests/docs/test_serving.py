"""The example that serves a policy, run as it stands."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest


def test_service_sends_queries_by_the_policy():
    """It answers texts with LLMs of the batch and refuses an empty list; its own assertions hold."""
    pytest.importorskip("fastapi", reason="the extra docs is not installed")
    pytest.importorskip("httpx", reason="the extra docs is not installed")
    names = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "examples" / "09_policy_service.py"))
    assert [row["llm"] in names["batch"].llms for row in names["answer"].json()] == [True, True]
    assert names["refused"].json()["detail"] == "there is no query to route"
