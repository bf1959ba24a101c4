"""``quantumlink jobs``: the jobs whose files are on this machine, listed, shown, read and cancelled."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantumlink import validation
from quantumlink.cli.result import Column, Result, Table, pairs_table
from quantumlink.cli.shell import Shell

if TYPE_CHECKING:
    from quantumlink.execution.jobs.job import Job
    from quantumlink.execution.jobs.job_file import JobRecord

app = Shell(help="List, show, read and cancel jobs by their files.", no_args_is_help=True)

COLUMNS = ("job", "created", "on", "what", "shots", "parts", "QPU s")
RIGHT = ("shots", "QPU s")
UNDER_WAY = ("planned", "submitting", "submitted")
"""States of parts that can be cancelled."""

MOST_TOLD = 8
"""Jobs that are told, newest first, where several fit."""

Folder = Annotated[
    Path | None,
    typer.Option(
        "--directory", help="Where the job files are; the default folder if not given.", show_default=False
    ),
]
Which = Annotated[
    str,
    typer.Argument(metavar="JOB", help="A job file, or any part of its id that no other has.", show_default=False),
]


@app.command(name="list", examples=["jobs list", "jobs list --csv jobs.csv"])
def list_jobs(directory: Folder = None) -> Result:
    """List the jobs, newest first, as their files tell; the service is not asked."""
    from quantumlink.execution.jobs.errors import JobFileError
    from quantumlink.execution.jobs.job_file import JobFile

    rows: list[tuple[str, ...]] = []
    estimated = used = 0.0
    for path in _files(directory):
        try:
            record = JobFile(path).read()
        except (JobFileError, OSError) as error:
            rows.append((path.name, "", "", f"unreadable: {error}", "", "", ""))
            continue
        states = Counter(part.state for part in record.parts)
        estimated += 0.0 if record.dry_run else record.estimate_s or 0.0
        used += sum(record.usage_s.values())
        rows.append(
            (
                record.job,
                record.created[:19].replace("T", " "),
                record.where.backend,
                record.title + (" (dry run)" if record.dry_run else ""),
                str(record.shots),
                ", ".join(f"{number} {state}" for state, number in states.items()),
                _seconds(record),
            )
        )
    if not rows:
        return Result(notes=("no jobs",), data={"jobs": []})
    columns = tuple(Column(label, left=label not in RIGHT) for label in COLUMNS)
    notes = []
    if estimated or used:
        notes = [f"{len(rows)} jobs: {used:.4g} s used as the service counts, {estimated:.4g} s estimated"]
    return Result(tables=(Table("", columns, tuple(rows), "jobs"),), notes=tuple(notes))


def _seconds(record: JobRecord) -> str:
    """What a job used, or is estimated to."""
    if record.usage_s:
        return f"{sum(record.usage_s.values()):.4g}"
    return "" if record.estimate_s is None or record.dry_run else f"≈{record.estimate_s:.3g}"


@app.command(examples=["jobs show 3f2a"])
def show(job: Which, directory: Folder = None) -> Result:
    """Show what a job's file says; the service is not asked."""
    from quantumlink.execution.jobs.job_file import JobFile

    path = _found(job, directory)
    record = JobFile(path).read()
    where = record.where
    rows = [
        ("job", record.job),
        ("file", str(path)),
        ("created", f"{record.created[:19].replace('T', ' ')} UTC"),
        ("on", where.backend),
    ]
    rows += [("mode", where.mode if where.session_id is None else f"{where.mode} {where.session_id}")]
    rows += [("qubits", ", ".join(map(str, record.layout)))] if record.layout else []
    rows += [("options", str(dict(record.options)))] if record.options else []
    if record.estimate_s is not None:
        rows += [("QPU seconds", _seconds(record) + f", estimated {record.estimate_s:.3g}")]
    rows += [("calibrated", str(record.calibration.get("calibrated_at")))] if record.calibration else []
    rows += [("versions", ", ".join(f"{name} {number}" for name, number in record.versions.items()))]
    for number, part in enumerate(record.parts):
        told = [part.state, f"id {part.job_id}" if part.job_id else "no id", f"tag {part.tag}"]
        told += [f"{sum(piece.rows for piece in part.pieces)} rows of {part.shots} shots"]
        rows += [(f"part {number}", ", ".join([*told, *([part.reason] if part.reason else [])]))]
    table = pairs_table(record.title, rows, key="job")
    return Result(tables=(replace(table, columns=(table.columns[0], Column("", "value", left=True))),))


