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
    """Compile a function as a kernel: a decorator, with or without options.

    Args:
        function: The function, compiled in nopython mode.
        **options: Further options of `numba.njit`.

    Returns:
        The compiled function; without `function` the decorator. If neither this package's folder nor the home folder is
        writable, every process compiles again, and a `Notice` is shown once.
    """
    if function is None:
        return partial(jit, **options)
    if config.DISABLE_JIT:  # integers overflow silently in kernels; Python would warn
        return np.errstate(over="ignore")(function)
    try:
        return njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # numba has found no folder that it can write to
        is_first = is_cached()
        _not_cached.add(function.__qualname__)
        if is_first:
            warnings.warn(
                "numba finds no folder to keep compiled code in, so every run compiles again and starts later;"
                " set NUMBA_CACHE_DIR to a folder that can be written to",
                Notice,
                stacklevel=3,
            )
        return njit(nogil=True, **options)(function)


_not_cached: set[str] = set()


def is_cached() -> bool:
    """Return whether all kernels so far are kept on disk once they are compiled."""
    return not _not_cached


class _CompileListener(event.Listener):
    """Calls a function each time numba starts to compile."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback

    def on_start(self, event: Any) -> None:
        self.callback()

    def on_end(self, event: Any) -> None:
        pass


def when_compiling(callback: Callable[[], None], /) -> AbstractContextManager[Any]:
    """Call a function each time a kernel is compiled inside a `with` block; cached kernels aren't compiled.

    Args:
        callback: Called without arguments, for example to show a message.
    """
    listening: AbstractContextManager[Any] = event.install_listener("numba:compile", _CompileListener(callback))
    return listening


MIN_QUERIES_PER_THREAD = 1 << 15
"""Below this many queries a second thread costs more than it saves."""


def over_queries(
    kernel: Callable[..., Any], n_queries: int, /, *args: Any, per_thread: int = MIN_QUERIES_PER_THREAD
) -> list[Any]:
    """Call ``kernel(start, stop, *args)`` on contiguous ranges that cover all queries.

    The kernels release the GIL and write only to their own range, so the result doesn't depend on the number of
    threads. Plain threads are used instead of ``numba.prange``: a process that has entered an OpenMP region can't fork
    safely, and kernels without it compile and load several times faster.

    Args:
        kernel: A compiled function of ``(start, stop, *args)``.
        n_queries: Number of queries to cover.
        *args: Passed on to every call.
        per_thread: Fewest queries for which a thread saves time, >= 1.

    Returns:
        The results of the calls, in the order of their ranges.

    The number of threads is ``numba.get_num_threads()``, which ``NUMBA_NUM_THREADS`` and joblib's workers limit.
    """
    n_threads = n_queries // per_thread
    if n_threads < 2 or (n_threads := min(n_threads, get_num_threads())) == 1:
        return [kernel(0, n_queries, *args)]
    cuts = np.linspace(0, n_queries, n_threads + 1).astype(np.int64).tolist()
    (first, *others) = pairwise(cuts)
    futures = [_pool().submit(kernel, start, stop, *args) for start, stop in others]
    # the calling thread runs one range itself: one hand-over less
    return [kernel(*first, *args), *(future.result() for future in futures)]


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the thread pool, started at the first call: starting threads anew would add about 100 µs to each call."""
    return ThreadPoolExecutor(thread_name_prefix="optllm_pymoo")


if hasattr(os, "register_at_fork"):
    # a forked child has none of its parent's threads: it starts its own
    os.register_at_fork(after_in_child=_pool.cache_clear)
