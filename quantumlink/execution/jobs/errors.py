"""What can go wrong with a job on a machine far away, each said in words; none of these loses a job."""

from __future__ import annotations


class JobError(Exception):
    """Something is wrong with a job; its file is as it was."""


class JobFileError(JobError, ValueError):
    """A file that is no job file, of another version, cut short, or edited by hand."""


class JobUnfinished(JobError):
    """The result is not there yet."""


class JobFailed(JobError):
    """The machine gave up on a job, or it was cancelled: there is no result to fetch."""


class JobLost(JobError):
    """It ran in a process of this machine that is gone, so it cannot be attached to again."""


class JobDeleted(JobError):
    """The service knows no such job (any more), or not with this account."""


class ForeignResult(JobError, ValueError):
    """A result, or a job, that is another's: by its tag, its PUBs, its registers or its shots."""


class ResultUnreadable(JobError):
    """A result that came and cannot be decoded; its text is kept."""


class ServiceUnavailable(JobError):
    """The service did not answer, or not well, however often it was asked."""


class NotAuthorized(JobError):
    """There are no credentials, or they are no longer valid."""


class BackendNotFound(JobError, ValueError):
    """No backend of this name can be had with this account."""
