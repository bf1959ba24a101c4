"""Binary fields, multiplied without a branch or a place in memory that depends on what is multiplied.

Products of many elements with one are made of whole-number products: 32 bits are split in four numbers of each
fourth bit, so that between any two bits there are three zeros. At most eight ones then meet in a sum, for which
three zeros are room enough, and the lowest bit of each four is that of the product without carries.

Reference:
    T. Pornin, BearSSL, "constant-time multiplication": the same idea, for GHASH.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[Any]
"""Elements of a field, each as some machine words."""

_FOURTHS: Final = tuple(0x1111111111111111 << place for place in range(4))
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)


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
        """``a·x``; what is done does not depend on the bits of ``a``."""
        return (a << 1) ^ (-(a >> (self.bits - 1)) & (1 << self.bits | self.taps))

    def multiply(self, a: int, b: int) -> int:
        """``a·b``; what is done does not depend on the bits of either."""
        product = 0
        for place in range(self.bits):
            product ^= a & -(b >> place & 1)
            a = self.times_x(a)
        return product

    def times(self, rows: Words, factor: int) -> Words:
        """Each row times one element: many at once in GF(2¹²⁸), one by one in a field for study."""
        if self == GF128:
            return _reduced(*_product(rows, factor))
        products = [self.multiply(int.from_bytes(row.tobytes(), "little"), factor) for row in rows]
        return self.words(b"".join(product.to_bytes(self.size, "little") for product in products))

    def words(self, data: bytes | bytearray | memoryview) -> Words:
        """Elements as rows of machine words, which are added by xor."""
        kind = np.uint64 if self.size % 8 == 0 else np.uint8
        return np.frombuffer(data, dtype=kind).reshape(-1, self.size // np.dtype(kind).itemsize)


GF128 = BinaryField(128, 0x87)
"""The field of the tags."""


def _product(rows: Words, factor: int) -> tuple[Words, Words, Words, Words]:
    """Each row times the factor, of 128 bits both: four words of 64 bits, the lowest first."""
    a = (rows[:, 0] & _LOW, rows[:, 0] >> _HALF, rows[:, 1] & _LOW, rows[:, 1] >> _HALF)
    b = tuple(factor >> (32 * place) & 0xFFFFFFFF for place in range(4))
    # Karatsuba, twice: nine products of 32 bits where there would be sixteen.
    low0, low1 = _product_of_64(a[0], a[1], b[0], b[1])
    high0, high1 = _product_of_64(a[2], a[3], b[2], b[3])
    cross0, cross1 = _product_of_64(a[0] ^ a[2], a[1] ^ a[3], b[0] ^ b[2], b[1] ^ b[3])
    return low0, low1 ^ cross0 ^ low0 ^ high0, high0 ^ cross1 ^ low1 ^ high1, high1


def _product_of_64(a0: Words, a1: Words, b0: int, b1: int) -> tuple[Words, Words]:
    """Products of 64 bits, of which the halves are given: two words."""
    low, high = _product_of_32(a0, b0), _product_of_32(a1, b1)
    middle = _product_of_32(a0 ^ a1, b0 ^ b1) ^ low ^ high
    return low ^ (middle << _HALF), high ^ (middle >> _HALF)


def _product_of_32(a: Words, b: int) -> Words:
    """Products of 32 bits without carries: one word."""
    few = [a & np.uint64(fourth) for fourth in _FOURTHS]
    mine = [np.uint64(b & fourth) for fourth in _FOURTHS]
    product = np.zeros_like(a)
    for place, fourth in enumerate(_FOURTHS):
        found = few[0] * mine[place]
        for other in range(1, 4):
            found ^= few[other] * mine[(place - other) % 4]
        found &= np.uint64(fourth)
        product |= found
    return product


def _reduced(w0: Words, w1: Words, w2: Words, w3: Words) -> Words:
    """Four words modulo x¹²⁸ + x⁷ + x² + x + 1, as rows of two."""
    w1, w2 = _folded(w1, w2, w3)
    w0, w1 = _folded(w0, w1, w2)
    return np.stack([w0, w1], axis=1)


def _folded(low: Words, high: Words, far: Words) -> tuple[Words, Words]:
    """``far``, two words above ``low``, comes back times x⁷ + x² + x + 1."""
    for shift in (0, 1, 2, 7):
        low = low ^ (far << np.uint64(shift))
        if shift:
            high = high ^ (far >> np.uint64(64 - shift))
    return low, high
