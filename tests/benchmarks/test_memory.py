"""Resident memory of this process and of others."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from benchmarks.memory import peak_rss_bytes, resident_bytes
from benchmarks.subprocesses import CHECKOUT

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
    array = np.ones(SIZE, dtype=np.uint8)
    program = "from benchmarks.memory import peak_rss_bytes; print(peak_rss_bytes())"
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert int(printed) < 100 << 20 < array.nbytes
