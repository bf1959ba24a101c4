"""Bit strings: one-dimensional ``uint8`` arrays of zeros and ones, and the checks that make them so.

The error texts count what was wrong and never show it: a bit string may be a key.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantumlink.arrays import Bits as Bits

_FEW = 16
"""So many numbers are counted one after the other."""


def as_bits(name: str, values: ArrayLike, *, minimum: int = 0) -> Bits:
    """Check a bit string and bring it into the one form used here.

    Args:
        name: what the caller calls the argument, for the error text.
        values: a list or array of 0s and 1s (integers, Booleans or floats).
        minimum: the least number of bits accepted.

    Returns:
        The bits as ``uint8``; the same memory as ``values`` where that already was such an array.

    Raises:
        ValueError: if ``values`` is not one-dimensional, is too short, or holds anything but 0 and 1.

    >>> as_bits("bits", [True, 0, 1.0])
    array([1, 0, 1], dtype=uint8)
    """
    try:
        array = np.asarray(values)
    except ValueError:  # ragged nesting
        raise ValueError(f"{name} must be one-dimensional, got a ragged nested sequence") from None
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got an array of shape {array.shape}")
    if len(array) < minimum:
        raise ValueError(f"{name} must hold at least {minimum} bits, got {len(array)}")
    if array.dtype.kind not in "buif":
        raise ValueError(f"{name} must hold the numbers 0 and 1 only, got values of type {array.dtype}")
    # Of bytes the largest tells it, many times as quickly.
    if array.dtype.kind != "b" and (array.dtype != np.uint8 or array.max(initial=0) > 1):
        strangers = int(np.count_nonzero((array != 0) & (array != 1)))
        if strangers:
            raise ValueError(
                f"{name} must hold the numbers 0 and 1 only, got {strangers} other values among {len(array)}"
            )
    return array.astype(np.uint8, copy=False)


def as_bit_pair(
    first_name: str, first: ArrayLike, second_name: str, second: ArrayLike, *, minimum: int = 0
) -> tuple[Bits, Bits]:
    """Two bit strings of one length, position by position the two ends of one link.

    Raises:
        ValueError: if either is no bit string (see ``as_bits``), or their lengths differ.
    """
    a = as_bits(first_name, first, minimum=minimum)
    b = as_bits(second_name, second, minimum=minimum)
    if len(a) != len(b):
        raise ValueError(
            f"{first_name} and {second_name} must have the same length, got {len(a)} and {len(b)} bits"
        )
    return a, b


def random_bits(rng: np.random.Generator, length: int) -> Bits:
    """Independent, uniformly random bits."""
    return rng.integers(0, 2, length, dtype=np.uint8)


def looked_up(table: NDArray[np.uint8], places: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``table[places]`` for bytes, several times as quick.

    >>> looked_up(np.array([5, 7], dtype=np.uint8), np.array([0, 1, 1], dtype=np.uint8))
    array([5, 7, 7], dtype=uint8)
    """
    whole = table.astype(np.uint8).tobytes().ljust(256, b"\0")
    return np.frombuffer(bytearray(places.tobytes().translate(whole)), dtype=np.uint8)


def occurrences(values: NDArray[np.uint8], size: int) -> list[int]:
    """How often each of the numbers below ``size`` occurs; for few of them much quicker than ``np.bincount``.

    >>> occurrences(np.array([0, 2, 2], dtype=np.uint8), 4)
    [1, 0, 2, 0]
    """
    if size > _FEW:
        return [int(count) for count in np.bincount(values, minlength=size)]
    return [int(np.count_nonzero(values == value)) for value in range(size)]


def sealed(bits: Bits) -> Bits:
    """A copy of ``bits`` that nobody can write to."""
    copy = bits.copy()
    copy.flags.writeable = False
    return copy
