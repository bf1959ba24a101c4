"""Alice and Bob: the two ends of a distillation, and ways to let them talk (see `distillation.party`).

>>> rng = np.random.default_rng(5)
>>> bits, (hers, his) = rng.integers(0, 2, 160_000), rng.integers(0, 2, (2, 160_000))
>>> agreed = Agreement(protocol="BB84", rounds=160_000)
>>> shared = rng.integers(0, 2, AUTHENTICATION_BITS)  # in earnest: from the key before
>>> alice = Alice(Records(bits=bits, settings=hers), agreement=agreed, secret=SharedSecret(shared), seed=7)
>>> heard = np.where(hers == his, bits, rng.integers(0, 2, 160_000))
>>> bob = Bob(Records(bits=heard, settings=his), agreement=agreed, secret=SharedSecret(shared))
>>> converse(alice, bob)
>>> len(alice.key) > 20_000, np.array_equal(alice.key.secret_bits, bob.key.secret_bits), alice.key.seeded
(True, True, True)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar, Final

import numpy as np

from quantumlink.distillation.agreement import Agreement
from quantumlink.distillation.amplification import toeplitz_hash
from quantumlink.distillation.announcements import (
    LARGEST,
    pack_positions,
    pack_symbols,
    unpack_count,
    unpack_positions,
    unpack_symbols,
)
from quantumlink.distillation.answering import answered
from quantumlink.distillation.authentication import SharedSecret
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.choices import SEED_BITS, Choices
from quantumlink.distillation.key import Key
from quantumlink.distillation.leak_limit import LeakLimit
from quantumlink.distillation.party import AUTHENTICATION_BITS, Abort, Party, Say, Talk
from quantumlink.distillation.reconciliation import AliceEnd
from quantumlink.distillation.records import Records
from quantumlink.distillation.sifted_rounds import SiftedRounds, sift_rounds
from quantumlink.distillation.transcript import (
    Message,
    Sender,
    Transcript,
    TranscriptError,
    pack,
    pack_bits,
    unpack,
    unpack_bits,
)
from quantumlink.distillation.verification import tag_length

__all__ = ["AUTHENTICATION_BITS", "Agreement", "Alice", "Bob", "Records", "SharedSecret", "converse", "replay"]

_LISTEN: Final = Say("", {})
_TAGS_DIFFER: Final = "the verification tags of {} bits differ: reconciliation left errors"


class Alice(Party):
    """The end whose bits count: it opens the conversation and makes all random choices."""

    name: ClassVar[Sender] = "alice"
    _places: ClassVar[tuple[int, ...]] = (0, 2)

    def __init__(
        self,
        records: Records,
        *,
        agreement: Agreement,
        secret: SharedSecret,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        """Take what `Party` takes, and a seed.

        Args:
            records: Alice's raw records, of all rounds (or at least of those that Bob will name).
            agreement: what both ends hold alike.
            secret: bits shared with Bob.
            seed: source of all random choices: session, sample, orders, hash functions. For a key that is to
                be used it must be None, which draws from the system; a key with a seed says that it has one.

        Raises:
            ValueError: if the records are of another number of rounds.
            RecordsConsumed: if the records were in a conversation already.
            SecretExhausted: if too little is left of the secret.
        """
        self._choices = Choices(seed)
        super().__init__(records, agreement=agreement, secret=secret, seeded=self._choices.seeded)

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
        self._session = f"{self._choices.seed():032x}"
        sifting = self.agreement.sifting
        opening = {"secret_index": self._secret.index, "origin": self._origin}
        heard = yield Say("hello", self.agreement.terms() | opening, ("detections",))
        self._hear_origin(heard)
        self._go_on_from(unpack_count(heard.body, "secret_index", LARGEST))
        positions = unpack_positions(heard.body.get("rounds"), self.agreement.rounds)
        mine = self._raw.at(positions)
        if mine is None:
            raise Abort("Bob names rounds that this end did not note")
        n = len(mine.bits)
        his = unpack_symbols(heard.body.get("said"), n, sifting.symbols[1])
        others = self._choices.bits(n) if sifting.answered else np.zeros(0, dtype=np.uint8)
        said = sifting.alice_says(mine, others)
        own = {
            "said": pack_symbols(said, sifting.symbols[0]),
            "classes": pack_symbols(mine.classes, len(sifting.classes)),
        }
        kept = np.ones(n, dtype=np.uint8)
        if sifting.answered:
            heard = yield Say("announced", own, ("kept",))
            own, kept = {}, unpack_bits(heard.body.get("kept"), n)
        sifted = sift_rounds(self, mine, sifting.alice_bits(mine), said, his, kept)
        blocks, order_seed = yield from self._disclose(sifted, own)
        if (refusal := self.account.refusal_before()) is not None:
            raise Abort(refusal)
        limit, told, errors = LeakLimit(self.account), [], []
        for number, raw in enumerate(blocks):
            method, qber = self.agreement.reconciliation, self.account.expected_qber
            talk = method.alice_end(raw, qber=qber, seed=order_seed + number)
            told.append((yield from self._reconcile(talk, limit)))
            if self.account.tells_errors:
                heard = yield Say("count", {}, ("counted",))
                errors += _counts(heard, "errors")
        _account_for(self, told, errors)
        return (yield from self._finish(blocks))

    def _disclose(
        self, sifted: SiftedRounds, own: dict[str, Any]
    ) -> Generator[Say, Message, tuple[list[Bits], int]]:
        """Compare test bits and sample; returns the bits left, and the seed of the reconciliation."""
        choices = self._choices.seed(), self._choices.seed()
        sifted.choose(choices[0])
        own |= sifted.disclosed() | {"sample_seed": choices[0], "order_seed": choices[1]}
        heard = yield Say("test", own, ("tested",))
        self.account = sifted.compare(heard)
        return sifted.raw, choices[1]

    def _reconcile(self, talk: AliceEnd, limit: LeakLimit) -> Generator[Say, Message, tuple[int, int]]:
        """Alice's side of the reconciliation, a message for each thing she says."""
        try:
            said = next(talk)
            while True:
                limit.count(said)
                heard = yield Say("reconcile", {"data": pack(said)}, ("reconciled",))
                reply = unpack(heard.body.get("data"))
                limit.count_reply(reply)
                said = talk.send(reply)
        except StopIteration as stopped:
            disclosed: tuple[int, int] = stopped.value
            return disclosed

    def _finish(self, blocks: list[Bits]) -> Talk:
        """Verify, amplify, confirm; each block apart."""
        tag_bits, lengths = _tag_bits(self), self.account.settle()
        checks, seeds = [], []
        for raw, length in zip(blocks, lengths, strict=True):
            verification = self._choices.bits(len(raw) + tag_bits - 1)
            amplification = self._choices.bits(len(raw) + length - 1 if length else 0)
            seeds.append(amplification)
            checks.append(
                {
                    "verification": pack_bits(verification),
                    "tag": pack_bits(toeplitz_hash(raw, seed=verification, length=tag_bits)),
                    "amplification": pack_bits(amplification),
                }
            )
        heard = yield Say("check", checks[0] if len(checks) == 1 else {"blocks": checks}, ("verified",))
        if heard.body.get("equal") is not True:
            raise Abort(_TAGS_DIFFER.format(tag_bits))
        yield Say("confirmed", {})
        return _hashed(blocks, seeds, lengths)


