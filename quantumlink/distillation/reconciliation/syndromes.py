"""Reconciliation by an LDPC code: Alice sends one syndrome, and adds to it only where Bob fails.

A code is made for the error rate at hand. Of its rows some are at first joined in pairs: only the sum of the two
parities is sent, one bit less each. Where Bob's belief propagation does not arrive at a word with these parities,
Alice splits the next pairs by sending one parity of each; when all are split she discloses some of her bits
themselves, which the code then has no need to find. A few parities of about half of all bits each tell Bob whether
he found the right word. Each bit sent counts once.

Bob says no more than whether he has succeeded, a bit for each frame and attempt.

References:
    D. Elkouss, A. Leverrier, R. Alléaume, J. Boutros, ISIT 2009, 1879, LDPC codes for key distribution.
    J. Martinez-Mateo, D. Elkouss, V. Martin, Quantum Inf. Comput. 12, 791 (2012), rates adapted in
        rounds, without an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, gcd, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantumlink import validation
from quantumlink.distillation.bits import Bits, as_bit_pair, as_bits, sealed
from quantumlink.distillation.reconciliation.belief_propagation import decode
from quantumlink.distillation.reconciliation.frames import collect, deal, error_rate, shape, unpacked
from quantumlink.distillation.reconciliation.lifted_codes import LiftedCode, lifted_code
from quantumlink.distillation.reconciliation.odds import SURE
from quantumlink.distillation.reconciliation.outcome import AliceEnd, BobEnd, Reconciliation
from quantumlink.progress import track
from quantumlink.rates import binary_entropy

_JOINED = 0.05  # pairs of rows joined at first, over what is told at first, in a frame without end
_SPREAD = 1.5  # and how many more for the spread of the errors in a frame, in standard deviations of their rate
_SPLITS = 6  # attempts in which they are split
_SHOWN = 0.1  # bits disclosed in the attempt after those, over the bits told first; then twice as many each time
_LEAST_RATE = 1e-3  # below, a syndrome is hardly shorter, and rows get too long
_BLOCK_ROWS = 64  # at least, where the frame is long: a syndrome has a whole number of them
_LONG = 1 << 14
_CHECKED = 16  # parities of about half of all bits each, told to find out wrong words
_LEAST_LEAK = 64  # a syndrome that is shorter finds wrong words too often
_MOST_BLOCKS = 1024
_MOST_JOINED = 0.5


@dataclass(frozen=True, kw_only=True)
class Ldpc:
    """Reconciliation by rate-adaptive LDPC codes: few messages and hardly any replies.

    The defaults disclose 1.10 to 1.12 times Shannon's limit on long strings at error rates of 2 % to 5 %, and
    corrected 1.2 to 6.8 Mbit of a CPU second; 5 to 10 with ``efficiency=1.24``. At 1 % it is 1.18 times and 0.3
    Mbit, for there the first syndrome is mostly too short; short strings are slower and disclose more. Compiled by
    numba where that is installed (``pip install quantumlink[ldpc]``), several times slower without.

    >>> alice = np.random.default_rng(1).integers(0, 2, 4_000)
    >>> bob = alice ^ (np.random.default_rng(2).random(4_000) < 0.03)
    >>> result = Ldpc().reconcile(alice, bob, qber=0.03, seed=3)
    >>> np.array_equal(result.bits, alice), result.replied_bits < 20
    (True, True)
    """

    efficiency: float = 1.1
    """Bits of the first syndrome over Shannon's limit, at least 1."""
    attempts: int = 16
    """Decodings at most, each after more was disclosed; what fails then is left to verification to catch."""
    frame: int = 1 << 17
    """Most bits of a code word; longer strings are dealt out to frames of equal size."""
    iterations: int = 60
    """Rounds of belief propagation in an attempt."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "efficiency", validation.number("efficiency", self.efficiency, at_least=1))
        validation.counts(self, "attempts", "iterations", at_least=1)
        validation.counts(self, "frame", at_least=64)

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
            alice_bits: Alice's sifted bits, at least one.
            bob_bits: Bob's, as many.
            qber: the error rate expected, in [0, 1/2); it sets the size of the first syndrome.
            seed: where the random (and public) order of the bits comes from.

        Raises:
            ValueError: if an argument is out of range, or the lengths differ.
        """
        alice, bob = as_bit_pair("alice_bits", alice_bits, "bob_bits", bob_bits, minimum=1)
        public = int(np.random.default_rng(seed).integers(1 << 62))
        talk, answer = self.alice_end(alice, qber=qber, seed=public), self.bob_end(bob, qber=qber, seed=public)
        next(answer)
        try:
            said = next(talk)
            while True:
                said = talk.send(answer.send(said))
        except StopIteration:
            pass
        try:
            next(answer)
        except StopIteration as stopped:
            result: Reconciliation = stopped.value
            return result
        raise AssertionError("both ends count the same attempts")

    def alice_end(self, bits: ArrayLike, *, qber: float, seed: int) -> AliceEnd:
        """Alice's part: she yields syndromes and is sent which frames failed.

        Raises:
            ValueError: if an argument is out of range.
            ReconciliationError: if Bob's reply does not fit.
        """
        own = as_bits("bits", bits, minimum=1)
        plan = _Plan(self, len(own), error_rate(qber))
        frames = deal(own[plan.order(seed)], self.frame)
        failing = np.arange(len(frames))
        leaked = replied = 0
        for attempt in range(self.attempts):
            message = plan.news(frames[failing], attempt)
            leaked += message.size
            reply = yield np.packbits(message).tobytes()
            replied += len(failing)
            failing = failing[unpacked(reply, len(failing)).astype(np.bool_)]
            if not failing.size:
                break
        return leaked, replied

    def bob_end(self, bits: ArrayLike, *, qber: float, seed: int) -> BobEnd:
        """Bob's part: he is sent syndromes and yields which frames failed.

        Raises:
            ValueError: if an argument is out of range.
            ReconciliationError: if Alice's message does not fit.
        """
        own = as_bits("bits", bits, minimum=1)
        plan = _Plan(self, len(own), error_rate(qber))
        order = plan.order(seed)
        frames = deal(own[order], self.frame)
        failing, reply = np.arange(len(frames)), b""
        heard: list[Bits] = []
        leaked = replied = attempt = 0
        while attempt < self.attempts and failing.size:
            length = plan.news_length(attempt)
            news = unpacked((yield reply), len(failing) * length).reshape(len(failing), length)
            leaked, replied = leaked + news.size, replied + len(failing)
            heard.append(news)
            found, failed = plan.decode(frames[failing], heard, attempt)
            frames[failing] = found
            reply = np.packbits(failed).tobytes()
            failing, heard = failing[failed], [each[failed] for each in heard]
            attempt += 1
        yield reply
        corrected = np.empty_like(own)
        corrected[order] = collect(frames, len(own))
        return Reconciliation(
            bits=sealed(corrected),
            leaked_bits=leaked,
            corrected_errors=int(np.count_nonzero(corrected != own)),
            passes=attempt,
            replied_bits=replied,
        )


