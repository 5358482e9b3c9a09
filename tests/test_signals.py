"""Signals that end a process."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from optllm_pymoo.signals import Terminated, heed_sigterm, held_back


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_the_block(number):
    """The block is done to its end, and then the signal does what it would have done."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGTERM: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    }
    heed_sigterm()
    done = []

    def work() -> None:
        with held_back():
            os.kill(os.getpid(), number)
            done.append(True)

    try:
        with pytest.raises(Terminated if number == signal.SIGTERM else KeyboardInterrupt):
            work()
        assert done
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_what_ignores_a_signal_goes_on_ignoring_it():
    """A process that is not to end by SIGTERM doesn't: neither is its choice replaced, nor a held signal raised."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        heed_sigterm()
        with held_back():
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_have_nothing_to_hold_back():
    """Only the main thread may set handlers; elsewhere the block just runs."""
    handlers = []

    def work() -> None:
        with held_back():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