class Bob(Party):
    """The end that corrects its bits: it only answers."""

    name: ClassVar[Sender] = "bob"
    _first: ClassVar[tuple[str, ...]] = ("hello",)
    _places: ClassVar[tuple[int, ...]] = (1,)

    def __init__(self, records: Records, *, agreement: Agreement, secret: SharedSecret) -> None:
        """Take Bob's raw records, of the rounds he detected; see `Party`."""
        super().__init__(records, agreement=agreement, secret=secret, seeded=False)
        next(self._talk)  # up to where he listens

    def _conversation(self) -> Talk:
        heard = yield _LISTEN
        index = unpack_count(heard.body, "secret_index", LARGEST)
        own, sifting, mine = self.agreement.terms(), self.agreement.sifting, self._raw
        if heard.body != own | {"secret_index": index, "origin": heard.body.get("origin")}:
            differing = sorted(name for name in own if heard.body.get(name) != own[name])
            raise Abort(f"the two ends do not agree on {', '.join(differing) or 'what to agree on'}")
        own_origin = self._origin
        self._hear_origin(heard)
        index = max(index, self._secret.index)
        self._go_on_from(index)
        n, said = len(mine.bits), sifting.bob_says(mine)
        answer = {
            "origin": own_origin,
            "secret_index": index,
            "rounds": pack_positions(mine.positions),
            "said": pack_symbols(said, sifting.symbols[1]),
        }
        heard = yield Say("detections", answer, ("announced" if sifting.answered else "test",))
        hers = unpack_symbols(heard.body.get("said"), n, sifting.symbols[0])
        classes = unpack_symbols(heard.body.get("classes"), n, len(sifting.classes))
        mine, kept = mine._replace(classes=classes), np.ones(n, dtype=np.uint8)
        if sifting.answered:
            kept = sifting.bob_keeps(mine, hers)
            heard = yield Say("kept", {"kept": pack_bits(kept)}, ("test",))
        sifted = sift_rounds(self, mine, sifting.bob_bits(mine, hers), hers, said, kept)
        seeds = [unpack_count(heard.body, name, (1 << SEED_BITS) - 1) for name in ("sample_seed", "order_seed")]
        sifted.choose(seeds[0])
        self.account = sifted.compare(heard)
        if (refusal := self.account.refusal_before()) is not None:
            yield Say("tested", sifted.disclosed())
            raise Abort(refusal)
        limit, after = LeakLimit(self.account), "count" if self.account.tells_errors else "check"
        results, errors = [], []
        heard = yield Say("tested", sifted.disclosed(), ("reconcile", after))
        for number, raw in enumerate(sifted.raw):
            result, heard = yield from answered(
                self.agreement.reconciliation,
                raw,
                qber=self.account.expected_qber,
                seed=seeds[1] + number,
                heard=heard,
                limit=limit,
                after=after,
            )
            results.append(result)
            if self.account.tells_errors:
                errors += (mine_wrong := sifted.errors(number, result.bits != raw))
                last = number == len(sifting.blocks) - 1
                heard = yield Say("counted", {"errors": mine_wrong}, ("check",) if last else ("reconcile", after))
        _account_for(self, [(result.leaked_bits, result.replied_bits) for result in results], errors)
        self.account.corrected_errors = sum(result.corrected_errors for result in results)
        return (yield from self._finish([result.bits for result in results], heard))

    def _finish(self, blocks: list[Bits], heard: Message) -> Talk:
        """Verify, amplify, and wait for Alice's confirmation; each block apart."""
        tag_bits, lengths = _tag_bits(self), self.account.settle()
        checks = [heard.body] if len(blocks) == 1 else heard.body.get("blocks")
        if not isinstance(checks, list) or len(checks) != len(blocks) or not all(type(c) is dict for c in checks):
            raise TranscriptError(f"message {heard.number} must check {len(blocks)} blocks")
        seeds, equal = [], True
        for bits, length, check in zip(blocks, lengths, checks, strict=True):
            verification = unpack_bits(check.get("verification"), len(bits) + tag_bits - 1)
            seeds.append(unpack_bits(check.get("amplification"), len(bits) + length - 1 if length else 0))
            tag = toeplitz_hash(bits, seed=verification, length=tag_bits)
            equal &= np.array_equal(tag, unpack_bits(check.get("tag"), tag_bits))
        # How many errors there were stays with Bob, where no bound charges for telling it.
        if not equal:
            yield Say("verified", {"equal": False})
            raise Abort(_TAGS_DIFFER.format(tag_bits))
        secret = _hashed(blocks, seeds, lengths)
        yield Say("verified", {"equal": True}, ("confirmed",))
        return secret


