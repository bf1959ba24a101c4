"""Submitting a job: written down, sent once, written down again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import Any

from quantumlink import validation
from quantumlink.execution.jobs.job import Job
from quantumlink.execution.jobs.job_file import (
    JobFile,
    JobRecord,
    Part,
    default_folder,
    new_job_id,
    new_tag,
    now,
)
from quantumlink.execution.jobs.machine import Machine, machine_of
from quantumlink.execution.jobs.patience import Patience
from quantumlink.execution.jobs.splitting import Limits, split
from quantumlink.execution.jobs.tasks import Task, task_of

_PACKAGES = ("quantumlink", "qiskit", "qiskit-ibm-runtime", "qiskit-aer", "numpy")


def submit(
    program: Any,
    backend: Any,
    *,
    bases: Sequence[str] | None = None,
    shots: int | None = None,
    directory: str | PathLike[str] | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int | None = None,
    mitigate_readout: bool = False,
    service: Any = None,
    hardware: bool = False,
    limits: Limits | None = None,
    patience: Patience | None = None,
) -> Job:
    """Submit a link, a program or a session, and return at once.

    Everything that is needed to come back to it stands in a file, ``job.path``, before anything is sent: a process
    that dies at any moment loses nothing, and nothing is submitted twice. `resume` goes on from the file.

    A job on a simulator of this machine runs in this process, where `resume` finds it too. Its result is in the
    file once it was read with `Job.result`, `Job.samples` or `Job.key`, or the process came to its normal end; a
    process that is killed before loses it.

    Args:
        program: a link, a `Program`, what `prepare` returned, or a session (any object with ``circuits()``,
            ``analyse(result)``, ``to_dict()``, ``from_dict``). A link or a program is prepared for the backend.
        backend: a backend or the name of one, a `Session` or `Batch` of qiskit-ibm-runtime (which stays the user's
            to close), or any `BaseSamplerV2`.
        bases: for a link or a program: two-letter labels, ``("XX", "YY", "ZZ")`` if None.
        shots: for a link or a program: runs of each basis, 4096 if None. More than one job of the machine can hold
            are divided into several, and joined again.
        directory: where the job file goes; ``$QUANTUMLINK_JOBS`` or a folder for the user's data if None.
        options: of the runtime's sampler, such as ``{"dynamical_decoupling": {"enable": True}}``.
        seed: makes preparation and local runs repeatable.
        mitigate_readout: for a link or a program: run two calibration circuits in the same job, so that
            `Job.mitigated` can take readout errors out of parities. A key is never mitigated.
        service: where a backend's name is looked up; the account saved on this machine if None.
        hardware: refuse everything that is simulated.
        limits: of one job, where the machine's own are not to be used.
        patience: with the service.

    Raises:
        TypeError, ValueError: if an argument is of the wrong kind, or the circuits are not what the target takes.
        BackendNotFound: if there is no backend of that name.
        NotAuthorized: if there are no credentials, or the service refuses them.
        ServiceUnavailable: if the service does not answer: ``resume(path)`` tries again.
        JobError: if the service refuses the job.

    >>> import tempfile
    >>> from quantumlink.execution import ExactSampler
    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> folder = tempfile.TemporaryDirectory()
    >>> link = ElementaryLink(Node("alice"), Node("bob"))
    >>> job = submit(link, ExactSampler(seed=1), shots=100, directory=folder.name)
    >>> job.samples().fidelity().best, job.status()
    (1.0, 'done')
    >>> folder.cleanup()
    """
    seed = validation.seed("seed", seed)
    for name, value in (("mitigate_readout", mitigate_readout), ("hardware", hardware)):
        validation.instance(name, value, bool, "True or False")
    if limits is not None:
        validation.instance("limits", limits, Limits, "a Limits")
    patience = Patience() if patience is None else patience
    validation.instance("patience", patience, Patience, "a Patience")
    folder = default_folder() if directory is None else Path(directory)
    machine = machine_of(backend, service=service, hardware=hardware, patience=patience)
    task = task_of(
        program,
        machine,
        bases=bases,
        shots=shots,
        options=options,
        seed=seed,
        mitigate_readout=mitigate_readout,
    )
    record = _record(task, machine, machine.limits if limits is None else limits, seed)
    job = Job(JobFile.create(folder, record), patience, machine=machine, service=service)
    try:
        job.send()
    except BaseException as error:  # an interrupt too
        error.add_note(f"The job file is {str(job.path)!r}; resume(path) goes on from there.")
        raise
    return job


def _record(task: Task, machine: Machine, limits: Limits, seed: int | None) -> JobRecord:
    rows = [pub.rows for pub in task.pubs]
    loads = split(rows, task.broadcast_bits, task.shots, limits)
    return JobRecord(
        job=new_job_id(),
        title=task.title,
        created=now(),
        where=machine.where,
        reader=task.reader,
        shots=task.shots,
        pubs=task.pubs,
        parts=tuple(Part(new_tag(), load.pieces, load.shots) for load in loads),
        options=task.options,
        seeds={"preparation": seed, "run": seed},
        layout=task.layout,
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
