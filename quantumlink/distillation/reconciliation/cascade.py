"""Cascade: find Bob's errors by the parities of blocks, of halves of blocks, and so on down to a bit.

A random order of the bits is cut into blocks and the parity of each is compared. A block whose parities
differ holds an odd number of errors, and asking for the parity of one half after the other (bisection) finds
one of them. Every later pass orders the bits anew and takes larger blocks. An error found there was invisible
before because it shared its block of each earlier pass with another error; correcting it makes those blocks
odd again, so they are bisected too, and so on: the cascade that gives the protocol its name.

Every parity ever disclosed is remembered: the segments of a pass whose parity is known only get finer, and a
segment that turns odd again is bisected from where it stands, not from its block. Of two halves only one is
asked, of the blocks of a later pass all but one, for the rest follows.

References:
    G. Brassard, L. Salvail, Advances in Cryptology, EUROCRYPT '93, LNCS 765, 410 (1994).
    J. Martinez-Mateo, C. Pacher, M. Peev, A. Ciurana, V. Martin, Quantum Inf. Comput. 15, 453
        (2015), the block sizes used by default and the reuse of halves.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from quantumlink import validation
from quantumlink.distillation.bits import Bits, as_bit_pair, as_bits, sealed
from quantumlink.distillation.reconciliation.frames import collect, deal, error_rate, shape, unpacked
from quantumlink.distillation.reconciliation.outcome import AliceEnd, BobEnd, Reconciliation
from quantumlink.distillation.reconciliation.parities import Errors, KnownSegments, ParitySource, Step, go_through
from quantumlink.progress import track

_LARGEST_FRAME = 1 << 30
_AT_ONCE = 1 << 20  # bits gone through together: enough to keep numpy busy, little enough for the memory


@dataclass(frozen=True)
class _NextFrames:
    """From here on the questions are about these frames."""

    top: int
    bottom: int


_Dialogue: TypeAlias = Generator[Step | _NextFrames, Bits, int]


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """Cascade with two growing passes, then passes over halves until nothing more is found.

    The first block has about ``first_block / qber`` bits. After the passes whose blocks grow come passes with
    only two blocks, each half of the bits, until ``confirmations`` of them in a row have found nothing. Such
    a pass costs one bit and overlooks whatever errors are left with probability one half. If they do find
    errors, and many, the blocks shrink again, so that an error rate that was given too low costs bits, but
    not the key.

    The defaults disclose 1.03 to 1.06 times Shannon's limit on long strings at error rates of 1 % to 8 %;
    ``Cascade.original()`` is the protocol as first published.

    >>> alice = np.random.default_rng(1).integers(0, 2, 10_000)
    >>> bob = alice ^ (np.random.default_rng(2).random(10_000) < 0.05)
    >>> result = Cascade().reconcile(alice, bob, qber=0.05, seed=3)
    >>> np.array_equal(result.bits, alice), 1 < result.efficiency() < 1.15
    (True, True)
    """

    passes: int = 2
    """Passes with growing blocks, at least one."""
    first_block: float = 1.0
    """Errors expected in a block of the first pass."""
    growth: int = 4
    """Factor from the block size of one pass to that of the next."""
    confirmations: int = 20
    """Passes over two halves, in a row, that must find nothing; 0 for the protocol as first published."""
    frame: int = 1 << 16
    """Most bits of a frame; longer strings are dealt out to frames of equal size, worked on side by side."""
    powers_of_two: bool = True
    """Round the first block up to a power of two, which makes bisection a little cheaper."""

    def __post_init__(self) -> None:
        validation.plain(self)
        object.__setattr__(self, "first_block", validation.number("first_block", self.first_block, at_least=0))
        validation.counts(self, "passes", "growth", "frame", at_least=1)
        validation.counts(self, "confirmations")
        validation.flags(self, "powers_of_two")
        if self.frame > _LARGEST_FRAME:
            raise ValueError(f"frame must be at most {_LARGEST_FRAME} bits, got {self.frame}")

    @classmethod
    def original(cls) -> Cascade:
        """Cascade as published in 1993: four passes, blocks of ``0.73/Q`` bits that double, no confirmation.

        It discloses about 1.18 times Shannon's limit at an error rate of 5 %, and may leave errors.
        """
        return cls(passes=4, first_block=0.73, growth=2, confirmations=0, powers_of_two=False)

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
        # All that the dialogue uses of either string is in which parities they differ; with both at hand these
        # are the parities of one string.
        dialogue = self._dialogue(len(alice), error_rate(qber), np.random.default_rng(seed), watched=True)
        end = _End(dialogue, deal(alice ^ bob, self.frame), corrects=True)
        while (differences := end.parities()) is not None:
            end.hear(differences)
        corrected = alice ^ collect(end.frames, len(alice))
        return _result(end, corrected, bob)

    def alice_end(self, bits: ArrayLike, *, qber: float, seed: int) -> AliceEnd:
        """Alice's part: she yields her parities and is sent in which of them Bob's differ.

        Raises:
            ValueError: if an argument is out of range.
            ReconciliationError: if Bob's reply does not fit the question.
        """
        own = as_bits("bits", bits, minimum=1)
        dialogue = self._dialogue(len(own), error_rate(qber), np.random.default_rng(seed))
        end = _End(dialogue, deal(own, self.frame), corrects=False)
        while (parities := end.parities()) is not None:
            reply = yield np.packbits(parities).tobytes()
            end.hear(unpacked(reply, len(parities)))
        return end.disclosed, end.disclosed

    def bob_end(self, bits: ArrayLike, *, qber: float, seed: int) -> BobEnd:
        """Bob's part: he is sent Alice's parities, and yields in which of them his own differ.

        Raises:
            ValueError: if an argument is out of range.
            ReconciliationError: if Alice's message does not fit the question.
        """
        own = as_bits("bits", bits, minimum=1)
        dialogue = self._dialogue(len(own), error_rate(qber), np.random.default_rng(seed), watched=True)
        end = _End(dialogue, deal(own, self.frame), corrects=True)
        reply = b""
        while (parities := end.parities()) is not None:
            message = yield reply
            differences = unpacked(message, len(parities)) ^ parities
            end.hear(differences)
            reply = np.packbits(differences).tobytes()
        yield reply
        return _result(end, collect(end.frames, len(own)), own)

    def _dialogue(self, length: int, qber: float, rng: np.random.Generator, *, watched: bool = False) -> _Dialogue:
        """All questions about a string, in batches of frames; returns the most passes that any frame took."""
        frames, n = shape(length, self.frame)
        batches: Sequence[int] = range(0, frames, max(1, _AT_ONCE // n))
        most = 0
        for top in track(batches, "reconciling") if watched else batches:
            bottom = min(top + batches.step, frames)  # type: ignore[attr-defined]
            yield _NextFrames(top, bottom)
            most = max(most, (yield from self._frames(bottom - top, n, qber, rng)))
        return most

    def _frames(self, frames: int, n: int, qber: float, rng: np.random.Generator) -> Generator[Step, Bits, int]:
        known = KnownSegments(frames, n)
        half = ceil(n / 2)  # a block of everything would tell nothing after the first pass
        block = self._first_block(n, qber)
        for index in range(self.passes):
            size = _clamp(block, n if index == 0 else half)
            # the first pass too takes a random order: the errors of a real link come in bursts
            yield from go_through(known, rng.permutation(n), np.full(frames, size))
            block *= self.growth
        quiet, blocks = np.zeros(frames, dtype=np.int64), np.full(frames, half)
        while (active := quiet < self.confirmations).any():
            found = yield from go_through(known, rng.permutation(n), np.where(active, blocks, 0))
            quiet += active & (found == 0) & (blocks == half)
            quiet[found > 0] = 0
            # one error a pass is what halves are for; more, and smaller blocks find them cheaper
            blocks = np.where(found > 0, np.maximum(1, np.minimum(np.rint(blocks / 4), half)), half).astype(int)
        return known.count

    def _first_block(self, n: int, qber: float) -> float:
        if qber * n <= self.first_block:
            return n
        size = self.first_block / qber
        return 2.0 ** ceil(log2(size)) if self.powers_of_two and size > 1 else size


class _End:
    """One end: its bits, and where its copy of the dialogue stands."""

    def __init__(self, dialogue: _Dialogue, frames: Bits, *, corrects: bool) -> None:
        self.frames = frames
        self.disclosed = 0
        """Parities that were asked so far, of each end."""
        self.passes = 0
        """Orders gone through, once the dialogue has ended."""
        self._dialogue = dialogue
        self._corrects = corrects
        self._source = ParitySource(frames[:0])
        self._heard: Bits | None = None

    def parities(self) -> Bits | None:
        """What this end answers to the next question; None if there is none."""
        while True:
            try:
                step = next(self._dialogue) if self._heard is None else self._dialogue.send(self._heard)
            except StopIteration as stopped:
                self.passes = stopped.value
                return None
            self._heard = None
            if isinstance(step, _NextFrames):
                self._source = ParitySource(self.frames[step.top : step.bottom])
            elif not isinstance(step, Errors):
                self.disclosed += len(step)
                return self._source.answer(step)
            elif self._corrects:
                self._source.flip(step)

    def hear(self, differences: Bits) -> None:
        """Learn in which of these parities the ends differ."""
        self._heard = differences


def _result(end: _End, corrected: Bits, received: Bits) -> Reconciliation:
    return Reconciliation(
        bits=sealed(corrected),
        leaked_bits=end.disclosed,
        corrected_errors=int(np.count_nonzero(corrected != received)),
        passes=end.passes,
        replied_bits=end.disclosed,
    )


def _clamp(block: float, largest: int) -> int:
    return max(1, min(round(block), largest))
