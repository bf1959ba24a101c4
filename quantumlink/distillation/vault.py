"""Where the bits of a key are kept: handed out once, and in no text, copy or pickle."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from quantumlink import validation
from quantumlink.distillation.bits import Bits, as_bits, sealed
from quantumlink.distillation.single_use import SingleUse


class KeyTaken(ValueError):
    """More of a key is asked for than is left of it."""


class KeyBytes(bytes):
    r"""Bytes that were taken of a key, for whoever uses them; only their text keeps quiet.

    >>> taken = KeyBytes(b"\x05\xff")
    >>> taken, taken.hex(), taken.base64(), taken.bits.tolist()[:8]
    (KeyBytes(2 bytes), '05ff', 'Bf8=', [0, 0, 0, 0, 0, 1, 0, 1])
    """

    __slots__ = ()

    @property
    def bits(self) -> Bits:
        """The bits, the most significant one of each byte first."""
        return np.unpackbits(np.frombuffer(self, dtype=np.uint8))

    def base64(self) -> str:
        """The bytes as text of base64."""
        return base64.b64encode(self).decode("ascii")

    def __repr__(self) -> str:
        return f"KeyBytes({len(self)} bytes)"

    __str__ = __repr__


class Vault:
    """The secret bits of one key, one copy for each party that is known here.

    Copies and pickles of it have its length and no bits: those stay where they were made.

    >>> vault = Vault(np.array([0, 1] * 8, dtype=np.uint8))
    >>> vault.take(1), vault
    (KeyBytes(1 bytes), <Vault: 8 of 16 bits left>)
    """

    __slots__ = ("__copies", "__left", "__once", "length")

    def __init__(self, *copies: Bits) -> None:
        if len({len(bits) for bits in copies}) > 1:
            raise ValueError(f"all copies of a key must have one length, got {[len(bits) for bits in copies]} bits")
        self.length = len(copies[0]) if copies else 0
        """Bits that the key was given with."""
        self.__copies = tuple(as_bits("bits", bits).copy() for bits in copies)
        self.__left = self.length
        self.__once = SingleUse("a key")

    @property
    def copies(self) -> int:
        """How many parties' copies are here."""
        return len(self.__copies)

    @property
    def left(self) -> int:
        """Bits that were not taken yet."""
        return self.__left if self.__copies else 0

    def read(self, party: int) -> Bits:
        """One party's bits that were not taken yet, read-only."""
        return sealed(self.__copies[party][self.length - self.__left :])

    def take(self, count: int) -> KeyBytes:
        """The next bytes of the first copy; in all copies they are then gone.

        Raises:
            KeyTaken: if fewer are left.
            RuntimeError: in a process that was forked from the one that made the key.
        """
        bits = 8 * validation.count("n", count, at_least=1)
        with self.__once:
            if bits > self.left:
                raise KeyTaken(
                    f"{count} bytes of the key are asked for, {self.left // 8} are left ({self.left} bits)"
                )
            begin = self.length - self.__left
            self.__left -= bits  # first: what interrupts this loses bits
            taken = KeyBytes(np.packbits(self.__copies[0][begin : begin + bits]).tobytes())
            for copy in self.__copies:
                copy[begin : begin + bits] = 0
        return taken

    def together(self, *others: Vault) -> Vault:
        """One vault with the copies of several, where all of them are at hand."""
        return Vault(*(vault.read(i) for vault in (self, *others) for i in range(vault.copies)))

    def __repr__(self) -> str:
        return f"<Vault: {self.left} of {self.length} bits left>"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, tuple[int]]:
        return _empty, (self.length,)


def _empty(length: int) -> Vault:
    vault = Vault()
    vault.length = length
    return vault
