"""A counter outside the database that only rises: a restored old database is behind it, and is refused.

The file is written after each commit and before anything is handed over. A process that is killed in between leaves
it one behind the database, which is harmless; a database behind the file would hand keys over a second time.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Final

from quantumlink.keys.store.contract import CheckpointError

_FORM: Final = struct.Struct(">8sQ")
_MAGIC: Final = b"qlcheck1"


class Checkpoint:
    """The counter.

    Args:
        path: the file; keep it apart from the database and out of its backups.
    """

    def __init__(self, path: str | Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._path = str(path)
        if not os.fstat(self._file).st_size:
            os.pwrite(self._file, _FORM.pack(_MAGIC, 0), 0)
            os.fsync(self._file)

    @property
    def value(self) -> int:
        """The highest counter that was seen."""
        magic, value = _FORM.unpack(os.pread(self._file, _FORM.size, 0).ljust(_FORM.size, b"\0"))
        if magic != _MAGIC:
            raise CheckpointError(f"{self._path} is no checkpoint")
        return int(value)

    def check(self, counter: int) -> None:
        """Refuse a database that is behind.

        Raises:
            CheckpointError: if it is.
        """
        if counter < (seen := self.value):
            raise CheckpointError(
                f"the database is at {counter}, the checkpoint {self._path} at {seen}: an old database was "
                f"restored, which would hand keys over twice; begin with an empty store at both ends"
            )

    def advance(self, counter: int) -> None:
        """Raise the counter; several processes may."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            if counter > self.value:
                os.pwrite(self._file, _FORM.pack(_MAGIC, counter), 0)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Write it to the disk and close it."""
        os.fsync(self._file)
        os.close(self._file)
