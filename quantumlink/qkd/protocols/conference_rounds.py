"""What all conferences share: which rounds make the key and which test it, and how one key comes of them.

Rounds in which all parties measure in Z make the key, rounds in which all measure in X test it. Either a common key
marks the test rounds beforehand, which costs h(z) bits of every round attempted, or the parties choose their bases
independently and drop the rounds in which they differ. On the GHZ state Z bits are equal and X bits have even
parity.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar, Literal, NoReturn, get_args

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.key import Key
from quantumlink.distillation.records import Records
from quantumlink.distillation.sifting import Sifting
from quantumlink.qkd.protocols.bb84_session import between_zero_and_one
from quantumlink.qkd.protocols.conference_key import distill_conference
from quantumlink.qkd.protocols.pools import Pool
from quantumlink.qkd.protocols.session import Allotment, Session
from quantumlink.qkd.protocols.sifted import Sifted
from quantumlink.rates import binary_entropy
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import EQUAL_DETECTION, HERALDED, TOMAMICHEL, Proof
from quantumlink.security.recipes import TwoBases

Bases = Literal["marked", "independent"]
"""How the parties come to measure in one basis."""

BASES: tuple[Bases, ...] = get_args(Bases)

MAX_PARTIES = 8
"""Most parties: their outcomes are tabulated."""


@dataclass(frozen=True, eq=False, repr=False)
class ConferenceSifted(Sifted):
    """Sifted bits of all parties. ``test_alice`` is Alice's X bit, ``test_bob`` the parity of all others'."""

    key_others: tuple[Bits, ...] = ()
    """The key bits of the parties after the second."""

    @property
    def parties(self) -> tuple[Bits, ...]:
        """The key bits of every party, Alice's first."""
        return (self.key_alice, self.key_bob, *self.key_others)


@dataclass(frozen=True, kw_only=True)
class ConferenceSession(Session):
    """A session among several parties, whatever brings them their GHZ states."""

    z_probability: float = 0.97
    """Share of the rounds that make the key, or probability with which each party chooses Z."""
    bases: Bases = "marked"
    """Whether a common key marks the test rounds, or each party chooses by itself."""

    protocol: ClassVar[str] = "conference"
    proof: ClassVar[Proof] = Proof(
        f"F. Grasselli, H. Kampermann, D. Bruß, New J. Phys. 20, 113014 (2018), with {TOMAMICHEL}",
        "coherent attacks",
        (HERALDED, EQUAL_DETECTION),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(z_probability=between_zero_and_one("z_probability", self.z_probability))
        validation.choice("bases", self.bases, BASES)

    @property
    @abstractmethod
    def parties(self) -> int:
        """How many parties there are."""

    @property
    @abstractmethod
    def reaching_all(self) -> float:
        """The probability that a round reaches everybody, as far as it is drawn beforehand."""

    @abstractmethod
    def bits_of_rounds(self, setting: int, counts: Any, rng: np.random.Generator) -> list[Bits]:
        """Every party's bits of rounds with the counted outcomes, in Z (setting 0) or in X (1)."""

    @property
    def marking_bits(self) -> int:
        """Bits of a common key that mark the test rounds beforehand."""
        return ceil(self.rounds * binary_entropy(self.z_probability)) if self.bases == "marked" else 0

    def sifting(self) -> Sifting:
        """None: a conference is no conversation of two."""
        raise TypeError("a conference is among several parties: it has no sifting of two ends")

    def recipe(self) -> Recipe:
        """The bound of two bases."""
        return TwoBases()

    def allot(self, rng: np.random.Generator) -> Allotment:
        """How many rounds in Z and in X reach everybody."""
        alike = 1 if self.bases == "marked" else self.parties
        shares = [self.reaching_all * p**alike for p in (self.z_probability, 1 - self.z_probability)]
        rounds = rng.multinomial(self.rounds, [*shares, 1 - sum(shares)])[:2]
        return Allotment((rounds[:, None],), rounds)

    def observe(  # type: ignore[override]
        self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator
    ) -> ConferenceSifted:
        """The bits of all parties."""
        key, test = (self.bits_of_rounds(s, pools[0].counts(s, int(allotment.rounds[s])), rng) for s in (0, 1))
        parity = np.bitwise_xor.reduce(test[1:], axis=0)
        accepted = len(key[0]) + len(test[0])
        return ConferenceSifted(key[0], key[1], test[0], parity, accepted=accepted, key_others=tuple(key[2:]))

    def sifted(self, observed: Any, rng: np.random.Generator) -> ConferenceSifted:
        """They are sifted already."""
        assert isinstance(observed, ConferenceSifted)
        return observed

    def key_and_errors(self, observed: Any, rng: np.random.Generator, remark: str, simulated: bool) -> NoReturn:
        """Nothing: a conference makes no key block by block."""
        raise TypeError("a conference makes no key block by block: run it by itself")

    def records(self, sampler: BaseSamplerV2 | BackendV2 | None = None) -> tuple[Records, Records]:
        """None: a conference is no conversation of two."""
        raise TypeError("a conference is among several parties: it has no raw records of two ends")

    def key_of(self, observed: Any, rng: np.random.Generator, remark: str, simulated: bool) -> Key:
        """The key of observed rounds."""
        sifted = self.sifted(observed, rng)
        return distill_conference(
            protocol=f"{self.protocol} of {self.parties}",
            rounds=self.rounds,
            accepted=sifted.accepted,
            parties=sifted.parties,
            test_alice=sifted.test_alice,
            test_others=sifted.test_bob,
            sample_fraction=self.sample_fraction,
            reconciliation=self.reconciliation,
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            rng=rng,
            marking_bits=self.marking_bits,
            remarks=(remark,),
        )
