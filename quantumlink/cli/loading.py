"""Ctrl-C while modules are loaded: it ends the process, for an exception may be taken for a failure to load."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from quantumlink.cli.interrupt_watch import INTERRUPTED, say


def end(*_told: object) -> None:
    """Answer Ctrl-C by ending the process."""
    say("interrupted: nothing was written")
    os._exit(INTERRUPTED)


@contextmanager
def loading() -> Iterator[None]:
    """While this lasts, Ctrl-C ends the process; where it means something else already, nothing is changed."""
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        give_back()


def give_back() -> None:
    """Let Ctrl-C mean again what it does in any program, if it is answered here."""
    if signal.getsignal(signal.SIGINT) is end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
