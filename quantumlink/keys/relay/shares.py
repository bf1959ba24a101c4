"""Sharing a key over several paths: n-of-n by XOR, k-of-n by Shamir's polynomials over GF(256).

With n-of-n the key is safe if one path is not spied on, and lost if one path fails. With k-of-n it is safe while at
most k − 1 paths are spied on, and survives the loss of n − k. Both are perfect: fewer shares say nothing at all
(A. Shamir, Commun. ACM 22, 612 (1979)).

The field is that of AES: polynomials modulo x⁸ + x⁴ + x³ + x + 1. Share number i is the value at the point i ≥ 1.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from quantumlink import validation
from quantumlink.keys.material import Secret

Bytes = NDArray[np.uint8]


def _tables() -> tuple[NDArray[np.int64], Bytes]:
    """Logarithms to the base of the generator 3, and its powers (twice, so that sums of two need no reduction)."""
    powers, value = [], 1
    for _ in range(255):
        powers.append(value)
        value ^= value << 1
        value = value ^ 0x11B if value & 0x100 else value
    logarithms = np.zeros(256, dtype=np.int64)
    logarithms[powers] = np.arange(255)
    return logarithms, np.array(powers * 2, dtype=np.uint8)


_LOG, _POWER = _tables()


def share_xor(secret: Secret, shares: int) -> list[Secret]:
    """Split a secret so that all shares together give it, and all but one nothing.

    >>> unshare_xor(share_xor(Secret(b"key"), 3)) == Secret(b"key")
    True
    """
    count = validation.count("shares", shares, at_least=1)
    random = [secrets.token_bytes(len(secret)) for _ in range(count - 1)]
    return [*map(Secret, random), unshare_xor([secret, *map(Secret, random)])]


def unshare_xor(shares: Sequence[Secret]) -> Secret:
    """The secret of all shares: their XOR.

    Raises:
        ValueError: if there are none, or they differ in length.
    """
    lengths = {len(share) for share in shares}
    if len(lengths) != 1:
        raise ValueError(f"shares must be at least one, all of one length; got lengths {sorted(lengths)}")
    rows = [np.frombuffer(share.reveal(), dtype=np.uint8) for share in shares]
    return Secret(np.bitwise_xor.reduce(rows).tobytes())


def share_threshold(secret: Secret, shares: int, *, needed: int) -> dict[int, Secret]:
    """Split a secret so that any ``needed`` of the shares give it, and fewer nothing.

    Args:
        secret: the secret.
        shares: how many, n in [1, 255].
        needed: how many are needed, k in [1, n].

    Returns:
        The shares by their numbers, 1 to n.
    """
    count = validation.count("shares", shares, at_least=1)
    k = validation.count("needed", needed, at_least=1)
    if count > 255 or k > count:
        raise ValueError(f"needed must be at most shares, and shares at most 255; got {k} of {count}")
    random = np.frombuffer(secrets.token_bytes((k - 1) * len(secret)), dtype=np.uint8)
    rows = [np.frombuffer(secret.reveal(), dtype=np.uint8), *random.reshape(k - 1, len(secret))]
    found = {}
    for point in range(1, count + 1):
        value = np.zeros(len(secret), dtype=np.uint8)
        for row in reversed(rows):  # Horner's rule
            value = _times(value, point) ^ row
        found[point] = Secret(value.tobytes())
    return found


def combine_shares(shares: Mapping[int, Secret], *, needed: int) -> Secret:
    """The secret, from at least ``needed`` shares by their numbers.

    Further shares are checked against it.

    Raises:
        ValueError: if there are too few, they differ in length, or one of them is wrong.
    """
    k = validation.count("needed", needed, at_least=1)
    if len(shares) < k:
        raise ValueError(f"{k} shares are needed, got {len(shares)}")
    if any(not 1 <= number <= 255 for number in shares):
        raise ValueError(f"numbers of shares must be in [1, 255], got {sorted(shares)}")
    if len({len(share) for share in shares.values()}) != 1:
        raise ValueError("shares must have one length")
    used, spare = list(shares.items())[:k], list(shares.items())[k:]
    for number, share in spare:
        if _at(number, used) != share:
            raise ValueError("the shares contradict each other: one of them is wrong")
    return _at(0, used)


def _at(point: int, shares: Sequence[tuple[int, Secret]]) -> Secret:
    """The value at a point of the polynomial through the shares, by Lagrange's formula."""
    value = np.zeros(len(shares[0][1]), dtype=np.uint8)
    for number, share in shares:
        weight = 1
        for other, _ in shares:
            if other != number:
                weight = _product(weight, _product(point ^ other, _inverse(number ^ other)))
        value ^= _times(np.frombuffer(share.reveal(), dtype=np.uint8), weight)
    return Secret(value.tobytes())


def _product(a: int, b: int) -> int:
    return int(_POWER[_LOG[a] + _LOG[b]]) if a and b else 0


def _inverse(a: int) -> int:
    return int(_POWER[(255 - _LOG[a]) % 255])


def _times(values: Bytes, factor: int) -> Bytes:
    if not factor:
        return np.zeros_like(values)
    found: Bytes = np.where(values == 0, np.uint8(0), _POWER[_LOG[values] + _LOG[factor]])
    return found
