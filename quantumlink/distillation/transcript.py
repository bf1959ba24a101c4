"""The transcript: all that two ends say in public, as bytes that one can save, replay and tamper with.

A message is one line of JSON with its keys in order and nothing left to choice, so that equal messages are equal
bytes: version, session, sequence number, sender, kind, body and tag. Numbers count from 0 over both ends. A tag
covers the whole conversation up to and including its own message, so it authenticates the messages without a
tag that went before it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from quantumlink.distillation.bits import Bits

VERSION: Final = 1
"""Version of the format of messages."""

Sender = Literal["alice", "bob"]

_ONE_FORM: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


class TranscriptError(ValueError):
    """A message that cannot be the next one of this conversation, or a file that is no transcript."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One public message.

    >>> line = Message(session="00", number=0, sender="alice", kind="hello", body={"bits": 4}).encode()
    >>> line
    b'{"body":{"bits":4},"kind":"hello","number":0,"sender":"alice","session":"00","tag":null,"version":1}'
    >>> Message.decode(line).kind
    'hello'
    """

    session: str
    """Random name of the conversation, in hexadecimal."""
    number: int
    """Place in the conversation, from 0."""
    sender: str
    """``"alice"`` or ``"bob"``."""
    kind: str
    """What the message is about."""
    body: dict[str, Any]
    """What it says: numbers, strings, and binary data packed by ``pack``."""
    tag: str | None = None
    """Authenticates the conversation up to here; packed."""

    def encode(self) -> bytes:
        """The message as one line of ASCII."""
        return _ONE_FORM.encode({"version": VERSION} | self.__dict__).encode("ascii")

    def untagged(self) -> bytes:
        """The message as the tag sees it."""
        return replace(self, tag=None).encode()

    def _is_typed(self) -> bool:
        """Whether each field is of the very type that it must have: True is no number."""
        return (
            type(self.session) is type(self.sender) is type(self.kind) is str
            and type(self.number) is int
            and type(self.body) is dict
            and isinstance(self.tag, str | None)
        )

    @classmethod
    def decode(cls, line: bytes) -> Message:
        """Read a message, strictly.

        Raises:
            TranscriptError: if it is no message of this version in the one form allowed.
        """
        try:
            fields = json.loads(line.decode("ascii"))
            version = fields.pop("version")
            message = cls(**fields)
            same = message.encode() == line
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise TranscriptError(f"{len(line)} bytes are not a message of this protocol") from None
        if version != VERSION:
            raise TranscriptError(f"messages of version {VERSION} are understood, got another")
        if not same or not message._is_typed():
            raise TranscriptError(f"{len(line)} bytes are not a message of this protocol in its one form")
        return message


class Transcript:
    """Messages in the order in which one end sent and received them; it only grows.

    >>> transcript = Transcript()
    >>> transcript.append(Message(session="00", number=0, sender="alice", kind="hello", body={}).encode())
    >>> transcript
    Transcript(1 message, 92 bytes)
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._session = ""

    def append(self, line: bytes) -> None:
        """Add the next message.

        Raises:
            TranscriptError: if it is malformed, of another session, or not the next one.
        """
        self.add(Message.decode(line), line)

    def add(self, message: Message, line: bytes) -> None:
        """Add the next message, where it has been decoded from (or encoded to) this line already.

        Raises:
            TranscriptError: if it is of another session, or not the next one.
        """
        if message.number != len(self._lines):
            raise TranscriptError(f"message {len(self._lines)} was expected, got number {message.number}")
        if self._lines and message.session != self._session:
            raise TranscriptError(f"message {message.number} belongs to another conversation")
        self._session = message.session
        self._lines.append(line)

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._lines)

    def __getitem__(self, index: int) -> Message:
        return Message.decode(self._lines[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Transcript) and self._lines == other._lines

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        size, count = sum(map(len, self._lines)), len(self)
        return f"Transcript({count} message{'' if count == 1 else 's'}, {size} bytes)"

    def save(self, path: str | Path) -> None:
        """Write the messages to a file, one a line. It holds nothing secret."""
        Path(path).write_bytes(b"".join(line + b"\n" for line in self._lines))

    @classmethod
    def load(cls, path: str | Path) -> Transcript:
        """Read a file that ``save`` wrote.

        Raises:
            TranscriptError: if it is damaged, cut short within a message, or no transcript.
            OSError: if it cannot be read.
        """
        data = Path(path).read_bytes()
        if not data.endswith(b"\n"):
            raise TranscriptError(f"{str(path)!r} is no transcript, or is cut short")
        transcript = cls()
        for line in data[:-1].split(b"\n"):
            transcript.append(line)
        return transcript


def pack(data: bytes) -> str:
    """Binary data as text, for the body of a message."""
    return base64.b64encode(data).decode("ascii")


def unpack(text: Any) -> bytes:
    """Binary data from the body of a message.

    Raises:
        TranscriptError: if it is not what ``pack`` gives.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise TranscriptError("a field of a message holds no binary data") from None
    if pack(data) != text:
        raise TranscriptError("a field of a message holds binary data in a form not allowed")
    return data


def pack_bits(bits: Bits) -> str:
    """A bit string as text, eight bits a byte."""
    return pack(np.packbits(bits).tobytes())


def unpack_bits(text: Any, count: int) -> Bits:
    """A bit string of known length from the body of a message.

    Raises:
        TranscriptError: if it is no bit string of that length.
    """
    data = np.frombuffer(unpack(text), dtype=np.uint8)
    if len(data) != (count + 7) // 8:
        raise TranscriptError(f"a field of a message must hold {count} bits, got {len(data)} bytes")
    return np.unpackbits(data, count=count)