@app.command(examples=["jobs result 3f2a --timeout 600"])
def result(
    job: Which,
    directory: Folder = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds to wait; without end if not given.", min=0.0, show_default=False)
    ] = None,
) -> Result:
    """Wait for a job's result and print what it says; stored results need no network."""
    from quantumlink.execution.jobs import resume

    try:
        resumed = resume(_found(job, directory))
        record = resumed.record
        if record.dry_run:
            return _times(resumed, timeout)
        if record.reader["kind"] == "analyst":
            key = resumed.key(timeout)
            told = str(key.report() if hasattr(key, "report") else repr(key))
            return Result(notes=(told,), data={"job": record.job, "result": told})
        return _figures(resumed, timeout)
    except KeyboardInterrupt:
        return Result(data={"job": job}, interrupted="nothing is lost, the job goes on")


@app.command(examples=["jobs cancel 3f2a"])
def cancel(job: Which, directory: Folder = None) -> Result:
    """Cancel what is not over; what was not submitted will not be."""
    from quantumlink.execution.jobs.job import Job
    from quantumlink.execution.jobs.job_file import JobFile
    from quantumlink.execution.jobs.patience import Patience

    # Not by resume, which would submit first what is not submitted.
    found = Job(JobFile(_found(job, directory)), Patience())
    was_over = all(part.state not in UNDER_WAY for part in found.record.parts)
    status, name = found.cancel(), found.record.job
    told = f"{name}: {status}" + (", nothing was left to cancel" if was_over else "")
    return Result(notes=(told,), data={"job": name, "status": str(status)})


def _times(job: Job, timeout: float | None) -> Result:
    """What the service's scheduler says of a dry run, beside what was assumed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the table and its note say it
        timing = job.timing(timeout)
    columns = (Column("", "name", left=True), Column("assumed", "assumed"), Column("by the service", "told"))
    table = Table(f"{job.record.title}: dry run on {job.record.where.backend}", columns, timing.rows(), "times")
    notes = ["The service takes the job; its bits are random."]
    if timing.difference is not None:
        notes += [f"Quantum seconds by the scheduler's times: {timing.difference:+.2%} beside the estimate."]
    return Result(tables=(table,), notes=tuple(notes))


def _figures(job: Job, timeout: float | None) -> Result:
    """What was measured, and beside it the same with readout errors taken out, if the job has a calibration."""
    record, samples = job.record, job.samples(timeout)
    rows = [("fidelity to Φ⁺", samples.fidelity())] if {"XX", "YY", "ZZ"} <= set(samples.outcomes) else []
    rows += [(f"⟨{basis}⟩", samples.expectation(basis)) for basis in samples.outcomes]
    rows += [("acceptance", samples.acceptance)]
    corrected, note = _mitigated(job)
    columns = [Column("", "name", left=True), Column("measured [95 %]", "measured")]
    columns += [Column("mitigated [95 %]", "mitigated")] if corrected else []
    more: list[tuple[Any, ...]] = [
        (name, estimate, *([corrected.get(name, "")] if corrected else [])) for name, estimate in rows
    ]
    more.append(("runs", sum(samples.shots.values()), *([""] if corrected else [])))
    table = Table(f"{record.title} on {record.where.backend}", tuple(columns), tuple(more), "figures")
    return Result(tables=(table,), notes=(note,) if note else ())


def _mitigated(job: Job) -> tuple[dict[str, str], str]:
    """The mitigated figures by name, and what was corrected; or why there are none."""
    if "calibration" not in job.record.reader:
        return {}, ""
    try:
        found = job.mitigated()
        return {name: str(estimate) for name, _, estimate in found.lines()}, found.note()
    except ValueError as error:  # such as a readout that is next to random: the raw figures stand all the same
        return {}, f"Not mitigated: {error}."


def _files(directory: Path | None) -> list[Path]:
    from quantumlink.execution.jobs.job_file import SUFFIX, default_folder

    folder = default_folder() if directory is None else directory
    if directory is not None and not folder.is_dir():
        raise NotADirectoryError(f"--directory must be a folder, got {str(folder)!r}")
    return sorted((path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith(".")), reverse=True)


def _found(job: str, directory: Path | None) -> Path:
    """The file that is meant."""
    from quantumlink.execution.jobs.job_file import SUFFIX

    if Path(job).is_file():
        return Path(job)
    ids = {path.name.removesuffix(SUFFIX).rpartition("-")[2]: path for path in _files(directory)}
    near = [job] if job in ids else [name for name in ids if job and job in name]
    if len(near) == 1:
        return ids[near[0]]
    if near:
        more = ", …" if len(near) > MOST_TOLD else ""
        raise ValueError(
            f"JOB must be a part of one id; {job!r} is in {len(near)}: {', '.join(near[:MOST_TOLD])}{more}"
        )
    found = f"no job fits {job!r}" if ids else "there are no jobs here"
    raise ValueError(f"JOB must be a job file or a part of one id; {found}{validation.did_you_mean(job, ids)}")
