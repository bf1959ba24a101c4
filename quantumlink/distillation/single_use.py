"""A guard of what may be used once: one thread at a time, and in the process that made it."""

from __future__ import annotations

import os
import threading
from types import TracebackType


class SingleUse:
    """Held while secret bits are handed out.

    Two threads would else take the same bits, and a forked process has a copy of all memory.

    Args:
        what: what is guarded, for the error text.

    >>> guard = SingleUse("a key")
    >>> with guard:
    ...     pass
    """

    __slots__ = ("_lock", "_process", "_what")

    def __init__(self, what: str) -> None:
        self._what, self._process, self._lock = what, os.getpid(), threading.Lock()

    def __enter__(self) -> None:
        # First of all: a lock that another thread held stays locked in a forked process.
        if (here := os.getpid()) != self._process:
            raise RuntimeError(
                f"{self._what} is good for process {self._process}, which made it, got process {here}: a forked "
                "process would use the same bits"
            )
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
