"""What all conferences share: which rounds make the key and which test it, and how one key comes of them.

Rounds in which all parties measure in Z make the key, rounds in which all measure in X test it. Either a common key
marks the test rounds beforehand, which costs h(z) bits of every round attempted, or the parties choose their bases
independently and drop the rounds in which they differ. On the GHZ state Z bits are equal and X bits have even
parity. What the parties say of all this they say over authenticated lines: see `quantumlink.distillation.group`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NoReturn

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.distilling import at_one_table
from quantumlink.distillation.group.agreement import GroupAgreement, X
from quantumlink.distillation.group.conference import BASES, Bases, ConferenceAgreement
from quantumlink.distillation.group.key import ConferenceKey
from quantumlink.distillation.group.talking import key_of_all, talk_over_lines
from quantumlink.distillation.records import Records, Symbols
from quantumlink.distillation.sifting import COMPARED, KEY, Sifting
from quantumlink.execution.engine import Engine
from quantumlink.qkd.protocols.bb84_session import between_zero_and_one
from quantumlink.qkd.protocols.pools import Pool
from quantumlink.qkd.protocols.random_places import random_places
from quantumlink.qkd.protocols.session import Allotment, Session
from quantumlink.qkd.protocols.sifted import Sifted
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import EQUAL_DETECTION, HERALDED, TOMAMICHEL, Proof
from quantumlink.security.recipes import TwoBases

__all__ = ["BASES", "MAX_PARTIES", "Bases", "ConferenceObserved", "ConferenceSession", "ConferenceSifted"]

MAX_PARTIES = 8
"""Most parties: their outcomes are tabulated."""


@dataclass(frozen=True, eq=False)
class ConferenceObserved:
    """What all parties noted of the rounds that reached everybody, in the order of time."""

    rounds: int
    """Rounds attempted."""
    settings: Symbols
    """Setting of each party in each round, 0 (Z) or 1 (X): shape (parties, rounds that reached all)."""
    bits: Bits
    """Its bit, likewise."""

    def records(self, rng: np.random.Generator, *, simulated: bool) -> tuple[Records, ...]:
        """The raw records of each party, Alice's first, the rounds anywhere among all rounds.

        They are seeded: whatever measures, the settings are drawn by a seed.
        """
        places = random_places(self.rounds, self.bits.shape[1], rng)
        common: dict[str, Any] = {
            "rounds": self.rounds,
            "positions": places,
            "simulated": simulated,
            "seeded": True,
        }
        return tuple(
            Records(bits=bits, settings=settings, **common)
            for bits, settings in zip(self.bits, self.settings, strict=True)
        )


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
    def seen_outcomes(self) -> FloatArray:
        """The probability of each outcome of a round that is played, all in Z and all in X: shape (2, 2ᵏ).

        Alice's bit is the most significant. What heralds refuse is missing to 1.
        """

    @abstractmethod
    def bits_of_rounds(self, setting: int, counts: Any, rng: np.random.Generator) -> list[Bits]:
        """Every party's bits of rounds with the counted outcomes, in Z (setting 0) or in X (1)."""

    def sifting(self) -> Sifting:
        """None: a conference is no conversation of two."""
        raise TypeError("a conference is among several parties: it has no sifting of two ends")

    def recipe(self) -> Recipe:
        """The bound of two bases."""
        return TwoBases()

    def agreement(self) -> GroupAgreement:  # type: ignore[override]
        """What all parties of this session hold alike."""
        return ConferenceAgreement(
            **self._agreed(f"{self.protocol} of {self.parties}"), parties=self.parties, bases=self.bases
        )

    def _agreed(self, protocol: str) -> dict[str, Any]:
        names = ("rounds", "z_probability", "sample_fraction", "eps_sec", "eps_cor")
        own = {name: getattr(self, name) for name in names}
        return own | {"protocol": protocol, "reconciliation": at_one_table(self.reconciliation)}

    @property
    def _chosen(self) -> FloatArray:
        """The probability of each choice of settings: bit i from above is party i's, 0 for Z."""
        k, z = self.parties, self.z_probability
        if self.bases == "marked":
            shares = np.zeros(2**k)
            shares[[0, -1]] = z, 1 - z
            return shares
        in_x = np.array([cell.bit_count() for cell in range(2**k)])
        return np.asarray(z ** (k - in_x) * (1 - z) ** in_x)

    def expected_rounds(self, seen: FloatArray | None = None) -> tuple[Symbols, Bits, FloatArray]:
        """How many rounds of each kind to expect: the means of what `observe` draws.

        Args:
            seen: `seen_outcomes`, of this session or of one with the same circuits.

        Returns:
            Every party's setting and its bit, each of shape (parties, kinds), and the mean number, shape (kinds,).
        """
        k, chosen = self.parties, self._chosen
        table = self.seen_outcomes() if seen is None else seen
        cells = np.flatnonzero(chosen)
        means = np.empty((len(cells), 2**k))
        for row, cell in zip(means, cells, strict=True):
            row[:] = table[int(cell == len(chosen) - 1)]
            if 0 < cell < len(chosen) - 1:  # bits in X where another party measured Z: fair coins
                in_x = tuple(i for i in range(k) if cell >> (k - 1 - i) & 1)
                fair = np.broadcast_to(row.reshape((2,) * k).mean(axis=in_x, keepdims=True), (2,) * k)
                row[:] = fair.reshape(-1)
            row *= self.rounds * self.reaching_all * chosen[cell]
        settings, bits = np.repeat(cells, 2**k), np.tile(np.arange(2**k), len(cells))
        places = np.arange(k)[::-1, None]
        return (settings >> places & 1).astype(np.uint8), (bits >> places & 1).astype(np.uint8), means.reshape(-1)

    def allot(self, rng: np.random.Generator) -> Allotment:
        """How many rounds that reach all have which settings: bit i from above is party i's, 0 for Z.

        Rounds in which the parties measured unlike are played as if all measured Z: those bits in X are of no use
        to anybody.
        """
        shares = self._chosen * self.reaching_all
        rounds = rng.multinomial(self.rounds, [*shares, max(0.0, 1 - shares.sum())])[:-1]
        return Allotment((np.array([rounds[:-1].sum(), rounds[-1]])[:, None],), rounds)

    def observe(  # type: ignore[override]
        self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator
    ) -> ConferenceObserved:
        """The settings and bits of all parties."""
        rounds, k = allotment.rounds, self.parties
        bits, test = (
            np.array(self.bits_of_rounds(s, pools[0].counts(s, int(count)), rng))
            for s, count in enumerate((rounds[:-1].sum(), rounds[-1]))
        )
        cells = np.repeat(np.arange(len(rounds) - 1, dtype=np.uint8), rounds[:-1])
        if self.bases == "independent":
            rng.shuffle(cells)
        cells = cells[: bits.shape[1]]  # heralds may have refused some
        settings = np.array([cells >> (k - 1 - i) & 1 for i in range(k)], dtype=np.uint8)
        unlike = settings == X
        bits[unlike] = rng.integers(0, 2, int(unlike.sum()), dtype=np.uint8)
        settings = np.concatenate([settings, np.full_like(test, X)], axis=1)
        order = rng.permutation(settings.shape[1])
        return ConferenceObserved(self.rounds, settings[:, order], np.concatenate([bits, test], axis=1)[:, order])

    def sifted(self, observed: Any, rng: np.random.Generator) -> ConferenceSifted:
        """The sifted bits, by what the parties would say of their rounds."""
        assert isinstance(observed, ConferenceObserved)
        streams = self.agreement().streams(observed.settings)
        key, test = (observed.bits[:, streams == stream] for stream in (KEY, COMPARED))
        parity = np.bitwise_xor.reduce(test[1:], axis=0)
        accepted = observed.bits.shape[1]
        return ConferenceSifted(key[0], key[1], test[0], parity, accepted=accepted, key_others=tuple(key[2:]))

    def key_and_errors(self, observed: Any, rng: np.random.Generator, remark: str, simulated: bool) -> NoReturn:
        """Nothing: a conference makes no key block by block."""
        raise TypeError("a conference makes no key block by block: run it by itself")

    def records(  # type: ignore[override]
        self, sampler: BaseSamplerV2 | BackendV2 | Engine | None = None
    ) -> tuple[Records, ...]:
        """The raw records of every party, Alice's first, for ends that talk by themselves.

        Those are `ConferenceAlice` and `ConferenceBob`; the arguments are those of `run`.
        """
        observed, rng, _, simulated = self.rounds_on(sampler)
        assert isinstance(observed, ConferenceObserved)
        return observed.records(rng, simulated=simulated)

    def key_of(self, observed: Any, rng: np.random.Generator, remark: str, simulated: bool) -> ConferenceKey:
        """The key of observed rounds."""
        assert isinstance(observed, ConferenceObserved)
        agreement = replace(self.agreement(), remarks=(remark, *self.remarks()))
        # As with two ends: what can come from the system does, unless a seed was chosen.
        seed = rng if self._has_own_seed else None  # type: ignore[attr-defined]
        ends = talk_over_lines(observed.records(rng, simulated=simulated), agreement=agreement, seed=seed)
        return replace(key_of_all(*ends), seeded=True)
