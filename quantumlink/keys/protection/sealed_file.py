"""Files sealed with AES-256-GCM, segment by segment, under hybrid keys of a key manager and of the recipient.

    magic · header (JSON) · segments: kind (1) · length (4) · content
        kind 0 and 1: sealed text, 1 for the last one
        kind 2: a key change (JSON), not sealed, bound by what follows

Each key is the combination of a delivered (QKD) key with X25519 and ML-KEM-768 for the recipient. Every segment
is bound to the header, to the key change that it is under, to its number and to whether it is the last. A file that
was cut, reordered, mixed with another or changed in one bit gives an error and no output.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from quantumlink import validation
from quantumlink.keys.hybrid.combiner import KeyParts, combine
from quantumlink.keys.material import DeliveredKey, Secret
from quantumlink.keys.protection.recipient import PublicRecipient, Recipient

MAGIC: Final = b"quantumlink sealed 1\n"
SEGMENT_BYTES: Final = 1 << 20
REKEY_BYTES: Final = 1 << 30
REKEY_S: Final = 60.0
_MORE, _LAST, _CHANGE = 0, 1, 2
_MOST_TEXT: Final = 1 << 16


class ProtectedFileError(Exception):
    """A protected file was changed or cut, or is not for this key, master or slave: nothing was written."""


def protect_sealed(
    source: BinaryIO,
    target: BinaryIO,
    *,
    master: str,
    slave: str,
    recipient: PublicRecipient,
    new_key: Callable[[], DeliveredKey],
    rekey_bytes: int = REKEY_BYTES,
    rekey_s: float = REKEY_S,
    segment_bytes: int = SEGMENT_BYTES,
) -> list[str]:
    """Seal a stream.

    Args:
        source: what to seal, read to its end.
        target: where to write.
        master: id of the sender.
        slave: id of the recipient.
        recipient: his public keys.
        new_key: gets a key of 256 bits from the key manager.
        rekey_bytes: a new key after that many bytes.
        rekey_s: a new key after that many seconds, if there is more to seal.
        segment_bytes: bytes of a segment.

    Returns:
        The ids of the keys that were used.
    """
    validation.count("rekey_bytes", rekey_bytes, at_least=1)
    header = json.dumps({"master": master, "slave": slave}).encode()
    target.write(MAGIC + len(header).to_bytes(4, "big") + header)
    bound = hashlib.sha256(MAGIC + header).digest()
    ids: list[str] = []
    cipher, until, left, number = None, 0.0, 0, 0
    segment = source.read(segment_bytes)
    while True:
        following = source.read(segment_bytes) if len(segment) == segment_bytes else b""
        if cipher is None or left < len(segment) or time.monotonic() > until:
            key = new_key()
            ids.append(key.key_id)
            x25519, mlkem, said = recipient.encapsulate()
            change = json.dumps({"key_id": key.key_id, **said}).encode()
            target.write(_framed(_CHANGE, change))
            bound = hashlib.sha256(bound + change).digest()
            cipher = _cipher(KeyParts(x25519, mlkem, key.secret), key.key_id, master, slave, bound)
            left, until = max(rekey_bytes, len(segment)), time.monotonic() + rekey_s
        kind = _MORE if following else _LAST
        sealed = cipher.encrypt(number.to_bytes(12, "big"), segment, bound + bytes([kind]))
        target.write(_framed(kind, sealed))
        left, number = left - len(segment), number + 1
        if kind == _LAST:
            return ids
        segment = following


def open_sealed(
    source: BinaryIO,
    target: str | Path,
    *,
    recipient: Recipient,
    key_of: Callable[[str, str], Secret],
    slave: str | None = None,
) -> int:
    """Open a sealed file into a new one, which appears when all of it is verified.

    Args:
        source: the sealed file, which must be seekable: that it is whole is looked at before any key is asked for.
        target: where to write.
        recipient: his private keys.
        key_of: gets a key from the key manager, by (master, key id).
        slave: the id of the recipient, which the file must name; any if None.

    Returns:
        How many bytes were written.

    Raises:
        ProtectedFileError: if anything of it is not as it was sealed.
    """
    header, bound = _header(source)
    if slave is not None and header["slave"] != slave:
        raise ProtectedFileError(f"the file is for {header['slave']!r}, not for {slave!r}")
    start = source.tell()
    for _ in _segments(source):
        pass
    source.seek(start)
    target = Path(target)
    fresh = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            written = _unseal(source, file, header, bound, recipient, key_of)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return written


def _unseal(
    source: BinaryIO,
    target: BinaryIO,
    header: dict[str, Any],
    bound: bytes,
    recipient: Recipient,
    key_of: Callable[[str, str], Secret],
) -> int:
    cipher, number, written = None, 0, 0
    for kind, content in _segments(source):
        if kind == _CHANGE:
            bound = hashlib.sha256(bound + content).digest()
            try:
                said = json.loads(content)
                x25519, mlkem = recipient.decapsulate(said)
                key_id = str(said["key_id"])
            except (ValueError, KeyError, TypeError):
                raise ProtectedFileError("a key change of the file is malformed") from None
            parts = KeyParts(x25519, mlkem, key_of(header["master"], key_id))
            cipher = _cipher(parts, key_id, header["master"], header["slave"], bound)
            continue
        if cipher is None:
            raise ProtectedFileError("the file begins without a key")
        try:
            text = cipher.decrypt(number.to_bytes(12, "big"), content, bound + bytes([kind]))
        except InvalidTag:
            raise ProtectedFileError("the file was changed, or is not for this key and recipient") from None
        target.write(text)
        number, written = number + 1, written + len(text)
    return written


def _cipher(parts: KeyParts, key_id: str, master: str, slave: str, bound: bytes) -> AESGCM:
    key = combine(
        parts, mode="QKD required", key_id=key_id, master=master, slave=slave, transcript=b"sealed file" + bound
    )
    return AESGCM(key.reveal())


def _header(source: BinaryIO) -> tuple[dict[str, Any], bytes]:
    if source.read(len(MAGIC)) != MAGIC:
        raise ProtectedFileError("this is no sealed file")
    raw = _exactly(source, int.from_bytes(_exactly(source, 4), "big"), _MOST_TEXT)
    try:
        header = json.loads(raw)
        header["master"], header["slave"]
    except (ValueError, KeyError, TypeError):
        raise ProtectedFileError("the header of the file is malformed") from None
    return header, hashlib.sha256(MAGIC + raw).digest()


def _segments(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The segments up to the last one, after which there must be nothing."""
    while True:
        frame = _exactly(source, 5)
        kind, length = frame[0], int.from_bytes(frame[1:], "big")
        if kind not in (_MORE, _LAST, _CHANGE):
            raise ProtectedFileError("the file has a segment of an unknown kind")
        yield kind, _exactly(source, length, _MOST_TEXT if kind == _CHANGE else 1 << 31)
        if kind == _LAST:
            if source.read(1):
                raise ProtectedFileError("there is more behind the end of the file")
            return


def _exactly(source: BinaryIO, length: int, most: int = 1 << 31) -> bytes:
    if length > most:
        raise ProtectedFileError("a length in the file is impossible")
    content = source.read(length)
    if len(content) < length:
        raise ProtectedFileError("the file is cut")
    return content


def _framed(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + len(content).to_bytes(4, "big") + content
