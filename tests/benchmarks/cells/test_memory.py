"""Resident memory of this process and of others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cells import probe as memory
from benchmarks.cells.probe import CHECKOUT, available_bytes, forget_peak, peak_rss_bytes, resident_bytes

SIZE = 200 << 20


def test_the_peak_rises_by_what_is_touched():
    """Touching 200 MiB more raises the peak, and it stays when they are gone; Linux counts to a MiB or so."""
    before = resident_bytes()
    array = np.ones(SIZE, dtype=np.uint8)
    held = resident_bytes()
    assert held - before > 0.9 * SIZE
    del array
    assert peak_rss_bytes() >= held - (4 << 20)
    assert resident_bytes() < held - 0.9 * SIZE


def test_a_new_process_does_not_inherit_the_peak():
    """A child of a process that holds much reports its own small peak."""
    array = np.ones(4 * SIZE, dtype=np.uint8)
    program = "from benchmarks.cells.probe import peak_rss_bytes; print(peak_rss_bytes())"
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert int(printed) < 2 * SIZE < array.nbytes


def test_an_earlier_peak_is_forgotten():
    """Once 200 MiB are gone and forgotten the peak is what is held now, and rises again."""
    array = np.ones(SIZE, dtype=np.uint8)
    del array
    before = peak_rss_bytes()
    if not forget_peak():
        pytest.skip("this system can't forget an earlier peak")
    assert peak_rss_bytes() < before - 0.9 * SIZE
    array = np.ones(SIZE // 2, dtype=np.uint8)
    assert peak_rss_bytes() >= array.nbytes
    assert peak_rss_bytes() < before


def test_a_system_that_can_not_forget_says_so(monkeypatch, tmp_path):
    """Where the file isn't there to be written, the answer is no."""
    monkeypatch.setattr(memory, "RESET", tmp_path / "none" / "clear_refs")
    assert forget_peak() is False


@pytest.fixture
def group(monkeypatch, tmp_path):
    """Write what a container tells about its limit and its use; without a call there is no container."""
    monkeypatch.setattr(memory, "GROUP_LIMIT", tmp_path / "memory.max")
    monkeypatch.setattr(memory, "GROUP_USED", tmp_path / "memory.current")

    def write(limit, used):
        memory.GROUP_LIMIT.write_text(f"{limit}\n")
        memory.GROUP_USED.write_text(f"{used}\n")

    return write


@pytest.fixture
def three(monkeypatch, tmp_path):
    """A machine with 3 kB that are available: one is free; the file cache holds the rest, and gives way."""
    told = tmp_path / "meminfo"
    told.write_text("MemTotal:  9 kB\nMemFree:   1 kB\nMemAvailable:   3 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", told)


@pytest.mark.usefixtures("group", "three")
def test_available_memory_counts_what_files_would_give_back():
    """All 3 kB count."""
    assert available_bytes() == 3 * 1024


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("limit", "used", "left"),
    [(5000, 3000, 2000), (5000, 5001, 0), (9000, 1000, 3 * 1024), ("max", 3000, 3 * 1024)],
)
def test_a_container_has_what_is_left_of_its_limit(group, limit, used, left):
    """Never less than nothing, never more than the machine has; "max" is no limit."""
    group(limit, used)
    assert available_bytes() == left


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("missing", ["GROUP_LIMIT", "GROUP_USED"])
def test_half_of_what_a_container_tells_is_no_limit(group, missing):
    """A root group has no file with a limit."""
    group(5, 4)
    getattr(memory, missing).unlink()
    assert available_bytes() == 3 * 1024


@pytest.mark.usefixtures("group")
def test_available_memory_elsewhere(monkeypatch, tmp_path):
    """Without that file the pages that are free count, and where nothing is told, there is no limit."""
    monkeypatch.setattr(memory, "MEMINFO", Path(tmp_path / "none"))
    pages = {"SC_AVPHYS_PAGES": 5, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    assert available_bytes() == 5 * 4096

    def unknown(name):
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", unknown)
    assert available_bytes() == memory.UNLIMITED
