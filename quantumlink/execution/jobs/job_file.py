"""The file of a job: everything another process needs to find it, to wait for it, and to read its result.

It is JSON with a checksum, written to a temporary file, flushed to the disk, and renamed: at any moment either the
old content is there or the new one. What came back lies beside it, one file for each part of the job, its hash in
the job file. Nothing secret is in it: no token, no key of an account. (A session of key distribution stores the
seed of its random choices; the file can be read by its owner only.)

States of a part: ``planned`` (never sent), ``submitting`` (it may have arrived: its tag tells), ``submitted`` (the
service has given it an id), ``done`` (the result is on this disk), ``failed`` and ``cancelled``.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from quantumlink import validation
from quantumlink.execution.jobs.errors import JobFileError
from quantumlink.execution.jobs.locks import locked, user_folder
from quantumlink.execution.jobs.plain_data import checked_reader, later_fields, list_of, mapping_of, short, text_of
from quantumlink.execution.jobs.pubs_on_file import PubOnFile
from quantumlink.execution.jobs.splitting import Piece, check_pieces, pieces_from_list, pieces_to_list

FORMAT = "quantumlink job"
FORMAT_VERSION = 1
SUFFIX = ".job.json"

PartState = Literal["planned", "submitting", "submitted", "done", "failed", "cancelled"]
Mode = Literal["job", "session", "batch"]
"""By itself, or within a session or batch of the user's."""

STATES: tuple[PartState, ...] = get_args(PartState)

_LATER = ("estimate_s", "usage_s", "dry_run", "timing", "calibration", "assumed")

MAX_FILE_BYTES = 2**30
"""Largest job file that is read."""


@dataclass(frozen=True)
class StoredFile:
    """A file beside the job file."""

    name: str
    sha256: str


@dataclass(frozen=True, repr=False)
class Part:
    """What is one job for the machine."""

    tag: str
    """Its own random tag: by this the service finds it, whether or not its answer arrived."""
    pieces: tuple[Piece, ...]
    """Rows of PUBs."""
    shots: int
    """Shots of each row."""
    state: PartState = "planned"
    job_id: str | None = None
    """The service's id."""
    since: str = ""
    """When it was sent (UTC)."""
    reason: str = ""
    """Why it failed."""
    result: StoredFile | None = None
    """Where its bits are."""
    earlier_ids: tuple[str, ...] = ()
    """Ids of attempts that failed, before it was submitted anew."""

    def __repr__(self) -> str:
        rows = sum(piece.rows for piece in self.pieces)
        return f"<Part {self.job_id or self.tag}: {self.state}, {rows} rows of {self.shots} shots>"


@dataclass(frozen=True)
class Where:
    """On what a job runs."""

    kind: Literal["ibm", "local"]
    backend: str
    """Its name."""
    mode: Mode = "job"
    session_id: str | None = None
    account: str | None = None
    """A hash of the account's instance, so that another one is not taken for it."""


