"""``quantumlink jobs``: the jobs whose files are on this machine, listed, shown, read and cancelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from quantumlink.cli.messages import print_error

if TYPE_CHECKING:
    from quantumlink.execution.jobs.job import Job

app = typer.Typer(help="List, show, read and cancel jobs by their files.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--directory", help="Where the job files are; the default folder if not given.", show_default=False
    ),
]
Which = Annotated[
    str, typer.Argument(metavar="JOB", help="A job file, or the beginning of a job's id.", show_default=False)
]


@app.command(name="list")
def list_jobs(directory: Folder = None) -> None:
    """List the jobs, newest first, as their files tell; the service is not asked."""
    from quantumlink.execution.jobs.errors import JobFileError
    from quantumlink.execution.jobs.job_file import JobFile

    table = Table()
    for column in ("job", "created", "on", "what", "shots", "parts"):
        table.add_column(column, justify="right" if column == "shots" else "left")
    with _errors_told():
        for path in _files(directory):
            try:
                record = JobFile(path).read()
            except JobFileError as error:
                table.add_row(path.name, "", "", Text(f"unreadable: {error}"), "", "")
                continue
            states = Counter(part.state for part in record.parts)
            table.add_row(
                record.job,
                record.created[:19].replace("T", " "),
                escape(record.where.backend),
                escape(record.title),
                str(record.shots),
                ", ".join(f"{number} {state}" for state, number in states.items()),
            )
    Console().print(table if table.row_count else "no jobs")


@app.command()
def show(job: Which, directory: Folder = None) -> None:
    """Show what a job's file says; the service is not asked."""
    from quantumlink.execution.jobs.job_file import JobFile

    with _errors_told():
        path = _found(job, directory)
        record = JobFile(path).read()
        table = Table(title=escape(record.title), show_header=False)
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
        rows += [("versions", ", ".join(f"{name} {number}" for name, number in record.versions.items()))]
        for number, part in enumerate(record.parts):
            told = [part.state, f"id {part.job_id}" if part.job_id else "no id", f"tag {part.tag}"]
            told += [f"{sum(piece.rows for piece in part.pieces)} rows of {part.shots} shots"]
            rows += [(f"part {number}", ", ".join([*told, *([part.reason] if part.reason else [])]))]
        for name, text in rows:
            table.add_row(name, escape(text))
        Console().print(table)


@app.command()
def result(
    job: Which,
    directory: Folder = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds to wait; without end if not given.", min=0.0, show_default=False)
    ] = None,
) -> None:
    """Wait for a job's result and print what it says; stored results need no network."""
    from quantumlink.execution.jobs import resume

    with _errors_told():
        resumed = resume(_found(job, directory))
        record = resumed.record
        if record.reader["kind"] == "analyst":
            key = resumed.key(timeout)
            told = key.report() if hasattr(key, "report") else repr(key)
            Console().print(Text(str(told)), soft_wrap=True)
            return
        _print_figures(resumed, timeout)


@app.command()
def cancel(job: Which, directory: Folder = None) -> None:
    """Cancel what is not over; what was not submitted will not be."""
    from quantumlink.execution.jobs.job import Job
    from quantumlink.execution.jobs.job_file import JobFile
    from quantumlink.execution.jobs.patience import Patience

    with _errors_told():
        # Not by resume, which would submit first what is not submitted.
        status = Job(JobFile(_found(job, directory)), Patience()).cancel()
        typer.echo(f"{job}: {status}")


def _print_figures(job: Job, timeout: float | None) -> None:
    """What was measured, and beside it the same with readout errors taken out, if the job has a calibration."""
    record, samples = job.record, job.samples(timeout)
    rows = [("fidelity to Φ⁺", samples.fidelity())] if {"XX", "YY", "ZZ"} <= set(samples.outcomes) else []
    rows += [(f"⟨{basis}⟩", samples.expectation(basis)) for basis in samples.outcomes]
    rows += [("acceptance", samples.acceptance)]
    table = Table(title=escape(f"{record.title} on {record.where.backend}"))
    table.add_column("")
    table.add_column("measured [95 %]", justify="right")
    corrected, note = _mitigated(job)
    if corrected:
        table.add_column("mitigated [95 %]", justify="right")
    for name, estimate in rows:
        table.add_row(name, str(estimate), *([corrected.get(name, "")] if corrected else []))
    table.add_row("runs", str(sum(samples.shots.values())))
    Console().print(table)
    if note:
        Console().print(Text(note), soft_wrap=True)


def _mitigated(job: Job) -> tuple[dict[str, str], str]:
    """The mitigated figures by name, and what was corrected; or why there are none."""
    if "calibration" not in job.record.reader:
        return {}, ""
    try:
        found = job.mitigated()
        return {name: str(estimate) for name, _, estimate in found.lines()}, found.note()
    except ValueError as error:  # such as a readout that is next to random: the raw figures stand all the same
        return {}, f"Not mitigated: {error}."


@contextmanager
def _errors_told() -> Iterator[None]:
    from quantumlink.execution.jobs.errors import JobError

    try:
        yield
    except (JobError, ImportError, OSError, TypeError, ValueError) as error:
        print_error(error)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted: nothing is lost")
        raise typer.Exit(130) from None


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
    near = [path for name, path in ids.items() if job and name.startswith(job)]
    if len(near) != 1:
        which = "no job" if not near else f"{len(near)} jobs"
        raise ValueError(
            f"JOB must be a job file or the beginning of one id; {which} of {', '.join(ids) or 'none'} fit"
        )
    return near[0]
