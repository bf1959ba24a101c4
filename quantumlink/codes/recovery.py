"""Recoveries: what is left of n pairs once both sides compared their syndromes and decoded, exactly.

With the stabilizer group's elements g_u, u ∈ {0, 1}^r, the projector on "the syndromes differ by d" is the average
of (−1)^{u·d} g_u ⊗ g_u*. So the delivered coefficient of logical Paulis P on side a and Q on side b is

    Tr(P⊗Q·ρ′) = Σ_u w_Q(u)·s(u)·Π_i t_i(A_i, B_i),

where A and B are the letters of P·g_u and Q·g_u*, t_i(A, B) = Tr(A⊗B·ρ_i) the coefficients of pair i, s a sign, and
w_Q the Walsh transform of "the correction for d turns Q round". It holds for pairs in any state, each in its own:
2^r terms, whatever the state. That is MacWilliams' identity with signs.

Errors of the circuits that measure are independent Pauli faults (`quantumlink.codes.faults`). Each may turn
compared bits round (φ) and leave a Pauli string of syndrome ε on the data. The logical qubits are what a later
round without errors finds: it sees φ ⊕ ε beyond what was done already, and decodes again. Each fault then
multiplies the terms of (u, v) by the mean of (−1)^{u·φ + v·(φ⊕ε)} and of the signs that it gives P and Q; v is
summed as u is. No error acts on both sides, so the mean is a factor of side a times one of side b; each side with a
v of its own tells the residuals that the two sides hold, of which a swap in the code sees those that meet.

Reference:
    F. J. MacWilliams, Bell Syst. Tech. J. 42, 79 (1963); P. Shor, R. Laflamme, Phys. Rev. Lett. 78, 1600 (1997).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import product

import numpy as np

from quantumlink.arrays import Bits, FloatArray, IntArray
from quantumlink.circuits import Code
from quantumlink.codes.decoders import Decoder, all_syndromes, decoded
from quantumlink.codes.faults import Fault

MAX_EXACT = 16
"""Most stabilizers of a code that is followed exactly with perfect circuits: 65,536 terms."""

MAX_EXACT_NOISY = 8
"""Most where circuits have errors: as many terms."""

ENTRIES_AT_ONCE = 1 << 20
"""Most products at once: 8 MB."""

_ROUNDING = 1e-15


class Recovery:
    """What pairs become by one code and decoder.

    Args:
        code: a code of one logical qubit.
        decoder: what turns differences of syndromes into corrections.
        detects: whether runs whose syndromes differ are refused instead.
        faults: those of the circuits, in bits of the comparison, see `compared`.

    Raises:
        ValueError: if the decoder does not fit the code.
    """

    def __init__(
        self, code: Code, decoder: Decoder, *, detects: bool = False, faults: Sequence[Fault] = ()
    ) -> None:
        self._code, self._decoder, self._detects, self._faults = code, decoder, detects, tuple(faults)
        self._letters, self._signs = _group(code)
        self._turned = correction_signs(code, decoder)
        self._weights: dict[tuple[int, int], FloatArray] = {}
        self._sides: dict[tuple[int, int], FloatArray] = {}
        self.entries = 1 << len(code.stabilizers)
        """How many products one coefficient sums over."""

    def __call__(self, *links: FloatArray) -> FloatArray:
        """The delivered states, not normalized where runs may be refused.

        Args:
            links: of each of the n pairs, shape (points or 1, 16): its Pauli coefficients, side a's Pauli as the
                most significant digit.

        Returns:
            Shape (points, 16), likewise.
        """
        points = max(len(link) for link in links)
        step = max(1, ENTRIES_AT_ONCE // self.entries)
        result = np.zeros((points, 4, 4))
        for start in range(0, points, step):
            part = [link if len(link) == 1 else link[start : start + step] for link in links]
            self._recover(part, result[start : start + step])
        return result.reshape(points, 16)

    def residuals(self, *links: FloatArray) -> FloatArray:
        """The corrected states before anybody looks at what the circuits left on the two sides.

        Args:
            links: as of a call.

        Returns:
            Shape (2^r, 2^r, points, 16): the mean of (−1)^{v·δ + v′·δ′} times the logical coefficients, for every v
            and v′, where δ and δ′ are what a measurement without errors would find beyond what was found, on side
            a and on side b. `delivered` looks at both together.
        """
        points = max(len(link) for link in links)
        result = np.zeros((self.entries, self.entries, points, 4, 4))
        for p, q in _letters_of(links):
            products = self._products(p, q, links) * (self._first(q) * self._sign(p, q))
            result[:, :, :, p, q] = np.einsum(
                "nuv,uw->vwn", products[:, :, None] * self._side(0, p), self._side(1, q), optimize=True
            )
        return result.reshape(self.entries, self.entries, points, 16)

    def spread(self, pair: FloatArray) -> FloatArray:
        """Shape (4, 2^r): the terms that add up to the logical coefficients II, XX, YY, ZZ, for n equal pairs.

        Args:
            pair: shape (16,): a Bell-diagonal pair; what befalls it is corrected, with perfect circuits.
        """
        links = [pair[None]] * self._code.qubits
        return np.array(
            [self._products(q, q, links)[0] * walsh(self._turned[q]) * self._sign(q, q) for q in range(4)]
        )

    def delivered(self, residuals: FloatArray) -> FloatArray:
        """The states that a round without errors finds of what circuits left, shape (points, 16)."""
        return delivered(self._code, self._decoder, residuals)

    @property
    def is_noisy(self) -> bool:
        """Whether the circuits have errors."""
        return bool(self._faults)

    def _recover(self, links: Sequence[FloatArray], result: FloatArray) -> None:
        for p, q in _letters_of(links):
            result[:, p, q] = self._products(p, q, links) @ self._weight(p, q)

    def _products(self, p: int, q: int, links: Sequence[FloatArray]) -> FloatArray:
        """Shape (points, 2^r): of all pairs' coefficients, for each group element."""
        products = np.ones((max(len(link) for link in links), self.entries))
        for i, link in enumerate(links):
            products *= link[:, 4 * self._letters[p, :, i] + self._letters[q, :, i]]
        return products

    def _weight(self, p: int, q: int) -> FloatArray:
        """Shape (2^r,): what multiplies the product of each group element."""
        if (p, q) not in self._weights:
            first = self._first(q)
            if self._faults:
                first = first * ((self._side(0, p) * self._side(1, q)) @ walsh(self._turned[q]))
            elif self._turned[q, 0] < 0:
                first = -first
            self._weights[p, q] = first * self._sign(p, q)
        return self._weights[p, q]

    def _first(self, q: int) -> FloatArray:
        """Shape (2^r,): the transform of what is done about the differences that were measured."""
        turned = self._turned[q]
        return walsh(_only_zero(len(turned)) if self._detects else turned)

    def _sign(self, p: int, q: int) -> FloatArray:
        return np.asarray(self._signs[p] * self._signs[q] * self._conjugate[q])

    @cached_property
    def _conjugate(self) -> FloatArray:
        """Shape (4, 2^r): the sign of the conjugate of Q·g in letters; Y's is told as iXZ of the conjugates."""
        ys = (self._letters == 2).sum(axis=2)
        signs = np.where(ys % 2, -1.0, 1.0)
        signs[2] *= -1
        return signs

    def _side(self, side: int, letter: int) -> FloatArray:
        """Shape (2^r, 2^r), of u and of v: the product of the means of the faults on one side."""
        if (side, letter) not in self._sides:
            r = len(self._code.stabilizers)
            characters = 1.0 - 2.0 * _parities(all_syndromes(r))
            total = np.ones((self.entries, self.entries))
            for fault in self._faults:
                phi, left = (bits.reshape(len(bits), 2, -1) for bits in (fault.measured, fault.left))
                if not (phi[:, side].any() or left[:, side].any()):
                    continue
                assert not np.hstack([phi[:, 1 - side], left[:, 1 - side]]).any(), "a fault is on one side"
                seen = phi[:, side] ^ left[:, side, :r]
                weights = fault.probabilities * (1.0 - 2.0 * _turns(left[:, side, r:], letter))
                total *= (characters[:, _number(phi[:, side])] * weights) @ characters[:, _number(seen)].T
            self._sides[side, letter] = total
        return self._sides[side, letter]


