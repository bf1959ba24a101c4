"""Fetching what came back, and keeping it: what was paid for must survive whatever happens to its reader.

The text of a result is on the disk before anything is made of it. Only when its bits are stored and the job file
says so, the text goes. Where the disk takes neither, the bits are returned all the same, with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quantumlink.execution.jobs.connection import Connection, decoded
from quantumlink.execution.jobs.directed import sampled
from quantumlink.execution.jobs.errors import JobFailed, JobFileError, ResultUnreadable
from quantumlink.execution.jobs.job_file import JobFile, JobRecord, Part, StoredFile, sha256, write_durably
from quantumlink.execution.jobs.patience import patiently
from quantumlink.execution.jobs.pubs_on_file import Rows, bits_as_bytes, bits_from_bytes, checked_pieces
from quantumlink.execution.jobs.timing import with_estimate, with_timing

_NO_REASON = {"failed": "the service gives no reason", "cancelled": "it was cancelled"}
_FINAL = {"DONE": "done", "ERROR": "failed", "CANCELLED": "cancelled"}


@dataclass(frozen=True)
class Collected:
    """How a part stood when it was looked after."""

    is_over: bool
    """Whether its result is there, it failed, or it was cancelled."""
    unwritten: list[Rows] | None = None
    """Its bits, if they could not be written: then the file still says ``submitted``."""


def collect_remote(file: JobFile, number: int, connection: Connection) -> Collected:
    """Look after a submitted part once; fetch its result if there is one.

    Raises:
        ResultUnreadable: if a result came that cannot be decoded; its text is kept.
        ForeignResult: if the job or the result is another's.
    """
    part = file.read().parts[number]
    for kept in _kept(file, number):
        try:
            return _stored(file, number, decoded(kept.read_text("utf-8")))
        except Exception:  # an unreadable text stays where it is; a better one may be had now
            continue
    job = connection.attach(str(part.job_id), part.tag)
    what = f"asking for the status of job {part.job_id}"
    state = _FINAL.get(str(patiently(job.status, connection.patience, what)))
    if state is None:
        return Collected(False)
    if state != "done":
        _note_usage(file, part.tag, job, connection)
        told = _reason(job, connection, what) or _NO_REASON[state]
        file.update(lambda r: r.with_part(number, state=state, reason=told))
        return Collected(True)
    _note_usage(file, part.tag, job, connection)
    _note_estimate(file, part.tag, job, connection)
    text = connection.text_of(job)
    path = file.beside(number, f".{sha256(text.encode())[:8]}.raw")
    try:
        write_durably(path, text.encode())
    except OSError as error:
        warn_unwritten(error, f"the result of job {part.job_id}")
    try:
        result = decoded(text)
    except Exception as error:
        where = f"its text is kept in {str(path)!r}" if path.exists() else "its text could not be kept"
        raise ResultUnreadable(
            f"the result of job {part.job_id} cannot be decoded ({type(error).__name__}: {error}); {where}: fetch "
            f"it again, or with another version of qiskit-ibm-runtime"
        ) from error
    return _stored(file, number, result)


def _note_usage(file: JobFile, tag: str, job: Any, connection: Connection) -> None:
    """What it cost, as far as the service tells; that must not keep anybody from the result."""
    try:
        used = connection.used_s(job)
        if used is not None:
            file.update(lambda r: replace(r, usage_s={**r.usage_s, tag: used}))
    except Exception:
        return


def _note_estimate(file: JobFile, tag: str, job: Any, connection: Connection) -> None:
    """What the service expects a dry run to cost when it is run; no more than that depends on it."""
    if not file.read().dry_run:
        return
    try:
        expected = connection.expected_s(job)
        if expected is not None:
            file.update(lambda r: replace(r, timing=with_estimate(r.timing, tag, expected, len(r.pubs))))
    except Exception:
        return


def _reason(job: Any, connection: Connection, what: str) -> str:
    """Why a job failed or was cancelled, as far as the service tells."""
    told = patiently(job.error_message, connection.patience, what)
    # The client keeps the reason of a cancellation, and shows it nowhere.
    return str(told or getattr(job, "_reason", None) or "")


def collect_local(file: JobFile, number: int, job: Any) -> Collected:
    """Wait for a job of this process and store its result."""
    try:
        result = job.result()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        file.update(lambda r: r.with_part(number, state="failed", reason=reason))
        raise JobFailed(f"the local run of {str(file.path)!r} failed: {reason}") from error
    return _stored(file, number, result)


def _stored(file: JobFile, number: int, result: Any) -> Collected:
    """Check a result, write its bits beside the job file, and say so there.

    Raises:
        ForeignResult: if it is not that part's.
    """
    record = file.read()
    part = record.parts[number]
    result = sampled(result)
    wanted = [(record.pubs[piece.pub], piece.rows) for piece in part.pieces]
    pieces = checked_pieces(result, wanted, part.shots, part.tag, f"job {part.job_id or part.tag}")
    if record.dry_run:
        file.update(lambda r: replace(r, timing=_with_timing(r, number, list(result))))
    data = bits_as_bytes(pieces)
    path = file.beside(number, f".{part.tag[-8:]}.npz")
    try:
        write_durably(path, data)
        stored = StoredFile(path.name, sha256(data))
        file.update(lambda r: r.with_part(number, state="done", result=stored, reason=""))
    except OSError as error:
        warn_unwritten(error, f"the result of job {part.job_id or part.tag}")
        return Collected(True, pieces)
    for kept in _kept(file, number):
        kept.unlink(missing_ok=True)
    return Collected(True)


def _with_timing(record: JobRecord, number: int, results: Sequence[Any]) -> dict[str, Any]:
    dt_s = (record.calibration or {}).get("dt_s")
    pubs = [piece.pub for piece in record.parts[number].pieces]
    return with_timing(record.timing, results, pubs, len(record.pubs), dt_s if isinstance(dt_s, float) else None)


def warn_unwritten(error: OSError, what: str) -> None:
    """Say that something is in memory only."""
    warnings.warn(
        f"{what} is here and could not be stored: {error}; make room, and fetch it again while the service has it",
        UserWarning,
        stacklevel=2,
    )


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
