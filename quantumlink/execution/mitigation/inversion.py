"""The inversion of independent readout errors, run by run.

A bit that is b and is read as 1 for 0 with probability e₀, as 0 for 1 with e₁, has E[(−1)^m | b] = a + c(−1)^b,
with a = e₁ − e₀ and c = 1 − e₀ − e₁. So ((−1)^m − a)/c has the expectation (−1)^b, and if errors are independent,
the product over the bits of a parity has the expectation of that parity: an unbiased estimate whose values are
larger than 1. Post-selection is a function of several parities; its unbiased estimate is that function with the
inverse of each bit's confusion matrix applied (S. Bravyi, S. Sheldon, A. Kandala, D. C. McKay, J. M. Gambetta,
Phys. Rev. A 103, 042605 (2021), the tensor-product model).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantumlink.arrays import BoolArray, FloatArray, IntArray
from quantumlink.program import parity

MAX_HERALD_BITS = 14
"""Most bits of the heralds whose errors are inverted: the table of their values doubles with each."""


@dataclass(frozen=True, eq=False, repr=False)
class Counted:
    """The runs of one basis, equal ones together."""

    bits: BoolArray
    """Shape (patterns, bits), in the order of the calibration's bits."""
    counts: FloatArray
    """How often each pattern came, shape (patterns,)."""

    @property
    def runs(self) -> float:
        """All of them."""
        return float(self.counts.sum())

    def __repr__(self) -> str:
        return f"<Counted: {len(self.counts)} patterns, {self.runs:.0f} runs>"


def counted(bits: BoolArray) -> Counted:
    """Equal rows together: shape (runs, bits)."""
    patterns, counts = np.unique(bits, axis=0, return_counts=True)
    return Counted(patterns, counts.astype(float))


def parity_weights(
    bits: BoolArray, which: Sequence[int], rates: FloatArray, turned: BoolArray | None = None
) -> FloatArray:
    """Of each pattern the unbiased estimate of the sign of a parity.

    Args:
        bits: shape (patterns, bits).
        which: the bits of the parity.
        rates: (e₀, e₁) of each bit, shape (bits, 2).
        turned: of each bit of each pattern whether it was read as its opposite, and so errs as that: 1 for what
            stands there as 0; shape (patterns, bits). None of them, if None.

    >>> parity_weights(np.array([[False], [True]]), [0], np.array([[0.1, 0.1]])).round(6)
    array([ 1.25, -1.25])
    """
    columns = list(which)
    shift, scale = offset_and_scale(rates[columns])
    signs = 1.0 - 2.0 * bits[:, columns]
    if turned is not None:
        shift = np.where(turned[:, columns], -shift, shift)
    weights: FloatArray = np.prod((signs - shift) / scale, axis=1)
    return weights


