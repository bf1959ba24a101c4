"""A counter outside the database that only rises: a restored old database is behind it, and is refused.

The file is written after each commit and before anything is handed over. A process that is killed in between leaves
it one behind the database, which is harmless; a database behind the file would hand keys over a second time.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from threading import Lock
from typing import Final

from filelock import FileLock

from quantumlink.keys.store.contract import CheckpointError

_FORM: Final = struct.Struct(">8sQ")
_MAGIC: Final = b"qlcheck1"


class Checkpoint:
    """The counter.

    Args:
        path: the file; keep it apart from the database and out of its backups. A lock stands beside it.
    """

    def __init__(self, path: str | Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        self._path = str(path)
        self._place = Lock()  # of the file's one position: reading at a place is not to be had on Windows
        self._lock = FileLock(f"{self._path}.lock", mode=0o600, thread_local=False)
        if not os.fstat(self._file).st_size:
            self._write(0)
            os.fsync(self._file)

    @property
    def value(self) -> int:
        """The highest counter that was seen."""
        with self._place:
            os.lseek(self._file, 0, os.SEEK_SET)
            read = os.read(self._file, _FORM.size)
        magic, value = _FORM.unpack(read.ljust(_FORM.size, b"\0"))
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
        with self._lock:
            if counter > self.value:
                self._write(counter)

    def _write(self, counter: int) -> None:
        with self._place:
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, _FORM.pack(_MAGIC, counter))

    def close(self) -> None:
        """Write it to the disk and close it."""
        os.fsync(self._file)
        os.close(self._file)
