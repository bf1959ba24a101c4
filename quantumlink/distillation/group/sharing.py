"""A dealer's key that two players know together, and neither of them alone; one of them may be dishonest.

In X the dealer's bit is the parity of the players': it makes the key. In Z all bits are equal: that is compared, by
the dealer with each of the players, in every round in which both measured Z. Who detected a photon is told before
any basis is. Each player has a line to the dealer alone, so none can change what the other says.

The dealer's string is reconciled with the parity of the players', by linear questions: Charlie tells his parities
to the dealer, who adds hers and tells Bob. In which of these sums his own differ, Bob says; so he corrects his
string to the sum of the other two. All three have then told their answers to all questions, and each answer counts.

Each player hashes his own string, and the hashes are linear, so the parity of their two shares is the dealer's key.
By the tags of both the dealer verifies it.

References:
    M. Hillery, V. Bužek, A. Berthiaume, Phys. Rev. A 59, 1829 (1999).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from math import floor, log2
from typing import Any, ClassVar

import numpy as np

from quantumlink.distillation.amplification import toeplitz_hash
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.channel import Abort, Say
from quantumlink.distillation.group.agreement import GroupAgreement, Settings, X, Z
from quantumlink.distillation.group.alice import Disclosing, GroupAlice, GroupTalk
from quantumlink.distillation.group.bob import GroupBob
from quantumlink.distillation.group.key import SharedKey
from quantumlink.distillation.leak_limit import LeakLimit
from quantumlink.distillation.party import Talk
from quantumlink.distillation.reconciliation import Cascade, Ldpc
from quantumlink.distillation.sifting import COMPARED, DROPPED, KEY, Streams
from quantumlink.distillation.transcript import Message, pack, pack_bits, unpack, unpack_bits
from quantumlink.distillation.verification import tag_length
from quantumlink.security.contract import Recipe, Tally
from quantumlink.security.recipes import PLAYERS, Sharing

BOB, CHARLIE = 1, 2
"""The numbers of the players."""

_ALL_Z, _WITH_BOB, _WITH_CHARLIE, _X_BOB, _X_CHARLIE = range(COMPARED, COMPARED + 5)


@dataclass(frozen=True, kw_only=True)
class SharingAgreement(GroupAgreement):
    """What the three must hold alike.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if the reconciliation does not ask linear questions, as `Cascade` and `Ldpc` do.
    """

    names: ClassVar[tuple[str, ...]] = ("Z", "Z Bob", "Z Charlie", "X Bob", "X Charlie")
    recipe: ClassVar[Recipe] = Sharing()
    kind: ClassVar[type[SharedKey]] = SharedKey
    answering: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.reconciliation, Cascade | Ldpc):
            raise TypeError(
                "reconciliation must be Cascade() or Ldpc(), whose answers of two players can be added up, got "
                f"{self.reconciliation!r}"
            )

    @property
    def count_of_parties(self) -> int:
        """The dealer and two players."""
        return 3

    @property
    def tag_bits(self) -> int:
        """Of each player."""
        return tag_length(self.eps_cor)

    @property
    def further_tag_bits(self) -> int:
        """Both players tell their tags, of which the bound pays for one."""
        return max(0, 2 * self.tag_bits - floor(-log2(self.eps_cor)))

    def streams(self, settings: Settings) -> Streams:
        """All in X make the key; Z of the dealer and either player is compared; X of them is counted."""
        table = np.full((2, 2, 2), DROPPED, dtype=np.uint8)  # settings of the dealer, Bob, Charlie
        table[X, X, X], table[Z, Z, Z] = KEY, _ALL_Z
        table[Z, Z, X], table[Z, X, Z] = _WITH_BOB, _WITH_CHARLIE
        table[X, X, Z], table[X, Z, X] = _X_BOB, _X_CHARLIE
        found: Streams = table[tuple(settings)]
        return found

    def told_by(self, party: int) -> tuple[int, ...]:
        """Each player's bits in Z where the dealer measured Z too."""
        return (_ALL_Z, _WITH_BOB if party == BOB else _WITH_CHARLIE)

    @property
    def tests(self) -> Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """Against either player: the other one's bits in Z, and the rounds that they and the dealer have in X."""
        found: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        for player, other in zip(PLAYERS, (CHARLIE, BOB), strict=True):
            found[f"Z against {player}"] = self.told_by(other), (other,)
            found[f"X against {player}"] = (KEY, _X_CHARLIE if other == CHARLIE else _X_BOB), ()
        return found

    @property
    def strings(self) -> tuple[tuple[int, ...], ...]:
        """The parity of both players."""
        return ((BOB, CHARLIE),)

    def tested(self, tally: Tally) -> tuple[int, int]:
        """The worse of both tests."""
        pairs = [tally.compared.get(f"Z against {player}", (0, 0)) for player in PLAYERS]
        return max(pairs, key=lambda pair: pair[1] / max(1, pair[0]))


