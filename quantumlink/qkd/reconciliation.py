"""Reconciliation: make Bob's sifted bits equal to Alice's, by parities that Alice discloses in public.

Cascade cuts a random order of the bits into blocks and compares the parity of each. A block whose parities
differ holds an odd number of errors, and asking for the parity of one half after the other (bisection) finds
one of them. Every later pass orders the bits anew and takes larger blocks. An error found there was invisible
before because it shared its block of each earlier pass with another error; correcting it makes those blocks
odd again, so they are bisected too, and so on: the cascade that gives the protocol its name.

Here every parity ever disclosed is remembered: the segments of a pass whose parity is known only get finer,
and a segment that turns odd again is bisected from where it stands, not from its block. Of two halves only
one is asked, of the blocks of a later pass all but one, for the rest follows.

Cascade does not promise zero errors; see ``quantumlink.qkd.verification``. Only Alice's parities count as the
leak. Bob's requests tell an eavesdropper where the errors were, which is harmless where handing over the
whole error pattern would be, as it is for qubits measured in the two bases of BB84 and BBM92, but not in
general.

References:
    G. Brassard, L. Salvail, Advances in Cryptology, EUROCRYPT '93, LNCS 765, 410 (1994).
    J. Martinez-Mateo, C. Pacher, M. Peev, A. Ciurana, V. Martin, Quantum Inf. Comput. 15, 453
        (2015), variants.
    D. Tupkary, N. Lütkenhaus, Phys. Rev. Applied 20, 064040 (2023), what Bob's requests tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, inf
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantumlink.qkd.arguments import as_count, as_finite, as_probability
from quantumlink.qkd.asymptotic import binary_entropy
from quantumlink.qkd.bits import Bits, as_bit_pair, sealed

Positions: TypeAlias = NDArray[np.int32]

_LARGEST_FRAME = 1 << 30  # the sum of two positions must fit 32 bits


@dataclass(frozen=True, kw_only=True, eq=False)
class Reconciliation:
    """What reconciliation gave, and what it cost."""

    bits: Bits = field(repr=False)
    """Bob's bits after correction, read-only."""
    leaked_bits: int
    """Parities that Alice disclosed, each counted once when it was asked."""
    corrected_errors: int
    """Bits of Bob that were flipped. Each was wrong, so if no error is left this is their number."""
    passes: int
    """Orders of the bits that were gone through, at most, for any frame."""

    def efficiency(self, qber: float | None = None) -> float:
        """Bits disclosed over Shannon's limit, ``f = leaked_bits / (n·h(qber))``.

        Args:
            qber: error rate to compare with; by default the rate of the errors that were corrected.

        Returns:
            ``f``, infinite where there was nothing to correct.

        Raises:
            ValueError: if ``qber`` lies outside [0, 1].
        """
        n = len(self.bits)
        limit = n * binary_entropy(self.corrected_errors / n if qber is None else as_probability("qber", qber))
        return self.leaked_bits / limit if limit else inf


