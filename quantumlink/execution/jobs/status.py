"""How a job stands."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from quantumlink.execution.jobs.job_file import JobRecord

Status = Literal["unsubmitted", "queued", "running", "done", "failed", "cancelled", "lost"]
"""How a job stands; with several parts that of the least advanced one, or that of one that failed."""

ORDER: tuple[Status, ...] = ("failed", "lost", "cancelled", "unsubmitted", "queued", "running", "done")
REMOTE: dict[str, Status] = {
    "INITIALIZING": "queued",
    "QUEUED": "queued",
    "RUNNING": "running",
    "DONE": "done",
    "ERROR": "failed",
    "CANCELLED": "cancelled",
}


def without_planned(record: JobRecord, number: int) -> JobRecord:
    """The record with that part cancelled, if it was not sent yet."""
    if record.parts[number].state != "planned":
        return record
    return record.with_part(number, state="cancelled", reason="it was cancelled")


def summed(record: JobRecord) -> str:
    """How many parts stand how."""
    counted = Counter(part.state for part in record.parts)
    return ", ".join(f"{number} {state}" for state, number in counted.items())
