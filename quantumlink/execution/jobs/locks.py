"""Locks between the threads and processes of this machine, which go with the process that holds them.

A file can be copied, and whoever resumes a copy has to wait for who resumes the original: so what is sent is locked
by the job, not only by the file. Machines that share no disk cannot lock one another out.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import RLock

_thread_locks: dict[tuple[Path, str], RLock] = {}


@contextmanager
def locked(path: Path, purpose: str) -> Iterator[None]:
    """Only one thread of one process of this machine at a time, for that file and purpose.

    Args:
        path: of the file, which need not be there; its folder must.
        purpose: a word; different ones do not wait for each other.
    """
    from filelock import FileLock  # half as slow to load as all the rest of the jobs

    with (
        _thread_locks.setdefault((path.resolve(), purpose), RLock()),
        FileLock(path.with_name(f".{path.name}.{purpose}.lock"), mode=0o600),
    ):
        yield


@contextmanager
def locked_job(job: str) -> Iterator[None]:
    """Only one of all who would send this job, from whichever copy of its file; see `locked`.

    The locks are some files in the folder of the user's data. Where there can be none, nobody waits.

    Args:
        job: the job's own id.
    """
    folder = user_folder() / "locks"
    # So many files and no more: two jobs that share one wait for each other, which harms nobody.
    name = hashlib.sha256(job.encode()).hexdigest()[:2]
    with ExitStack() as held:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held.enter_context(locked(folder / name, "submit"))
        except OSError:
            pass
        yield


def user_folder() -> Path:
    """Where this package keeps a user's data: where the system has such things.

    On a Mac, the folder that an earlier version made elsewhere stays the one.
    """
    from platformdirs import user_data_path

    if sys.platform == "darwin":
        base = os.environ.get("XDG_DATA_HOME")
        earlier = (Path(base) if base else Path.home() / ".local" / "share") / "quantumlink"
        if earlier.is_dir():
            return earlier
    return user_data_path("quantumlink", appauthor=False)