class _Plan:
    """What both ends know beforehand: the code, and what is disclosed about a frame in each attempt."""

    def __init__(self, policy: Ldpc, length: int, qber: float) -> None:
        self._policy = policy
        _, self._n = shape(length, policy.frame)
        self._length = length
        self._qber = max(qber, _LEAST_RATE)
        self._share = policy.efficiency * binary_entropy(self._qber)  # of the bits, to be disclosed at first
        joined = min(_JOINED + _SPREAD / sqrt(self._qber * self._n), _MOST_JOINED)
        # a code nearly as long as the frame is of no use: send the bits
        self._plain = self._share * self._n < _LEAST_LEAK or self._share * (1 + joined) >= 0.9
        if not self._plain:
            self._code = _code(self._n, self._share, joined)
            drawn = np.random.default_rng([self._n, _CHECKED]).bytes(_CHECKED * ceil(self._n / 8))
            self._checks = np.frombuffer(drawn, dtype=np.uint8).reshape(_CHECKED, -1)
            self._steps = np.linspace(0, len(self._code.pairs), _SPLITS + 1).round().astype(int)

    def order(self, seed: int) -> NDArray[np.int64]:
        """An order of all bits that spreads bursts of errors over the code: by strides of no common factor."""
        rng = np.random.default_rng(seed)
        stride = 1
        while self._length > 2 and (stride == 1 or gcd(stride, self._length) > 1):
            stride = int(rng.integers(2, self._length)) if self._length > 3 else 2
        places: NDArray[np.int64] = (rng.integers(self._length) + stride * np.arange(self._length)) % self._length
        return places

    def news_length(self, attempt: int) -> int:
        """Bits that an attempt adds to what is known of a frame."""
        if self._plain:
            return self._n if attempt == 0 else 0
        if attempt == 0:
            return self._code.told_first.size * self._code.lift + _CHECKED
        if attempt <= _SPLITS:
            return self._split(attempt).size * self._code.lift
        return len(self._shown(attempt))

    def news(self, frames: Bits, attempt: int) -> Bits:
        """What Alice says of frames in an attempt, shape (frames, `news_length`)."""
        if self._plain:
            return frames if attempt == 0 else frames[:, :0]
        if attempt > _SPLITS:
            return frames[:, self._shown(attempt)]
        told = [self._told(frame, attempt) for frame in frames]
        return np.array(told, dtype=np.uint8).reshape(len(frames), self.news_length(attempt))

    def decode(self, frames: Bits, heard: list[Bits], attempt: int) -> tuple[Bits, NDArray[np.bool_]]:
        """Bob's frames, corrected where that succeeded, and where it did not."""
        if self._plain:
            return heard[0], np.zeros(len(frames), dtype=np.bool_)
        found, failed = frames.copy(), np.ones(len(frames), dtype=np.bool_)
        for index in track(range(len(frames)), "decoding"):
            corrected = self._decoded(frames[index], [each[index] for each in heard])
            if corrected is not None:
                found[index], failed[index] = corrected, False
        return found, failed

    def _decoded(self, frame: Bits, heard: list[Bits]) -> Bits | None:
        """Bob's frame without its errors, from all that was heard of it."""
        code, guess = self._code, frame.copy()
        odds = np.full((code.blocks + len(code.pairs), code.lift), SURE, dtype=np.float32)
        bits = odds[: code.blocks].reshape(-1)
        bits[: self._n] = (1 - self._qber) / self._qber
        for attempt in range(_SPLITS + 1, len(heard)):
            shown = self._shown(attempt)
            guess[shown], bits[shown] = heard[attempt], SURE
        own = code.parities(self._blocks(guess))
        first, check = heard[0][:-_CHECKED], heard[0][-_CHECKED:]
        differing = code.joined(own) ^ first.reshape(-1, code.lift)
        odds[code.blocks :] = 1
        for attempt in range(1, min(_SPLITS + 1, len(heard))):
            # the parity of a row that was joined differs where the bit of its punctured block is 1
            split = self._split(attempt)
            theirs = heard[attempt].reshape(-1, code.lift)
            odds[code.blocks + split] = np.where(theirs ^ own[code.pairs[split, 0]], 1 / SURE, SURE)
        errors, converged = decode(code, code.targets(differing), odds, iterations=self._policy.iterations)
        corrected = guess ^ errors[: code.blocks].reshape(-1)[: self._n]
        return corrected if converged and np.array_equal(self._check(corrected), check) else None

    def _told(self, frame: Bits, attempt: int) -> Bits:
        """What Alice says of the parities of a frame."""
        parities = self._code.parities(self._blocks(frame))
        if attempt == 0:
            return np.concatenate([self._code.joined(parities).ravel(), self._check(frame)])
        spoken: Bits = parities[self._code.pairs[self._split(attempt), 0]].ravel()
        return spoken

    def _check(self, frame: Bits) -> Bits:
        both = np.bitwise_xor.reduce(self._checks & np.packbits(frame), axis=1)
        parities: Bits = np.bitwise_xor.reduce(np.unpackbits(both[:, None], axis=1), axis=1)
        return parities

    def _split(self, attempt: int) -> NDArray[np.int64]:
        """The pairs that are split in an attempt."""
        return np.arange(self._steps[attempt - 1], self._steps[attempt])

    def _shown(self, attempt: int) -> NDArray[np.int64]:
        """Places of the bits disclosed in an attempt after the last split."""
        first, doublings = ceil(_SHOWN * self._share * self._n), attempt - _SPLITS - 1
        start = first * (2**doublings - 1)
        # from the begin of the frame, where the bits of lowest degree are: the code finds those worst
        return np.arange(min(start, self._n), min(start + first * 2**doublings, self._n), dtype=np.int64)

    def _blocks(self, frame: Bits) -> Bits:
        """A frame laid out in blocks, zeros at the end."""
        filled = np.zeros(self._code.blocks * self._code.lift, dtype=np.uint8)
        filled[: self._n] = frame
        return filled.reshape(self._code.blocks, self._code.lift)


def _code(n: int, share: float, joined: float) -> LiftedCode:
    """A code for frames of n bits of which a share is told at first, and that part of it later on demand."""
    blocks = 128
    while blocks < _MOST_BLOCKS and blocks * share < _BLOCK_ROWS:
        blocks *= 2
    # few turns of few blocks leave words of low weight: in short frames rather many blocks of few bits
    lift = ceil(n / min(n, blocks if n >= _LONG else _MOST_BLOCKS))
    blocks = ceil(n / lift)
    told = ceil(share * n / lift)
    pairs = int(joined * told)
    return lifted_code(blocks, lift, told + pairs, pairs)
