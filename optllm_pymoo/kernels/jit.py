"""How kernels are compiled: lazily, once per signature, without the GIL, and kept on disk where that is possible."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from numba import njit

from optllm_pymoo.validation import Notice


def jit(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a kernel of a function: a decorator, with or without options.

    Args:
        function: To be compiled in nopython mode.
        **options: Further ones of `numba.njit`.

    Returns:
        The compiled function; without `function` the decorator. Where neither this package nor a home can be written
        to it works too, and every process compiles anew: a `Notice` says so once.
    """
    if function is None:
        return partial(jit, **options)
    try:
        return njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # numba has found no folder that it can write to
        _tell_that_nothing_is_kept()
        return njit(nogil=True, **options)(function)


@cache
def _tell_that_nothing_is_kept() -> None:
    """Name the way out, once per process."""
    warnings.warn(
        "numba finds no folder to keep compiled code in, so every run compiles anew and starts later;"
        " set NUMBA_CACHE_DIR to a folder that can be written to",
        Notice,
        stacklevel=4,
    )
