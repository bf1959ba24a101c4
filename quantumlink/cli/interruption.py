"""Ctrl-C that answers within a second, whatever a command is in the midst of.

Python tells an interrupt to the main thread when that comes back from compiled code, which may take seconds; and
one that arrives within a callback from such code is lost. So a thread is told as well, by the signal's own pipe. It
waits a moment for the command to end by itself, and then ends it; where the library is gathering what was done, it
says so and waits. Ctrl-C a second time ends at once.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from quantumlink import interrupts

INTERRUPTED = 130
"""Exit code after Ctrl-C."""

PATIENCE_S = 0.5
"""How long a command may take to end by itself."""


@contextmanager
def answered() -> Iterator[None]:
    """While this lasts, Ctrl-C ends the process, or says why not yet, within a second.

    Where signals mean something else already, or in a thread that does not get them, nothing is changed.
    """
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    told, tells = socket.socketpair()
    tells.setblocking(False)
    before = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    ended = threading.Event()
    interrupts.keeping.clear()
    watch = threading.Thread(target=_watch, args=(told, ended), name="Ctrl-C", daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        tells.close()  # which ends the thread
        watch.join()
        told.close()


def _watch(told: socket.socket, ended: threading.Event) -> None:
    presses = 0
    while signals := told.recv(16):
        presses += signals.count(signal.SIGINT)
        if not presses:
            continue
        if presses == 1 and (ended.wait(PATIENCE_S) or ended.is_set()):
            return
        if presses == 1 and interrupts.keeping.is_set():
            _say("interrupted: what was done is gathered; Ctrl-C again ends at once")
            continue
        _say("interrupted: the work was broken off")
        os._exit(INTERRUPTED)


def _say(text: str) -> None:
    os.write(2, f"{text}\n".encode())  # past whatever draws progress on standard error, and its locks
