"""Who ends a command that does not answer Ctrl-C: a process of its own, as compiled code may hold the interpreter.

Run as a script, it needs nothing but the standard library. It reads bytes from a socket: the numbers of signals,
which the interpreter writes there from within their handler, and `KEEPING`. The end of the stream is the end of the
command.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from time import monotonic

INTERRUPTED = 130
"""Exit code after Ctrl-C."""

KEEPING = 0xFF
"""Byte that says that what was done is being gathered; no signal has this number."""

PATIENCE_S = 0.5
"""How long a command may take to end by itself."""

LAST_S = 0.2
"""How long it may take to end once it is asked to."""


def watch(channel: socket.socket, end: Callable[[], None]) -> None:
    """Wait for Ctrl-C, and then for the command to end by itself; end it if it does not, unless it is keeping.

    Args:
        channel: gives the bytes, and its end.
        end: ends the command.
    """
    presses, keeping, until = 0, False, None
    while True:
        channel.settimeout(None if until is None else max(0.0, until - monotonic()) or 1e-6)
        try:
            told = channel.recv(64)
        except TimeoutError:
            if not keeping:
                break
            say("interrupted: what was done is gathered; Ctrl-C again ends at once")
            until = None
            continue
        if not told:
            return
        keeping = keeping or KEEPING in told
        before, presses = presses, presses + told.count(signal.SIGINT)
        if presses > 1:
            break
        if presses > before:
            until = monotonic() + PATIENCE_S
    say("interrupted: the work was broken off")
    end()


def say(text: str) -> None:
    """Say a line past whatever draws progress on standard error, and its locks."""
    os.write(2, f"{text}\n".encode())


def _end_from_outside(channel: socket.socket, command: int) -> None:
    """Ask the command to end; kill it if it cannot even hear that."""
    channel.settimeout(LAST_S)
    try:
        channel.send(b"\n")
        while channel.recv(64):
            pass
    except TimeoutError:
        os.kill(command, signal.SIGKILL)
    except OSError:
        pass  # it is gone


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as told_of:
        watch(told_of, lambda: _end_from_outside(told_of, int(sys.argv[2])))