def delivered(code: Code, decoder: Decoder, residuals: FloatArray) -> FloatArray:
    """The states that a round without errors finds of what circuits left, shape (points, 16).

    Args:
        code: the code.
        decoder: what the round decodes by.
        residuals: shape (2^r, 2^r, points, 16): see `Recovery.residuals`.
    """
    together = np.moveaxis(residuals.diagonal(), -1, 0).reshape(len(residuals), -1, 4, 4)
    later = np.array([walsh(turned) for turned in correction_signs(code, decoder)])
    return np.asarray(np.einsum("vnpq,qv->npq", together, later).reshape(-1, 16))


def _letters_of(links: Sequence[FloatArray]) -> Iterator[tuple[int, int]]:
    """The logical letters that states may have coefficients of: of Bell-diagonal ones, equal letters."""
    if any(np.any(link.reshape(-1, 4, 4)[:, _OFF]) for link in links):
        return product(range(4), range(4))
    return ((p, p) for p in range(4))


_OFF = ~np.eye(4, dtype=bool)


def correction_signs(code: Code, decoder: Decoder) -> FloatArray:
    """Shape (4, 2^r): −1 where the correction for a syndrome turns the logical I, X, Y, Z round."""
    return _correction_signs(code, decoder)


@lru_cache(maxsize=32)
def _correction_signs(code: Code, decoder: Decoder) -> FloatArray:
    corrections = decoded(code, decoder, all_syndromes(len(code.stabilizers)))
    flips = code.logical_flips(corrections)
    return np.array([1.0 - 2.0 * _turns(flips, letter) for letter in range(4)])


