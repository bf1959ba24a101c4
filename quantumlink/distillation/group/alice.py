"""Alice among several: the end whose bits count, with a line of its own to each of the others.

Each line is authenticated as that of two ends is (see `distillation.channel`): its messages have their order, its
tags cover all that was said on it, and the secret behind them is Alice's and that one party's. What one party says
reaches the others through her alone. On each line:

=================  =====================================================================================
hello              Alice: what all must agree on, the number of the party, how much of the secret she has used,
                   and whether her records are simulated, or they or her choices seeded
detections         the rounds it detected, and the same of its own
accepted           Alice, when all have answered: the rounds that everybody detected. No setting was told so far
settings           its setting in each of them
test               Alice, when all have answered: what each round is for, and the seeds of sample and orders
tested             its bits of the test, and of the sample
counted            Alice, when all have answered: the counts that the bound is made of; answered by ``heard``
reconcile          as many messages as the reconciliation needs, one party after the other
check              Alice: what all lines together disclosed, both hash functions, her tag; the first message with
                   an authentication tag
verified           its tag is the same; or, of two shares, its own tag
confirmed          Alice, when all have verified: she has the key; and what all lines together may have failed with
abort              either; Alice then gives up on every line
=================  =====================================================================================

Alice releases her key, and lets the others release theirs, when the tags of *all* lines were right: who changed a
message to or from any party is found out before anybody has a key. If her last message to one party is lost, that
one has no key and says so; there are never two keys that differ, but for ``eps_cor`` and forged tags.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from functools import reduce
from itertools import combinations
from typing import Any, ClassVar, NoReturn, TypeAlias

import numpy as np

from quantumlink import validation
from quantumlink.distillation.announcements import (
    pack_positions,
    pack_symbols,
    unpack_count,
    unpack_positions,
    unpack_symbols,
)
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.channel import Abort, Channel, Say
from quantumlink.distillation.choices import Choices
from quantumlink.distillation.equal_detection import unequal_detection
from quantumlink.distillation.group.account import GroupAccount
from quantumlink.distillation.group.agreement import GroupAgreement, settings_of
from quantumlink.distillation.group.key import ConferenceKey
from quantumlink.distillation.group.rounds import GroupRounds
from quantumlink.distillation.reconciliation import ReconciliationError
from quantumlink.distillation.records import Positions, RawRounds, Records
from quantumlink.distillation.shared_secret import SharedSecret
from quantumlink.distillation.sifting import COMPARED
from quantumlink.distillation.transcript import Message, Sender, Transcript, TranscriptError
from quantumlink.security.contract import Tally

Lines: TypeAlias = list[tuple[int, bytes]]
"""Messages to be brought to parties, by their numbers."""

GroupTalk: TypeAlias = Generator[dict[int, Say], dict[int, Message], Bits]
"""Alice's conversation: yields what she says to whom, is sent what these answer, returns the secret bits."""


Disclosing: TypeAlias = Generator[dict[int, Say], dict[int, Message], list[tuple[int, int]]]
"""The part of it that reconciles: returns the bits that Alice, and that the others, disclosed in all."""


class Line(Channel):
    """Alice's end of the line to one party. What is said on it she decides when all have answered."""

    name: ClassVar[Sender] = "alice"
    _places: ClassVar[tuple[int, ...]] = (0, 2)

    def __init__(self, secret: SharedSecret, *, session: int, simulated: bool, seeded: bool) -> None:
        super().__init__(secret, simulated=simulated, seeded=seeded)
        self._session = f"{session:032x}"
        self.heard: Message | None = None
        """The answer to what was said last."""

    def opening(self) -> dict[str, Any]:
        """What is said first of the secret and of the records."""
        return {"secret_index": self._secret.index, "origin": self._origin}

    @property
    def origin(self) -> str:
        """What is known of where the key comes from."""
        return self._origin

    def say(self, say: Say) -> bytes:
        """The message that says that."""
        self.heard = None
        return self._message(say)

    def hear_opening(self, message: Message) -> None:
        """Take over what the party says of its records, and where both go on in the secret.

        Raises:
            Abort: if they cannot go on there.
            TranscriptError: if the message does not say so.
        """
        self._hear_origin(message)
        self._go_on_from(unpack_count(message.body, "secret_index"))

    def give_up(self, reason: str) -> bytes | None:
        """The message that says that there will be no key; None if there is none to say."""
        return None if self.finished else self._give_up(reason)

    @property
    def forgery_probability(self) -> float:
        """At most this probable is it that a tag so far was forged."""
        return self._tagger.forgery_probability

    def complete(self) -> None:
        """Nothing more will be said."""
        self._complete = True

    def _speak(self, heard: Message | None) -> bytes | None:
        self.heard, self._answers = heard, ()  # nothing more is listened to before it is asked for
        return None


