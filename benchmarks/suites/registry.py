"""The suites by name."""

from __future__ import annotations

from benchmarks.suites.base import Suite

SUITES: dict[str, Suite] = {}
"""In the order in which they are listed."""
