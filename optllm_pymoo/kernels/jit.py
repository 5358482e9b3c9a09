"""How kernels are compiled (lazily, once per signature, without the GIL, kept on disk) and spread over threads."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
from numba import config, get_num_threads, njit
from numba.core import event

from optllm_pymoo.validation import Notice


def jit(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a kernel of a function: a decorator, with or without options.

    Args:
        function: To be compiled in nopython mode.
        **options: Further ones of `numba.njit`.

    Returns:
        The compiled function; without `function` the decorator. Where neither this package nor a home can be written
        to it works too, and every process compiles again: a `Notice` says so once.
    """
    if function is None:
        return partial(jit, **options)
    if config.DISABLE_JIT:  # whole numbers wrap round in kernels, which Python would warn of
        return np.errstate(over="ignore")(function)
    try:
        return njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # numba has found no folder that it can write to
        _tell_that_nothing_is_kept()
        return njit(nogil=True, **options)(function)


@cache
def _tell_that_nothing_is_kept() -> None:
    """Name the way out, once per process."""
    warnings.warn(
        "numba finds no folder to keep compiled code in, so every run compiles again and starts later;"
        " set NUMBA_CACHE_DIR to a folder that can be written to",
        Notice,
        stacklevel=4,
    )


class _Told(event.Listener):
    """Calls a function whenever numba starts to compile."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.tell = tell

    def on_start(self, event: Any) -> None:
        self.tell()

    def on_end(self, event: Any) -> None:
        pass


def when_compiling(tell: Callable[[], None], /) -> AbstractContextManager[Any]:
    """Call a function whenever a kernel is compiled inside a `with` block; kernels kept on the disk aren't.

    Args:
        tell: Says that it takes a while, once.
    """
    listening: AbstractContextManager[Any] = event.install_listener("numba:compile", _Told(tell))
    return listening


MIN_QUERIES_PER_THREAD = 1 << 15
"""Below this many queries a second thread costs more than it saves."""


def over_queries(
    kernel: Callable[..., Any], n_queries: int, /, *args: Any, per_thread: int = MIN_QUERIES_PER_THREAD
) -> list[Any]:
    """Call ``kernel(start, stop, *args)`` on contiguous ranges that together cover all queries.

    The kernels release the GIL and write only what belongs to their own range, so the outcome doesn't depend
    on the number of threads. Plain threads are used instead of ``numba.prange``: a process that has entered
    an OpenMP region can't fork safely, and kernels without it compile and load several times faster.

    Args:
        kernel: A compiled function of ``(start, stop, *args)``.
        n_queries: Number of queries to cover.
        *args: Passed on to every call.
        per_thread: Queries for which a thread pays off, >= 1.

    Returns:
        What the calls returned, in the order of their ranges.

    The number of threads is ``numba.get_num_threads()``, which ``NUMBA_NUM_THREADS`` and joblib's workers limit.
    """
    n_threads = n_queries // per_thread
    if n_threads < 2 or (n_threads := min(n_threads, get_num_threads())) == 1:
        return [kernel(0, n_queries, *args)]
    cuts = np.linspace(0, n_queries, n_threads + 1).astype(np.int64).tolist()
    (first, *others) = pairwise(cuts)
    futures = [_pool().submit(kernel, start, stop, *args) for start, stop in others]
    # the calling thread does its share: one hand-over less
    return [kernel(*first, *args), *(future.result() for future in futures)]


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that wait for work, started when first needed: starting them again would cost each call some 100 µs."""
    return ThreadPoolExecutor(thread_name_prefix="optllm_pymoo")


if hasattr(os, "register_at_fork"):
    # a forked child has none of its parent's threads: it starts its own
    os.register_at_fork(after_in_child=_pool.cache_clear)
