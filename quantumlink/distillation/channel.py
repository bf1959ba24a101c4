"""A channel: one end of an authenticated line, its copy of what was said and its part of a shared secret.

What is said over it is the affair of those who use it (`distillation.party` for two ends, `distillation.group` for
more). Here is what keeps a line honest: messages in their one form and order, tags that cover all that was said
before, aborts that only the other end can make.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NoReturn

from quantumlink.distillation.authentication import Authenticator, RunningHash, SecretExhausted, SharedSecret
from quantumlink.distillation.reconciliation import ReconciliationError
from quantumlink.distillation.transcript import Message, Sender, Transcript, TranscriptError, pack, unpack

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


class Channel(ABC):
    """One end of a line: its part of a shared secret, and its copy of the conversation."""

    name: ClassVar[Sender]
    _first: ClassVar[tuple[str, ...]] = ()
    _places: ClassVar[tuple[int, ...]]
    """The places for tags of this end: before its last tag, an abort has the next one."""

    def __init__(self, secret: SharedSecret, *, simulated: bool, seeded: bool) -> None:
        """Take the secret, of which ``AUTHENTICATION_BITS`` will be used up.

        Args:
            secret: bits shared with the other end.
            simulated: whether what this end noted is simulated.
            seeded: whether random choices come from a seed, or what this end noted.

        Raises:
            SecretExhausted: if too little is left of the secret.
        """
        if len(secret) < AUTHENTICATION_BITS:
            raise SecretExhausted(
                f"{AUTHENTICATION_BITS} bits of the shared secret are needed, {len(secret)} are left"
            )
        self.transcript = Transcript()
        """All that was said so far, as this end heard it."""
        self.reason: str | None = None
        """Why this end gave up or refused the key; None as long as it did not."""
        self.heard_abort = False
        """Whether it was the other end that gave up."""
        self._secret = secret
        self._authenticator: Authenticator | None = None
        self._false_aborts = 0
        self._simulated, self._seeded = simulated, seeded
        self._complete = False
        self._session = ""
        self._answers = self._first
        self._covered: bytearray | RunningHash = bytearray()

    @property
    def finished(self) -> bool:
        """Whether this end takes no further part, with a key or without."""
        return self.reason is not None or self._complete

    def receive(self, line: bytes) -> bytes | None:
        """Hear a message and answer it.

        Whatever arrives, this raises nothing: a message that cannot be genuine ends the conversation, and the
        answer tells the other end. What interrupts this (Ctrl-C, memory that does not suffice) is raised, and ends
        the conversation too.

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
        except BaseException as error:
            self.hang_up(f"this end was interrupted ({type(error).__name__})")
            raise

    def hang_up(self, reason: str = "the conversation ended before it was complete") -> None:
        """Take note that nothing more will arrive; an end that has no key yet gives up."""
        if not self.finished:
            self.reason = reason

    @abstractmethod
    def _speak(self, heard: Message | None) -> bytes | None:
        """Go on with the conversation; returns what to say, None for nothing (yet)."""

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
        except OSError as error:
            raise Abort(f"how much of the shared secret was used cannot be stored: {error.strerror}") from None

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

    def _give_up(self, reason: str) -> bytes | None:
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

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("an end of a conversation cannot be copied or pickled: its secrets are good for one")
