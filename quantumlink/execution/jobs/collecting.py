"""Fetching what came back, and keeping it: what was paid for must survive whatever happens to its reader.

The text of a result is on the disk before anything is made of it. Only when its bits are stored and the job file
says so, the text goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quantumlink.execution.jobs.connection import Connection, decoded
from quantumlink.execution.jobs.errors import JobFailed, JobFileError, ResultUnreadable
from quantumlink.execution.jobs.job_file import JobFile, Part, StoredFile, sha256, write_durably
from quantumlink.execution.jobs.patience import patiently
from quantumlink.execution.jobs.pubs_on_file import Rows, bits_as_bytes, bits_from_bytes, checked_pieces

_FINAL = {"DONE": "done", "ERROR": "failed", "CANCELLED": "cancelled"}


def collect_remote(file: JobFile, number: int, connection: Connection) -> bool:
    """Look after a submitted part once; fetch its result if there is one.

    Returns:
        Whether the part is over: its result is stored, it failed, or it was cancelled.

    Raises:
        ResultUnreadable: if a result came that cannot be decoded; its text is kept.
        ForeignResult: if the job or the result is another's.
    """
    part = file.read().parts[number]
    for kept in _kept(file, number):
        try:
            store_result(file, number, decoded(kept.read_text("utf-8")))
        except Exception:  # an unreadable text stays where it is; a better one may be had now
            continue
        return True
    job = connection.attach(str(part.job_id), part.tag)
    what = f"asking for the status of job {part.job_id}"
    state = _FINAL.get(str(patiently(job.status, connection.patience, what)))
    if state is None:
        return False
    if state != "done":
        told = "it was cancelled"
        if state == "failed":
            told = patiently(job.error_message, connection.patience, what) or "the service gives no reason"
        file.update(lambda r: r.with_part(number, state=state, reason=told))
        return True
    text = connection.text_of(job)
    path = file.beside(number, f".{sha256(text.encode())[:8]}.raw")
    write_durably(path, text.encode())
    try:
        result = decoded(text)
    except Exception as error:
        raise ResultUnreadable(
            f"the result of job {part.job_id} cannot be decoded ({type(error).__name__}: {error}); its text "
            f"is kept in {str(path)!r}: fetch it again, or with another version of qiskit-ibm-runtime"
        ) from error
    store_result(file, number, result)
    return True


def collect_local(file: JobFile, number: int, job: Any) -> None:
    """Wait for a job of this process and store its result."""
    try:
        result = job.result()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        file.update(lambda r: r.with_part(number, state="failed", reason=reason))
        raise JobFailed(f"the local run of {str(file.path)!r} failed: {reason}") from error
    store_result(file, number, result)


def store_result(file: JobFile, number: int, result: Any) -> None:
    """Check a result, write its bits beside the job file, and say so there.

    Raises:
        ForeignResult: if it is not that part's.
    """
    record = file.read()
    part = record.parts[number]
    wanted = [(record.pubs[piece.pub], piece.rows) for piece in part.pieces]
    pieces = checked_pieces(result, wanted, part.shots, part.tag, f"job {part.job_id or part.tag}")
    data = bits_as_bytes(pieces)
    path = file.beside(number, f".{part.tag[-8:]}.npz")
    write_durably(path, data)
    stored = StoredFile(path.name, sha256(data))
    file.update(lambda r: r.with_part(number, state="done", result=stored, reason=""))
    for kept in _kept(file, number):
        kept.unlink(missing_ok=True)


def stored_pieces(file: JobFile, number: int) -> list[Rows]:
    """The bits of a part that is done.

    Raises:
        JobFileError: if their file is not what was written.
    """
    record = file.read()
    part = record.parts[number]
    path = _stored_path(file, part)
    if not path.exists():
        raise JobFileError(f"{str(path)!r} is missing: it holds a result of the job file beside it")
    data = path.read_bytes()
    if part.result is None or sha256(data) != part.result.sha256:
        raise JobFileError(
            f"{str(path)!r} does not fit the checksum in its job file: it was changed or damaged. Move it away, "
            f"and the result is fetched again if the service still has it"
        )
    return bits_from_bytes(data, [record.pubs[piece.pub] for piece in part.pieces])


def forget_missing(file: JobFile) -> None:
    """Parts whose result is not beside the file, as on another machine, are to be fetched again."""
    for number, part in enumerate(file.read().parts):
        if part.state == "done" and not _stored_path(file, part).exists():
            _to_be_fetched(file, number)


def _to_be_fetched(file: JobFile, number: int) -> None:
    file.update(lambda r: r.with_part(number, state="submitted", result=None))


def _stored_path(file: JobFile, part: Part) -> Path:
    # A name, never a path: a file must not choose what is read.
    return file.path.with_name(Path(part.result.name if part.result else "none").name)


def _kept(file: JobFile, number: int) -> Iterator[Path]:
    yield from sorted(file.path.parent.glob(file.beside(number, ".*.raw").name.replace("[", "[[]")))
