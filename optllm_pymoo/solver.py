"""HiGHS through SciPy, without what it prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scipy.optimize import milp


def solve_milp(*args: Any, **kwargs: Any) -> Any:
    """Solve a mixed-integer programme as `scipy.optimize.milp` does, and print nothing.

    HiGHS as SciPy 1.17 ships it writes lines for its developers to the standard output of the process when it improves
    a solution, whatever ``disp`` says. They would end up in the middle of tables and of JSON.

    Args:
        *args: SciPy's.
        **kwargs: SciPy's.

    Returns:
        SciPy's result.
    """
    with _standard_output_closed():
        return milp(*args, **kwargs)


@contextmanager
def _standard_output_closed() -> Iterator[None]:
    """Send what C code writes to standard output nowhere; where it isn't a file of the system, leave it alone."""
    try:
        sys.stdout.flush()
        kept = os.dup(1)
    except (AttributeError, OSError, ValueError):
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
