"""Sealing of the key column: AES-256-GCM under a data key that is itself sealed under a key-encryption key.

The key-encryption key never enters the database. It comes from a file that only its owner can read, from an
environment variable, or from a systemd credential. To change it, `Sealer.wrapped` seals the same data key again.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from quantumlink.keys.material import Secret

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError as error:  # pragma: no cover
    raise ImportError("keys need the package cryptography: pip install 'quantumlink[keys]'") from error

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
VARIABLE: Final = "QUANTUMLINK_KEK"
"""Environment variable that may hold the key-encryption key, as 64 hexadecimal digits or in base64."""
CREDENTIAL: Final = "quantumlink-kek"
"""Name of the systemd credential that may hold it."""


class WrongKeyEncryptionKey(Exception):
    """The store was sealed under another key-encryption key."""


class DamagedRecord(Exception):
    """A sealed record was changed, or belongs elsewhere: nothing of it is used."""


class Sealer:
    """Seals records under the data key of one store.

    Args:
        data_key: 32 secret bytes.

    >>> sealer = Sealer(Secret(bytes(32)))
    >>> sealed = sealer.seal(Secret(b"key"), "id", "pair")
    >>> sealer.open(sealed, "id", "pair")
    <Secret of 24 bits>
    """

    def __init__(self, data_key: Secret) -> None:
        if len(data_key) != KEY_BYTES:
            raise ValueError(f"a data key must have {KEY_BYTES} bytes, got {len(data_key)}")
        self._data_key = data_key
        self._cipher = AESGCM(data_key.reveal())

    @classmethod
    def create(cls) -> Sealer:
        """A sealer with a fresh data key."""
        return cls(Secret(secrets.token_bytes(KEY_BYTES)))

    def seal(self, secret: Secret, *context: str | int) -> bytes:
        """Seal a secret so that it opens in the same context only (id, pair, state)."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.reveal(), _bound(context))

    def open(self, sealed: bytes, *context: str | int) -> Secret:
        """Open a sealed secret.

        Raises:
            DamagedRecord: if it was changed, or sealed in another context.
        """
        sealed = bytes(sealed)
        try:
            return Secret(self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(context)))
        except (InvalidTag, ValueError):
            raise DamagedRecord("a sealed record does not open: it was changed or belongs elsewhere") from None

    def wrapped(self, kek: Secret) -> bytes:
        """The data key, sealed under a key-encryption key."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(kek.reveal()).encrypt(nonce, self._data_key.reveal(), b"quantumlink data key")

    @classmethod
    def unwrap(cls, wrapped: bytes, kek: Secret) -> Sealer:
        """The sealer of a store.

        Raises:
            WrongKeyEncryptionKey: if the data key was sealed under another one.
        """
        wrapped = bytes(wrapped)
        try:
            opened = AESGCM(kek.reveal()).decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], b"quantumlink data key"
            )
        except InvalidTag:
            raise WrongKeyEncryptionKey(
                "the key-encryption key does not open this store: it was made with another one"
            ) from None
        return cls(Secret(opened))

    def __repr__(self) -> str:
        return "<Sealer>"


def new_kek() -> Secret:
    """A fresh key-encryption key."""
    return Secret(secrets.token_bytes(KEY_BYTES))


def write_kek(path: Path, kek: Secret) -> None:
    """Write a key-encryption key to a new file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(kek.reveal().hex() + "\n")


def read_kek(path: str | Path | None = None) -> Secret:
    """The key-encryption key: from that file, else from the environment, else from a systemd credential.

    Raises:
        PermissionError: if others can read the file.
        ValueError: if what is there is no key of 32 bytes, or there is none anywhere.
    """
    if path is not None:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if os.name == "posix" and mode & 0o077:  # elsewhere modes say nothing of others
            raise PermissionError(
                f"the key-encryption key {path} can be read by others (mode {mode:04o}): chmod 600"
            )
        return _parsed(Path(path).read_bytes(), str(path))
    if (value := os.environ.get(VARIABLE)) is not None:
        return _parsed(value.encode(), f"the variable {VARIABLE}")
    if (folder := os.environ.get("CREDENTIALS_DIRECTORY")) and (file := Path(folder) / CREDENTIAL).exists():
        return _parsed(file.read_bytes(), f"the credential {CREDENTIAL}")
    raise ValueError(
        f"no key-encryption key: name a file, set {VARIABLE}, or give the systemd credential {CREDENTIAL}"
    )


def _parsed(raw: bytes, where: str) -> Secret:
    if len(raw) == KEY_BYTES:
        return Secret(raw)
    text = raw.strip()
    for decode in (binascii.unhexlify, lambda t: base64.b64decode(t, validate=True)):
        try:
            found = decode(text)
        except (binascii.Error, ValueError):
            continue
        if len(found) == KEY_BYTES:
            return Secret(found)
    raise ValueError(f"{where} must hold {KEY_BYTES} bytes, raw, as hexadecimal digits or in base64")


def _bound(context: tuple[str | int, ...]) -> bytes:
    """An unambiguous encoding of the context."""
    parts = [str(part).encode() for part in context]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
