"""Keys of several parties: one that all share, and one that is split in two."""

from __future__ import annotations

from dataclasses import dataclass

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.key import Key
from quantumlink.estimation import Estimate


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ConferenceKey(Key):
    """A key that several parties share; ``secret_bits`` is Alice's copy, ``peer_bits`` the second party's.

    Raises:
        ValueError: as `Key`, and if the copies differ in length.
    """

    error_rates: tuple[Estimate, ...] = ()
    """Error rate in Z of each party after Alice against hers; ``qber`` is the largest."""
    marking_bits: int = 0
    """Bits of a common key that marked the test rounds beforehand; they are deducted from the key."""

    def __post_init__(self) -> None:
        super().__post_init__()
        copies = (0, self.parties) if self.holder is None else (0, 1)
        if self._vault is not None and self._vault.copies not in copies:
            raise ValueError(f"a conference key of {self.parties} needs a copy each, got {self._vault.copies}")

    @property
    def parties(self) -> int:
        """How many share it."""
        return len(self.error_rates) + 1

    def bits_of(self, party: int) -> Bits:
        """The secret bits of one party, read-only; Alice is party 0.

        Raises:
            NoSecretKey: if the key was refused, with the reason.
            ValueError: if there is no such party.
            AttributeError: if only one end is known here, as in a key that a party of its own holds.
        """
        if not 0 <= party < self.parties:
            raise ValueError(f"party must be 0 to {self.parties - 1}, got {party!r}")
        vault = self.open_vault()
        if self.holder is not None:
            raise AttributeError("this key is held by one end, which does not see the bits of the others")
        return vault.read(party)

    def _efficiency(self) -> str:
        return ""  # there is no one string to compare with


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SharedKey(ConferenceKey):
    """A key split in two: ``secret_bits`` is the dealer's, ``bits_of(1)`` and ``bits_of(2)`` are the shares."""

    @property
    def parties(self) -> int:
        """The dealer and two players."""
        return 3

    @property
    def peer_bits(self) -> Bits:
        """What the two players find together.

        Raises:
            NoSecretKey: if the key was refused, with the reason.
            AttributeError: if only one end is known here, as in a key that a party of its own holds.
        """
        found: Bits = self.bits_of(1) ^ self.bits_of(2)
        return found
