"""The protocol by which a part of a job is sent: once, whatever is lost on the way.

Before anything is sent the file says ``submitting``; when the answer is there, it says ``submitted`` and the id.
Whoever finds ``submitting`` cannot know whether the request arrived. The part's tag can: it was in the file before,
and the service lists jobs by tag. Only if the listing does not show it after a time of grace, it is sent again.
The grace is waited for here and now: the clock of whoever wrote the file may be another's.

A file can be copied, and a copy that says ``planned`` cannot know what became of the other one. So whoever comes
back to a file asks for the tags of the planned parts too, before anything is sent, and on one machine only one asks
and sends at a time. Two machines cannot wait for each other: after it has sent, each looks for the tag once more,
and of two jobs with it the later one is cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from quantumlink.execution.jobs.connection import Connection, NotSent
from quantumlink.execution.jobs.errors import JobError, NotAuthorized, ServiceUnavailable
from quantumlink.execution.jobs.job_file import JobFile, JobRecord, Part, now
from quantumlink.execution.jobs.locks import locked
from quantumlink.execution.jobs.machine import IBMMachine
from quantumlink.execution.jobs.patience import (
    Patience,
    Trouble,
    not_authorized,
    patiently,
    trouble_of,
)


def send_part(file: JobFile, number: int, machine: IBMMachine, *, is_new: bool = False) -> None:
    """Send a part that was not sent yet, or find out whether it was.

    Args:
        file: of the job.
        number: of the part.
        machine: to which.
        is_new: whether the file was written just now, so that no copy of it can be sent elsewhere.

    Raises:
        JobError: if the service or its client refuses it: then it was not sent, and the file says so.
        ServiceUnavailable: if the service does not answer; it can be resumed.
    """
    with locked(file.path, "submit"):
        record = file.read()
        part = record.parts[number]
        if part.state == "submitting":
            if not machine.connection.knows(record.where.account):
                raise JobError(
                    f"part {number} of {str(file.path)!r} was being submitted with another account or instance, "
                    f"where it may have arrived: resume it with that one"
                )
            found = recovered(machine.connection, part)
            if found is not None:
                _note(file, number, found)
                return
        elif part.state != "planned":
            return
        job = _send(file, number, machine)
        if job is not None:
            _note(file, number, job if is_new else _the_only_one(machine.connection, part.tag, job))


def find_sent_by_copies(file: JobFile, machine: IBMMachine) -> None:
    """Attach planned parts to the jobs that a copy of this file has sent, if there are any.

    Args:
        file: of the job.
        machine: to which it is to go.
    """
    connection = machine.connection

    def left() -> list[int]:
        return [number for number, part in enumerate(file.read().parts) if part.state == "planned"]

    with locked(file.path, "submit"):
        for waited, wait in _until(connection.patience.grace_s, connection.patience):
            for number in left():
                found = connection.find(file.read().parts[number].tag)
                if found is not None:
                    _note(file, number, found)
            if not left():
                return
            if waited is not None:
                connection.patience.sleep(wait)


def recovered(connection: Connection, part: Part) -> Any | None:
    """The job of a part that may have arrived, None if it did not."""
    for waited, wait in _until(connection.patience.grace_s, connection.patience):
        found = connection.find(part.tag)
        if found is not None or waited is None:
            return found
        connection.patience.sleep(wait)
    return None


def _until(most_s: float, patience: Patience) -> Iterator[tuple[float | None, float]]:
    """The time waited before each wait, and its length; once more with None when all is waited."""
    waited = 0.0
    for wait in patience.waits():
        step = min(wait, most_s - waited)
        if step <= 0:
            break
        yield waited, step
        waited += step
    yield None, 0.0


def _send(file: JobFile, number: int, machine: IBMMachine) -> Any | None:
    """The job of a part that was sent; None if it was cancelled in the meantime."""
    patience = machine.connection.patience
    for tried, wait in enumerate(patience.waits(), start=1):
        record = file.update(partial(_begun, number=number))
        part = record.parts[number]
        if part.state != "submitting":
            return None
        pubs = [record.pubs[p.pub].piece(p.start, p.stop, part.shots, part.tag) for p in part.pieces]
        job, sent = None, True
        try:
            job = machine.send(pubs, record.options, part.tag, dry_run=record.dry_run)
        except Exception as error:
            sent, cause = not isinstance(error, NotSent), error
            if isinstance(error, NotSent) and isinstance(error.__cause__, Exception):
                cause = error.__cause__
            trouble = _trouble_of(cause)
            if not sent:
                file.update(lambda r: r.with_part(number, state="planned", reason=""))
                machine.connection.check_account()  # a refused account looks like one without backends
            elif not trouble.is_refusal:
                job = _after_trouble(machine.connection, part, trouble, cause)
            if job is None and not (trouble.is_transient and tried < patience.tries):
                _give_up(file, number, trouble, cause, sent=sent)
        if job is not None:
            return job
        patience.sleep(max(wait, trouble.retry_after_s))
    raise AssertionError("the waits have no end")


def _begun(record: JobRecord, number: int) -> JobRecord:
    if record.parts[number].state not in ("planned", "submitting"):
        return record
    return record.with_part(number, state="submitting", since=now(), reason="")


def _the_only_one(connection: Connection, tag: str, mine: Any) -> Any:
    """Of the jobs with a tag the first one, which everybody finds to be the same; another that was sent here goes.

    Args:
        connection: to the service.
        tag: of the part.
        mine: what was sent here.
    """
    found = connection.find_all(tag)
    first = found[-1] if found else mine
    if first.job_id() == mine.job_id() or mine.job_id() not in {job.job_id() for job in found}:
        return mine
    cancelled(mine, connection.patience)
    return first


def _after_trouble(connection: Connection, part: Part, trouble: Trouble, error: Exception) -> Any | None:
    """Whether it arrived all the same; an error of the client's own needs no waiting."""
    if trouble.status is not None:
        return recovered(connection, part)
    try:
        return connection.find(part.tag)
    except NotAuthorized:
        raise
    except JobError:
        raise error from None


