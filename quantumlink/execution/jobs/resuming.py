"""Coming back to a job: after a restart, on another machine, while it waits, after a part of it failed."""

from __future__ import annotations

from collections.abc import Collection
from os import PathLike
from pathlib import Path
from typing import Any

from quantumlink import validation
from quantumlink.execution.jobs.collecting import forget_missing
from quantumlink.execution.jobs.job import Job
from quantumlink.execution.jobs.job_file import JobFile, JobRecord, Part, new_tag
from quantumlink.execution.jobs.local_runs import found_run
from quantumlink.execution.jobs.machine import machine_again
from quantumlink.execution.jobs.patience import Patience


def resume(
    path: str | PathLike[str],
    *,
    service: Any = None,
    backend: Any = None,
    rerun: bool = False,
    patience: Patience | None = None,
) -> Job:
    """Go on with a job, from its file.

    What was submitted is attached to again; what may have arrived without an answer is looked for by its tag; only
    what certainly did not arrive is sent now. A job whose result is stored needs neither service nor backend.

    Args:
        path: the job file.
        service: a `QiskitRuntimeService`; the account saved on this machine if None.
        backend: a backend, `Session`, `Batch` or sampler for what is sent now, instead of the one in the file, such
            as a new session for one that was closed. A device must be of the same name.
        rerun: run again what failed, was cancelled, was deleted at the service, or was lost with a local process.
            It may cost once more.
        patience: with the service.

    Raises:
        FileNotFoundError: if there is no such file.
        JobFileError: if it is no job file of this version, cut short or edited; it is left as it is.
        ValueError: if the backend is another device than the circuits were prepared for.
        JobError: as for `submit`.

    >>> from tempfile import mkdtemp
    >>> from qiskit.providers.fake_provider import GenericBackendV2
    >>> import quantumlink as ql
    >>> backend = GenericBackendV2(2, seed=1)
    >>> prepared = ql.prepare(ql.ElementaryLink(ql.Node("a"), ql.Node("b")), backend, seed=1)
    >>> job = ql.submit(prepared, backend, shots=100, directory=mkdtemp(), seed=1)
    >>> again = ql.resume(job.path, backend=backend)  # in another process, on another day
    >>> again.samples().fidelity() == job.samples().fidelity()
    True
    """
    patience = Patience() if patience is None else patience
    validation.instance("patience", patience, Patience, "a Patience")
    if not isinstance(path, str | PathLike):
        raise TypeError(f"path must be that of a job file, got {path!r} ({type(path).__name__})")
    file = JobFile(Path(path))
    record = file.read()
    machine = None
    if backend is not None:
        machine = machine_again(record.where, service=service, backend=backend, patience=patience)
        device = machine.backend
        if device is not None and record.where.backend not in (machine.where.backend, device.name):
            raise ValueError(
                f"the circuits of {str(file.path)!r} were prepared for {record.where.backend}, they cannot run on "
                f"{machine.where.backend}"
            )
    forget_missing(file)
    job = Job(file, patience, machine=machine, service=service)
    if rerun:
        gone = job.deleted_parts()
        record = file.update(lambda r: _anew(r, gone))
    if any(part.state in ("planned", "submitting") for part in record.parts):
        job.send()
    return job


def _anew(record: JobRecord, gone: Collection[str]) -> JobRecord:
    """What has no result and will not have one is planned again, under a tag of its own.

    Args:
        record: of the job.
        gone: tags of parts whose job the service does not have any more.
    """
    local = record.where.kind == "local"
    for number, part in enumerate(record.parts):
        lost = local and part.state == "submitted" and found_run(part.tag) is None
        if lost or part.tag in gone or part.state in ("failed", "cancelled"):
            record = record.with_part(
                number, state="planned", tag=new_tag(), job_id=None, since="", reason="", earlier_ids=_earlier(part)
            )
    return record


def _earlier(part: Part) -> tuple[str, ...]:
    return part.earlier_ids if part.job_id is None else (*part.earlier_ids, part.job_id)
