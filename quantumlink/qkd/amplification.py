"""Privacy amplification: hash a partly known key to a shorter one about which nobody else knows anything.

The hash is a random Toeplitz matrix over the two-element field, ``T[i, j] = s[i − j + n − 1]``: constant
along each diagonal, so that ``n + L − 1`` public random bits describe all of it, and two-universal, which is
what the leftover hash lemma asks for. The product is a convolution and is computed by fast Fourier transform.

Double precision makes that exact: the sums are integers of at most n, their rounding error grows
like ``2⁻⁵³·n·log n`` and is checked at run time. (Single precision gives wrong bits from some 2²² bits on.)

References:
    H. Krawczyk, Advances in Cryptology, CRYPTO '94, LNCS 839, 129 (1994), Toeplitz hashing.
    R. Renner, PhD thesis, ETH Zürich (2005), the leftover hash lemma against quantum side information.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quantumlink.qkd.arguments import as_count
from quantumlink.qkd.bits import Bits, as_bits

_TILE = 1 << 21  # rows and columns hashed at once: bounds the memory to some 250 MB, however long the key


def toeplitz_hash(bits: ArrayLike, *, seed: ArrayLike, length: int) -> Bits:
    """Multiply a bit string by the Toeplitz matrix ``T[i, j] = seed[i − j + n − 1]``, modulo 2.

    Args:
        bits: the n bits to hash, at least one.
        seed: the ``n + length − 1`` random bits of the matrix; they may be public, but must be chosen after
            and independently of ``bits``.
        length: L, number of bits of the result, at least one.

    Returns:
        L bits, ``(T @ bits) % 2``.

    Raises:
        ValueError: if an argument is no bit string, or the lengths do not fit together.
        ArithmeticError: if the transform was not exact enough to round.

    >>> s, x = "10110011100", "11010010"
    >>> toeplitz_hash([int(b) for b in x], seed=[int(b) for b in s], length=4)
    array([0, 1, 1, 1], dtype=uint8)
    """
    x, s = as_bits("bits", bits, minimum=1), as_bits("seed", seed)
    n, rows = len(x), as_count("length", length, minimum=1)
    if len(s) != n + rows - 1:
        raise ValueError(
            f"seed must hold len(bits) + length - 1 = {n + rows - 1} bits, got {len(s)} "
            f"(for {n} bits hashed to {rows})"
        )
    result = np.zeros(rows, dtype=np.uint8)
    for top in range(0, rows, _TILE):
        bottom = min(top + _TILE, rows)
        for left in range(0, n, _TILE):
            right = min(left + _TILE, n)
            # the tile T[top:bottom, left:right] is a Toeplitz matrix too, described by this piece of the seed
            piece = s[top - right + n : bottom - left + n - 1]
            result[top:bottom] ^= _tile(x[left:right], piece, bottom - top)
    return result


def _tile(x: Bits, s: Bits, rows: int) -> Bits:
    """``T @ x`` for one Toeplitz matrix described by all of ``s``."""
    from scipy import fft

    # Row i is element i + n − 1 of the convolution s * x. A circular convolution as short as s is enough:
    # what wraps around falls on elements below n − 1, which are not read.
    size = fft.next_fast_len(len(s), real=True)
    spectrum = fft.rfft(s.astype(np.float64), size)
    spectrum *= fft.rfft(x.astype(np.float64), size)
    sums = fft.irfft(spectrum, size)[len(x) - 1 : len(x) - 1 + rows]
    whole = np.rint(sums)
    error = float(np.max(np.abs(sums - whole)))
    if not error < 0.25:
        raise ArithmeticError(
            f"the Fourier transform of {size} points was off an integer by {error:.3g}, it must be below 0.25"
        )
    parities: Bits = (whole.astype(np.int64) & 1).astype(np.uint8)
    return parities