class Dealer(GroupAlice):
    """The dealer, whose key is shared."""

    agreement: SharingAgreement

    def _reconcile(self, raw: Bits, seed: int) -> Disclosing:
        limit, method = LeakLimit(self.account), self.agreement.reconciliation
        own = method.alice_end(raw, qber=self.account.expected(0), seed=seed)
        said, reply = next(own), b""
        try:
            while True:
                heard = yield {CHARLIE: Say("reconcile", {"data": pack(reply)}, ("reconciled",))}
                theirs = unpack(heard[CHARLIE].body.get("data"))
                for answer in (said, theirs):
                    limit.count(answer)
                heard = yield {BOB: Say("reconcile", {"data": pack(_sum(said, theirs))}, ("reconciled",))}
                reply = unpack(heard[BOB].body.get("data"))
                limit.count_reply(reply)
                said = own.send(reply)
        except StopIteration as stopped:
            asked, replied = stopped.value
        return [(self.agreement.answering * asked, replied)]  # hers and Charlie's

    def _finish(self, raw: Bits, matrix: Bits, length: int, body: dict[str, Any]) -> GroupTalk:
        size = self.agreement.tag_bits
        seed = self._choices.bits(len(raw) + size - 1)
        check = {"verification": pack_bits(seed), "amplification": pack_bits(matrix)}
        heard = yield self._all(Say("check", body | check, ("verified",)))
        tags = [unpack_bits(heard[p].body.get("tag"), size) for p in (BOB, CHARLIE)]
        if not np.array_equal(tags[0] ^ tags[1], toeplitz_hash(raw, seed=seed, length=size)):
            raise Abort("the verification tags of the players do not add up to the dealer's: errors were left")
        yield self._all(self._confirmation())
        return toeplitz_hash(raw, seed=matrix, length=length)


class Player(GroupBob):
    """Bob or Charlie, by the number of the party; Bob corrects his string, Charlie tells his parities."""

    def _correct(self, raw: Bits, seed: int, heard: Message) -> Generator[Say, Message, tuple[Bits, Message]]:
        seed -= self.party  # all three go through one dialogue
        if self.party == CHARLIE:
            return (yield from self._answer(raw, seed, heard))
        return (yield from self._answered(raw, self.account.expected(0), seed, heard))

    def _answer(self, raw: Bits, seed: int, heard: Message) -> Generator[Say, Message, tuple[Bits, Message]]:
        """Charlie tells his parities, and is told in which of them all three differ."""
        limit = LeakLimit(self.account)
        talk = self._agreed.reconciliation.alice_end(raw, qber=self.account.expected(0), seed=seed)
        try:
            said = next(talk)
            while heard.kind == "reconcile":
                limit.count(said)
                heard = yield Say("reconciled", {"data": pack(said)}, self._reconciling)
                if heard.kind == "reconcile":
                    said = talk.send(unpack(heard.body.get("data")))
        except StopIteration:
            raise Abort("the two ends do not agree on when reconciliation is over") from None
        return raw, heard

    def _finish(self, bits: Bits, heard: Message) -> Talk:
        length, size = self._account_for(self._told(heard)), self._agreed.tag_bits
        self.account.tag_bits = 2 * size
        seed = unpack_bits(heard.body.get("verification"), len(bits) + size - 1)
        matrix = unpack_bits(heard.body.get("amplification"), len(bits) + length - 1)
        tag = toeplitz_hash(bits, seed=seed, length=size)
        secret = toeplitz_hash(bits, seed=matrix, length=length)
        self._confirmed((yield Say("verified", {"tag": pack_bits(tag)}, ("confirmed",))))
        return secret


def _sum(first: bytes, second: bytes) -> bytes:
    if len(first) != len(second):
        raise Abort(f"the dealer and Charlie answer in {len(first)} and {len(second)} bytes")
    return bytes(a ^ b for a, b in zip(first, second, strict=True))
