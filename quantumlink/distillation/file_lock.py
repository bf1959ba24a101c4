"""The lock beside a file: whoever has it is the only one, and it holds a count that only rises."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

_COUNT: Final = struct.Struct(">Q")


class FileLock:
    """Held until it is closed, or its process ends.

    Args:
        file: what is locked; the lock is a file beside it, whose name ends on ``.lock``.

    Raises:
        BlockingIOError: if somebody has it.
        OSError: if it cannot be written.
    """

    __slots__ = ("_handle",)

    def __init__(self, file: Path) -> None:
        import fcntl

        self._handle = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise BlockingIOError(
                f"{str(file)!r} is held open already: two holders would use the same bits"
            ) from None

    @property
    def count(self) -> int:
        """The highest count that was noted; 0 if none was."""
        noted = os.pread(self._handle, _COUNT.size, 0)
        return int(_COUNT.unpack(noted)[0]) if len(noted) == _COUNT.size else 0

    def raise_to(self, count: int) -> None:
        """Note a count, on the disk before this returns."""
        if count > self.count:
            self._note(count)

    def restart(self) -> None:
        """Begin at 0, for a new file; the place for the count is then there, and a full disk cannot deny it."""
        self._note(0)

    def _note(self, count: int) -> None:
        os.pwrite(self._handle, _COUNT.pack(count), 0)
        os.fsync(self._handle)

    def close(self) -> None:
        """Let go of it."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __del__(self) -> None:
        self.close()
