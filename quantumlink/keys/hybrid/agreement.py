"""A key agreement of two messages: X25519 and ML-KEM, signed with ML-DSA-65, with a QKD key beside them.

The master sends an `Offer` and the slave answers; the QKD key comes to both from their key managers under the id
that the offer names. What was said is signed and bound into the key: a changed, replayed or swapped message gives
no key.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from quantumlink.keys.hybrid.combiner import KeyParts, combine
from quantumlink.keys.hybrid.modes import MODES, Downgrade, Mode, ModePolicy
from quantumlink.keys.material import DeliveredKey, Secret

Level = Literal[768, 1024]
_CONTEXT: Final = b"quantumlink agreement"


class AgreementError(Exception):
    """A message of the agreement was changed, is not signed by whom it says, or is not for this end."""


@dataclass(frozen=True)
class Identity:
    """One end: its id and its signing key."""

    id: str
    signing: mldsa.MLDSA65PrivateKey

    @classmethod
    def create(cls, sae_id: str) -> Identity:
        """A new identity."""
        return cls(sae_id, mldsa.MLDSA65PrivateKey.generate())

    @property
    def public(self) -> mldsa.MLDSA65PublicKey:
        """What the other end must know before."""
        return self.signing.public_key()


@dataclass(frozen=True)
class Agreed:
    """The key that both ends have."""

    key: Secret
    key_id: str
    mode: Mode
    """What it was made of."""


class Offer:
    """The master's side: make it, send `message`, give the answer to `finish`.

    Args:
        identity: the master.
        slave: id of the slave.
        policy: the modes.
        qkd: a key of the key manager for this slave; None if there is none.
        level: of ML-KEM.
    """

    def __init__(
        self, identity: Identity, slave: str, policy: ModePolicy, *, qkd: DeliveredKey | None, level: Level = 768
    ) -> None:
        self._identity, self._slave, self._policy, self._qkd, self._level = identity, slave, policy, qkd, level
        self.mode = policy.settle(identity.id, slave, has_qkd=qkd is not None)
        self._x25519 = X25519PrivateKey.generate()
        self._mlkem = mlkem.MLKEM1024PrivateKey.generate() if level == 1024 else mlkem.MLKEM768PrivateKey.generate()
        self.key_id = qkd.key_id if qkd is not None and _uses_qkd(self.mode) else os.urandom(16).hex()
        said = {
            "version": 1,
            "master": identity.id,
            "slave": slave,
            "mode": self.mode,
            "key_id": self.key_id,
            "level": level,
            "x25519": self._x25519.public_key().public_bytes_raw().hex(),
            "mlkem": self._mlkem.public_key().public_bytes_raw().hex(),
        }
        self.message = _signed(said, identity)

    def finish(self, answer: bytes, slave: mldsa.MLDSA65PublicKey) -> Agreed:
        """The key, from the slave's answer.

        Raises:
            AgreementError: if the answer is not the slave's to this very offer.
        """
        with _well_formed():
            return self._finish(answer, _verified(answer, slave))

    def _finish(self, answer: bytes, said: dict[str, object]) -> Agreed:
        if (said.get("slave"), said.get("to")) != (self._slave, _digest(self.message)):
            raise AgreementError("the answer is to another offer")
        parts = KeyParts(
            Secret(self._x25519.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(str(said["x25519"]))))),
            None
            if self.mode == "classical"
            else Secret(self._mlkem.decapsulate(bytes.fromhex(str(said["mlkem"])))),
            self._qkd.secret if self._qkd is not None and _uses_qkd(self.mode) else None,
        )
        return _agreed(parts, self.mode, self.key_id, self._identity.id, self._slave, self.message + answer)


@dataclass(frozen=True)
class Responder:
    """The slave's side.

    Args:
        identity: the slave.
        policy: the modes.
        masters: public keys of the masters, by id.
        collect: gets a QKD key from the key manager, by (master, key id).
    """

    identity: Identity
    policy: ModePolicy
    masters: dict[str, mldsa.MLDSA65PublicKey]
    collect: Callable[[str, str], Secret]

    def answer(self, offer: bytes) -> tuple[bytes, Agreed]:
        """Answer an offer; the message to send back, and the key.

        Raises:
            AgreementError: if the offer is not a known master's to this slave.
            Downgrade: if it offers less than the pair's mode.
        """
        master = str(_content(offer).get("master"))
        if master not in self.masters:
            raise AgreementError("the offer is from nobody who is known here")
        said = _verified(offer, self.masters[master])
        if said.get("slave") != self.identity.id or said.get("version") != 1:
            raise AgreementError("the offer is not for this end")
        with _well_formed():
            return self._answer(offer, said, master)

    def _answer(self, offer: bytes, said: dict[str, object], master: str) -> tuple[bytes, Agreed]:
        mode, key_id = _mode(said), str(said["key_id"])
        self._check_mode(master, mode)
        qkd = self.collect(master, key_id) if _uses_qkd(mode) else None
        own = X25519PrivateKey.generate()
        answer = {
            "slave": self.identity.id,
            "to": _digest(offer),
            "x25519": own.public_key().public_bytes_raw().hex(),
        }
        secret = None
        if mode != "classical":
            shared, hidden = _encapsulated(said)
            secret, answer["mlkem"] = Secret(shared), hidden.hex()
        theirs = X25519PublicKey.from_public_bytes(bytes.fromhex(str(said["x25519"])))
        message = _signed(answer, self.identity)
        parts = KeyParts(Secret(own.exchange(theirs)), secret, qkd)
        return message, _agreed(parts, mode, key_id, master, self.identity.id, offer + message)

    def _check_mode(self, master: str, mode: Mode) -> None:
        """Fewer parts than agreed raise an alarm here too; only the default mode goes on without QKD."""
        agreed = self.policy.mode(master, self.identity.id)
        if agreed == "post-quantum + QKD" and mode == "post-quantum":
            self.policy.settle(master, self.identity.id, has_qkd=False)
        else:
            self.policy.settle(master, self.identity.id, has_qkd=True, offered=mode)


def _encapsulated(said: dict[str, object]) -> tuple[bytes, bytes]:
    raw = bytes.fromhex(str(said["mlkem"]))
    if said["level"] == 768:
        return mlkem.MLKEM768PublicKey.from_public_bytes(raw).encapsulate()
    if said["level"] == 1024:
        return mlkem.MLKEM1024PublicKey.from_public_bytes(raw).encapsulate()
    raise AgreementError(f"level must be 768 or 1024, got {said['level']!r}")


def _uses_qkd(mode: Mode) -> bool:
    return mode in ("post-quantum + QKD", "QKD required")


def _agreed(parts: KeyParts, mode: Mode, key_id: str, master: str, slave: str, transcript: bytes) -> Agreed:
    key = combine(parts, mode=mode, key_id=key_id, master=master, slave=slave, transcript=transcript)
    return Agreed(key, key_id, mode)


def _mode(said: dict[str, object]) -> Mode:
    for mode in MODES:
        if said.get("mode") == mode:
            return mode
    raise Downgrade(f"the mode {said.get('mode')!r} is unknown")


@contextmanager
def _well_formed() -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError) as error:
        raise AgreementError(f"a message of the agreement is malformed: {type(error).__name__}") from None


def _signed(said: Mapping[str, object], identity: Identity) -> bytes:
    body = json.dumps(said, sort_keys=True).encode()
    return len(body).to_bytes(4, "big") + body + identity.signing.sign(body, _CONTEXT)


def _verified(message: bytes, key: mldsa.MLDSA65PublicKey) -> dict[str, object]:
    length = int.from_bytes(message[:4], "big")
    try:
        key.verify(message[4 + length :], message[4 : 4 + length], _CONTEXT)
    except (InvalidSignature, ValueError):
        raise AgreementError("a message of the agreement is not signed by whom it says") from None
    return _content(message)


def _content(message: bytes) -> dict[str, object]:
    try:
        content = json.loads(message[4 : 4 + int.from_bytes(message[:4], "big")])
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise AgreementError("this is no message of the agreement")
    return content


def _digest(message: bytes) -> str:
    return hashlib.sha384(message).hexdigest()
