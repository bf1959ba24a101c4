"""Privacy amplification: hash a partly known key to a shorter one about which nobody else knows anything.

The hash is a random Toeplitz matrix over the two-element field, ``T[i, j] = s[i − j + n − 1]``: constant
along each diagonal, so that ``n + L − 1`` public random bits describe all of it, and two-universal, which is
what the leftover hash lemma asks for. The product is a convolution and is computed by fast Fourier transform, or as
it stands where there are few rows (a tag).

Long transforms are done in two dimensions: where N = N₁·N₂ without a common factor, laying element i at
(i mod N₁, i mod N₂) turns a cyclic convolution of length N into one over a table, whose short transforms
stay in the processor's cache.

Single precision makes that exact, by a sleight of hand: only the parity of each sum matters, and it stays the same
when every bit of the string counts as +1 or −1 by a coin toss of our own. The sums are then integers of about √n
instead of n, whatever string and matrix, and their rounding error, some ``2⁻²⁴·√(n·log n)``, is below a hundredth
at the longest transforms made here. It is checked at run time.

References:
    H. Krawczyk, Advances in Cryptology, CRYPTO '94, LNCS 839, 129 (1994), Toeplitz hashing.
    R. Renner, PhD thesis, ETH Zürich (2005), the leftover hash lemma against quantum side information.
    I. J. Good, J. R. Stat. Soc. B 20, 361 (1958), the transform in two dimensions.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantumlink import validation
from quantumlink.distillation.bits import Bits, as_bits
from quantumlink.progress import track

_Byte = TypeVar("_Byte", np.uint8, np.int8)

_ROWS, _COLUMNS = 1 << 23, 1 << 24  # hashed at once: bounds the memory to some 700 MB, however long the key
_STRIPE = 256  # rows that are transposed at once
_FLAT = 1 << 17  # transforms no longer than this fit the cache as they are
_FEW = 256  # rows of which each is multiplied by itself, as bytes: a tag has some thirty


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
    n, rows = len(x), validation.count("length", length, at_least=1)
    if len(s) != n + rows - 1:
        raise ValueError(
            f"seed must hold len(bits) + length - 1 = {n + rows - 1} bits, got {len(s)} "
            f"(for {n} bits hashed to {rows})"
        )
    if rows <= _FEW:
        return _row_by_row(x, s, rows)
    result = np.zeros(rows, dtype=np.uint8)
    signed = x.astype(np.int8) * (1 - 2 * _coins(n))
    # as few and as equal tiles as can be, or a small remainder would cost as much as a full one
    high, wide = _share(rows, _ROWS), _share(n, _COLUMNS)
    transform = _Transform.of(min(high, rows) + min(wide, n) - 1)
    for top in track(range(0, rows, high), "hashing"):
        bottom = min(top + high, rows)
        total: NDArray[np.complex64] | None = None
        for left in range(0, n, wide):
            right = min(left + wide, n)
            # The tile T[top:bottom, left:right] is a Toeplitz matrix too, described by this piece of the seed.
            # Row i is element i + (right − left) − 1 of the convolution of that piece with x; filling up x in
            # front to the full width puts all tiles of a row at one place.
            product = transform.forward(s[top - right + n : bottom - left + n - 1], 0)
            product *= transform.forward(signed[left:right], wide - (right - left) if n > wide else 0)
            total = product if total is None else np.add(total, product, out=total)
        assert total is not None  # there is a column at least
        result[top:bottom] = transform.parities(total, min(wide, n) - 1, bottom - top)
    return result


def _row_by_row(x: Bits, s: Bits, rows: int) -> Bits:
    """The product of few rows: ``s[i : i + n]`` and the string turned round, both packed into bytes."""
    turned = np.packbits(x[::-1])
    begun = [
        np.packbits(s[shift:]) for shift in range(min(8, rows))
    ]  # row i begins at bit i: whole bytes and a shift
    both = np.array(
        [np.bitwise_xor.reduce(begun[row % 8][row // 8 : row // 8 + len(turned)] & turned) for row in range(rows)]
    )
    odd: Bits = np.bitwise_xor.reduce(np.unpackbits(both[:, None], axis=1), axis=1)
    return odd


def _share(length: int, most: int) -> int:
    """Size of equal pieces of a length, none above ``most``."""
    pieces = -(-length // most)
    return -(-length // pieces)


class _Transform:
    """Cyclic convolution of one length, by real Fourier transforms of one or two dimensions."""

    def __init__(self, high: int, wide: int) -> None:
        """Take the sides of the table: without a common factor, or 1 and the length."""
        self._shape = high, wide
        # element i1 + high·k stands in row i1, at column (columns[k] + i1) mod wide
        self._columns = np.arange(wide) * high % wide
        self._turns = np.tile(np.argsort(self._columns), 2)  # the same the other way round, twice to turn it

    @staticmethod
    @lru_cache(maxsize=4)
    def of(length: int) -> _Transform:
        """The quickest transform that is at least that long."""
        from scipy import fft

        if length <= _FLAT:
            return _Transform(1, fft.next_fast_len(length, real=True))
        wide = 1 << (length.bit_length() // 2)  # the stride of the other side is then no power of two: quicker
        return _Transform(_odd_smooth(-(-length // wide)), wide)

    def forward(self, bits: Bits | NDArray[np.int8], offset: int) -> NDArray[np.complex64]:
        """The transform of bits (or of −1, 0 and 1) that begin at an offset, zeros elsewhere."""
        from scipy import fft

        high, wide = self._shape
        padded = np.zeros(high * wide, dtype=np.int8)
        padded[offset : offset + len(bits)] = bits
        dealt = _transposed(padded.reshape(wide, high))
        spectrum = np.empty((high, wide // 2 + 1), dtype=np.complex64)

        def transform(rows: slice) -> None:
            table = np.empty((rows.stop - rows.start, wide), dtype=np.float32)
            for place, row in enumerate(range(rows.start, rows.stop)):
                start = wide - row % wide
                table[place] = dealt[row].take(self._turns[start : start + wide])
            spectrum[rows] = fft.rfft(table)

        self._in_bands(transform)
        result: NDArray[np.complex64] = fft.fft(spectrum, axis=0, overwrite_x=True, workers=_workers())
        return result

    def parities(self, spectrum: NDArray[np.complex64], offset: int, count: int) -> Bits:
        """Elements of the convolution modulo 2, from an offset on.

        Raises:
            ArithmeticError: if the transform was not exact enough to round.
        """
        from scipy import fft

        spectrum = fft.ifft(spectrum, axis=0, overwrite_x=True, workers=_workers())
        high, wide = self._shape
        dealt = np.empty((high, wide), dtype=np.uint8)

        def round_off(rows: slice) -> None:
            sums = fft.irfft(spectrum[rows], wide)
            whole = np.rint(sums)
            error = float(np.abs(sums - whole).max())
            if not error < 0.25:
                raise ArithmeticError(
                    f"the Fourier transform of {dealt.size} points was off an integer by {error:.3g}, "
                    "it must be below 0.25"
                )
            odd = (whole.astype(np.int32) & 1).astype(np.uint8)
            for place, row in enumerate(range(rows.start, rows.stop)):
                dealt[row] = odd[place].take(self._columns + row % wide, mode="wrap")

        self._in_bands(round_off)
        return _transposed(dealt).ravel()[offset : offset + count].copy()

    def _in_bands(self, work: Callable[[slice], None]) -> None:
        """A few rows at a time, so that what is done to them stays in the cache; one band a core."""
        high, wide = self._shape
        step = max(1, _FLAT // wide)
        bands = [slice(top, min(top + step, high)) for top in range(0, high, step)]
        if len(bands) < 2 * _workers():
            for band in bands:
                work(band)
            return
        with ThreadPoolExecutor(_workers()) as pool:
            for _ in pool.map(work, bands):
                pass


def _coins(count: int) -> NDArray[np.int8]:
    """Independent fair bits; nothing but the size of rounding errors depends on them."""
    drawn = np.frombuffer(np.random.default_rng().bytes(-(-count // 8)), dtype=np.uint8)
    return np.unpackbits(drawn, count=count).view(np.int8)


def _transposed(table: NDArray[_Byte]) -> NDArray[_Byte]:
    """The transpose as a table of its own, a stripe at a time: several times quicker than all at once."""
    turned = np.empty(table.shape[::-1], dtype=table.dtype)
    for top in range(0, len(table), _STRIPE):
        turned[:, top : top + _STRIPE] = table[top : top + _STRIPE].T
    return turned


def _workers() -> int:
    return os.cpu_count() or 1


def _odd_smooth(least: int) -> int:
    """The smallest 3ᵃ·5ᵇ·7ᶜ that is at least that large."""
    best: int = 3 ** least.bit_length()
    seven = 1
    while seven < best:
        five = seven
        while five < best:
            three = five
            while three < least:
                three *= 3
            best = min(best, three)
            five *= 5
        seven *= 7
    return best
