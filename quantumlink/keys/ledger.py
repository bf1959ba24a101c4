"""The conservation ledger: every byte that was ever generated is somewhere, or it went somewhere.

    generated = delivered + relayed + authentication + stored + quarantined + assigned + voided + expired + burnt

What is held (stored, quarantined, assigned) is counted by the database from its rows, what has left (the others) is
booked by whoever moves it. The two are therefore independent, and a commit that does not balance is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

HELD: Final = ("stored", "quarantined", "assigned")
"""What is in the store: counted from rows."""
LEFT: Final = ("delivered", "relayed", "authentication", "voided", "expired", "burnt")
"""What has left it: booked."""


class LedgerError(Exception):
    """The books do not balance: the commit that would have made it so was refused."""


@dataclass(frozen=True)
class Ledger:
    """The books of one pool, or of a whole store, in bytes. Two ledgers add.

    >>> Ledger(generated=96, delivered=32, stored=64).balance
    0
    >>> Ledger(generated=96, delivered=32).check()
    Traceback (most recent call last):
    quantumlink.keys.ledger.LedgerError: 64 of 96 bytes are unaccounted for
    """

    generated: int = 0
    """What suppliers brought."""
    delivered: int = 0
    """Handed over to applications."""
    relayed: int = 0
    """Spent as one-time pads of keys that were relayed."""
    authentication: int = 0
    """Spent to authenticate messages."""
    stored: int = 0
    """In the store, free to be given out by one end or the other."""
    quarantined: int = 0
    """In the store, held back after an alarm."""
    assigned: int = 0
    """Given to a key that was not yet handed over."""
    voided: int = 0
    """Given to a key that neither end will ever hand over."""
    expired: int = 0
    """Too old."""
    burnt: int = 0
    """Destroyed: damaged, unknown to the other end, or distrusted after an alarm."""

    @property
    def balance(self) -> int:
        """What was generated less all that is accounted for: zero, or something is wrong."""
        return int(self.generated) - sum(int(getattr(self, name)) for name in (*HELD, *LEFT))

    def check(self) -> None:
        """Raise unless the books balance and nothing is negative.

        Raises:
            LedgerError: if not.
        """
        for entry in fields(self):
            if getattr(self, entry.name) < 0:
                raise LedgerError(f"{entry.name} is negative: {getattr(self, entry.name)} bytes")
        if self.balance:
            raise LedgerError(f"{self.balance} of {self.generated} bytes are unaccounted for")

    def __add__(self, other: Ledger) -> Ledger:
        return Ledger(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))