def converse(alice: Alice, bob: Bob) -> None:
    """Let two ends in one process talk until both have finished.

    >>> import numpy as np
    >>> from quantumlink.hardware import Fiber
    >>> from quantumlink.qkd import AUTHENTICATION_BITS, BB84, Alice, Bob, SharedSecret, converse
    >>> session = BB84(medium=Fiber(0), rounds=20_000, seed=7)
    >>> agreed, (hers, his) = session.agreement(), session.records()
    >>> shared = np.random.default_rng(1).integers(0, 2, AUTHENTICATION_BITS)
    >>> alice = Alice(hers, agreement=agreed, secret=SharedSecret(shared), seed=1)
    >>> bob = Bob(his, agreement=agreed, secret=SharedSecret(shared))
    >>> converse(alice, bob)
    >>> len(alice.key) > 1_000, len(alice.key) == len(bob.key)
    (True, True)
    """
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
        end: a fresh `Alice` or `Bob`, with the records, the secret and the seed of then.

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


def _counts(heard: Message, name: str) -> list[int]:
    values = heard.body.get(name)
    if not isinstance(values, list) or not all(type(value) is int and 0 <= value <= LARGEST for value in values):
        raise TranscriptError(f"message {heard.number} holds no numbers {name} from 0 to {LARGEST}")
    return values


def _account_for(end: Party, told: list[tuple[int, int]], errors: list[int]) -> None:
    """Enter what was disclosed of each block, and how many errors Bob told of, if he did."""
    if end.account.tells_errors:
        names = end.account.tally.raw
        if len(errors) != len(names):
            raise Abort(f"Bob tells {len(errors)} numbers of errors, expected {len(names)}")
        try:
            end.account.told(dict(zip(names, errors, strict=True)))
        except ValueError as error:
            raise Abort(f"Bob tells of more errors than there are bits: {error}") from None
    refusal = end.account.reconciled(told)
    if refusal is not None:
        raise Abort(refusal)


def _tag_bits(end: Party) -> int:
    """The length of the tag of each block; together they let errors pass with at most ``eps_cor``."""
    length = tag_length(end.agreement.eps_cor, tags=len(end.account.blocks))
    end.account.tag_bits = length
    return length


def _hashed(blocks: list[Bits], seeds: list[Bits], lengths: list[int]) -> Bits:
    """The key of each block, one after the other."""
    parts = [
        toeplitz_hash(raw, seed=seed, length=length)
        for raw, seed, length in zip(blocks, seeds, lengths, strict=True)
        if length
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
