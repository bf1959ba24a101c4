"""Who can open a protected file: a pair of X25519 and ML-KEM-768 keys that is used beside the QKD key."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from quantumlink.keys.material import Secret


@dataclass(frozen=True)
class PublicRecipient:
    """What a sender needs of a recipient."""

    x25519: X25519PublicKey
    mlkem: MLKEM768PublicKey

    def save(self, path: str | Path) -> None:
        """Write it to a file that anybody may read."""
        said = {"x25519": self.x25519.public_bytes_raw().hex(), "mlkem768": self.mlkem.public_bytes_raw().hex()}
        Path(path).write_text(json.dumps(said) + "\n", encoding="ascii")

    @classmethod
    def load(cls, path: str | Path) -> PublicRecipient:
        """Read it.

        Raises:
            ValueError: if the file holds none.
        """
        x25519, mlkem = _read(path, "mlkem768")
        return cls(X25519PublicKey.from_public_bytes(x25519), MLKEM768PublicKey.from_public_bytes(mlkem))

    def encapsulate(self) -> tuple[Secret, Secret, dict[str, str]]:
        """Fresh secrets for the recipient (of X25519 and of ML-KEM), and what he needs to have them too."""
        own = X25519PrivateKey.generate()
        shared, hidden = self.mlkem.encapsulate()
        said = {"x25519": own.public_key().public_bytes_raw().hex(), "mlkem768": hidden.hex()}
        return Secret(own.exchange(self.x25519)), Secret(shared), said


@dataclass(frozen=True)
class Recipient:
    """The recipient, with his private keys."""

    _x25519: X25519PrivateKey
    _mlkem: MLKEM768PrivateKey

    @classmethod
    def create(cls) -> Recipient:
        """New keys."""
        return cls(X25519PrivateKey.generate(), MLKEM768PrivateKey.generate())

    @property
    def public(self) -> PublicRecipient:
        """What senders need."""
        return PublicRecipient(self._x25519.public_key(), self._mlkem.public_key())

    def save(self, path: str | Path) -> None:
        """Write the private keys to a new file that its owner alone can read."""
        said = {
            "x25519": self._x25519.private_bytes_raw().hex(),
            "mlkem768_seed": self._mlkem.private_bytes_raw().hex(),
        }
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(json.dumps(said) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Recipient:
        """Read them.

        Raises:
            ValueError: if the file holds none.
        """
        x25519, seed = _read(path, "mlkem768_seed")
        return cls(X25519PrivateKey.from_private_bytes(x25519), MLKEM768PrivateKey.from_seed_bytes(seed))

    def decapsulate(self, said: dict[str, str]) -> tuple[Secret, Secret]:
        """The secrets that a sender made."""
        theirs = X25519PublicKey.from_public_bytes(bytes.fromhex(said["x25519"]))
        return Secret(self._x25519.exchange(theirs)), Secret(
            self._mlkem.decapsulate(bytes.fromhex(said["mlkem768"]))
        )

    def __repr__(self) -> str:
        return "<Recipient>"


def _read(path: str | Path, mlkem: str) -> tuple[bytes, bytes]:
    try:
        said = json.loads(Path(path).read_text(encoding="ascii"))
        return bytes.fromhex(said["x25519"]), bytes.fromhex(said[mlkem])
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} holds no keys of a recipient") from None