def offset_and_scale(rates: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The a and c of each bit."""
    return rates[..., 1] - rates[..., 0], 1.0 - rates[..., 0] - rates[..., 1]


def accepted_weights(
    bits: BoolArray,
    heralds: Sequence[Sequence[int]],
    sign: Sequence[int],
    rates: FloatArray,
    turned: BoolArray | None = None,
) -> FloatArray:
    """Of each pattern the unbiased estimate of [all heralds even] times the sign of a parity.

    Args:
        bits: shape (patterns, bits).
        heralds: parities that must all be even.
        sign: the bits of the further parity, none for the acceptance alone.
        rates: (e₀, e₁) of each bit, shape (bits, 2); a bit with (0, 0) is taken as it was recorded.
        turned: see `parity_weights`.
    """
    there = sorted({bit for herald in heralds for bit in herald})
    if not np.any(rates[there]):
        accepted = np.logical_and.reduce([~parity(bits, herald) for herald in heralds], axis=0)
        return np.where(accepted, parity_weights(bits, sign, rates, turned), 0.0)
    if turned is not None and turned[:, there].any():
        return _one_turn_at_a_time(bits, heralds, sign, rates, turned)
    within = [bit for bit in sign if bit in there]
    table = acceptance_table(there, heralds)
    table = table * np.where(parity(all_values(len(there)), [there.index(bit) for bit in within]), -1.0, 1.0)
    inverted = applied(table, inverse_confusions(rates[there]))
    outside = parity_weights(bits, [bit for bit in sign if bit not in there], rates, turned)
    weights: FloatArray = inverted[numbered(bits[:, there])] * outside
    return weights


def _one_turn_at_a_time(
    bits: BoolArray, heralds: Sequence[Sequence[int]], sign: Sequence[int], rates: FloatArray, turned: BoolArray
) -> FloatArray:
    """The patterns whose bits are turned alike together, with the two rates of a turned bit exchanged."""
    weights = np.zeros(len(bits))
    for turn in np.unique(turned, axis=0):
        alike = (turned == turn).all(axis=1)
        exchanged = np.where(turn[:, None], rates[:, ::-1], rates)
        weights[alike] = accepted_weights(bits[alike], heralds, sign, exchanged)
    return weights


def both_accept_weights(bits: BoolArray, heralds: Sequence[Sequence[int]], rates: FloatArray) -> FloatArray:
    """Of each pattern the unbiased estimate of the probability that the heralds are even, and are read as even.

    The arguments are those of `accepted_weights`.
    """
    there = sorted({bit for herald in heralds for bit in herald})
    table = acceptance_table(there, heralds)
    read_so = applied(table, confusions(rates[there]))
    inverted = applied(table * read_so, inverse_confusions(rates[there]))
    weights: FloatArray = inverted[numbered(bits[:, there])]
    return weights


def acceptance_table(there: Sequence[int], heralds: Sequence[Sequence[int]]) -> FloatArray:
    """1 for each value of the herald bits that is accepted, 0 otherwise: shape (2^bits,).

    Raises:
        ValueError: if there are too many bits.
    """
    if len(there) > MAX_HERALD_BITS:
        raise ValueError(
            f"the heralds read {len(there)} bits, the errors of at most {MAX_HERALD_BITS} are inverted: "
            f"scope='ends' takes heralds as they were recorded"
        )
    values = all_values(len(there))
    place = {bit: i for i, bit in enumerate(there)}
    accepted = np.ones(len(values), dtype=bool)
    for herald in heralds:
        accepted &= ~parity(values, [place[bit] for bit in herald])
    return accepted.astype(float)


def all_values(bits: int) -> BoolArray:
    """All values of so many bits, shape (2^bits, bits), the first bit as the highest."""
    numbers = np.arange(1 << bits)[:, None] >> np.arange(bits)[::-1]
    return (numbers & 1).astype(bool)


def numbered(bits: BoolArray) -> IntArray:
    """The rows of a table of bits as numbers, the first bit as the highest."""
    return np.asarray(bits @ (1 << np.arange(bits.shape[1])[::-1]), dtype=np.int64)


def confusions(rates: FloatArray) -> FloatArray:
    """Confusion matrices ``[bit, true, read]``."""
    zero, one = rates[:, 0], rates[:, 1]
    return np.stack([np.stack([1 - zero, zero], axis=-1), np.stack([one, 1 - one], axis=-1)], axis=-2)


def inverse_confusions(rates: FloatArray) -> FloatArray:
    """Their inverses ``[bit, read, true]``."""
    return np.linalg.inv(confusions(rates)).astype(np.float64)


def applied(table: FloatArray, matrices: FloatArray) -> FloatArray:
    """A matrix applied to each bit of a table over all values, shape (2^bits,)."""
    bits = len(matrices)
    tensor = table.reshape((2,) * bits)
    for axis, matrix in enumerate(matrices):
        tensor = np.moveaxis(np.tensordot(matrix, tensor, axes=(1, axis)), 0, axis)
    return tensor.reshape(-1)
