"""A party: one end of a distillation, which shares nothing with the other end but public messages.

`Alice` (see `distillation.ends`) opens the conversation; each end answers a message with the next one until
it has nothing to say. The messages are bytes, whatever carries them:

=================  =====================================================================================
hello              Alice: what both must agree on, how much of the shared secret she has used, and whether her
                   records are simulated and her choices seeded
detections         Bob: the rounds he detected, what he says of them, where both go on in the secret, and whether
                   his records are simulated
announced          Alice: what she says of those rounds; only where Bob answers: ``kept``, what he keeps
test               Alice: her settings (if not yet), her compared bits, and a sample of her key bits; Bob: his
reconcile          as many messages as the reconciliation needs, Bob answers each
count              only where the bound asks for it: after each block, how many errors it had; Bob: ``counted``
check              Alice: verification tag, both hash functions; the first message with an authentication tag
verified           Bob: whether his tag is the same
confirmed          Alice: she has the key
abort              either: why there will be no key; with a tag, as soon as both know their place in the secret
=================  =====================================================================================

The tags of check, verified and confirmed cover all that was said before, detections and settings included, so one
end or the other sees any change to any message before a key is released. An abort has a tag of its own; one
without, or with a wrong one, is not obeyed once tags are possible. The raw records of an end are used up when it is
made, and a part of the secret when both know where: whatever happens to the conversation, no mask is used twice.

Who sends the last message cannot know that it arrives; no protocol can change that. Alice releases her key once
Bob has confirmed that he holds the same; Bob releases his once Alice has confirmed that she has his confirmation.
If that last message is lost or spoiled, or anything else reaches Bob instead of it, he gives up and says so, while
Alice holds a key that nobody else uses: it is secret, but the first use of it will find no partner. There is never
a pair of keys that differ, but for the probability ``eps_cor`` and that of a forged tag.

What one end knows of where the key comes from, the other one is told: a key whose hash functions came from a seed
is as little a secret at either end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quantumlink import validation
from quantumlink.distillation.account import Account
from quantumlink.distillation.agreement import Agreement
from quantumlink.distillation.authentication import Authenticator, RunningHash, SecretExhausted, SharedSecret
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.key import Key
from quantumlink.distillation.reconciliation import ReconciliationError
from quantumlink.distillation.records import Records
from quantumlink.distillation.transcript import Message, Sender, Transcript, TranscriptError, pack, unpack
from quantumlink.estimation import binomial_estimate
from quantumlink.security.contract import Tally

_TAGGED = ("check", "verified", "confirmed")
AUTHENTICATION_BITS = Authenticator.TAG_BITS * (1 + len(_TAGGED))
"""Bits of a shared secret that a conversation uses up, however it ends."""

_MOST_SKIPPED = 1_000 * AUTHENTICATION_BITS
"""How far one end may lead the other ahead in the secret: somebody on the line must not use it up at once."""

_MOST_FALSE_ABORTS = 1_000
"""Aborts with a wrong tag that are passed over before an end gives up."""

_LONGEST_REASON = 2_000

_ORIGINS = ("", "simulated", "seeded", "simulated, seeded")
"""What an end may say of its records and of its random choices."""


class Abort(Exception):
    """The conversation cannot lead to a key any more."""


@dataclass(frozen=True)
class Say:
    """What an end says, and the kinds of message that may answer it."""

    kind: str
    body: dict[str, Any]
    answers: tuple[str, ...] = ()


Talk: TypeAlias = Generator[Say, Message, Bits]
"""A conversation from one end: yields what it says, is sent the answers, returns the secret bits."""


class Party(ABC):
    """One end: its raw records, its part of a shared secret, and its copy of the conversation."""

    name: ClassVar[Sender]
    _first: ClassVar[tuple[str, ...]] = ()
    _places: ClassVar[tuple[int, ...]]
    """The places for tags of this end: before its last tag, an abort has the next one."""

    def __init__(self, records: Records, *, agreement: Agreement, secret: SharedSecret, seeded: bool) -> None:
        """Take the raw records, which are used up.

        Args:
            records: what this end noted of the rounds.
            agreement: what both ends hold alike.
            secret: bits shared with the other end; ``AUTHENTICATION_BITS`` of them will be taken.
            seeded: whether random choices come from a seed.

        Raises:
            ValueError: if the records are of another number of rounds.
            RecordsConsumed: if the records were in a conversation already.
            SecretExhausted: if too little is left of the secret.
        """
        validation.instance("records", records, Records, "raw records, Records(...)")
        if records.rounds != agreement.rounds:
            raise ValueError(f"records must be of {agreement.rounds} rounds, as agreed, got {records.rounds}")
        if len(secret) < AUTHENTICATION_BITS:
            raise SecretExhausted(
                f"{AUTHENTICATION_BITS} bits of the shared secret are needed, {len(secret)} are left"
            )
        self._raw = records.consume()
        self.agreement = agreement
        self.transcript = Transcript()
        """All that was said so far, as this end heard it."""
        self.reason: str | None = None
        """Why this end gave up or refused the key; None as long as it did not."""
        self.heard_abort = False
        """Whether it was the other end that gave up."""
        self._secret = secret
        self._authenticator: Authenticator | None = None
        self._false_aborts = 0
        self._inherited = secret.epsilon
        self._simulated, self._seeded = bool(records.simulated), seeded
        self.account = self._open_account(_NOTHING, detected=0, sifted=0)
        """What is known so far of the key in the making."""
        self.compared_errors: dict[str, NDArray[np.bool_]] = {}
        """Where the compared bits differed: in the sample of the key basis, ``"Z"``, and in the test basis."""
        self._key: Key | None = None
        self._session = ""
        self._answers = self._first
        self._covered: bytearray | RunningHash = bytearray()
        self._talk = self._conversation()

    @property
    def finished(self) -> bool:
        """Whether this end takes no further part, with a key or without."""
        return self.reason is not None or self._key is not None

    @property
    def key(self) -> Key:
        """The key as this end holds it: given, or refused with the reason.

        Raises:
            RuntimeError: if the conversation is not over; ``hang_up`` ends it.
        """
        if not self.finished:
            raise RuntimeError("the conversation is not over, so there is no key yet")
        if self._key is None:
            self._key = self.account.key(self.name, reason=self.reason)
        return self._key

    def __repr__(self) -> str:
        state = "finished" if self.finished else f"message {len(self.transcript)} is next"
        return f"{type(self).__name__}({self.agreement.protocol!r}, {state})"

    def receive(self, line: bytes) -> bytes | None:
        """Hear a message and answer it.

        Whatever arrives, this raises nothing: a message that cannot be genuine ends the conversation, and the
        answer tells the other end.

        Returns:
            The next message, or None if this end has nothing more to say.
        """
        if self.finished:
            return None
        try:
            message = self._heard(line)
            return None if message is None else self._speak(message)
        except (Abort, TranscriptError, ReconciliationError) as error:
            return self._give_up(str(error))

    def hang_up(self, reason: str = "the conversation ended before it was complete") -> None:
        """Take note that nothing more will arrive; an end that has no key yet gives up."""
        if not self.finished:
            self.reason = reason

    # --- the conversation

    @abstractmethod
    def _conversation(self) -> Talk:
        """What this end says: it yields its messages and is sent the answers; it returns its secret bits."""

    def _heard(self, line: bytes) -> Message | None:
        message = Message.decode(line)
        if message.sender == self.name:
            raise Abort(f"message {message.number} came back to its sender")
        if message.kind == "abort":
            self._hear_abort(message)
            return None
        self.transcript.add(message, line)
        if message.kind not in self._answers:
            raise Abort(
                f"message {message.number} is of kind {message.kind[:20]!r}, expected {' or '.join(self._answers)}"
            )
        self._covered.extend(line if message.tag is None else message.untagged())
        if message.kind in _TAGGED:
            if not self._has_tag(message):
                raise Abort(
                    f"the authentication tag of message {message.number} is wrong: what was said has been changed"
                )
        elif message.tag is not None:
            raise Abort(f"message {message.number} carries a tag where none belongs")
        self._session = message.session
        return message

    def _has_tag(self, message: Message) -> bool:
        return self._tagger.check(self._said, unpack(message.tag), place=_TAGGED.index(message.kind))

    def _hear_abort(self, message: Message) -> None:
        """Give up if the other end did, and not for somebody who only says so."""
        reason = str(message.body.get("reason"))[:_LONGEST_REASON]
        if self._authenticator is None:  # before that nothing is at stake, and nobody could tell
            self.heard_abort = True
            raise Abort(f"the other end gave up, or somebody in its name: {reason}")
        if message.session == self._session and self._is_tagged_abort(message):
            self.heard_abort = True
            raise Abort(f"the other end gave up: {reason}")
        self._false_aborts += 1
        if self._false_aborts >= _MOST_FALSE_ABORTS:
            raise Abort("somebody without the shared secret keeps on saying that the other end gave up")

    def _is_tagged_abort(self, message: Message) -> bool:
        try:
            tag = unpack(message.tag)
        except TranscriptError:
            return False
        text, others = message.untagged(), set(range(len(_TAGGED))) - set(self._places)
        return any(self._tagger.check(text, tag, place=place) for place in sorted(others))

    @property
    def _tagger(self) -> Authenticator:
        assert self._authenticator is not None  # both ends have agreed where they are in the secret
        return self._authenticator

    @property
    def _said(self) -> RunningHash:
        assert isinstance(self._covered, RunningHash)  # as soon as there is an authenticator
        return self._covered

    @property
    def _origin(self) -> str:
        """What this end says of where the key comes from."""
        return _ORIGINS[self._simulated + 2 * self._seeded]

    def _hear_origin(self, message: Message) -> None:
        """Take over what the other end says of it."""
        told = message.body.get("origin")
        if told not in _ORIGINS:
            raise TranscriptError(f"message {message.number} does not say where the key comes from")
        self._simulated |= "simulated" in told
        self._seeded |= "seeded" in told
        self.account.simulated, self.account.seeded = self._simulated, self._seeded

    def _go_on_from(self, index: int) -> None:
        """Take the part of the secret that begins at an index, for this conversation."""
        own = self._secret.index
        if not own <= index <= own + _MOST_SKIPPED:
            raise Abort(f"the other end goes on at bit {index} of the shared secret, this one is at {own}")
        try:
            self._secret.skip_to(index)
            self._authenticator = Authenticator(self._secret, places=len(_TAGGED))
            self._covered = self._authenticator.running(bytes(self._covered))  # type: ignore[arg-type]
        except ValueError as error:  # too little is left of it, or it is no secret
            raise Abort(str(error)) from None

    def _speak(self, heard: Message | None) -> bytes | None:
        """Go on with the conversation, to the next thing to say or to its end."""
        try:
            say = next(self._talk) if heard is None else self._talk.send(heard)
        except StopIteration as stopped:
            self._release(stopped.value)
            return None
        line = self._message(say)
        if not say.answers:
            self._come_to_the_end()
        return line

    def _come_to_the_end(self) -> None:
        try:
            next(self._talk)
        except StopIteration as stopped:
            self._release(stopped.value)
        except Abort as refused:
            self.hang_up(str(refused))

    def _message(self, say: Say) -> bytes:
        message = Message(
            session=self._session, number=len(self.transcript), sender=self.name, kind=say.kind, body=say.body
        )
        line = message.encode()
        self._covered.extend(line)
        if say.kind in _TAGGED:
            place = _TAGGED.index(say.kind)
            message = replace(message, tag=pack(self._tagger.tag(self._said, place=place)))
            line = message.encode()
        self.transcript.add(message, line)
        self._answers = say.answers
        return line

    def _release(self, bits: Bits) -> None:
        self.account.forgery_probability = self._tagger.forgery_probability
        self._key = self.account.key(self.name, bits=bits)

    def _give_up(self, reason: str) -> bytes | None:
        self._talk.close()
        self.reason = reason
        if self.heard_abort:
            return None
        message = Message(
            session=self._session,
            number=len(self.transcript),
            sender=self.name,
            kind="abort",
            body={"reason": reason},
        )
        free = [place for place in self._places if self._authenticator and self._authenticator.is_free(place)]
        if free:
            message = replace(message, tag=pack(self._tagger.tag(message.untagged(), place=free[0])))
        return message.encode()

    # --- what both ends keep

    def _open_account(self, tally: Tally, *, detected: int, sifted: int) -> Account:
        agreed = self.agreement
        compared = agreed.sifting.compared
        tested, test_errors = _of_stream(tally, compared[0]) if compared else (0, 0)
        return Account(
            protocol=agreed.protocol,
            rounds=agreed.rounds,
            accepted=detected,
            sifted=sifted,
            sampled=tally.sampled,
            tested=tested,
            qber=binomial_estimate(tally.sample_errors, tally.sampled),
            test_qber=binomial_estimate(test_errors, tested),
            recipe=agreed.recipe,
            tally=tally,
            eps_sec=agreed.eps_sec,
            eps_cor=agreed.eps_cor,
            authentication_bits=AUTHENTICATION_BITS,
            blocks=agreed.sifting.blocks,
            inherited_epsilon=self._inherited,
            remarks=agreed.remarks,
            simulated=self._simulated,
            seeded=self._seeded,
        )

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("an end of a conversation cannot be copied or pickled: its secrets are good for one")


_NOTHING = Tally(rounds=0, detected=0, sampled=0, sample_errors=0, compared={}, raw={})


def _of_stream(tally: Tally, stream: str) -> tuple[int, int]:
    """Bits and errors of a stream, all classes together."""
    found = [pair for name, pair in tally.compared.items() if name == stream or name.startswith(f"{stream} ")]
    return sum(bits for bits, _ in found), sum(errors for _, errors in found)
