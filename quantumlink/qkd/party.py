"""A party: one end of a distillation, which shares nothing with the other end but public messages.

`Alice` (see ``quantumlink.qkd.ends``) opens the conversation; each end answers a message with the next one until
it has nothing to say. The messages are bytes, whatever carries them:

=================  =====================================================================================
hello              Alice: what both must agree on; Bob answers ``agreed``
test               Alice: her test bits, and a random sample of her key bits; Bob: his
reconcile          as many messages as the reconciliation needs, Bob answers each
check              Alice: verification tag, both hash functions; the first message with an authentication tag
verified           Bob: whether his tag is the same
confirmed          Alice: she has the key
=================  =====================================================================================

The tags of the last three cover all that was said before, so one end or the other sees any change to any message
before a key is released. Each end takes the secret for all of them when it is made: whatever happens to the
conversation, both secrets stay in step and no mask is used twice.

Who sends the last message cannot know that it arrives; no protocol can change that. Alice releases her key once
Bob has confirmed that he holds the same; Bob releases his once Alice has confirmed that she has his confirmation.
If that last message is lost or spoiled, or anything else reaches Bob instead of it, he gives up and says so, while
Alice holds a key that nobody else uses: it is secret, but the first use of it will find no partner. There is never
a pair of keys that differ, but for the probability ``eps_cor`` and that of a forged tag.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantumlink.estimation import binomial_estimate
from quantumlink.qkd.account import Account
from quantumlink.qkd.agreement import Agreement
from quantumlink.qkd.authentication import Authenticator, SharedSecret
from quantumlink.qkd.bits import Bits, as_bits
from quantumlink.qkd.key import Key
from quantumlink.qkd.reconciliation import ReconciliationError
from quantumlink.qkd.transcript import Message, Sender, Transcript, TranscriptError, pack, unpack

_TAGGED = ("check", "verified", "confirmed")
AUTHENTICATION_BITS = Authenticator.TAG_BITS * (1 + len(_TAGGED))
"""Bits of a shared secret that a conversation uses up, however it ends."""

_LONGEST_REASON = 2_000


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
    """One end: its sifted bits, its part of a shared secret, and its copy of the conversation."""

    name: ClassVar[Sender]
    _first: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, key_bits: ArrayLike, test_bits: ArrayLike, *, agreement: Agreement, secret: SharedSecret
    ) -> None:
        """Take the sifted bits, and at once the part of the secret that this conversation may use up.

        Args:
            key_bits: this end's sifted bits of the key basis, in the order of the rounds.
            test_bits: its sifted bits of the test basis; all of them are disclosed.
            agreement: what both ends hold alike.
            secret: bits shared with the other end; ``AUTHENTICATION_BITS`` of them are taken.

        Raises:
            ValueError: if an argument is no bit string, or there are more bits than accepted rounds.
            SecretExhausted: if too little is left of the secret.
        """
        self._bits, self._test = as_bits("key_bits", key_bits), as_bits("test_bits", test_bits)
        if (sifted := len(self._bits) + len(self._test)) > agreement.accepted:
            raise ValueError(
                f"accepted must lie between the sifted bits and the rounds, [{sifted}, {agreement.rounds}], "
                f"got {agreement.accepted}"
            )
        self.agreement = agreement
        self.transcript = Transcript()
        """All that was said so far, as this end heard it."""
        self.reason: str | None = None
        """Why this end gave up or refused the key; None as long as it did not."""
        self.heard_abort = False
        """Whether it was the other end that gave up."""
        self._authenticator = Authenticator(SharedSecret(secret.take(AUTHENTICATION_BITS)))
        self.account = self._open_account(sampled=0, sample_errors=0, tested=0, test_errors=0)
        """What is known so far of the key in the making."""
        self._key: Key | None = None
        self._session = ""
        self._answers = self._first
        self._covered = bytearray()
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
            return self._speak(self._heard(line))
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

    def _heard(self, line: bytes) -> Message:
        message = Message.decode(line)
        if message.sender == self.name:
            raise Abort(f"message {message.number} came back to its sender")
        if message.kind == "abort":
            reason = str(message.body.get("reason"))[:_LONGEST_REASON]
            self.heard_abort = True
            raise Abort(f"the other end gave up: {reason}")
        self.transcript.add(message, line)
        if message.kind not in self._answers:
            raise Abort(
                f"message {message.number} is of kind {message.kind[:20]!r}, expected {' or '.join(self._answers)}"
            )
        self._covered += line if message.tag is None else message.untagged()
        if message.kind in _TAGGED:
            if not self._authenticator.check(bytes(self._covered), unpack(message.tag)):
                raise Abort(
                    f"the authentication tag of message {message.number} is wrong: what was said has been changed"
                )
        elif message.tag is not None:
            raise Abort(f"message {message.number} carries a tag where none belongs")
        self._session = message.session
        return message

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
        self._covered += line
        if say.kind in _TAGGED:
            message = replace(message, tag=pack(self._authenticator.tag(bytes(self._covered))))
            line = message.encode()
        self.transcript.add(message, line)
        self._answers = say.answers
        return line

    def _release(self, bits: Bits) -> None:
        self._key = self.account.key(self.name, bits=bits)

    def _give_up(self, reason: str) -> bytes | None:
        self._talk.close()
        self.reason = reason
        if self.heard_abort:
            return None
        return Message(
            session=self._session,
            number=len(self.transcript),
            sender=self.name,
            kind="abort",
            body={"reason": reason},
        ).encode()

    # --- what both ends keep

    def _open_account(self, *, sampled: int, sample_errors: int, tested: int, test_errors: int) -> Account:
        agreed = self.agreement
        return Account(
            protocol=agreed.protocol,
            rounds=agreed.rounds,
            accepted=agreed.accepted,
            sifted=len(self._bits) + len(self._test),
            sampled=sampled,
            tested=tested,
            qber=binomial_estimate(sample_errors, sampled),
            test_qber=binomial_estimate(test_errors, tested),
            bound=agreed.bound,
            eps_sec=agreed.eps_sec,
            eps_cor=agreed.eps_cor,
            authentication_bits=AUTHENTICATION_BITS,
            remarks=agreed.remarks,
        )

    def _count_errors(self, sample: NDArray[np.bool_], other_sample: Bits, other_test: Bits) -> None:
        """The disclosed bits of both ends are known: open the account with their errors."""
        self.account = self._open_account(
            sampled=len(other_sample),
            sample_errors=int(np.count_nonzero(self._bits[sample] != other_sample)),
            tested=len(other_test),
            test_errors=int(np.count_nonzero(self._test != other_test)),
        )
