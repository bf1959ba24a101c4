"""Reconciliation by an LDPC code: Alice sends one syndrome, and adds to it only where Bob fails.

A code is made for the error rate at hand. Of its m rows some are at first merged in pairs: only the sum of the two
parities is sent, one bit less each. Where Bob's belief propagation does not arrive at a word with these parities,
Alice splits the next pairs by sending one parity of each; when all are split she discloses some of her bits
themselves, which the code then has no need to find. Each bit sent counts once.

Bob says no more than whether he has succeeded, a bit for each frame and attempt.

References:
    D. Elkouss, A. Leverrier, R. Alléaume, J. Boutros, ISIT 2009, 1879, LDPC codes for key distribution.
    J. Martinez-Mateo, D. Elkouss, V. Martin, Quantum Inf. Comput. 12, 791 (2012), rates adapted in
        rounds, without an estimate.
    J. Roffe, LDPC: Python tools for low density parity check codes (2022), the decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantumlink.progress import track
from quantumlink.qkd.arguments import as_count, as_finite
from quantumlink.qkd.asymptotic import binary_entropy
from quantumlink.qkd.bits import Bits, as_bit_pair, as_bits, sealed
from quantumlink.qkd.reconciliation.frames import collect, deal, error_rate, shape, unpacked
from quantumlink.qkd.reconciliation.outcome import AliceEnd, BobEnd, Reconciliation
from quantumlink.qkd.reconciliation.sparse_codes import parity_checks

_MERGED = 0.16  # share of the rows that are merged at first
_SPLITS = 6  # attempts in which they are split
_SHOWN = 0.04  # share of the bits disclosed in each attempt after those
_KNOWN = 1e-12  # error rate of a bit that Bob knows
_LEAST_RATE = 1e-3  # below, a syndrome is hardly shorter, and rows get too long


@dataclass(frozen=True, kw_only=True)
class Ldpc:
    """Reconciliation by rate-adaptive LDPC codes: few messages, hardly any replies, slower than `Cascade`.

    Needs the package ``ldpc`` (``pip install quantumlink[ldpc]``).

    >>> alice = np.random.default_rng(1).integers(0, 2, 4_000)
    >>> bob = alice ^ (np.random.default_rng(2).random(4_000) < 0.03)
    >>> result = Ldpc().reconcile(alice, bob, qber=0.03, seed=3)
    >>> np.array_equal(result.bits, alice), result.replied_bits < 20
    (True, True)
    """

    efficiency: float = 1.12
    """Bits of the first syndrome over Shannon's limit, at least 1."""
    attempts: int = 16
    """Decodings at most, each after more was disclosed; what fails then is left to verification to catch."""
    frame: int = 1 << 14
    """Most bits of a code word; longer strings are dealt out to frames of equal size."""
    iterations: int = 60
    """Rounds of belief propagation in an attempt."""

    def __post_init__(self) -> None:
        as_finite("efficiency", self.efficiency, minimum=1)
        as_count("attempts", self.attempts, minimum=1)
        as_count("frame", self.frame, minimum=64)
        as_count("iterations", self.iterations, minimum=1)

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
            ImportError: if the package ``ldpc`` is not installed.
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
            ImportError: if the package ``ldpc`` is not installed.
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
        size = policy.efficiency * binary_entropy(self._qber) * self._n / (1 - _MERGED)
        self._rows = ceil(size)
        self._merged = int(_MERGED * self._rows)
        # a code nearly as long as the frame is of no use: send the bits
        self._plain = not 16 <= self._rows < 0.9 * self._n
        self._matrix = None if self._plain else parity_checks(self._rows, self._n)
        self._steps = np.linspace(0, self._merged, _SPLITS + 1).astype(int)

    def order(self, seed: int) -> NDArray[np.int64]:
        """A random order of all bits, so that bursts of errors are spread over the code."""
        return np.random.default_rng(seed).permutation(self._length)

    def news_length(self, attempt: int) -> int:
        """Bits that an attempt adds to what is known of a frame."""
        if self._plain:
            return self._n if attempt == 0 else 0
        if attempt == 0:
            return self._rows - self._merged
        if attempt <= _SPLITS:
            return int(self._steps[attempt] - self._steps[attempt - 1])
        return len(self._shown(attempt))

    def news(self, frames: Bits, attempt: int) -> Bits:
        """What Alice says of frames in an attempt, shape (frames, `news_length`)."""
        if self._plain:
            return frames if attempt == 0 else frames[:, :0]
        if attempt > _SPLITS:
            return frames[:, self._shown(attempt)]
        parities = self._syndromes(frames)
        if attempt == 0:
            return self._merge(parities, 0)
        return parities[:, self._steps[attempt - 1] : self._steps[attempt]]

    def decode(self, frames: Bits, heard: list[Bits], attempt: int) -> tuple[Bits, NDArray[np.bool_]]:
        """Bob's frames, corrected where that succeeded, and where it did not."""
        if self._plain:
            return heard[0], np.zeros(len(frames), dtype=np.bool_)
        split = int(self._steps[min(attempt, _SPLITS)])
        guess, rates = frames.copy(), np.full(self._n, self._qber)
        for later in range(_SPLITS + 1, attempt + 1):
            guess[:, self._shown(later)] = heard[later]
            rates[self._shown(later)] = _KNOWN
        theirs = np.concatenate(heard[1 : _SPLITS + 1], axis=1) if len(heard) > 1 else heard[0][:, :0]
        parities = heard[0].copy()
        offset = ceil(self._rows / 2) - self._merged
        parities[:, offset : offset + split] ^= theirs  # of a pair that was split, sum and one parity are known
        wanted = np.concatenate([parities, theirs], axis=1) ^ self._reduced_syndromes(guess, split)
        decoder = self._decoder(split, rates)
        found, failed = guess, np.ones(len(frames), dtype=np.bool_)
        for index in track(range(len(frames)), "decoding"):
            errors = decoder.decode(wanted[index])
            failed[index] = not decoder.converge
            if decoder.converge:
                found[index] ^= errors
        found[failed] = frames[failed]
        return found, failed

    def _shown(self, attempt: int) -> NDArray[np.int64]:
        """Places of the bits disclosed in an attempt after the last split."""
        size = ceil(_SHOWN * self._n)
        start = (attempt - _SPLITS - 1) * size
        # from the end of the frame, where the bits of weight three are: the code finds those worst
        return np.arange(max(0, self._n - start - size), max(0, self._n - start))

    def _syndromes(self, frames: Bits) -> Bits:
        assert self._matrix is not None
        sums: Bits = (frames.astype(np.int32) @ self._matrix.T.astype(np.int32) & 1).astype(np.uint8)
        return sums

    def _merge(self, parities: Bits, split: int) -> Bits:
        """Row i joins row i + ⌈m/2⌉, for those of the first rows that are not split (yet)."""
        partner = ceil(self._rows / 2)
        merged = parities[:, self._merged :].copy()
        offset = partner - self._merged
        merged[:, offset + split : offset + self._merged] ^= parities[:, split : self._merged]
        return merged

    def _reduced_syndromes(self, frames: Bits, split: int) -> Bits:
        parities = self._syndromes(frames)
        return np.concatenate([self._merge(parities, split), parities[:, :split]], axis=1)

    def _decoder(self, split: int, rates: NDArray[np.float64]) -> Any:
        try:
            from ldpc.bp_decoder import BpDecoder
        except ImportError:
            raise ImportError("Ldpc needs the package ldpc: pip install quantumlink[ldpc]") from None
        from scipy import sparse

        assert self._matrix is not None
        m, merged, partner = self._rows, self._merged, ceil(self._rows / 2)
        sent = np.arange(m - merged)
        joined = np.arange(split, merged)
        own = sparse.csr_matrix((np.ones(m - merged, int), (sent, sent + merged)), shape=(m - merged, m))
        extra = (np.ones(len(joined), int), (partner - merged + joined, joined))
        selection = sparse.vstack(
            [
                own + sparse.csr_matrix(extra, shape=(m - merged, m)),
                sparse.csr_matrix((np.ones(split, int), (np.arange(split), np.arange(split))), shape=(split, m)),
            ]
        )
        matrix = (selection @ self._matrix.astype(int)).tocsr()
        matrix.data &= 1
        matrix.eliminate_zeros()
        return BpDecoder(
            matrix.astype(np.uint8),
            error_channel=rates,
            max_iter=self._policy.iterations,
            bp_method="product_sum",
            input_vector_type="syndrome",
        )
