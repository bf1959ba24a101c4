"""Alice and Bob: the two ends of a distillation, and ways to let them talk (see ``quantumlink.qkd.party``).

>>> rng = np.random.default_rng(5)
>>> alice_key, alice_test = rng.integers(0, 2, (2, 40_000))
>>> bob_key, bob_test = alice_key.copy(), alice_test.copy()
>>> agreed = Agreement(protocol="BB84", rounds=160_000, accepted=80_000)
>>> shared = rng.integers(0, 2, AUTHENTICATION_BITS)  # in earnest: from the key before
>>> alice = Alice(alice_key, alice_test, agreement=agreed, secret=SharedSecret(shared), seed=7)
>>> bob = Bob(bob_key, bob_test, agreement=agreed, secret=SharedSecret(shared))
>>> converse(alice, bob)
>>> len(alice.key) > 20_000, np.array_equal(alice.key.secret_bits, bob.key.secret_bits)
(True, True)
"""

from __future__ import annotations

import secrets
from collections.abc import Generator
from math import ceil
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantumlink.qkd.agreement import Agreement
from quantumlink.qkd.amplification import toeplitz_hash
from quantumlink.qkd.authentication import SharedSecret
from quantumlink.qkd.bits import Bits, random_bits
from quantumlink.qkd.key import Key
from quantumlink.qkd.party import AUTHENTICATION_BITS, Abort, Party, Say, Talk
from quantumlink.qkd.reconciliation import AliceEnd, Reconciliation
from quantumlink.qkd.transcript import (
    Message,
    Sender,
    Transcript,
    TranscriptError,
    pack,
    pack_bits,
    unpack,
    unpack_bits,
)
from quantumlink.qkd.verification import tag_length

__all__ = ["AUTHENTICATION_BITS", "Agreement", "Alice", "Bob", "SharedSecret", "converse", "replay"]

_SEED_BITS: Final = 128
_LISTEN: Final = Say("", {})
_TAGS_DIFFER: Final = "the verification tags of {} bits differ: reconciliation left errors"


