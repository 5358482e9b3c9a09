"""How much memory this process holds, and how much there is to be had, in bytes.

Resident memory is looked at, because ``tracemalloc`` doesn't see what numba allocates.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
MEMINFO = Path("/proc/meminfo")
RESET = Path("/proc/self/clear_refs")
GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
GROUP_USED = Path("/sys/fs/cgroup/memory.current")
"""Of the control group (version 2) that a container shows as its root."""

UNLIMITED = 1 << 62


def peak_rss_bytes() -> int:
    """Return the highest resident memory that this process has had so far.

    Linux tells it as ``VmHWM``. Its ``ru_maxrss`` won't do: a new process inherits that from the one that started
    it. Elsewhere it is ``ru_maxrss``, which macOS counts in bytes.
    """
    if STATUS.is_file():
        return _bytes_in(STATUS, "VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> bool:
    """Let `peak_rss_bytes` start anew from the memory that is held now; return whether the system can do that."""
    try:
        RESET.write_text("5")
    except OSError:
        return False
    return True


def resident_bytes() -> int:
    """Return the memory this process holds now; where the system doesn't tell, the highest so far."""
    return _bytes_in(STATUS, "VmRSS") if STATUS.is_file() else peak_rss_bytes()


def available_bytes() -> int:
    """Return the memory that new work can have without swapping, in the machine and in its container."""
    return min(_system_bytes(), _group_bytes())


def _system_bytes() -> int:
    """Return the available memory of the whole machine; `UNLIMITED` where the system doesn't tell.

    Linux tells it as ``MemAvailable``. Pages that are free won't do: the rest is soon full of files that were read,
    which give way as soon as memory is asked for.
    """
    if MEMINFO.is_file():
        return _bytes_in(MEMINFO, "MemAvailable")
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return UNLIMITED


def _group_bytes() -> int:
    """Return what is left of the container's memory; `UNLIMITED` if it has no limit of its own.

    Files that were read in the container count as used, although they would give way: that errs on the safe side.
    """
    try:
        limit, used = GROUP_LIMIT.read_text().strip(), GROUP_USED.read_text().strip()
    except OSError:
        return UNLIMITED
    return UNLIMITED if limit == "max" else max(0, int(limit) - int(used))


def _bytes_in(file: Path, key: str) -> int:
    """Read a line such as ``VmRSS:     1024 kB``."""
    lines = file.read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))
