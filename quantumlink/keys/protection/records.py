"""A stream of records, sealed one by one under an agreed key: in order, each once, nothing left out in between.

Each direction has a key of its own, HKDF-Expand of the agreed one over the key id and both names, and counts its
records: the count is the nonce of AES-256-GCM. A record that was changed, comes again, or comes before its turn is
refused, and the right one may still come. A last record that never comes does not show: end a stream with a record
that says so.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from quantumlink import validation
from quantumlink.keys.hybrid.agreement import Agreed

MOST_RECORDS: Final = 1 << 32
_LABEL: Final = b"quantumlink records 1"


class RecordRefused(Exception):
    """A record was changed, comes again or out of turn, or is of another key: nothing of it is used."""


@dataclass
class RecordSealer:
    """The sending end of one direction.

    Args:
        agreed: the key of both ends.
        sender: id of this end.
        recipient: id of the other.
        rekey_records: how many records a key is for.
        rekey_s: how long it is for.
    """

    agreed: Agreed
    sender: str
    recipient: str
    rekey_records: int = 1 << 20
    rekey_s: float = 60.0
    count: int = field(default=0, init=False)
    """Records that were sealed."""

    def __post_init__(self) -> None:
        self.rekey_records = validation.count("rekey_records", self.rekey_records, at_least=1)
        self.rekey_s = validation.number("rekey_s", self.rekey_s)
        self._cipher = _cipher(self.agreed, self.sender, self.recipient)
        self._born = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether both ends should agree on a new key now."""
        return self.count >= self.rekey_records or time.monotonic() - self._born >= self.rekey_s

    def seal(self, record: bytes) -> bytes:
        """Seal the next record.

        Raises:
            OverflowError: if the key was used as often as it may be.
        """
        if self.count >= MOST_RECORDS:
            raise OverflowError(f"a key is for {MOST_RECORDS} records at most: agree on a new one")
        sealed = self._cipher.encrypt(self.count.to_bytes(12, "big"), record, self.agreed.key_id.encode())
        self.count += 1
        return sealed


@dataclass
class RecordOpener:
    """The receiving end of one direction: the arguments are those of `RecordSealer`."""

    agreed: Agreed
    sender: str
    recipient: str
    count: int = field(default=0, init=False)
    """Records that were opened."""

    def __post_init__(self) -> None:
        self._cipher = _cipher(self.agreed, self.sender, self.recipient)

    def open(self, sealed: bytes) -> bytes:
        """Open the next record.

        Raises:
            RecordRefused: if it is anything else.
        """
        try:
            found = self._cipher.decrypt(self.count.to_bytes(12, "big"), sealed, self.agreed.key_id.encode())
        except (InvalidTag, ValueError):
            raise RecordRefused(f"this is not record {self.count} of {self.sender!r}, as it was sealed") from None
        self.count += 1
        return found


def _cipher(agreed: Agreed, sender: str, recipient: str) -> AESGCM:
    pieces = (_LABEL, agreed.key_id.encode(), sender.encode(), recipient.encode())
    info = b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces)
    return AESGCM(HKDFExpand(hashes.SHA384(), 32, info).derive(agreed.key.reveal()))
