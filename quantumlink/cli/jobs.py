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
    from quantumlink.execution.jobs.job_file import JobRecord
    from quantumlink.execution.jobs.timing import Timing

app = typer.Typer(help="List, show, read and cancel jobs by their files.", no_args_is_help=True)

COLUMNS = ("job", "created", "on", "what", "shots", "parts", "QPU s")
RIGHT = ("shots", "QPU s")
MAX_TABLE_ROWS = 200
"""Most jobs for which a table is drawn."""

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

    rows: list[tuple[str, ...]] = []
    estimated = used = 0.0
    with _errors_told():
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
    _print_jobs(rows)
    if estimated or used:
        typer.echo(f"{len(rows)} jobs: {used:.4g} s used as the service counts, {estimated:.4g} s estimated")


def _print_jobs(rows: list[tuple[str, ...]]) -> None:
    """A table; of many jobs plain columns, as drawing a large table takes longer than reading all files."""
    if not rows:
        typer.echo("no jobs")
        return
    if len(rows) <= MAX_TABLE_ROWS:
        table = Table()
        for column in COLUMNS:
            table.add_column(column, justify="right" if column in RIGHT else "left")
        for row in rows:
            table.add_row(*(Text(_printable(cell)) for cell in row))
        Console().print(table)
        return
    shown = [COLUMNS, *(tuple(_printable(cell) for cell in row) for row in rows)]
    widths = [max(len(row[i]) for row in shown) for i in range(len(COLUMNS))]
    for row in shown:
        cells = zip(COLUMNS, row, widths, strict=True)
        told = "  ".join(c.rjust(w) if name in RIGHT else c.ljust(w) for name, c, w in cells)
        typer.echo(told.rstrip())


def _printable(text: str) -> str:
    """On one line, and without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _seconds(record: JobRecord) -> str:
    """What a job used, or is estimated to."""
    if record.usage_s:
        return f"{sum(record.usage_s.values()):.4g}"
    return "" if record.estimate_s is None or record.dry_run else f"≈{record.estimate_s:.3g}"


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
        if record.estimate_s is not None:
            rows += [("QPU seconds", _seconds(record) + f", estimated {record.estimate_s:.3g}")]
        rows += [("calibrated", str(record.calibration.get("calibrated_at")))] if record.calibration else []
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
        if record.dry_run:
            _print_timing(resumed.timing(timeout))
            return
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


def _print_timing(timing: Timing) -> None:
    """What the service's scheduler says of a dry run."""
    known = [duration for duration in timing.durations_s if duration is not None]
    latency = timing.feedforward_latency_s
    typer.echo("dry run: the service takes the job; its bits are random")
    typer.echo(f"longest circuit: {max(known) * 1e6:.4g} µs" if known else "durations: not told")
    typer.echo(f"feed-forward latency: {'none, or not told' if latency is None else f'{latency * 1e6:.3g} µs'}")


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
