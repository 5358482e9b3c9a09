"""How much memory this process holds."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_rss_bytes() -> int:
    """Return the highest resident memory this process has had: ``ru_maxrss``, which macOS counts in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident_bytes() -> int:
    """Return the memory this process holds now; where the system doesn't tell, the highest so far."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return peak_rss_bytes()
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
    return 1024 * int(line.split()[1])
