"""Small files under a one-time pad: as many bytes of key as the text has, and 32 for the tag; not one more.

It is as secret as the delivered keys are, whatever an attacker can compute. The last hop to the key manager is
protected by TLS all the same, and so is only as good as that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from quantumlink.keys.material import DeliveredKey, Secret
from quantumlink.keys.protection.sealed_file import ProtectedFileError
from quantumlink.keys.relay.one_time_pad import TAG_BYTES, PadError, authenticated, opened, pad_bytes

MAGIC: Final = b"quantumlink pad 1\n"
MOST_BYTES: Final = 1 << 20
"""Longer texts are refused: they would empty a store."""


def protect_padded(
    text: bytes,
    *,
    master: str,
    slave: str,
    new_keys: Callable[[int, int], Sequence[DeliveredKey]],
    key_bytes: int = 512,
    least_bytes: int = 8,
) -> tuple[bytes, int]:
    """Hide a text.

    Args:
        text: the text.
        master: id of the sender.
        slave: id of the recipient.
        new_keys: gets keys from the key manager: (how many, bytes of each).
        key_bytes: bytes of the longest key that the key manager gives.
        least_bytes: bytes of the shortest.

    Returns:
        The protected file, and how many bytes of key it used: exactly ``len(text) + 32``.

    Raises:
        ValueError: if the text is too long.
    """
    if len(text) > MOST_BYTES:
        raise ValueError(f"a one-time pad is for texts of at most {MOST_BYTES} bytes, got {len(text)}")
    keys: list[DeliveredKey] = []
    for count, size in _portions(pad_bytes(len(text)), key_bytes, least_bytes):
        keys += new_keys(count, size)
    pad = Secret(b"".join(key.secret.reveal() for key in keys))
    told = {"master": master, "slave": slave, "key_ids": [key.key_id for key in keys], "bytes": len(text)}
    header = json.dumps(told).encode()
    hidden = authenticated(Secret(text), pad, MAGIC + header)
    return MAGIC + len(header).to_bytes(4, "big") + header + hidden, len(pad)


def open_padded(
    content: bytes,
    *,
    keys_of: Callable[[str, Sequence[str]], Sequence[DeliveredKey]],
    slave: str | None = None,
) -> bytes:
    """The text of a protected file.

    Args:
        content: the file; that none of it is missing is looked at before any key is asked for.
        keys_of: gets keys from the key manager, by (master, key ids).
        slave: the id of the recipient, which the file must name; any if None.

    Raises:
        ProtectedFileError: if anything of it is not as it was.
    """
    length = int.from_bytes(content[len(MAGIC) : len(MAGIC) + 4], "big")
    start = len(MAGIC) + 4
    header, hidden = content[start : start + length], content[start + length :]
    try:
        if not content.startswith(MAGIC):
            raise ValueError
        said = json.loads(header)
        master, ids = str(said["master"]), [str(key_id) for key_id in said["key_ids"]]
        named, size = str(said["slave"]), said["bytes"]
        if type(size) is not int:
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise ProtectedFileError("this is no file under a one-time pad, or its header was changed") from None
    if slave is not None and named != slave:
        raise ProtectedFileError(f"the file is for {named!r}, not for {slave!r}")
    if len(hidden) != size + TAG_BYTES:  # the keys would be used up for nothing
        raise ProtectedFileError(f"the file was cut, or its header changed: {size} bytes of text were to be in it")
    pad = Secret(b"".join(key.secret.reveal() for key in keys_of(master, ids)))
    try:
        return opened(hidden, pad, MAGIC + header).reveal()
    except PadError as error:
        raise ProtectedFileError(f"the file was changed or cut: {error}") from None


def write_new(path: str | Path, content: bytes) -> None:
    """Write a file that its owner alone can read, all of it or nothing."""
    path = Path(path)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _portions(total: int, most: int, least: int) -> list[tuple[int, int]]:
    """How many keys of which size make up the total exactly, none shorter than the least."""
    whole, rest = divmod(total, most)
    if not rest:
        return [(whole, most)]
    if rest >= least:
        return [(whole, most), (1, rest)] if whole else [(1, rest)]
    if not whole:
        raise ValueError(f"{total} bytes of key are fewer than the key manager gives at a time, {least}")
    return [*([(whole - 1, most)] if whole > 1 else []), (1, most - least), (1, least + rest)]