@dataclass(frozen=True, repr=False)
class JobRecord:
    """The content of a job file."""

    job: str
    """The job's own id."""
    title: str
    """What it is, for people."""
    created: str
    """When (UTC)."""
    where: Where
    reader: Mapping[str, Any]
    """How to read the result: its kind, and plain data."""
    shots: int
    """Shots of each row, all parts together."""
    pubs: tuple[PubOnFile, ...]
    parts: tuple[Part, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the runtime's sampler."""
    seeds: Mapping[str, int | None] = field(default_factory=dict)
    layout: tuple[int, ...] = ()
    """The physical qubits, if they were chosen here."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the packages that wrote it."""
    estimate_s: float | None = None
    """Quantum seconds that were estimated, None where none are used."""
    usage_s: Mapping[str, float] = field(default_factory=dict)
    """Quantum seconds that the service counted, by the parts' tags."""
    dry_run: bool = False
    """Whether the service only checks and times it: then its bits are random."""
    timing: Mapping[str, Any] | None = None
    """What a dry run found."""
    calibration: Mapping[str, Any] | None = None
    """The device's figures when it was submitted, and when they were measured."""
    assumed: Mapping[str, Any] | None = None
    """From what the seconds were estimated: ``lengths_s`` of each PUB by our schedule, and its ``latency_s``."""

    def with_part(self, number: int, **changes: Any) -> JobRecord:
        """The record with one part changed."""
        parts = [replace(p, **changes) if i == number else p for i, p in enumerate(self.parts)]
        return replace(self, parts=tuple(parts))

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the checksum."""
        return {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "job": self.job,
            "title": self.title,
            "created": self.created,
            "versions": dict(self.versions),
            "where": vars(self.where),
            "reader": dict(self.reader),
            "shots": self.shots,
            "options": dict(self.options),
            "seeds": dict(self.seeds),
            "layout": list(self.layout),
            "parts": [_part_to_dict(part) for part in self.parts],
            "pubs": [pub.to_dict() for pub in self.pubs],
            # Only where there are any: what an older version of the package wrote is as it was.
            **{name: getattr(self, name) for name in _LATER if getattr(self, name)},
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> JobRecord:
        """From JSON whose checksum was found right, which anybody can make.

        Raises:
            KeyError, TypeError, ValueError: if something is missing, of the wrong kind, or points nowhere.
        """
        pubs = tuple(PubOnFile.from_dict(pub) for pub in list_of("pubs", told["pubs"]))
        parts = tuple(_part_from_dict(part) for part in list_of("parts", told["parts"]))
        check_pieces([part.pieces for part in parts], [pub.rows for pub in pubs])
        seeds = {text_of("seeds", k): validation.seed("seeds", v) for k, v in mapping_of("seeds", told).items()}
        where = Where(**mapping_of("where", told))
        for name, value in vars(where).items():
            if value is not None or name not in ("session_id", "account"):
                text_of(f"where.{name}", value)
        if where.kind not in ("ibm", "local") or where.mode not in ("job", "session", "batch"):
            raise ValueError(f"where must be a machine, got {where}")
        return cls(
            job=text_of("job", told["job"]),
            title=text_of("title", told["title"]),
            created=text_of("created", told["created"]),
            where=where,
            reader=checked_reader(mapping_of("reader", told)),
            shots=validation.count("shots", told["shots"], at_least=1),
            pubs=pubs,
            parts=parts,
            options=mapping_of("options", told),
            seeds=seeds,
            layout=tuple(validation.count("layout", qubit) for qubit in list_of("layout", told["layout"])),
            versions={k: text_of("versions", v) for k, v in mapping_of("versions", told).items()},
            **later_fields(told),
        )

    def __repr__(self) -> str:
        return f"<JobRecord {self.job}: {self.title} on {self.where.backend}, {list(self.parts)}>"


class JobFile:
    """A job file on disk, changed only by whole replacements."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, folder: Path, record: JobRecord) -> JobFile:
        """Write a new one.

        Raises:
            FileExistsError: if there is one of this name: it is left as it is.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = record.created[:19].replace("-", "").replace(":", "")
        path = folder / f"{stamp}-{record.job}{SUFFIX}"
        if path.exists():
            raise FileExistsError(f"there is a job file {str(path)!r} already; it was not touched")
        write_durably(path, _text(record).encode())
        return cls(path)

    def read(self) -> JobRecord:
        """The content.

        Raises:
            FileNotFoundError: if there is none.
            JobFileError: if it is no job file, of another version, cut short, or edited.
        """
        try:
            size = self.path.stat().st_size
            if not self.path.is_file():
                raise JobFileError(f"{str(self.path)!r} is no file")
            if size > MAX_FILE_BYTES:
                raise JobFileError(f"{str(self.path)!r} has {size} bytes, a job file at most {MAX_FILE_BYTES}")
            raw = self.path.read_bytes()
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no job file {str(self.path)!r}") from None
        return _record(raw, str(self.path))

    def update(self, change: Callable[[JobRecord], JobRecord]) -> JobRecord:
        """Read, change and write, while no other process of this machine does."""
        with locked(self.path, "write"):
            record = change(self.read())
            write_durably(self.path, _text(record).encode())
        return record

    def beside(self, number: int, ending: str) -> Path:
        """The name of a file that belongs to a part."""
        return self.path.with_name(f"{self.path.name.removesuffix(SUFFIX)}.part{number}{ending}")


def new_job_id() -> str:
    """A random id."""
    return secrets.token_hex(4)


def new_tag() -> str:
    """A random tag, one for each part."""
    return f"quantumlink-{secrets.token_hex(16)}"


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def default_folder() -> Path:
    """Where job files go if nobody says: ``$QUANTUMLINK_JOBS``, or a folder for the user's data."""
    given = os.environ.get("QUANTUMLINK_JOBS")
    if given:
        return Path(given).expanduser()
    return user_folder() / "jobs"


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file's content at once, and not before it is on the disk; readable by its owner only.

    Raises:
        OSError: if it cannot be written, such as on a full disk; it names the file, which is as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        if os.name == "posix":  # the rename itself is on the disk only when the folder is
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        raise OSError(error.errno, f"it could not be written ({error.strerror or error})", str(path)) from error


def sha256(data: bytes) -> str:
    """The hash of a file's content."""
    return hashlib.sha256(data).hexdigest()


def _text(record: JobRecord) -> str:
    told = record.to_dict()
    return json.dumps({"checksum": _checksum(told), **told}, indent=1) + "\n"


def _checksum(told: Mapping[str, Any]) -> str:
    return sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode())


