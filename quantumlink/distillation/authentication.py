"""Authentication: a tag that only the holders of a shared secret can make, whatever computers others have.

Wegman and Carter: hash the message by a polynomial over a binary field, evaluated at a secret point r, and mask
the hash with a one-time pad,

    tag = p ⊕ Σᵢ mᵢ·r^(B+1−i),   i = 1 … B,

where m₁ … m_B are the blocks of the message, the last of them its length. Two different messages agree in
their hashes for at most B of the 2¹²⁸ points r, so a forger who saw one message with its tag succeeds with a
probability of at most B/2¹²⁸. The point may serve for many messages as long as each has a fresh mask: it costs
128 bits once, each tag 128 more.

The field is GF(2¹²⁸) modulo x¹²⁸ + x⁷ + x² + x + 1; bit i of byte j stands for x^(8j+i). Nothing that is done with
the secret point, no branch and no place in memory, depends on its bits.

References:
    M. N. Wegman, J. L. Carter, J. Comput. Syst. Sci. 22, 265 (1981), new hash functions and their use.
    M. Peev et al., Int. J. Quantum Inf. 3, 225 (2005), authentication in quantum key distribution.
"""

from __future__ import annotations

import hmac
from typing import Any, NoReturn

import numpy as np

from quantumlink import validation
from quantumlink.distillation.binary_field import GF128, BinaryField, Words
from quantumlink.distillation.shared_secret import SecretExhausted, SharedSecret
from quantumlink.distillation.single_use import SingleUse

__all__ = [
    "GF128",
    "Authenticator",
    "BinaryField",
    "PolynomialHash",
    "RunningHash",
    "SecretExhausted",
    "SharedSecret",
    "forgery_probability",
    "polynomial_hash",
]

_WIDE = 4096
"""So many blocks are multiplied at once: enough to keep numpy busy, little enough for the cache."""

_FEW = 16
"""So few are multiplied one by one."""