class GroupAlice(ABC):
    """The end whose bits count: it opens the conversation and makes all random choices.

    Args:
        records: Alice's raw records; they are used up.
        agreement: what all hold alike.
        secrets: bits shared with each of the others, in their order; none is of use for two of them.
        seed: source of all random choices: sessions, sample, orders, hash functions. For a key that is to be used
            it must be None, which draws from the system; a key with a seed says that it has one.

    Raises:
        ValueError: if the records are of another number of rounds, there is not a secret for each, or two hold
            the same bits.
        RecordsConsumed: if the records were in a conversation already.
        SecretExhausted: if too little is left of a secret.
    """

    def __init__(
        self,
        records: Records,
        *,
        agreement: GroupAgreement,
        secrets: Sequence[SharedSecret],
        seed: int | np.random.Generator | None = None,
    ) -> None:
        validation.instance("records", records, Records, "raw records, Records(...)")
        if records.rounds != agreement.rounds:
            raise ValueError(f"records must be of {agreement.rounds} rounds, as agreed, got {records.rounds}")
        others = agreement.count_of_parties - 1
        _check_secrets(secrets, others)
        self.agreement = agreement
        self.reason: str | None = None
        """Why this end gave up or refused the key; None as long as it did not."""
        self.heard_abort = False
        """Whether it was another end that gave up."""
        self._choices = choices = Choices(seed)
        self._simulated, self._seeded = records.simulated, choices.seeded or records.seeded
        origin = {"simulated": self._simulated, "seeded": self._seeded}
        self._lines = {p: Line(s, session=choices.seed(), **origin) for p, s in enumerate(secrets, start=1)}
        self._raw = records.consume()
        settings_of(self._raw.settings)
        self._inherited = sum(secret.epsilon for secret in secrets)
        self.account = self._open_account(
            Tally(rounds=0, detected=0, sampled=0, sample_errors=0, compared={}, raw={}), (0,) * others
        )
        """What is known so far of the key in the making."""
        self._key: ConferenceKey | None = None
        self._asked: tuple[int, ...] = ()
        self._talk = self._conversation()

    @property
    def parties(self) -> range:
        """The numbers of the others."""
        return range(1, self.agreement.count_of_parties)

    @property
    def finished(self) -> bool:
        """Whether this end takes no further part, with a key or without."""
        return self.reason is not None or self._key is not None

    @property
    def transcripts(self) -> tuple[Transcript, ...]:
        """All that was said so far on each line, as this end heard it."""
        return tuple(line.transcript for line in self._lines.values())

    @property
    def key(self) -> ConferenceKey:
        """The key as this end holds it: given, or refused with the reason.

        Raises:
            RuntimeError: if the conversation is not over; ``hang_up`` ends it.
        """
        if not self.finished:
            raise RuntimeError("the conversation is not over, so there is no key yet")
        if self._key is None:
            self._key = self.account.key("alice", reason=self.reason)
        return self._key

    def __repr__(self) -> str:
        state = "finished" if self.finished else f"waits for {list(self._asked)}"
        return f"{type(self).__name__}({self.agreement.protocol!r}, {state})"

    def open(self) -> Lines:
        """The first message to each of the others.

        Raises:
            RuntimeError: if the conversation has begun already.
        """
        if self._asked or self.finished:
            raise RuntimeError("the conversation has begun already")
        return self._say(next(self._talk))

    def receive(self, party: int, line: bytes) -> Lines:
        """Hear a message of a party; returns what to say, and to whom.

        Whatever arrives, this raises nothing: a message that cannot be genuine ends the conversation, and all
        others are told. What interrupts this (Ctrl-C, memory that does not suffice) is raised, and ends it too.

        Raises:
            ValueError: if there is no such party.
        """
        if party not in self._lines:
            raise ValueError(f"party must be 1 to {len(self._lines)}, got {party!r}")
        if self.finished:
            return []
        try:
            return self._heard(party, line)
        except (Abort, TranscriptError, ReconciliationError) as error:
            return self._give_up(str(error))
        except BaseException as error:
            self.hang_up(f"this end was interrupted ({type(error).__name__})")
            raise

    def _heard(self, party: int, line: bytes) -> Lines:
        channel = self._lines[party]
        reply = channel.receive(line)
        if channel.reason is not None:
            said = [] if reply is None else [(party, reply)]
            self.heard_abort = channel.heard_abort
            return said + self._give_up(channel.reason)
        heard = {asked: self._lines[asked].heard for asked in self._asked}
        answers = {asked: message for asked, message in heard.items() if message is not None}
        return [] if len(answers) < len(heard) else self._say(self._talk.send(answers))

    def hang_up(self, reason: str = "the conversation ended before it was complete") -> None:
        """Take note that nothing more will arrive; if there is no key yet, this end gives up."""
        if not self.finished:
            self._give_up(reason)

    # --- the conversation

    def _conversation(self) -> GroupTalk:
        terms = self.agreement.terms()
        heard = yield {
            p: Say("hello", terms | {"party": p, **line.opening()}, ("detections",))
            for p, line in self._lines.items()
        }
        mine = self._accepted(heard)
        # Whatever one party knows of where the key comes from, all are told.
        accepted = {"rounds": pack_positions(mine.positions), "origin": self._origin()}
        heard = yield self._all(Say("accepted", accepted, ("settings",)))
        n = len(mine.bits)
        said = [unpack_symbols(heard[p].body.get("said"), n, 2) for p in self.parties]
        settings = np.array([mine.settings, *said])
        if (unfair := self.agreement.unfair(settings)) is not None:
            raise Abort(unfair)
        streams = self.agreement.streams(settings)
        seeds = self._choices.seed(), self._choices.seed()
        test = {
            "streams": pack_symbols(streams, COMPARED + len(self.agreement.names)),
            "sample_seed": seeds[0],
            "order_seed": seeds[1],
        }
        heard = yield self._all(Say("test", test, ("tested",)))
        rounds = GroupRounds(self.agreement, mine.bits, streams, seeds[0])
        for theirs in said:
            unequal = unequal_detection(mine.bits, mine.settings, theirs, rounds.public, "ZX", "ZX", len(said))
            if unequal is not None:
                raise Abort(unequal)
        counts = self._count(rounds, heard)
        yield self._all(Say("counted", counts, ("heard",)))
        if (refusal := self.account.refusal_before()) is not None:
            raise Abort(refusal)
        told = yield from self._reconcile(rounds.raw, seeds[1])
        if (refusal := self.account.reconciled(told)) is not None:
            raise Abort(refusal)
        n, length = len(rounds.raw), self.account.settle()[0]
        self.account.tag_bits = self.agreement.tag_bits * len(self.parties)
        matrix = self._choices.bits(n + length - 1)
        body = {"leaked": told[0][0], "replied": told[0][1]}
        return (yield from self._finish(rounds.raw, matrix, length, body))

    @abstractmethod
    def _reconcile(self, raw: Bits, seed: int) -> Disclosing:
        """Correct the errors of all others; returns what Alice, and what the others, disclosed in all."""

    @abstractmethod
    def _finish(self, raw: Bits, matrix: Bits, length: int, body: dict[str, Any]) -> GroupTalk:
        """Verify, amplify by a hash function, confirm; ``body`` belongs to what is said."""

    def _accepted(self, heard: dict[int, Message]) -> RawRounds:
        """The rounds that everybody detected."""
        noted = [self._raw.positions]
        for p, line in self._lines.items():
            line.hear_opening(heard[p])
            noted.append(unpack_positions(heard[p].body.get("rounds"), self.agreement.rounds))
        mine = self._raw.at(_common(noted))
        assert mine is not None  # they are among hers
        return mine

    def _origin(self) -> str:
        told = [line.origin for line in self._lines.values()]
        self._simulated, self._seeded = (any(word in text for text in told) for word in ("simulated", "seeded"))
        self.account.simulated, self.account.seeded = self._simulated, self._seeded
        return ", ".join(word for word, true in (("simulated", self._simulated), ("seeded", self._seeded)) if true)

    def _count(self, rounds: GroupRounds, heard: dict[int, Message]) -> dict[str, Any]:
        """Open the account with what all told; returns what they are told of it."""
        told = [rounds.heard(p, heard[p]) for p in self.parties]
        compared = self.agreement.compared(rounds.streams, rounds.bits, [bits for bits, _ in told])
        wrong = self.agreement.wrong(rounds.sample, [sample for _, sample in told])
        tally = Tally(
            rounds=self.agreement.rounds,
            detected=len(rounds.bits),
            sampled=len(rounds.sample),
            sample_errors=max(wrong),
            compared=compared,
            raw={"": len(rounds.raw)},
        )
        self.account = self._open_account(tally, wrong)
        self.account.sample_ones = int(np.count_nonzero(rounds.sample))
        return {"compared": {name: list(pair) for name, pair in compared.items()}, "wrong": list(wrong)}

    def _confirmation(self) -> Say:
        """The last word: the key of each party stands and falls with the lines of all."""
        forgery = sum(line.forgery_probability for line in self._lines.values())
        return Say("confirmed", {"forgery": forgery, "inherited": self._inherited})

    def _all(self, say: Say) -> dict[int, Say]:
        return dict.fromkeys(self.parties, say)

    def _say(self, said: dict[int, Say]) -> Lines:
        """The messages; the last ones end the conversation."""
        self._asked = tuple(said)
        lines = [(p, self._lines[p].say(say)) for p, say in said.items()]
        if not any(say.answers for say in said.values()):
            try:
                next(self._talk)
            except StopIteration as stopped:
                for line in self._lines.values():
                    line.complete()
                self.account.forgery_probability = sum(line.forgery_probability for line in self._lines.values())
                self._key = self.account.key("alice", bits=stopped.value)
        return lines

    def _give_up(self, reason: str) -> Lines:
        self._talk.close()
        self.reason = reason
        said = [(p, line.give_up(reason)) for p, line in self._lines.items()]
        return [(p, message) for p, message in said if message is not None]

    def _open_account(self, tally: Tally, wrong: Sequence[int]) -> GroupAccount:
        return self.agreement.account(
            tally, wrong, inherited=self._inherited, simulated=self._simulated, seeded=self._seeded
        )

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("an end of a conversation cannot be copied or pickled: its secrets are good for one")


def _check_secrets(secrets: Sequence[SharedSecret], others: int) -> None:
    """A secret for each line, no two with the same bits: two tags under one point and pad would give both away."""
    if len(secrets) != others:
        raise ValueError(f"secrets must be {others}, one shared with each of the others, got {len(secrets)}")
    for (p, first), (q, second) in combinations(enumerate(secrets, start=1), 2):
        if first.repeats(second):
            raise ValueError(
                f"secrets must be different for each of the others, got the same bits for parties {p} and {q}"
            )


def _common(noted: Iterable[Positions | None]) -> Positions | None:
    """The rounds that are in all of these lists; None stands for all rounds."""
    lists = [positions for positions in noted if positions is not None]
    if not lists:
        return None
    return reduce(lambda first, second: np.intersect1d(first, second, assume_unique=True), lists)