def _record(raw: bytes, path: str) -> JobRecord:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise JobFileError(
            f"{path!r} is no complete job file ({type(error).__name__}: {error}); it may have been cut short: it "
            f"was left as it is"
        ) from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise JobFileError(f"{path!r} is no job file of quantumlink")
    if told.get("version") != FORMAT_VERSION:
        versions = told.get("versions")
        writer = versions.get("quantumlink", "?") if isinstance(versions, dict) else "?"
        raise JobFileError(
            f"{path!r} is a job file of version {short(told.get('version'))}, written by quantumlink "
            f"{short(writer)}; this one reads version {FORMAT_VERSION}"
        )
    found = told.pop("checksum", None)
    try:
        is_right = found == _checksum(told)
    except (RecursionError, ValueError) as error:
        raise JobFileError(f"{path!r} is no job file that can be read: {type(error).__name__}: {error}") from error
    if not is_right:
        raise JobFileError(
            f"{path!r} does not fit its checksum: it was edited or damaged, and was left as it is. The jobs in it "
            f"can be found at the service: {', '.join(_traces(told)) or 'none was submitted'}"
        )
    try:
        return JobRecord.from_dict(told)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise JobFileError(f"{path!r} is no job file that can be read: {type(error).__name__}: {error}") from error


def _traces(told: Mapping[str, Any]) -> list[str]:
    parts = told.get("parts")
    if not isinstance(parts, list):
        return []
    sent = [part for part in parts if isinstance(part, dict) and part.get("state") != "planned"]
    return [short(part.get("job_id") or part.get("tag")) for part in sent]


def _part_to_dict(part: Part) -> dict[str, Any]:
    result = None if part.result is None else vars(part.result)
    return {
        **vars(part),
        "pieces": pieces_to_list(part.pieces),
        "result": result,
        "earlier_ids": list(part.earlier_ids),
    }


def _part_from_dict(told: Mapping[str, Any]) -> Part:
    if told["state"] not in STATES:
        raise ValueError(f"the state of a part must be one of {', '.join(STATES)}; got {short(told['state'])}")
    part = Part(
        **{
            **told,
            "pieces": pieces_from_list(told["pieces"]),
            "result": None if told["result"] is None else StoredFile(**told["result"]),
            "earlier_ids": tuple(list_of("earlier_ids", told["earlier_ids"])),
        }
    )
    validation.count("shots", part.shots, at_least=1)
    texts = [part.tag, part.since, part.reason, *part.earlier_ids]
    texts += [] if part.job_id is None else [part.job_id]
    texts += [] if part.result is None else [part.result.name, part.result.sha256]
    for text in texts:
        text_of("a part's tag, job_id, since, reason, result and earlier_ids", text)
    if part.state == "done" and part.result is None:
        raise ValueError("a part that is done must tell where its result is")
    if part.state == "submitted" and part.job_id is None:
        raise ValueError("a part that is submitted must have a job_id")
    return part
