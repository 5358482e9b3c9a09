"""Signals that end a process: SIGTERM cleans up like Ctrl-C, and no signal interrupts a sequence of renames."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ENDING: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Terminated(KeyboardInterrupt):
    """SIGTERM as an exception: code that cleans up after Ctrl-C also cleans up after it."""


def heed_sigterm() -> None:
    """Let SIGTERM raise `Terminated` in this process, unless it has another handler already."""
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def exit_code(end: KeyboardInterrupt, /) -> int:
    """Return the exit code of a process that a signal ended: 128 plus its number.

    Examples:
        >>> exit_code(KeyboardInterrupt()), exit_code(Terminated())
        (130, 143)
    """
    return 128 + (signal.SIGTERM if isinstance(end, Terminated) else signal.SIGINT)


@contextmanager
def held_back() -> Iterator[None]:
    """Delay signals that would end this process until the block is done.

    Python runs signal handlers only in the main thread: in other threads no signal can interrupt the block, and nothing
    is delayed.
    """
    arrived: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        # None: a handler set by C code, which Python couldn't restore
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
