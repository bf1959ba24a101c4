"""Submitting a job: written down, sent once, written down again."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from qiskit.providers import BackendV2
from qiskit.transpiler import PassManager

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
from quantumlink.execution.jobs.machine import IBMMachine, Machine, machine_of
from quantumlink.execution.jobs.patience import Patience
from quantumlink.execution.jobs.seconds import check_budget, circuit_length_s, estimated, rep_delay_s
from quantumlink.execution.jobs.splitting import Limits, Load, split
from quantumlink.execution.jobs.tasks import Task, task_of
from quantumlink.execution.preparation.prepared import Prepared, used_qubits
from quantumlink.execution.preparation.snapshot import calibrated_at, snapshot

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
    mitigate_readout: bool | Literal["balanced"] = False,
    service: Any = None,
    hardware: bool = False,
    limits: Limits | None = None,
    patience: Patience | None = None,
    dry_run: bool = False,
    max_qpu_s: float | None = None,
    renew: bool = False,
    boxes: PassManager | None = None,
) -> Job:
    """Submit a link, a program or a session, and return at once.

    Everything that is needed to come back to it stands in a file, ``job.path``, before anything is sent: a process
    that dies at any moment loses nothing, and nothing is submitted twice. `resume` goes on from the file.

    A job on a simulator of this machine runs in this process, where `resume` finds it too. Its result is in the
    file once it was read with `Job.result`, `Job.samples` or `Job.key`, or the process came to its normal end; a
    process that is killed before loses it.

    Args:
        program: a link, a `Program`, what `prepare` returned, or a session (any object with ``circuits()``,
            ``analyse(result)``, ``to_dict()``, ``from_dict``). A link or a program is prepared for the backend,
            which plays its own noise: that of the program is dropped, with a warning; `prepare` plays its links'.
        backend: a backend or the name of one, a `Session` or `Batch` of qiskit-ibm-runtime (which stays the user's
            to close), any `BaseSamplerV2`, or an `Engine`.
        bases: for a link or a program: two-letter labels, ``("XX", "YY", "ZZ")`` if None.
        shots: for a link or a program: runs of each basis, 4096 if None. More than one job of the machine can hold
            are divided into several, and joined again.
        directory: where the job file goes; ``$QUANTUMLINK_JOBS`` or a folder for the user's data if None.
        options: of the runtime's sampler, such as ``{"dynamical_decoupling": {"enable": True}}``.
        seed: makes preparation and local runs repeatable.
        mitigate_readout: for a link or a program: run two calibration circuits in the same job, so that
            `Job.mitigated` can take readout errors out of parities. With ``"balanced"`` these run in at least 8
            rows each, in which every qubit is calibrated over both states of those near it. With the runtime's
            ``options={"twirling": {"enable_measure": True}}`` they are twirled as the program is. A key is never
            mitigated.
        service: where a backend's name is looked up; the account saved on this machine if None.
        hardware: refuse everything that is simulated.
        limits: of one job, where the machine's own are not to be used.
        patience: with the service.
        dry_run: let the service check and time the job on its mock of the device, without seconds of a quantum
            computer: `Job.timing` tells what its scheduler says. Its bits are random, so it has no samples.
        max_qpu_s: refuse what is estimated to take more quantum seconds (`Job.estimate_s`); nothing is sent then.
        renew: prepare a program again that was prepared before the device was calibrated last. Without it a warning
            says so.
        boxes: directed execution: puts each circuit, as it was prepared, into annotated boxes that say what is
            twirled, such as ``samplomatic.transpiler.generate_boxing_pass_manager()``; IBM's Executor runs them,
            its client's fakes too. It must leave the meaning alone, which is not checked. Circuits with
            conditions, and boxes that want values for each run (a noise to inject), are refused. Of ``options``
            the twirling's ``num_randomizations`` and ``shots_per_randomization`` are used.

    Raises:
        TooExpensive: if the estimate is above the budget.
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
    if max_qpu_s is not None:
        max_qpu_s = validation.number("max_qpu_s", max_qpu_s, at_least=0.0)
    if mitigate_readout not in (True, False, "balanced"):
        raise TypeError(f"mitigate_readout must be True, False or 'balanced', got {mitigate_readout!r}")
    for name, value in (
        ("hardware", hardware),
        ("dry_run", dry_run),
        ("renew", renew),
    ):
        validation.instance(name, value, bool, "True or False")
    if boxes is not None:
        validation.instance("boxes", boxes, PassManager, "a PassManager that makes boxes, or None")
    if limits is not None:
        validation.instance("limits", limits, Limits, "a Limits")
    patience = Patience() if patience is None else patience
    validation.instance("patience", patience, Patience, "a Patience")
    folder = default_folder() if directory is None else Path(directory)
    machine = machine_of(backend, service=service, hardware=hardware, patience=patience)
    if isinstance(program, Prepared) and machine.backend is not None:
        program = _renewed(program, machine.backend, renew=renew)
    task = task_of(
        program,
        machine,
        bases=bases,
        shots=shots,
        options=options,
        seed=seed,
        mitigate_readout=mitigate_readout,
        boxes=boxes,
    )
    record = _record(task, machine, machine.limits if limits is None else limits, seed)
    if isinstance(machine, IBMMachine):
        used = {qubit for pub in record.pubs for qubit in used_qubits(pub.circuit)}
        known = snapshot(machine.backend, used)
        record = replace(
            _with_estimate(record, machine, task.latency_s, max_qpu_s), dry_run=dry_run, calibration=known
        )
    elif dry_run:
        raise ValueError(
            f"dry_run is the service's: {machine.where.backend} runs in this process, where a run costs no seconds "
            f"of a quantum computer; predict(prepare(...)) tells what to expect"
        )
    job = Job(JobFile.create(folder, record), patience, machine=machine, service=service)
    try:
        job.send(is_new=True)
    except BaseException as error:  # an interrupt too
        error.add_note(f"The job file is {str(job.path)!r}; resume(path) goes on from there.")
        raise
    return job


def _renewed(prepared: Prepared, backend: BackendV2, *, renew: bool) -> Prepared:
    """The preparation, made again if it is older than the device's calibration and that is wanted."""
    now_at = calibrated_at(backend, refresh=True)
    if now_at is None or prepared.calibrated_at is None or now_at <= prepared.calibrated_at:
        return prepared
    if renew and prepared.again is not None:
        refresh = getattr(backend, "refresh", None)
        if callable(refresh):
            refresh()
        return prepared.again(backend)
    warnings.warn(
        f"{backend.name} was calibrated at {now_at}, the program was prepared by the calibration of "
        f"{prepared.calibrated_at}: its place and its prediction may be out of date. Prepare it again, or submit "
        f"with renew=True (not where a pass manager was given)",
        UserWarning,
        stacklevel=3,
    )
    return prepared


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


def _with_estimate(record: JobRecord, machine: IBMMachine, latency_s: float, max_qpu_s: float | None) -> JobRecord:
    lengths = [circuit_length_s(pub.circuit, machine.backend, latency_s) for pub in record.pubs]
    loads = [Load(part.pieces, part.shots) for part in record.parts]
    estimate = estimated(loads, lengths, rep_delay_s(machine.backend, record.options))
    if max_qpu_s is not None:
        check_budget(estimate, max_qpu_s)
    assumed = {"lengths_s": lengths, "latency_s": latency_s}
    return replace(record, estimate_s=estimate.total_s, assumed=assumed)


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
