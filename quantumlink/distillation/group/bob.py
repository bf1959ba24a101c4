"""One of the others: it only answers Alice, over its own line."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator
from typing import ClassVar, Final

from quantumlink.distillation.announcements import (
    pack_positions,
    pack_symbols,
    unpack_count,
    unpack_positions,
    unpack_symbols,
)
from quantumlink.distillation.answering import answered
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.channel import Abort, Say
from quantumlink.distillation.choices import SEED_BITS
from quantumlink.distillation.group.account import GroupAccount
from quantumlink.distillation.group.agreement import GroupAgreement, settings_of
from quantumlink.distillation.group.rounds import GroupRounds
from quantumlink.distillation.leak_limit import LeakLimit
from quantumlink.distillation.party import Party, Talk
from quantumlink.distillation.records import Records
from quantumlink.distillation.shared_secret import SharedSecret
from quantumlink.distillation.sifting import COMPARED
from quantumlink.distillation.transcript import Message, Sender, TranscriptError
from quantumlink.security.contract import Tally

_LISTEN: Final = Say("", {})


class GroupBob(Party):
    """One of the others: its raw records, its part of the secret that it shares with Alice.

    Args:
        records: this party's raw records, of the rounds it detected; they are used up.
        party: its number, from 1: Alice is 0.
        agreement: what all hold alike.
        secret: bits shared with Alice, and with nobody else.

    Raises:
        ValueError: if the records are of another number of rounds, or there is no such party.
        RecordsConsumed: if the records were in a conversation already.
        SecretExhausted: if too little is left of the secret.
    """

    name: ClassVar[Sender] = "bob"
    _first: ClassVar[tuple[str, ...]] = ("hello",)
    _places: ClassVar[tuple[int, ...]] = (1,)
    account: GroupAccount

    def __init__(self, records: Records, *, party: int, agreement: GroupAgreement, secret: SharedSecret) -> None:
        others = agreement.count_of_parties - 1
        if not 1 <= party <= others:
            raise ValueError(f"party must be 1 to {others}, got {party!r}")
        self.party = party
        self._agreed = agreement
        self._others_forgery = 0.0
        super().__init__(records, agreement=agreement, secret=secret, seeded=False)  # type: ignore[arg-type]
        settings_of(self._raw.settings)
        next(self._talk)  # up to where it listens

    def _conversation(self) -> Talk:
        heard = yield _LISTEN
        index = unpack_count(heard.body, "secret_index")
        own = self._agreed.terms() | {"party": self.party}
        if heard.body != own | {"secret_index": index, "origin": heard.body.get("origin")}:
            differing = sorted(name for name in own if heard.body.get(name) != own[name])
            raise Abort(f"the two ends do not agree on {', '.join(differing) or 'what to agree on'}")
        origin = self._origin
        index = max(index, self._secret.index)
        self._go_on_from(index)
        answer = {"origin": origin, "secret_index": index, "rounds": pack_positions(self._raw.positions)}
        heard = yield Say("detections", answer, ("accepted",))
        self._hear_origin(heard)
        mine = self._raw.at(unpack_positions(heard.body.get("rounds"), self._agreed.rounds))
        if mine is None:
            raise Abort("Alice names rounds that this end did not detect")
        heard = yield Say("settings", {"said": pack_symbols(mine.settings, 2)}, ("test",))
        streams = unpack_symbols(heard.body.get("streams"), len(mine.bits), COMPARED + len(self._agreed.names))
        seeds = [unpack_count(heard.body, name, (1 << SEED_BITS) - 1) for name in ("sample_seed", "order_seed")]
        rounds = GroupRounds(self._agreed, mine.bits, streams, seeds[0])
        heard = yield Say("tested", rounds.disclosed(self.party), ("counted",))
        self.account = self._counted(heard, rounds)
        if (refusal := self._refusal()) is not None:
            yield Say("heard", {})
            raise Abort(refusal)
        heard = yield Say("heard", {}, self._reconciling)
        bits, heard = yield from self._correct(rounds.raw, seeds[1] + self.party, heard)
        return (yield from self._finish(bits, heard))

    _reconciling: ClassVar[tuple[str, ...]] = ("reconcile", "check")
    """What Alice may say while the errors are corrected."""

    @abstractmethod
    def _correct(self, raw: Bits, seed: int, heard: Message) -> Generator[Say, Message, tuple[Bits, Message]]:
        """Answer as long as Alice reconciles; returns the bits, and the message that came after."""

    def _answered(
        self, raw: Bits, qber: float, seed: int, heard: Message
    ) -> Generator[Say, Message, tuple[Bits, Message]]:
        """The same by correcting one's own bits to hers."""
        policy, limit = self._agreed.reconciliation, LeakLimit(self.account)
        result, heard = yield from answered(
            policy, raw, qber=qber, seed=seed, heard=heard, limit=limit, after="check"
        )
        self.account.corrected_errors = result.corrected_errors
        return result.bits, heard

    @abstractmethod
    def _finish(self, bits: Bits, heard: Message) -> Talk:
        """Verify, amplify, and wait for Alice's confirmation."""

    def _counted(self, heard: Message, rounds: GroupRounds) -> GroupAccount:
        """The account that opens with the counts that Alice tells."""
        body = heard.body
        compared, wrong = body.get("compared"), body.get("wrong")
        if (
            not isinstance(compared, dict)
            or not isinstance(wrong, list)
            or set(compared) != set(self._agreed.tests)
            or len(wrong) != len(self._agreed.strings)
        ):
            raise TranscriptError(f"message {heard.number} does not hold the counts that were agreed on")
        try:
            tally = Tally(
                rounds=self._agreed.rounds,
                detected=len(rounds.bits),
                sampled=len(rounds.sample),
                sample_errors=max(wrong),
                compared={name: (bits, errors) for name, (bits, errors) in compared.items()},
                raw={"": len(rounds.raw)},
            )
            return self._agreed.account(
                tally, wrong, inherited=self._inherited, simulated=self._simulated, seeded=self._seeded
            )
        except (ValueError, TypeError, KeyError):
            raise TranscriptError(f"message {heard.number} holds counts that cannot be") from None

    def _refusal(self) -> str | None:
        try:
            return self.account.refusal_before()
        except ValueError as error:  # of counts that Alice never told
            raise Abort(str(error)) from None

    def _open_account(self, tally: Tally, *, detected: int, sifted: int) -> GroupAccount:
        return self._agreed.account(
            tally, (0,), inherited=self._inherited, simulated=self._simulated, seeded=self._seeded
        )

    def _confirmed(self, heard: Message) -> None:
        """Take over what the lines of all may have failed with, and the secrets behind them."""
        self._others_forgery, inherited = (_small(heard, name) for name in ("forgery", "inherited"))
        self.account.inherited_epsilon = max(self.account.inherited_epsilon, inherited)

    def _release(self, bits: Bits) -> None:
        # its own line is in both terms: rather too much than too little
        self.account.forgery_probability = self._others_forgery + self._tagger.forgery_probability
        self._key = self.account.key(self.name, bits=bits)
        self._complete = True

    def _told(self, heard: Message) -> list[tuple[int, int]]:
        """What Alice says that reconciliation disclosed in all."""
        return [(unpack_count(heard.body, "leaked"), unpack_count(heard.body, "replied"))]

    def _account_for(self, told: list[tuple[int, int]]) -> int:
        """Enter what was disclosed; returns the length of the key."""
        try:
            refusal = self.account.reconciled(told)
        except ValueError as error:
            raise Abort(str(error)) from None
        if refusal is not None:
            raise Abort(refusal)
        return self.account.settle()[0]

    def __repr__(self) -> str:
        return super().__repr__().replace("(", f"(party {self.party}, ", 1)


def _small(heard: Message, name: str) -> float:
    value = heard.body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise TranscriptError(f"message {heard.number} holds no probability {name}")
    return float(value)