def compared(code: Code, fault: Fault, data_a: Sequence[int], data_b: Sequence[int]) -> Fault:
    """A fault of the circuit in bits of the two sides.

    Its ``measured`` are the r measured bits of side a, then those of side b; its ``left`` of each side the syndrome
    of what is left there (r), and whether that turns the logical X and Z round.
    """
    r, n = len(code.stabilizers), code.qubits
    total = fault.left.shape[1] // 2
    sides = [fault.left[:, [*data, *(q + total for q in data)]] for data in (data_a, data_b)]
    assert all(side.shape[1] == 2 * n for side in sides)
    told = [bits for side in sides for bits in (code.syndromes(side), code.logical_flips(side))]
    return fault.joined(fault.measured[:, : 2 * r], np.hstack(told))


def walsh(values: FloatArray) -> FloatArray:
    """2^{−r} Σ_d (−1)^{u·d} f(d), shape (2^r,)."""
    result, half = np.array(values, dtype=float), 1
    while half < len(result):
        pairs = result.reshape(-1, 2, half)
        result = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).reshape(-1)
        half *= 2
    return result / len(result)


def _group(code: Code) -> tuple[Bits, FloatArray]:
    """Letters, shape (4, 2^r, n), and signs, shape (4, 2^r), of every logical I, X, Y, Z times a group element."""
    n, r = code.qubits, len(code.stabilizers)
    logical_x, logical_z = code.logical_matrix
    starts: list[tuple[Bits, int]] = [
        (np.zeros(2 * n, dtype=np.uint8), 0),
        (logical_x, _phase(logical_x)),
        _times(logical_x, _phase(logical_x), logical_z, extra=1),
        (logical_z, _phase(logical_z)),
    ]
    letters = np.empty((4, 1 << r, n), dtype=np.uint8)
    signs = np.empty((4, 1 << r))
    for which, (start, power) in enumerate(starts):
        rows, powers = start[None], np.array([power])
        for generator in code.matrix:
            more, added = _times_many(rows, powers, generator)
            rows, powers = np.concatenate([rows, more]), np.concatenate([powers, added])
        x, z = rows[:, :n], rows[:, n:]
        turns = (powers - (x & z).sum(axis=1)) % 4
        assert not np.any(turns % 2)
        letters[which] = _LETTER[x + 2 * z]
        signs[which] = 1.0 - turns
    return letters, signs


_LETTER = np.array([0, 1, 3, 2], dtype=np.uint8)


def _phase(row: Bits) -> int:
    """The power of i in front of XˣZᶻ for a string of letters."""
    n = len(row) // 2
    return int((row[:n] & row[n:]).sum())


def _times(left: Bits, power: int, right: Bits, extra: int = 0) -> tuple[Bits, int]:
    rows, powers = _times_many(left[None], np.array([power]), right)
    return rows[0], int(powers[0]) + extra


def _times_many(rows: Bits, powers: IntArray, right: Bits) -> tuple[Bits, IntArray]:
    """i^c·XˣZᶻ, told by rows and powers of i, times one string."""
    n = len(right) // 2
    crossed = (rows[:, n:] & right[:n]).sum(axis=1).astype(np.int64)
    return rows ^ right, powers + _phase(right) + 2 * crossed


def _turns(flips: Bits, letter: int) -> Bits:
    """Whether what turns X and Z round, shape (m, 2), turns this letter round."""
    x, z = flips[:, 0], flips[:, 1]
    return np.asarray((np.zeros_like(x), x, x ^ z, z)[letter])


def _only_zero(size: int) -> FloatArray:
    found = np.zeros(size)
    found[0] = 1.0
    return found


def _parities(syndromes: Bits) -> FloatArray:
    """Shape (2^r, 2^r): u·v mod 2."""
    return np.asarray((syndromes.astype(np.int64) @ syndromes.T.astype(np.int64)) % 2, dtype=float)


def _number(bits: Bits) -> IntArray:
    return np.asarray(bits.astype(np.int64) @ (1 << np.arange(bits.shape[1], dtype=np.int64)))
