"""The lock beside a file: whoever has it is the only one, and it keeps a count that only rises."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import filelock

_COUNT: Final = struct.Struct(">Q")


class FileLock:
    """Held until it is closed, or its process ends.

    A forked process has no part in it: what that closes or forgets lets go of nothing.

    Args:
        file: what is locked. The lock is a file beside it, whose name ends on ``.lock``, and the count one on
            ``.count``: where a lock keeps others from reading, they would not read the count in it.

    Raises:
        BlockingIOError: if somebody has it.
        OSError: if it cannot be written.
    """

    __slots__ = ("_counts", "_handle", "_held", "_process")

    def __init__(self, file: Path) -> None:
        import filelock  # slow to load, and few need it

        self._handle, self._process = -1, os.getpid()
        self._counts = file.with_name(f"{file.name}.count")
        self._held: filelock.BaseFileLock | None = None
        held = filelock.FileLock(file.with_name(f"{file.name}.lock"), mode=0o600, thread_local=False)
        try:
            held.acquire(blocking=False)
        except filelock.Timeout:
            raise BlockingIOError(
                f"{str(file)!r} is held open already: two holders would use the same bits"
            ) from None
        self._held = held
        try:
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._handle = os.open(self._counts, flags, 0o600)
        except BaseException:
            self.close()
            raise

    @property
    def count(self) -> int:
        """The highest count that was noted.

        Raises:
            ValueError: if what was noted is gone or damaged: 0 would let what was used be used again.
        """
        os.lseek(self._handle, 0, os.SEEK_SET)
        noted = os.read(self._handle, _COUNT.size + 1)
        if len(noted) != _COUNT.size:
            raise ValueError(
                f"{str(self._counts)!r} is missing or damaged: it no longer tells how much has been used; bring it "
                "back, or make a new secret at both ends"
            )
        return int(_COUNT.unpack(noted)[0])

    def raise_to(self, count: int) -> None:
        """Note a count, on the disk before this returns."""
        if count > self.count:
            self._note(count)

    def restart(self) -> None:
        """Begin at 0, for a new file; the place for the count is then there, and a full disk cannot deny it."""
        self._note(0)

    def _note(self, count: int) -> None:
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, _COUNT.pack(count))
        os.fsync(self._handle)

    def close(self) -> None:
        """Let go of it."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        if self._held is not None and os.getpid() == self._process:
            self._held.release()
            self._held = None

    def __del__(self) -> None:
        if os.getpid() != self._process and self._held is not None:
            _of_the_parent.append(self._held)
        self.close()


_of_the_parent: list[filelock.BaseFileLock] = []
"""What a forked process may not forget: it would unlock, when that is collected, what the parent holds."""
