"""The protocol by which a part of a job is sent: once, whatever is lost on the way.

Before anything is sent the file says ``submitting``; when the answer is there, it says ``submitted`` and the id.
Whoever finds ``submitting`` cannot know whether the request arrived. The part's tag can: it was in the file before,
and the service lists jobs by tag. Only if the listing does not show it after a time of grace, it is sent again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from quantumlink.execution.jobs.connection import Connection
from quantumlink.execution.jobs.errors import JobError, NotAuthorized, ServiceUnavailable
from quantumlink.execution.jobs.job_file import JobFile, Part, locked, now
from quantumlink.execution.jobs.machine import IBMMachine
from quantumlink.execution.jobs.patience import Trouble, not_authorized, trouble_of


def send_part(file: JobFile, number: int, machine: IBMMachine) -> None:
    """Send a part that was not sent yet, or find out whether it was.

    Args:
        file: of the job.
        number: of the part.
        machine: to which.

    Raises:
        JobError: if the service refuses it: then it was not sent, and the file says so.
        ServiceUnavailable: if the service does not answer; it can be resumed.
    """
    with locked(file.path, "submit"):
        record = file.read()
        part = record.parts[number]
        if part.state == "submitting":
            connection = machine.connection
            if not connection.knows(record.where.account):
                raise JobError(
                    f"part {number} of {str(file.path)!r} was being submitted with another account or instance, "
                    f"where it may have arrived: resume it with that one"
                )
            found = recovered(connection, part)
            if found is not None:
                _note(file, number, found)
                return
        elif part.state != "planned":
            return
        _send(file, number, machine)


def recovered(connection: Connection, part: Part) -> Any | None:
    """The job of a part that may have arrived, None if it did not."""
    patience = connection.patience
    left = patience.grace_s - _age_s(part)
    waited = 0.0
    for wait in patience.waits():
        found = connection.find(part.tag)
        if found is not None or waited >= left:
            return found
        step = min(wait, left - waited)
        patience.sleep(step)
        waited += step
    return None


def _send(file: JobFile, number: int, machine: IBMMachine) -> None:
    patience = machine.connection.patience
    for tried, wait in enumerate(patience.waits(), start=1):
        record = file.update(lambda r: r.with_part(number, state="submitting", since=now(), reason=""))
        part = record.parts[number]
        pubs = [record.pubs[p.pub].piece(p.start, p.stop, part.shots, part.tag) for p in part.pieces]
        try:
            job = machine.send(pubs, record.options, part.tag)
        except Exception as error:
            trouble = _trouble_of(error)
            job = None if trouble.is_refusal else _after_trouble(machine.connection, part, trouble, error)
            if job is None and not (trouble.is_transient and tried < patience.tries):
                _give_up(file, number, trouble, error)
        if job is not None:
            _note(file, number, job)
            return
        patience.sleep(max(wait, trouble.retry_after_s))


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


def _give_up(file: JobFile, number: int, trouble: Trouble, error: Exception) -> None:
    """Leave the file as the truth demands, and say what happened."""
    where = f"part {number} of {str(file.path)!r}"
    if trouble.is_refusal:  # then it did not arrive
        file.update(lambda r: r.with_part(number, state="planned", reason=str(error)))
    if trouble.status == 401:
        raise not_authorized(f"submitting {where}") from error
    if trouble.is_transient:
        raise ServiceUnavailable(
            f"submitting {where}: no success, at last: {error}; nothing is lost, resume(path) goes on from here"
        ) from error
    if trouble.is_refusal:
        raise JobError(f"the service refuses {where}: {error}") from error
    raise error


def _note(file: JobFile, number: int, job: Any) -> None:
    job_id = str(job.job_id())
    file.update(lambda r: r.with_part(number, state="submitted", job_id=job_id, reason=""))


def _age_s(part: Part) -> float:
    """How long ago it was sent; a clock of another machine may be wrong, so never less than nothing."""
    try:
        sent = datetime.fromisoformat(part.since)
        return max(0.0, (datetime.now(UTC) - sent).total_seconds())
    except (TypeError, ValueError):
        return 0.0
