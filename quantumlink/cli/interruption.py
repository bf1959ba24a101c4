"""Ctrl-C that answers within a second, whatever a command is in the midst of.

Python tells an interrupt to the main thread when that comes back from compiled code, which may take minutes; and
one that arrives within a callback from such code is lost. So a process is told as well, by the signal's own pipe,
which works even where that code holds the interpreter and no other thread moves. It waits a moment for the command
to end by itself, and then ends it, by force (exit code 137) if it cannot be asked; where the library is gathering
what was done, it says so and waits. Ctrl-C a second time ends at once. On Windows, and where no process can be
started, a thread does the same as far as the code lets it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from quantumlink import interrupts
from quantumlink.cli import interrupt_watch
from quantumlink.cli.interrupt_watch import INTERRUPTED, KEEPING, watch
from quantumlink.cli.loading import give_back

__all__ = ["INTERRUPTED", "answered"]


@contextmanager
def answered() -> Iterator[None]:
    """While this lasts, Ctrl-C ends the process, or says why not yet, within a second.

    Where signals mean something else already, or in a thread that does not get them, nothing is changed.
    """
    mine = threading.current_thread() is threading.main_thread()
    if mine:
        give_back()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    told, tells = map(_off_the_standard, socket.socketpair())
    tells.setblocking(False)
    before = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    process = _process(told)
    work, given = (watch, (told, _end)) if process is None else (_end_when_asked, (tells,))
    thread = threading.Thread(target=work, args=given, name="Ctrl-C", daemon=True)
    thread.start()
    try:
        with interrupts.heard(lambda: tells.send(bytes([KEEPING]))):
            yield
    finally:
        signal.set_wakeup_fd(before)
        tells.shutdown(socket.SHUT_RDWR)  # which ends the thread and the process
        if process is not None:
            process.wait()
        thread.join()
        tells.close()
        told.close()


def _off_the_standard(one: socket.socket) -> socket.socket:
    """The same where no process has its standard input or output: whoever closed these left the places free."""
    held = [one]
    while held[-1].fileno() <= 2:
        held.append(held[-1].dup())
    for other in held[:-1]:
        other.close()
    return held[-1]


def _process(told: socket.socket) -> subprocess.Popen[bytes] | None:
    """The watch as a process; None where there can be none."""
    if os.name == "nt" or not sys.executable:
        return None
    command = [sys.executable, "-I", "-S", interrupt_watch.__file__, str(told.fileno()), str(os.getpid())]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[told.fileno()],
            start_new_session=True,  # so that the terminal's signals are not for it
        )
    except OSError:
        return None


def _end_when_asked(asked: socket.socket) -> None:
    select.select([asked], [], [])
    try:
        if asked.recv(1):
            _end()
    except OSError:
        pass  # the command has ended by itself


def _end() -> None:
    os._exit(INTERRUPTED)
