"""What compiled code prints by itself (some versions of HiGHS do) must not stand in a command's own output."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def dropped() -> Iterator[None]:
    """While this lasts, nothing reaches standard output."""
    try:
        sys.stdout.flush()
        own = os.dup(1)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        _flush()
        os.dup2(own, 1)
        os.close(own)
        os.close(nowhere)


def _flush() -> None:
    """Write what the C library still holds."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL("ucrtbase" if os.name == "nt" else None).fflush(None)
