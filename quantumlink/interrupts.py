"""Ctrl-C between parts of long work, so that what was done is whole and can be kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_listeners: list[Callable[[], object]] = []


@contextmanager
def heard(keeping: Callable[[], object]) -> Iterator[None]:
    """While this lasts, be told when an interrupt was heard by work that keeps what was done."""
    _listeners.append(keeping)
    try:
        yield
    finally:
        _listeners.remove(keeping)


def keep() -> None:
    """Say that an interrupt was heard, and what was done is gathered: there is no need to end it by force."""
    for listener in _listeners:
        listener()


@contextmanager
def between_parts() -> Iterator[Callable[[], bool]]:
    """Hold back Ctrl-C: gives a function that says whether it was pressed. Pressed again, it stops at once.

    Where Ctrl-C means something else already, or in a thread that it does not reach, nothing is changed.

    >>> with between_parts() as pressed:
    ...     pressed()
    False
    """
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if asked:
            signal.default_int_handler(number, frame)
        asked.append(number)
        keep()

    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def not_for_children() -> Iterator[None]:
    """Processes that are started meanwhile never hear Ctrl-C, which goes to the whole terminal: the parent decides.

    To ignore it in what they run first would leave the time in which they load. On Windows they hear it then.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
