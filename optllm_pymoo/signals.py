"""Signals that end a process: SIGTERM cleans up as Ctrl-C does, and neither comes between two renames."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ENDING: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Terminated(KeyboardInterrupt):
    """SIGTERM, as an exception: whatever cleans up after Ctrl-C cleans up after it too."""


def heed_sigterm() -> None:
    """Let SIGTERM raise `Terminated` in this process, unless something else is to happen already."""
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def exit_code(end: KeyboardInterrupt, /) -> int:
    """Return the exit code of a process that a signal ended: 128 and its number.

    Examples:
        >>> exit_code(KeyboardInterrupt()), exit_code(Terminated())
        (130, 143)
    """
    return 128 + (signal.SIGTERM if isinstance(end, Terminated) else signal.SIGINT)


@contextmanager
def held_back() -> Iterator[None]:
    """Let signals that would end this process wait until the block is done.

    Python runs handlers in the main thread only: the block waits for nothing in another one, where none can stop it.
    """
    arrived: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        # a handler of None was set by C code, and couldn't be put back
        before = {number: handler for number in ENDING if (handler := signal.getsignal(number)) is not None}
    for number in before:
        signal.signal(number, lambda number, frame: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
