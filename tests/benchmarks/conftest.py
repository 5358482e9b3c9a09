"""Makes the `benchmarks` package of the checkout importable, and offers a run for the tests to look at."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

CHECKOUT = str(Path(__file__).resolve().parents[2])
if CHECKOUT not in sys.path:
    sys.path.insert(0, CHECKOUT)


@pytest.fixture(scope="session")
def settings():
    """A small budget."""
    from benchmarks.cells.algorithms import Settings

    return Settings(n_grid=10, budget=200)


@pytest.fixture
def failing(monkeypatch):
    """An algorithm that can't even be built, known as "broken"."""
    from benchmarks.cells import algorithms

    def broken(settings):
        raise RuntimeError("no such luck [today]")

    monkeypatch.setitem(algorithms.VARIANTS, "broken", algorithms.Variant(broken, "fails"))
    return "broken"
