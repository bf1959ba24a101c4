"""Jobs that survive: submitted once, found again after a crash, read on another machine."""

from quantumlink.execution.jobs.choosing import Candidate, Ranking, best_backend
from quantumlink.execution.jobs.comparison import Comparison
from quantumlink.execution.jobs.errors import (
    BackendNotFound,
    ForeignResult,
    JobError,
    JobFailed,
    JobFileError,
    JobLost,
    JobUnfinished,
    NotAuthorized,
    ResultUnreadable,
    ServiceUnavailable,
)
from quantumlink.execution.jobs.job import Job
from quantumlink.execution.jobs.patience import Patience
from quantumlink.execution.jobs.readers import register_reader
from quantumlink.execution.jobs.resuming import resume
from quantumlink.execution.jobs.seconds import TooExpensive
from quantumlink.execution.jobs.splitting import Limits
from quantumlink.execution.jobs.submission import submit
from quantumlink.execution.jobs.timing import Timing

__all__ = [
    "BackendNotFound",
    "Candidate",
    "Comparison",
    "ForeignResult",
    "Job",
    "JobError",
    "JobFailed",
    "JobFileError",
    "JobLost",
    "JobUnfinished",
    "Limits",
    "NotAuthorized",
    "Patience",
    "Ranking",
    "ResultUnreadable",
    "ServiceUnavailable",
    "Timing",
    "TooExpensive",
    "best_backend",
    "register_reader",
    "resume",
    "submit",
]