class Alice(Party):
    """The end whose bits count: it opens the conversation and makes all random choices."""

    name: ClassVar[Sender] = "alice"

    def __init__(
        self,
        key_bits: ArrayLike,
        test_bits: ArrayLike,
        *,
        agreement: Agreement,
        secret: SharedSecret,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        """Take what `Party` takes, and a seed.

        Args:
            key_bits: Alice's sifted bits of the key basis.
            test_bits: her sifted bits of the test basis.
            agreement: what both ends hold alike.
            secret: bits shared with Bob.
            seed: source of all random choices: session, sample, orders, hash functions. For a key that is to
                be used it must be None, which draws from the system.

        Raises:
            ValueError: if an argument is no bit string, or there are more bits than accepted rounds.
            SecretExhausted: if too little is left of the secret.
        """
        self._rng = None if seed is None else np.random.default_rng(seed)
        super().__init__(key_bits, test_bits, agreement=agreement, secret=secret)

    def open(self) -> bytes:
        """The first message.

        Raises:
            RuntimeError: if the conversation has begun already.
        """
        if len(self.transcript) or self.finished:
            raise RuntimeError("the conversation has begun already")
        line = self._speak(None)
        assert line is not None  # the first thing said is never the last
        return line

    def _conversation(self) -> Talk:
        self._session = f"{self._seed():032x}"
        yield Say("hello", _introduction(self), ("agreed",))
        raw, order_seed = yield from self._disclose()
        if (refusal := self.account.refusal_before()) is not None:
            raise Abort(refusal)
        talk = self.agreement.reconciliation.alice_end(raw, qber=self.account.expected_qber, seed=order_seed)
        leak, replies = yield from _reconcile(talk)
        _account_for(self, leak, replies)
        return (yield from self._finish(raw))

    def _disclose(self) -> Generator[Say, Message, tuple[Bits, int]]:
        """Compare test bits and sample; returns the bits left, and the seed of the reconciliation."""
        sample_seed, order_seed = self._seed(), self._seed()
        sample = _sample(len(self._bits), self.agreement.sample_fraction, sample_seed)
        own = {"test": pack_bits(self._test), "sample": pack_bits(self._bits[sample])}
        heard = yield Say("test", own | {"sample_seed": sample_seed, "order_seed": order_seed}, ("tested",))
        self._count_errors(sample, *_disclosed(heard, int(np.count_nonzero(sample)), len(self._test)))
        return self._bits[~sample], order_seed

    def _finish(self, raw: Bits) -> Talk:
        """Verify, amplify, confirm."""
        tag_bits = self.account.tag_bits = tag_length(self.agreement.eps_cor)
        length = self.account.settle()
        verification = self._random_bits(len(raw) + tag_bits - 1)
        amplification = self._random_bits(len(raw) + length - 1)
        heard = yield Say(
            "check",
            {
                "verification": pack_bits(verification),
                "tag": pack_bits(toeplitz_hash(raw, seed=verification, length=tag_bits)),
                "amplification": pack_bits(amplification),
            },
            ("verified",),
        )
        self.account.corrected_errors = _count(heard, "corrected_errors", len(raw))
        if heard.body.get("equal") is not True:
            raise Abort(_TAGS_DIFFER.format(tag_bits))
        yield Say("confirmed", {})
        return toeplitz_hash(raw, seed=amplification, length=length)

    def _seed(self) -> int:
        if self._rng is None:
            return secrets.randbits(_SEED_BITS)
        return int.from_bytes(self._rng.bytes(_SEED_BITS // 8), "little")

    def _random_bits(self, count: int) -> Bits:
        if self._rng is None:  # what was said in public before must not tell which hash function comes
            drawn = np.frombuffer(secrets.token_bytes(ceil(count / 8)), dtype=np.uint8)
            return np.unpackbits(drawn, count=count)
        return random_bits(self._rng, count)


class Bob(Party):
    """The end that corrects its bits: it only answers."""

    name: ClassVar[Sender] = "bob"
    _first: ClassVar[tuple[str, ...]] = ("hello",)

    def __init__(
        self, key_bits: ArrayLike, test_bits: ArrayLike, *, agreement: Agreement, secret: SharedSecret
    ) -> None:
        """Take Bob's bits; see `Party`."""
        super().__init__(key_bits, test_bits, agreement=agreement, secret=secret)
        next(self._talk)  # up to where he listens

    def _conversation(self) -> Talk:
        heard = yield _LISTEN
        own = _introduction(self)
        if heard.body != own:
            differing = sorted(name for name in own if heard.body.get(name) != own[name])
            raise Abort(f"the two ends do not agree on {', '.join(differing) or 'what to agree on'}")
        heard = yield Say("agreed", {}, ("test",))
        seeds = [_count(heard, name, (1 << _SEED_BITS) - 1) for name in ("sample_seed", "order_seed")]
        sample = _sample(len(self._bits), self.agreement.sample_fraction, seeds[0])
        self._count_errors(sample, *_disclosed(heard, int(np.count_nonzero(sample)), len(self._test)))
        own = {"test": pack_bits(self._test), "sample": pack_bits(self._bits[sample])}
        if (refusal := self.account.refusal_before()) is not None:
            yield Say("tested", own)
            raise Abort(refusal)
        heard = yield Say("tested", own, ("reconcile", "check"))
        result, heard = yield from self._correct(self._bits[~sample], seeds[1], heard)
        _account_for(self, result.leaked_bits, result.replied_bits)
        self.account.corrected_errors = result.corrected_errors
        return (yield from self._finish(result, heard))

    def _correct(
        self, raw: Bits, seed: int, heard: Message
    ) -> Generator[Say, Message, tuple[Reconciliation, Message]]:
        """Answer as long as Alice reconciles; returns the result, and the message that came after."""
        talk = self.agreement.reconciliation.bob_end(raw, qber=self.account.expected_qber, seed=seed)
        try:
            next(talk)
            while heard.kind == "reconcile":
                reply = talk.send(unpack(heard.body.get("data")))
                heard = yield Say("reconciled", {"data": pack(reply)}, ("reconcile", "check"))
            next(talk)
        except StopIteration as stopped:
            if heard.kind == "check":
                return stopped.value, heard
        raise Abort("the two ends do not agree on when reconciliation is over")

    def _finish(self, result: Reconciliation, heard: Message) -> Talk:
        """Verify, amplify, and wait for Alice's confirmation."""
        bits, body = result.bits, heard.body
        tag_bits = self.account.tag_bits = tag_length(self.agreement.eps_cor)
        length = self.account.settle()
        verification = unpack_bits(body.get("verification"), len(bits) + tag_bits - 1)
        amplification = unpack_bits(body.get("amplification"), len(bits) + length - 1)
        tag = toeplitz_hash(bits, seed=verification, length=tag_bits)
        equal = bool(np.array_equal(tag, unpack_bits(body.get("tag"), tag_bits)))
        answer = {"equal": equal, "corrected_errors": result.corrected_errors}
        if not equal:
            yield Say("verified", answer)
            raise Abort(_TAGS_DIFFER.format(tag_bits))
        secret = toeplitz_hash(bits, seed=amplification, length=length)
        yield Say("verified", answer, ("confirmed",))
        return secret


def converse(alice: Alice, bob: Bob) -> None:
    """Let two ends in one process talk until both have finished."""
    line: bytes | None = alice.open()
    listener: Party = bob
    while line is not None:
        line = listener.receive(line)
        listener = alice if listener is bob else bob
    alice.hang_up()
    bob.hang_up()


def replay(transcript: Transcript, end: Party) -> Key:
    """Lead one end through a recorded conversation, as if the other were there.

    Args:
        transcript: a whole conversation.
        end: a fresh `Alice` or `Bob`, with the bits, the secret and the seed of then.

    Returns:
        The key of that end.

    Raises:
        TranscriptError: if the end does not say what was recorded, or says why it gives up.
    """
    said = end.open() if isinstance(end, Alice) else None
    for message, line in zip(map(Message.decode, transcript), transcript, strict=True):
        if message.sender != end.name:
            said = end.receive(line)
        elif said != line:
            why = f"; it gave up: {end.reason}" if end.reason else ""
            raise TranscriptError(f"message {message.number} is not what this end says{why}")
    end.hang_up("the transcript ends before the key is complete")
    return end.key


def _introduction(end: Party) -> dict[str, Any]:
    """What both ends must say of themselves alike."""
    return {"key_bits": len(end._bits), "test_bits": len(end._test), **end.agreement.terms()}


def _sample(total: int, fraction: float, seed: int) -> NDArray[np.bool_]:
    """A mask over ``total`` bits that picks a random share, but never none and never all of two or more."""
    mask = np.zeros(total, dtype=np.bool_)
    size = min(ceil(fraction * total), total - 1)
    if size > 0:
        mask[np.random.default_rng(seed).choice(total, size, replace=False)] = True
    return mask


def _disclosed(heard: Message, sampled: int, tested: int) -> tuple[Bits, Bits]:
    """The other end's sample and test bits."""
    return unpack_bits(heard.body.get("sample"), sampled), unpack_bits(heard.body.get("test"), tested)


def _count(heard: Message, name: str, largest: int) -> int:
    value = heard.body.get(name)
    if type(value) is not int or not 0 <= value <= largest:
        raise TranscriptError(f"message {heard.number} holds no number {name} from 0 to {largest}")
    return value


def _reconcile(talk: AliceEnd) -> Generator[Say, Message, tuple[int, int]]:
    """Alice's side of the reconciliation, a message for each thing she says."""
    try:
        said = next(talk)
        while True:
            heard = yield Say("reconcile", {"data": pack(said)}, ("reconciled",))
            said = talk.send(unpack(heard.body.get("data")))
    except StopIteration as stopped:
        disclosed: tuple[int, int] = stopped.value
        return disclosed


def _account_for(end: Party, leak: int, replies: int) -> None:
    refusal = end.account.reconciled(leak, replies if end.agreement.count_replies else 0)
    if refusal is not None:
        raise Abort(refusal)
