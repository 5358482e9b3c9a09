"""Time and memory of stages, each in a process of its own."""

from __future__ import annotations

import pytest

from benchmarks.cells.probe import STAGES, forget_peak, peak_rss_bytes, resident_bytes
from benchmarks.cells.scaling import BYTES_PER_CELL, ScalingCell


def test_a_small_size() -> None:
    """At 1,000 queries it takes some time, and the tables are as large as their numbers: two of 1,000 × 4 float32."""
    outcome = ScalingCell("front", 1000, 4, "float32").measure()
    assert outcome.measures == {}
    assert outcome.timings["seconds"] > 0
    headers = 2 * 128
    assert outcome.timings["tables_mib"] * 2**20 == 2 * 1000 * 4 * 4 + headers


@pytest.mark.parametrize(("stage", "n_llms"), [("sort", 12), ("search", 2)])
def test_memory_stays_within_its_bound(stage: str, n_llms: int) -> None:
    """At 100,000 queries neither the stage with its tables needs more than was foretold, nor drawing them here."""
    cell = ScalingCell(stage, 100_000, n_llms)
    if not forget_peak():
        pytest.skip("this system can't forget an earlier peak")
    before = resident_bytes()
    timings = cell.measure().timings
    assert peak_rss_bytes() - before <= cell.bytes_needed
    assert (timings["peak_mib"] + timings["tables_mib"]) * 2**20 <= cell.bytes_needed
    assert timings["seconds"] > 0


def test_bounds_grow_with_the_size() -> None:
    """Every stage in memory has one; ten times the queries need more, and so do more LLMs where tables are held."""
    in_memory = [stage for stage in STAGES if not ScalingCell(stage, 1, 1).is_in_parts]
    assert set(BYTES_PER_CELL) == set(in_memory)
    for stage in in_memory:
        small, more_queries = (ScalingCell(stage, n, 4).bytes_needed for n in (10_000, 100_000))
        assert small < more_queries
        assert (ScalingCell(stage, 10_000, 8).bytes_needed > small) == (stage != "predict")


def test_title() -> None:
    """One line."""
    assert ScalingCell("front", 10_000, 4, "float32").title() == "front at 10,000 × 4, float32"
