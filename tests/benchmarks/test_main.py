"""``python -m benchmarks`` as a program."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from benchmarks.__main__ import main


def _interrupted(**options):
    raise KeyboardInterrupt


def test_ctrl_c_ends_it_with_130(monkeypatch):
    """Wherever it comes, also before a suite runs: no traceback."""
    monkeypatch.setattr("benchmarks.__main__.heed_sigterm", lambda: None)  # the tests' own process stays as it is
    monkeypatch.setitem(sys.modules, "benchmarks.cli", SimpleNamespace(app=_interrupted))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
