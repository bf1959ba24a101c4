"""Authentication: a tag that only the holders of a shared secret can make, whatever computers others have.

Wegman and Carter: hash the message by a polynomial over a binary field, evaluated at a secret point r, and mask
the hash with a one-time pad,

    tag = p ⊕ Σᵢ mᵢ·r^(B+1−i),   i = 1 … B,

where m₁ … m_B are the blocks of the message, the last of them its length. Two different messages agree in
their hashes for at most B of the 2¹²⁸ points r, so a forger who saw one message with its tag succeeds with a
probability of at most B/2¹²⁸. The point may serve for many messages as long as each has a fresh mask: it costs
128 bits once, each tag 128 more.

The field is GF(2¹²⁸) modulo x¹²⁸ + x⁷ + x² + x + 1; bit i of byte j stands for x^(8j+i).

References:
    M. N. Wegman, J. L. Carter, J. Comput. Syst. Sci. 22, 265 (1981), new hash functions and their use.
    M. Peev et al., Int. J. Quantum Inf. 3, 225 (2005), authentication in quantum key distribution.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantumlink.qkd.arguments import as_count
from quantumlink.qkd.bits import Bits, as_bits

Words: TypeAlias = NDArray[Any]
"""Elements of a field, each as some machine words."""


@dataclass(frozen=True)
class BinaryField:
    """GF(2^bits), its elements as integers whose bit i stands for xⁱ.

    >>> BinaryField(8, 0x1B).multiply(0x57, 0x83) == 0xC1  # a worked example of FIPS 197
    True
    """

    bits: int
    """Degree, a multiple of 8."""
    taps: int
    """The irreducible polynomial without its highest power."""

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return self.bits // 8

    def times_x(self, a: int) -> int:
        """``a·x``."""
        a <<= 1
        return a ^ (1 << self.bits | self.taps) if a >> self.bits else a

    def multiply(self, a: int, b: int) -> int:
        """``a·b``."""
        product = 0
        while b:
            if b & 1:
                product ^= a
            a, b = self.times_x(a), b >> 1
        return product

    def tables(self, factor: int) -> Words:
        """The products of ``factor`` with each value of each byte: shape (size, 256, words of an element)."""
        powers = [factor]
        for _ in range(self.bits - 1):
            powers.append(self.times_x(powers[-1]))
        basis = self.words(b"".join(p.to_bytes(self.size, "little") for p in powers)).reshape(self.size, 8, -1)
        table: Words = np.zeros((self.size, 1, basis.shape[2]), dtype=basis.dtype)
        for bit in range(8):
            table = np.concatenate([table, table ^ basis[:, bit : bit + 1]], axis=1)
        return table

    def words(self, data: bytes) -> Words:
        """Elements as rows of machine words, which are added by xor."""
        kind = np.uint64 if self.size % 8 == 0 else np.uint8
        return np.frombuffer(data, dtype=kind).reshape(-1, self.size // np.dtype(kind).itemsize)


GF128 = BinaryField(128, 0x87)
"""The field of the tags."""


def polynomial_hash(message: bytes, *, point: int, field: BinaryField = GF128) -> int:
    r"""Evaluate the message, its blocks as coefficients, at a secret point.

    Args:
        message: any bytes; the last block is filled up with zeros, and a block with the length is appended.
        point: r, an element of the field.
        field: GF(2¹²⁸), or a smaller one for study (its blocks must be able to hold the length in bytes).

    Raises:
        ValueError: if the point is no element of the field, or the length does not fit a block.

    >>> polynomial_hash(b"", point=7)
    0
    >>> hex(polynomial_hash(b"\x01", point=2))  # x² + x
    '0x6'
    """
    if not 0 <= point < 1 << field.bits:
        raise ValueError(f"point must be an element of {field.bits} bits")  # its value is a secret
    if len(message) >> field.bits:
        raise ValueError(f"message must have fewer than 2**{field.bits} bytes, got {len(message)}")
    blocks = _blocks(message, field)
    count = 1 << (len(blocks) - 1).bit_length()  # zeros in front are coefficients of higher powers
    rows = np.zeros((count, blocks.shape[1]), dtype=blocks.dtype)
    rows[count - len(blocks) :] = blocks
    powers = [point]
    while 2 ** len(powers) < count:
        powers.append(field.multiply(powers[-1], powers[-1]))
    # Horner with a long stride: the first half, times r to the power of its distance, joins the second
    while len(rows) > 1:
        half = len(rows) // 2
        rows = _times(rows[:half], _tables(field, powers[half.bit_length() - 1])) ^ rows[half:]
    return field.multiply(int.from_bytes(rows.tobytes(), "little"), point)


def _blocks(message: bytes, field: BinaryField) -> Words:
    filler = bytes(-len(message) % field.size)
    return field.words(message + filler + len(message).to_bytes(field.size, "little"))


@lru_cache(maxsize=64)
def _tables(field: BinaryField, factor: int) -> Words:
    return field.tables(factor)


def _times(rows: Words, table: Words) -> Words:
    octets = rows.view(np.uint8)
    product: Words = table[0].take(octets[:, 0], axis=0)
    for position in range(1, octets.shape[1]):
        product ^= table[position].take(octets[:, position], axis=0)
    return product


class SharedSecret:
    """Secret bits that two ends share beforehand, taken in order and never twice.

    >>> secret = SharedSecret(np.ones(256, dtype=np.uint8))
    >>> secret.take(128).sum(), secret
    (np.uint64(128), SharedSecret(128 bits left))
    """

    def __init__(self, bits: ArrayLike) -> None:
        """Take a copy of the bits.

        Raises:
            ValueError: if they are no bit string.
        """
        self._bits = as_bits("bits", bits).copy()
        self._taken = 0

    def __len__(self) -> int:
        return len(self._bits) - self._taken

    def __repr__(self) -> str:
        return f"SharedSecret({len(self)} bits left)"

    def take(self, count: int) -> Bits:
        """The next ``count`` bits, which are then gone.

        Raises:
            SecretExhausted: if fewer are left.
        """
        if as_count("count", count) > len(self):
            raise SecretExhausted(f"{count} bits of the shared secret are needed, {len(self)} are left")
        taken = self._bits[self._taken : self._taken + count].copy()
        self._bits[self._taken : self._taken + count] = 0
        self._taken += count
        return taken

    def refill(self, bits: ArrayLike) -> None:
        """Append fresh secret bits, as both ends must do alike."""
        self._bits = np.concatenate([self._bits[self._taken :], as_bits("bits", bits)])
        self._taken = 0


class SecretExhausted(ValueError):
    """Too few bits are left of the secret that authenticates."""


class Authenticator:
    """Makes and checks the tags of one conversation; each costs 128 bits, and the point 128 once.

    Both ends take the masks in the order of the tags, so each tag has a mask of its own.

    >>> ends = [Authenticator(SharedSecret([1, 0] * 256)) for _ in range(2)]
    >>> tag = ends[0].tag(b"for Bob")
    >>> ends[1].check(b"for Bob", tag), ends[0].spent_bits
    (True, 256)
    """

    TAG_BITS = 128
    """Length of a tag, and of the point."""

    def __init__(self, secret: SharedSecret) -> None:
        self._secret = secret
        self._point: int | None = None
        self.spent_bits = 0
        """Bits of the shared secret that were used up."""
        self.forgery_probability = 0.0
        """At most this probable is it that any of the tags so far was forged unnoticed."""

    def tag(self, message: bytes) -> bytes:
        """The tag of a message, 16 bytes.

        Raises:
            SecretExhausted: if too few bits of the shared secret are left.
        """
        if self._point is None:
            self._point = self._draw()
        masked = self._draw() ^ polynomial_hash(message, point=self._point)
        self.forgery_probability += forgery_probability(len(message))
        return masked.to_bytes(self.TAG_BITS // 8, "little")

    def check(self, message: bytes, tag: bytes) -> bool:
        """Whether the tag belongs to the message; a mask is used up in either case.

        Raises:
            SecretExhausted: if too few bits of the shared secret are left.
        """
        return hmac.compare_digest(self.tag(message), tag)

    def _draw(self) -> int:
        bits = self._secret.take(self.TAG_BITS)
        self.spent_bits += self.TAG_BITS
        return int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")


def forgery_probability(length: int) -> float:
    """What a forger may hope for: blocks of a message of ``length`` bytes, its length among them, over 2¹²⁸.

    Raises:
        ValueError: if ``length`` is no whole number of at least 0.

    >>> forgery_probability(16) == 2 * 2.0**-128
    True
    """
    return (-(-as_count("length", length) // GF128.size) + 1) * 2.0**-GF128.bits