class PolynomialHash:
    r"""The hash of messages at one secret point; what is worked out for the point lives as long as this object.

    Args:
        point: r, an element of the field.
        field: GF(2¹²⁸), or a smaller one for study (its blocks must be able to hold the length in bytes).

    Raises:
        ValueError: if the point is no element of the field.

    >>> PolynomialHash(7)(b""), hex(PolynomialHash(2)(b"\x01"))  # 0, and x² + x
    (0, '0x6')
    """

    # No dictionary, here and below: `vars` and what prints it show no secret.
    __slots__ = ("__weakref__", "_field", "_powers")

    def __init__(self, point: int, field: BinaryField = GF128) -> None:
        if not 0 <= point < 1 << field.bits:
            raise ValueError(f"point must be an element of {field.bits} bits")  # its value is a secret
        self._field = field
        self._powers = [point]

    def __call__(self, message: bytes) -> int:
        """Evaluate the message, its blocks as coefficients, at the point.

        Args:
            message: any bytes; the last block is filled up with zeros, and a block with the length is appended.

        Raises:
            ValueError: if the length does not fit a block.
        """
        return self.running(message).value()

    def running(self, message: bytes | bytearray = b"") -> RunningHash:
        """The hash of a message that goes on growing."""
        return RunningHash(self, self._field, message)

    def evaluated(self, rows: Words) -> Words:
        """The polynomial with these coefficients, the highest first: one row, shape (1, words of an element)."""
        while (count := len(rows)) > _FEW:
            # Horner with long strides: what stands one stride behind joins, times r to the power of the stride
            level = min((count - 1).bit_length() - 1, _WIDE.bit_length() - 1)
            stride, factor = 1 << level, self._power(level)
            start = count - (-(-count // stride) - 1) * stride
            total = _filled(rows[:start], stride)
            for top in range(start, count, stride):
                total = self._field.times(total, factor) ^ rows[top : top + stride]
            rows = total
        element = 0
        for row in rows:
            element = self.times_point(element) ^ int.from_bytes(row.tobytes(), "little")
        return self._field.words(element.to_bytes(self._field.size, "little"))

    def times_point(self, element: int) -> int:
        """``element·r``."""
        return self._field.multiply(element, self._powers[0])

    def _power(self, level: int) -> int:
        """The point to the power 2^level."""
        while len(self._powers) <= level:
            self._powers.append(self._field.multiply(self._powers[-1], self._powers[-1]))
        return self._powers[level]


class RunningHash:
    """The hash of a message that grows: its blocks are gone through once, however many hashes are asked for.

    >>> running = PolynomialHash(12345).running(b"what was said")
    >>> first = running.value()
    >>> running.extend(b" and goes on")
    >>> running.value() == PolynomialHash(12345)(b"what was said and goes on"), len(running)
    (True, 25)
    """

    __slots__ = ("_field", "_hash", "_length", "_open")

    def __init__(self, hashed: PolynomialHash, field: BinaryField, message: bytes | bytearray) -> None:
        self._hash, self._field = hashed, field
        # the hash of the blocks gone through, and what came after them
        self._open = bytearray(field.size) + message
        self._length = len(message)

    def __len__(self) -> int:
        return self._length

    def extend(self, data: bytes | bytearray) -> None:
        """Append to the message."""
        self._open += data
        self._length += len(data)

    def value(self) -> int:
        """The hash of the message so far.

        Raises:
            ValueError: if its length does not fit a block.
        """
        field, size = self._field, self._field.size
        if self._length >> field.bits:
            raise ValueError(f"message must have fewer than 2**{field.bits} bytes, got {self._length}")
        whole = len(self._open) // size * size
        if whole > size:
            state = self._hash.evaluated(field.words(memoryview(self._open)[:whole]))
            self._open = bytearray(state.tobytes()) + self._open[whole:]
        end = bytes(-len(self._open) % size) + self._length.to_bytes(size, "little")
        last = self._hash.evaluated(field.words(self._open + end))
        return self._hash.times_point(int.from_bytes(last.tobytes(), "little"))


def polynomial_hash(message: bytes, *, point: int, field: BinaryField = GF128) -> int:
    """The hash of one message: see `PolynomialHash`."""
    return PolynomialHash(point, field)(message)


def _filled(rows: Words, count: int) -> Words:
    """Zeros in front, which are coefficients of higher powers, up to so many rows."""
    filled = np.zeros((count, rows.shape[1]), dtype=rows.dtype)
    filled[count - len(rows) :] = rows
    return filled


class Authenticator:
    """Makes and checks the tags of one conversation; each place for a tag costs 128 bits, and the point 128 once.

    A place is for one tag of one end: no mask hides two hashes.

    >>> ends = [Authenticator(SharedSecret([1, 0] * 256), places=1) for _ in range(2)]
    >>> tag = ends[0].tag(b"for Bob", place=0)
    >>> ends[1].check(b"for Bob", tag, place=0), ends[0].spent_bits
    (True, 256)
    """

    __slots__ = ("_hash", "_masks", "_once", "_tagged", "forgery_probability", "spent_bits")

    TAG_BITS = 128
    """Length of a tag, and of the point."""

    def __init__(self, secret: SharedSecret, *, places: int) -> None:
        """Take the point and the masks at once.

        Raises:
            SecretExhausted: if too few bits of the shared secret are left.
            ValueError: if the point is 0, where all messages have the same hash.
        """
        count = validation.count("places", places, at_least=1)
        drawn = secret.take(self.TAG_BITS * (1 + count)).reshape(1 + count, self.TAG_BITS)
        numbers = [int.from_bytes(np.packbits(row, bitorder="little").tobytes(), "little") for row in drawn]
        if not numbers[0]:
            raise ValueError(f"the next {self.TAG_BITS} bits of the shared secret are 0: any message would do")
        self._hash, self._masks = PolynomialHash(numbers[0]), numbers[1:]
        self._tagged: set[int] = set()
        self._once = SingleUse("an authenticator")
        self.spent_bits = self.TAG_BITS * (1 + count)
        """Bits of the shared secret that were used up."""
        self.forgery_probability = 0.0
        """At most this probable is it that any of the tags so far was forged unnoticed."""

    def running(self, message: bytes | bytearray = b"") -> RunningHash:
        """A message that goes on growing, and may be tagged and checked at any time."""
        return self._hash.running(message)

    def tag(self, message: bytes | RunningHash, *, place: int) -> bytes:
        """The tag of a message, 16 bytes.

        Raises:
            RuntimeError: if the place has a tag already; or in a process that was forked from the one that made
                this.
        """
        with self._once:
            if place in self._tagged:
                raise RuntimeError(f"place {place} has a tag already: a mask is good for one")
            self._tagged.add(place)
        return self._masked(message, place)

    def is_free(self, place: int) -> bool:
        """Whether a place has no tag yet."""
        return place not in self._tagged

    def check(self, message: bytes | RunningHash, tag: bytes, *, place: int) -> bool:
        """Whether the tag belongs to the message."""
        return hmac.compare_digest(self._masked(message, place), tag)

    def _masked(self, message: bytes | RunningHash, place: int) -> bytes:
        self.forgery_probability += forgery_probability(len(message))
        value = message.value() if isinstance(message, RunningHash) else self._hash(message)
        return (self._masks[place] ^ value).to_bytes(self.TAG_BITS // 8, "little")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("an authenticator cannot be copied or pickled: its masks are good for one tag each")


def forgery_probability(length: int) -> float:
    """What a forger may hope for: blocks of a message of ``length`` bytes, its length among them, over 2¹²⁸.

    Raises:
        ValueError: if ``length`` is no whole number of at least 0.

    >>> forgery_probability(16) == 2 * 2.0**-128
    True
    """
    return (-(-validation.count("length", length) // GF128.size) + 1) * 2.0**-GF128.bits