def _trouble_of(error: Exception) -> Trouble:
    # The client lists the backends anew for each job, and takes a listing that failed for an empty one.
    return Trouble(-1) if type(error).__name__ == "QiskitBackendNotFoundError" else trouble_of(error)


def _give_up(file: JobFile, number: int, trouble: Trouble, error: Exception, *, sent: bool) -> None:
    """Leave the file as the truth demands, and say what happened."""
    where = f"part {number} of {str(file.path)!r}"
    if trouble.is_refusal or not sent:  # then it did not arrive
        file.update(lambda r: r.with_part(number, state="planned", reason=str(error)))
    if trouble.status == 401:
        raise not_authorized(f"submitting {where}") from error
    if trouble.is_transient:
        raise ServiceUnavailable(
            f"submitting {where}: no success, at last: {error}; nothing is lost, resume(path) goes on from here"
        ) from error
    if trouble.is_refusal:
        raise JobError(f"the service refuses {where}: {error}") from error
    if not sent and not isinstance(error, JobError):
        raise JobError(
            f"the service's client refuses {where}, so nothing was sent ({type(error).__name__}: {error})"
        ) from error
    raise error


def cancelled(job: Any, patience: Patience) -> bool:
    """Cancel a job at the service: whether it was not over before.

    Raises:
        JobError: if it cannot be cancelled.
    """
    job_id = job.job_id()
    try:
        patiently(job.cancel, patience, f"cancelling job {job_id}")
    except JobError:
        raise
    except Exception as error:
        if type(error).__name__ != "RuntimeInvalidStateError":
            raise JobError(f"job {job_id} could not be cancelled: {error}") from error
        return False
    return True


def _note(file: JobFile, number: int, job: Any) -> None:
    job_id = str(job.job_id())
    file.update(lambda r: r.with_part(number, state="submitted", job_id=job_id, reason=""))