class Reconciler(Protocol):
    """A way to reconcile, chosen by the user; ``Cascade`` is one."""

    def reconcile(
        self,
        alice_bits: ArrayLike,
        bob_bits: ArrayLike,
        *,
        qber: float,
        seed: int | np.random.Generator | None = None,
    ) -> Reconciliation:
        """Correct ``bob_bits`` to ``alice_bits`` and count every bit disclosed about the latter."""
        ...


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """Cascade after Brassard and Salvail: blocks of ``0.73/Q`` bits, doubled from pass to pass.

    After the ``passes`` of the original, whose blocks grow, come passes with only two blocks, each half of
    the bits, until ``confirmations`` of them in a row have found nothing. Such a pass costs one bit and
    overlooks whatever errors are left with probability one half. If they do find errors the blocks shrink
    again, so that an error rate that was given too low costs bits, but not the key.

    The defaults disclose about 1.18 times Shannon's limit at an error rate of 5 %; steeper growth, as in
    ``Cascade(passes=2, growth=8)``, about 1.06 times.

    >>> alice = np.random.default_rng(1).integers(0, 2, 10_000)
    >>> bob = alice ^ (np.random.default_rng(2).random(10_000) < 0.05)
    >>> result = Cascade().reconcile(alice, bob, qber=0.05, seed=3)
    >>> np.array_equal(result.bits, alice), 1.1 < result.efficiency() < 1.25
    (True, True)
    """

    passes: int = 4
    """Passes with growing blocks, at least one."""
    first_block: float = 0.73
    """Errors expected in a block of the first pass: its size is ``first_block / qber``."""
    growth: int = 2
    """Factor from the block size of one pass to that of the next."""
    confirmations: int = 20
    """Passes over two halves, in a row, that must find nothing; 0 for the protocol as first published."""
    frame: int = 1 << 17
    """Most bits reconciled at once; longer strings are cut into equal frames, which bounds the memory."""

    def __post_init__(self) -> None:
        as_count("passes", self.passes, minimum=1)
        as_finite("first_block", self.first_block, minimum=0)
        as_count("growth", self.growth, minimum=1)
        as_count("confirmations", self.confirmations)
        if as_count("frame", self.frame, minimum=1) > _LARGEST_FRAME:
            raise ValueError(f"frame must be at most {_LARGEST_FRAME} bits, got {self.frame}")

    def reconcile(
        self,
        alice_bits: ArrayLike,
        bob_bits: ArrayLike,
        *,
        qber: float,
        seed: int | np.random.Generator | None = None,
    ) -> Reconciliation:
        """Correct Bob's bits to Alice's.

        Args:
            alice_bits: Alice's sifted bits, at least one. Only their parities are looked at, each is counted.
            bob_bits: Bob's, as many.
            qber: the error rate expected, in [0, 1/2); it sets the size of the blocks. With 0 the first block
                is the whole frame.
            seed: where the random (and public) orders of the bits come from.

        Raises:
            ValueError: if an argument is out of range, or the lengths differ.
        """
        alice, bob = as_bit_pair("alice_bits", alice_bits, "bob_bits", bob_bits, minimum=1)
        qber = as_probability("qber", qber)
        if qber >= 0.5:
            raise ValueError(f"qber must be below 0.5, for else no information is shared, got {qber}")
        rng = np.random.default_rng(seed)
        frames = ceil(len(alice) / self.frame)
        runs = [
            self._run(ParityOracle(a), b, qber, rng)
            for a, b in zip(np.array_split(alice, frames), np.array_split(bob, frames), strict=True)
        ]
        return Reconciliation(
            bits=sealed(np.concatenate([run.bob for run in runs])),
            leaked_bits=sum(run.oracle.disclosed for run in runs),
            corrected_errors=sum(run.corrected for run in runs),
            passes=max(run.passes for run in runs),
        )

    def _run(self, oracle: ParityOracle, bob: Bits, qber: float, rng: np.random.Generator) -> _Run:
        n = len(bob)
        run = _Run(oracle, bob.copy(), rng)
        half = ceil(n / 2)  # a block of everything would tell nothing after the first pass
        block = self.first_block / qber if qber * n > self.first_block else n
        for index in range(self.passes):
            run.go_through(_clamp(block, n if index == 0 else half))
            block *= self.growth
        quiet, block = 0, half
        while quiet < self.confirmations:
            found = run.go_through(block)
            quiet, block = (0, _clamp(block / 4, half)) if found else (quiet + (block == half), half)
        return run


def _clamp(block: float, largest: int) -> int:
    return max(1, min(round(block), largest))


class ParityOracle:
    """Alice's end of the public channel: it answers parities of her bits and counts every answer.

    Nothing else looks at her bits, so whatever Bob learns is in ``disclosed``.
    """

    def __init__(self, bits: Bits) -> None:
        self._bits = bits
        self._prefixes: list[Bits] = []
        self.disclosed = 0
        """Parities answered so far."""

    def agree_on(self, order: Positions) -> int:
        """Agree on an order of the bits, by which segments will be named; it discloses nothing.

        Returns:
            The number of this order, to be given with every question.
        """
        self._prefixes.append(_prefix_parities(self._bits[order]))
        return len(self._prefixes) - 1

    def parities(self, order: int, starts: Positions, stops: Positions) -> Bits:
        """The parities of segments ``[start, stop)`` of the bits in an agreed order, one bit of leak each."""
        self.disclosed += len(starts)
        prefix = self._prefixes[order]
        return prefix[starts] ^ prefix[stops]


