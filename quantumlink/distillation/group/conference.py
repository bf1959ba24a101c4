"""One key for several parties: Alice reconciles with each of the others, and all hash alike.

Rounds in which all measured Z make the key; those in which all measured X test it: on the GHZ state Z bits are
equal and X bits have even parity. What Alice tells each of the others counts as disclosed, so the leaks add up; so
do the verification tags beyond the one that the bound pays for. From what is then secret two debts are paid: the
tags of every line, and, where a common key marked the test rounds beforehand, that key. It marks all rounds that
are attempted, so it costs h(z) bits of each, those included that are lost.

Of Cascade only what Alice says is counted: with error rates alike for both outcomes, a GHZ-diagonal state may be
assumed, whose purification tells the error pattern anyway.

Reference:
    F. Grasselli, H. Kampermann, D. Bruß, New J. Phys. 20, 113014 (2018).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from math import ceil, floor, log2
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from quantumlink import validation
from quantumlink.distillation.amplification import toeplitz_hash
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.channel import Abort, Say
from quantumlink.distillation.group.agreement import GroupAgreement, Settings, X, Z
from quantumlink.distillation.group.alice import Disclosing, GroupAlice, GroupTalk
from quantumlink.distillation.group.bob import GroupBob
from quantumlink.distillation.group.key import ConferenceKey
from quantumlink.distillation.leak_limit import LeakLimit
from quantumlink.distillation.party import Talk
from quantumlink.distillation.sifting import COMPARED, DROPPED, KEY, Streams
from quantumlink.distillation.transcript import Message, pack, pack_bits, unpack, unpack_bits
from quantumlink.distillation.verification import tag_length
from quantumlink.rates import binary_entropy
from quantumlink.security.contract import Recipe, Tally
from quantumlink.security.recipes import TwoBases

Bases = Literal["marked", "independent"]
"""How the parties come to measure in one basis."""

BASES: tuple[Bases, ...] = get_args(Bases)

_TAGS_DIFFER = "the verification tags of party {} differ: reconciliation left errors"


@dataclass(frozen=True, kw_only=True)
class ConferenceAgreement(GroupAgreement):
    """What the parties of a conference must hold alike."""

    parties: int
    """How many there are, at least 2."""
    bases: Bases = "independent"
    """Whether a common key marks the test rounds beforehand, or each party chooses its basis by itself."""

    names: ClassVar[tuple[str, ...]] = ("X",)
    recipe: ClassVar[Recipe] = TwoBases()
    kind: ClassVar[type[ConferenceKey]] = ConferenceKey

    def __post_init__(self) -> None:
        super().__post_init__()
        validation.count("parties", self.parties, at_least=2)
        validation.choice("bases", self.bases, BASES)

    @property
    def count_of_parties(self) -> int:
        """How many there are."""
        return self.parties

    @property
    def marking_bits(self) -> int:
        """Bits of a common key that marked the test rounds beforehand."""
        return ceil(self.rounds * binary_entropy(self.z_probability)) if self.bases == "marked" else 0

    @property
    def tag_bits(self) -> int:
        """Of each of the others; together they let errors pass with at most ``eps_cor``."""
        return tag_length(self.eps_cor, tags=self.parties - 1)

    @property
    def further_tag_bits(self) -> int:
        """Bits of all tags beyond the one that the bound pays for."""
        return max(0, (self.parties - 1) * self.tag_bits - floor(-log2(self.eps_cor)))

    def streams(self, settings: Settings) -> Streams:
        """All in Z make the key, all in X are compared."""
        found = np.full(settings.shape[1], DROPPED, dtype=np.uint8)
        found[(settings == Z).all(axis=0)] = KEY
        found[(settings == X).all(axis=0)] = COMPARED
        return found

    def told_by(self, party: int) -> tuple[int, ...]:
        """Every party tells its bits in X."""
        return (COMPARED,)

    @property
    def tests(self) -> Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """Alice's bits in X with the parity of all others'."""
        return {"X": ((COMPARED,), tuple(range(1, self.parties)))}

    @property
    def strings(self) -> tuple[tuple[int, ...], ...]:
        """The bits of each of the others."""
        return tuple((party,) for party in range(1, self.parties))

    def tested(self, tally: Tally) -> tuple[int, int]:
        """The bits in X."""
        return tally.compared.get("X", (0, 0))

    def chosen(self, settings: Settings) -> list[tuple[str, int, float]]:
        """With marked rounds all have the same setting."""
        if self.bases == "independent":
            return super().chosen(settings)
        count, z = settings.shape[1], int((settings[0] == Z).sum())
        return [
            ("the setting Z of all", z, self.z_probability),
            ("the setting X of all", count - z, 1 - self.z_probability),
        ]

    def unfair(self, settings: Settings) -> str | None:
        """Whether the settings are found as often as they were chosen, and all alike where they were marked."""
        if self.bases == "marked" and (apart := int(np.count_nonzero((settings != settings[0]).any(axis=0)))):
            return f"in {apart} rounds the settings differ, although a common key marked them"
        return super().unfair(settings)


class ConferenceAlice(GroupAlice):
    """Alice of a conference: the others correct their bits to hers."""

    agreement: ConferenceAgreement

    def _reconcile(self, raw: Bits, seed: int) -> Disclosing:
        limit, leaked, replied = LeakLimit(self.account), 0, 0
        for p in self.parties:
            method = self.agreement.reconciliation
            talk = method.alice_end(raw, qber=self.account.expected(p - 1), seed=seed + p)
            try:
                said = next(talk)
                while True:
                    limit.count(said)
                    heard = yield {p: Say("reconcile", {"data": pack(said)}, ("reconciled",))}
                    reply = unpack(heard[p].body.get("data"))
                    limit.count_reply(reply)
                    said = talk.send(reply)
            except StopIteration as stopped:
                hers, his = stopped.value
                leaked, replied = leaked + hers, replied + his
        return [(leaked, replied)]

    def _finish(self, raw: Bits, matrix: Bits, length: int, body: dict[str, Any]) -> GroupTalk:
        said, size = {}, self.agreement.tag_bits
        for p in self.parties:
            seed = self._choices.bits(len(raw) + size - 1)
            check = {
                "verification": pack_bits(seed),
                "tag": pack_bits(toeplitz_hash(raw, seed=seed, length=size)),
                "amplification": pack_bits(matrix),
            }
            said[p] = Say("check", body | check, ("verified",))
        heard = yield said
        for p in self.parties:
            if heard[p].body.get("equal") is not True:
                raise Abort(_TAGS_DIFFER.format(p))
        yield self._all(self._confirmation())
        return toeplitz_hash(raw, seed=matrix, length=length)


class ConferenceBob(GroupBob):
    """Another party of a conference: it corrects its bits to Alice's."""

    def _correct(self, raw: Bits, seed: int, heard: Message) -> Generator[Say, Message, tuple[Bits, Message]]:
        return (yield from self._answered(raw, self.account.expected(self.party - 1), seed, heard))

    def _finish(self, bits: Bits, heard: Message) -> Talk:
        length, size = self._account_for(self._told(heard)), self._agreed.tag_bits
        self.account.tag_bits = size * (self._agreed.count_of_parties - 1)
        seed = unpack_bits(heard.body.get("verification"), len(bits) + size - 1)
        matrix = unpack_bits(heard.body.get("amplification"), len(bits) + length - 1)
        told = unpack_bits(heard.body.get("tag"), size)
        if not np.array_equal(told, toeplitz_hash(bits, seed=seed, length=size)):
            yield Say("verified", {"equal": False})
            raise Abort(_TAGS_DIFFER.format(self.party))
        secret = toeplitz_hash(bits, seed=matrix, length=length)
        self._confirmed((yield Say("verified", {"equal": True}, ("confirmed",))))
        return secret
