"""The cache: finished points on disk, in files that any number of sweeps may share.

One folder a task (its name and identity), in it one file a sweep that wrote something: JSON lines, each
``{"check":"<16 hex digits>","record":["<key>",{...},"<text>"]}``: first the start of the SHA-256 of the record,
last the digest of the text of the function that computed it. A sweep appends to a file of its own and reads
everyone's, so writers never meet; a line is valid whole or not at all. A line that is not is counted, reported and
computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import warnings
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

from quantumlink.sweeps.values import Number, Values

_HEAD, _MIDDLE, _TAIL = b'{"check":"', b'","record":', b"}"
_CHECK_DIGITS = 16
_SYNC_EVERY_S = 1.0


class Cache:
    """The finished points of one task.

    Args:
        folder: where all tasks' points are kept; made if missing.
        name: the task's name, for those who look into the folder.
        identity: the task's identity, as hexadecimal digits.
        text: the digest of the text of the function that computes points now, empty if it has none.

    Raises:
        NotADirectoryError: if the path is a file.
    """

    def __init__(self, folder: str | os.PathLike[str], *, name: str, identity: str, text: str) -> None:
        root = Path(folder)
        if root.exists() and not root.is_dir():
            raise NotADirectoryError(f"cache must be a folder, got the file {str(root)!r}")
        readable = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)[:60]
        self._folder = root / f"{readable}-{identity[:16]}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._text = text
        self.edited: set[str] = set()
        """The points read that a function of another text computed."""
        self._file: int | None = None
        self._whole = True
        self._synced = 0.0

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.fsync(self._file)
            os.close(self._file)
            self._file = None

    def read(self) -> dict[str, Values]:
        """All finished points by key; what cannot be read is left out, with a warning."""
        found: dict[str, Values] = {}
        for path in sorted(self._folder.glob("*.jsonl")):
            try:
                lines = path.read_bytes().splitlines()
            except OSError as error:
                _warn(f"the cache file {str(path)!r} cannot be read ({error}); its points are computed again")
                continue
            damaged = 0
            for line in lines:
                record = _record(line)
                if record is None:
                    damaged += bool(line.strip())
                    continue
                key, values, text = record
                found.setdefault(key, values)
                if text and self._text and text != self._text:
                    self.edited.add(key)
            if damaged:
                _warn(
                    f"{damaged} of {len(lines)} lines of the cache file {str(path)!r} are damaged or not from a "
                    f"sweep; they are ignored, and their points computed again"
                )
        return found

    def open(self) -> None:
        """Make the file to write to, so that a folder that cannot be written is noticed before the work."""
        if self._file is None:
            path = self._folder / f"{os.getpid()}-{secrets.token_hex(8)}.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)

    def write(self, points: Iterable[tuple[str, Values]]) -> None:
        """Append finished points; when it returns they are with the operating system, a second later on disk."""
        self.open()
        lines = b"".join(_line(key, values, self._text) for key, values in points)
        assert self._file is not None
        # After an interrupted write, what follows must not be drawn into the torn line.
        rest = memoryview(lines if self._whole else b"\n" + lines)
        self._whole = False
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._whole = True
        if monotonic() - self._synced > _SYNC_EVERY_S:
            os.fsync(self._file)
            self._synced = monotonic()


def _line(key: str, values: Values, text: str) -> bytes:
    record = json.dumps(
        [key, {name: _to_json(x) for name, x in values.items()}, text], separators=(",", ":")
    ).encode()
    return _HEAD + _check(record) + _MIDDLE + record + _TAIL + b"\n"


def _record(line: bytes) -> tuple[str, Values, str] | None:
    start = len(_HEAD) + _CHECK_DIGITS
    record = line[start + len(_MIDDLE) : -1]
    if line != _HEAD + _check(record) + _MIDDLE + record + _TAIL:
        return None
    key, values, text = json.loads(record)
    return key, {name: _from_json(x) for name, x in values.items()}, text


def _check(record: bytes) -> bytes:
    return hashlib.sha256(record).hexdigest()[:_CHECK_DIGITS].encode()


def _to_json(number: Number) -> Any:
    return [number.real, number.imag] if isinstance(number, complex) else number


def _from_json(number: Any) -> Number:
    return complex(*number) if isinstance(number, list) else number


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=4)