class _Pass:
    """One order of the bits, cut into segments whose parity at Alice's end Bob knows.

    ``cut[m]`` tells that a segment begins at position ``m`` inside a block. Blocks are only ever halved, so
    these cuts are a binary tree, and the segment that holds a position is found by going down. ``odd[start]``
    tells that the parities of the segment beginning there differ.
    """

    def __init__(self, order: Positions, block: int) -> None:
        self.order = order
        self.position = np.empty_like(order)
        self.position[order] = np.arange(len(order), dtype=np.int32)
        self.block = block
        self.cut = np.zeros(len(order) + 1, dtype=np.bool_)
        self.odd = np.zeros(len(order), dtype=np.bool_)

    def segments(self, positions: Positions) -> tuple[Positions, Positions]:
        """Starts and stops of the segments that hold ``positions``."""
        start = positions // self.block * self.block
        stop = np.minimum(start + self.block, len(self.order))
        open_ = np.arange(len(positions))
        while open_.size:
            middle = (start[open_] + stop[open_]) // 2
            further = self.cut[middle] & (stop[open_] - start[open_] > 1)
            open_, middle = open_[further], middle[further]
            right = positions[open_] >= middle
            start[open_[right]] = middle[right]
            stop[open_[~right]] = middle[~right]
        return start, stop

    def toggle(self, bits: Positions) -> None:
        """Take note that ``bits`` (their places in the frame) were flipped."""
        start, _ = self.segments(self.position[bits])
        np.logical_xor.at(self.odd, start, True)  # unbuffered: two flips in one segment cancel


class _Run:
    """Cascade on one frame: what Bob does and remembers."""

    def __init__(self, oracle: ParityOracle, bob: Bits, rng: np.random.Generator) -> None:
        self.oracle = oracle
        self.bob = bob
        self.corrected = 0
        self._rng = rng
        self._passes: list[_Pass] = []
        self._total: int | None = None
        """Parity of all of Alice's bits, known after the first pass."""

    @property
    def passes(self) -> int:
        return len(self._passes)

    def go_through(self, block: int) -> int:
        """Order the bits anew, compare blocks, and correct until no known segment of any pass is odd.

        Returns:
            The number of errors corrected.
        """
        # the first pass too takes a random order: the errors of a real link come in bursts
        order = self._rng.permutation(len(self.bob)).astype(np.int32)
        number, current = self.oracle.agree_on(order), _Pass(order, block)
        starts = np.arange(0, len(order), block, dtype=np.int32)
        stops = np.append(starts[1:], np.int32(len(order)))
        mine = _prefix_parities(self.bob[order])
        if self._total is None:
            theirs = self.oracle.parities(number, starts, stops)
            self._total = int(np.bitwise_xor.reduce(theirs))
        else:  # the last block follows from the others
            theirs = self.oracle.parities(number, starts[:-1], stops[:-1])
            theirs = np.append(theirs, np.uint8(self._total ^ np.bitwise_xor.reduce(theirs)))
        current.odd[starts] = theirs != mine[starts] ^ mine[stops]
        self._passes.append(current)
        return self._settle()

    def _settle(self) -> int:
        """The cascade: bisect all odd segments of the earliest pass that has any, until no pass has."""
        before = self.corrected
        while (number := self._first_odd()) is not None:
            wrong = self._bisect(number)
            self.bob[wrong] ^= 1
            self.corrected += len(wrong)
            for each in self._passes:
                each.toggle(wrong)
        return self.corrected - before

    def _first_odd(self) -> int | None:
        # the earliest pass has the shortest segments, where a bisection costs least
        return next((number for number, each in enumerate(self._passes) if each.odd.any()), None)

    def _bisect(self, number: int) -> Positions:
        """Find one error in each odd segment of a pass, all segments at once, level by level.

        Returns:
            The places of the errors in the frame.
        """
        current = self._passes[number]
        mine = _prefix_parities(self.bob[current.order])
        start, stop = current.segments(np.flatnonzero(current.odd).astype(np.int32))
        found = []
        while start.size:
            single = stop - start == 1
            found.append(start[single])
            start, stop = start[~single], stop[~single]
            middle = (start + stop) // 2
            left_odd = self.oracle.parities(number, start, middle) != mine[start] ^ mine[middle]
            current.cut[middle] = True
            current.odd[start], current.odd[middle] = left_odd, ~left_odd
            start, stop = np.where(left_odd, start, middle), np.where(left_odd, middle, stop)
        places: Positions = current.order[np.concatenate(found)]
        return places


def _prefix_parities(bits: Bits) -> Bits:
    """Parities of the first 0, 1, …, n bits; those of any segment are the difference of two of them."""
    prefix = np.zeros(len(bits) + 1, dtype=np.uint8)
    np.bitwise_xor.accumulate(bits, out=prefix[1:])
    return prefix
